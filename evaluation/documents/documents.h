/* The tasks on many documents: which of them answers the question (document retrieval), or what the
 * answer is (multi-document QA). */
#ifndef DECIMAMBA_EVALUATION_DOCUMENTS_H
#define DECIMAMBA_EVALUATION_DOCUMENTS_H

#include "document_prompt.h"
#include "task.h"

struct documents_options {
    enum document_kind kind;
    const struct squad *squad;     /* borrowed */
    const dm_tokenizer *tokenizer; /* borrowed */
    uint64_t seed;
    const size_t *counts; /* [n_count] documents in a prompt, the golden one among them */
    size_t n_count;
    size_t n_question; /* each is asked once for each number of documents */
};

/* Columns are the numbers of documents; rows are the fifths of the prompt where the golden document
 * can be. Prompts are numbered by column, then question, and question q of a column depends on the
 * seed, the number of documents and q alone: the questions are those of the file, shuffled by the
 * seed, the same for all columns; every five of them have their golden document in each fifth once;
 * the rest is document_prompt_draw's. Both kinds have the same documents.
 *
 * Retrieval ("retrieval"): an answer is right when what precedes its "|>" (all of it, where it has
 * none) is exactly the golden document's number. QA ("multidoc-qa"): SQuAD's F1 with the most
 * similar of the right answers, on the first line of what is generated. The tail is one token.
 *
 * DM_ERROR_ARGUMENT where the file has too few paragraphs, or questions. */
dm_status documents_task_new(const struct documents_options *options, struct task **task,
                             dm_error *error);

#endif
