/* Prompts of document retrieval with their answers, as a model is trained on them. */
#ifndef DECIMAMBA_EVALUATION_DOCUMENTS_TRAINING_H
#define DECIMAMBA_EVALUATION_DOCUMENTS_TRAINING_H

#include "document_prompt.h"

struct documents_source {
    const struct squad *squad;     /* borrowed */
    const dm_tokenizer *tokenizer; /* borrowed */
    uint64_t seed;
    size_t length;     /* most tokens of an example */
    size_t *questions; /* [n_question] those that fit into it with their own paragraph alone */
    size_t n_question, n_too_long;
    uint64_t hash;      /* of the tokens of all questions and paragraphs */
    int32_t highest_id; /* of them */
};

/* Encodes the questions and paragraphs, to find what fits. DM_ERROR_ARGUMENT where no question
 * does. */
dm_status documents_source_init(struct documents_source *source, const struct squad *squad,
                                const dm_tokenizer *tokenizer, uint64_t seed, size_t length,
                                dm_error *error);
void documents_source_free(struct documents_source *source); /* all zeros are fine */

struct documents_example {
    struct document_prompt prompt;
    size_t n;       /* tokens, ... */
    size_t n_label; /* ... the last of which are the answer */
};

/* Draws example `number`, with n_document documents (as many as a prompt may have), or the most
 * that fit: noise is left out of an example that is too long, the last drawn first. It depends on
 * these and the source alone. Each epoch asks every question that fits once, shuffled anew. */
dm_status documents_draw_example(const struct documents_source *source, uint64_t number,
                                 size_t n_document, struct documents_example *example,
                                 dm_error *error);

/* Writes the example's tokens into ids[example->n]: the prompt, and the golden document's number
 * with "|>" and, where there is one, dm_tokenizer_end. Prompt and answer are encoded each
 * alone, as when the model is asked. */
dm_status documents_write_example(const struct documents_source *source,
                                  const struct documents_example *example, int32_t *ids,
                                  dm_error *error);

#endif
