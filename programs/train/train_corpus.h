/* The texts of a training as token ids. */
#ifndef DECIMAMBA_TRAIN_CORPUS_H
#define DECIMAMBA_TRAIN_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "decimamba.h"

struct document {
    size_t first, n; /* of the corpus's ids */
    size_t n_prompt; /* the first of them are a prompt, the rest its completion; */
    bool has_prompt; /* else all is text */
};

struct corpus {
    int32_t *ids; /* [n_id] */
    size_t n_id, id_capacity;
    struct document *documents; /* [n_document] */
    size_t n_document, document_capacity;
};

/* Adds the files in `texts`, a document each, and the lines of those in `lines`. A folder stands
 * for its .txt, or .jsonl, files by name. Documents, lines and prompts begin and end with what the
 * tokenizer puts around a text (`whole` false: files do not, as they are what texts are made of); a
 * completion ends with dm_tokenizer_end, where there is one. Faults print their line; the corpus is
 * freed either way. */
bool corpus_read(struct corpus *corpus, const dm_tokenizer *tokenizer,
                 const struct text_list *texts, const struct text_list *lines, bool whole);
void corpus_free(struct corpus *corpus);

/* Mixes the ids and where documents and prompts end into `hash`. */
uint64_t corpus_hash(const struct corpus *corpus, uint64_t hash);

#endif
