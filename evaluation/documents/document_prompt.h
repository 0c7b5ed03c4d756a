/* A question and many documents, one of which, the golden one, answers it:
 *
 *      <|Query|> QUESTION <|Document ID|> PARAGRAPH       for each document, then
 *      <|Answer|> <|Document                              for document retrieval, or
 *      <|Answer|>                                         for multi-document QA.
 *
 * Each run begins with a space, and "<|Document " ends with one. The prompt is encoded in one
 * piece, and the answer alone.
 *
 * The draws, all from 64-bit numbers of draw.h:
 *   - The golden document's place is floor(depth * n), with the depth uniform in one fifth of
 *     [0, 1).
 *   - Noise j is paragraph draw_shuffled(noise, j, n_paragraph - 1) of those that are not golden, in
 *     the file's order: distinct, and all as likely. Noise fills the other places in the order of
 *     j.
 *   - Ids are draw_shuffled(ids, i, 1000), with i = 0 for the golden document and j + 1 for noise j.
 * So a prompt with fewer documents has the first of the same noise, under the same ids.
 *
 * Source: Ben-Kish et al. 2024 (arXiv:2406.14528), document retrieval and multi-document QA. */
#ifndef DECIMAMBA_EVALUATION_DOCUMENT_PROMPT_H
#define DECIMAMBA_EVALUATION_DOCUMENT_PROMPT_H

#include <stdint.h>

#include "squad.h"

enum document_kind { DOCUMENT_RETRIEVAL, MULTIDOC_QA };

enum {
    max_documents = 1000, /* there are so many ids */
    document_fifths = 5
};

struct document_prompt {
    size_t question;
    size_t n; /* documents, 1 .. max_documents, no more than there are paragraphs */
    uint64_t depth, noise, ids;
};

/* Draws a prompt with its golden document in this fifth, from a state that says what it is for. */
struct document_prompt document_prompt_draw(uint64_t state, size_t question, size_t n,
                                            size_t fifth);
/* Where the golden document is, 0 .. n - 1. */
size_t document_golden_place(const struct document_prompt *prompt);
/* The number of document i < n. */
size_t document_id(const struct document_prompt *prompt, size_t i);
/* The golden document's number. */
static inline size_t document_golden_id(const struct document_prompt *prompt) {
    return document_id(prompt, document_golden_place(prompt));
}

/* The prompt's tokens; `*ids` is to be freed with dm_free. */
dm_status document_prompt_encode(const struct document_prompt *prompt, enum document_kind kind,
                                 const struct squad *squad, const dm_tokenizer *tokenizer,
                                 int32_t **ids, size_t *n_id, dm_error *error);

#endif
