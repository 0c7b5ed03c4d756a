/* Continuing a text: draw a token, show it, read it, until something ends it. */
#ifndef DECIMAMBA_CLI_GENERATION_H
#define DECIMAMBA_CLI_GENERATION_H

#include "decimamba.h"
#include "stop_strings.h"

enum end_reason { END_LENGTH, END_TOKEN, END_STOP_STRING, END_INTERRUPTED };

struct generation {
    /* to be set */
    dm_session *session; /* with the prompt read */
    dm_sampler *sampler;
    dm_decoder *decoder; /* NULL: ids only */
    size_t vocab_size, n_allowed, max_tokens;
    int32_t *ends; /* [n_end] tokens that end the text */
    size_t n_end;
    struct stop_strings stops;
    bool (*show_id)(int32_t id, void *user);
    bool (*show_text)(const char *text, size_t n_byte, void *user);
    void *user;

    /* results */
    int32_t *ids; /* [n_id], allocated; without the token that ends */
    size_t n_id;
    enum end_reason reason;
    double close_seconds; /* until the prompt's logits were there */
    double seconds;       /* after that */
};

/* Runs until max_tokens, an end token, a stop string or an interrupt. When it returns true, the
 * session has read every token in `ids`. Faults print their line. */
bool generation_run(struct generation *generation);
void generation_free(struct generation *generation);

#endif
