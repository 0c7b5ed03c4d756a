/* `decimamba generate`: one prompt, or a batch of them from a file. */
#ifndef DECIMAMBA_GENERATE_H
#define DECIMAMBA_GENERATE_H

#include <jansson.h>

#include "cli/chat_prompt.h"
#include "cli/generation.h"
#include "cli/method_flags.h"
#include "cli/model_flags.h"
#include "cli/sampling_flags.h"

struct generate_settings {
    const char *directory, *prompt, *file, *ids, *batch, *save_session, *load_session;
    size_t n_at_once, n_logprob;
    bool json, json_lines, print_ids, logprobs_given;
    struct chat_flags chat;
    struct sampling_flags sampling;
    struct model_flags model;
    struct method_flags method;
};

/* ---- generate_answer.c: what --json says of a generation ---- */

struct generate_answer {
    const struct generate_settings *settings;
    const dm_tokenizer *tokenizer; /* NULL: there is no text */
    const struct generation *generation;
    char *text; /* [n_byte] */
    size_t n_byte, capacity;
    json_t *logprobs; /* an entry for each token, where they are asked for */
};

/* Adds what is shown of a token. Faults print their line. */
bool generate_answer_add(struct generate_answer *answer, const struct shown_token *token);
void generate_answer_free(struct generate_answer *answer);
/* The object of --json, of which each caller adds more; NULL: memory is short. */
json_t *generate_answer_json(const struct generate_answer *answer, size_t n_prompt);
/* "logprob" and "top_logprobs" of a token, added to an object that may be NULL. */
json_t *add_logprobs(json_t *object, const struct generate_answer *answer,
                     const struct shown_token *token);

/* ---- generate_batch.c ---- */

/* Answers the lines of settings->batch. Faults print their line. */
bool generate_batch(struct generate_settings *settings, dm_model *model, const dm_model_info *info,
                    const dm_tokenizer *tokenizer);

#endif
