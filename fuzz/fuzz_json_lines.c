/* Lines of texts, or prompts with completions, as `decimamba train --jsonl` reads them, with the
 * tokenizer whose ids are bytes. */
#include <string.h>

#include "complaints.h"
#include "json_lines.h"
#include "train/train_corpus.h"

static const dm_tokenizer *tokenizer;

/* Lines that are not blank; a byte order mark at the beginning is no part of them. */
static size_t count_lines(const uint8_t *data, size_t size) {
    size_t n = 0;
    bool blank = true;
    for (size_t i = json_lines_mark((const char *)data, size); i < size; i++) {
        n += blank && !memchr(" \t\r\n", data[i], 4);
        blank = data[i] == '\n' || (blank && memchr(" \t\r", data[i], 3));
    }
    return n;
}

/* The documents are the ids, one after the other. */
static void check(const struct corpus *corpus) {
    size_t first = 0, vocab_size = dm_tokenizer_vocab_size(tokenizer);
    for (size_t i = 0; i < corpus->n_document; i++) {
        const struct document *document = &corpus->documents[i];
        MUST(document->first == first && document->n <= corpus->n_id - first);
        MUST(document->has_prompt ? document->n_prompt < document->n : document->n_prompt == 0);
        first += document->n;
    }
    MUST(first == corpus->n_id);
    for (size_t i = 0; i < corpus->n_id; i++)
        MUST(corpus->ids[i] >= 0 && (size_t)corpus->ids[i] < vocab_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tokenizer = fuzz_tokenizer("bytes");
    const struct text_list none = {0}, lines = {{fuzz_file(data, size)}, 1, false};
    struct corpus corpus;
    bool ok = corpus_read(&corpus, tokenizer, &none, &lines, true);
    fuzz_check_complaints(ok);
    if (ok) {
        check(&corpus);
        MUST(corpus.n_document == count_lines(data, size));
    }
    corpus_free(&corpus);
    return 0;
}
