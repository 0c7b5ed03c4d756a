/* Continuing a text: draw a token, show it, read it, until something ends it. */
#ifndef DECIMAMBA_CLI_GENERATION_H
#define DECIMAMBA_CLI_GENERATION_H

#include "decimamba.h"
#include "sampling_flags.h"
#include "stop_strings.h"

enum end_reason { END_LENGTH, END_TOKEN, END_STOP_STRING, END_INTERRUPTED };
/* "length", "end_token", ...: as --json has it. */
const char *end_reason_name(enum end_reason reason);

/* A token as it is drawn, or what the end sets free. */
struct shown_token {
    int32_t id;          /* -1: none */
    const float *logits; /* [vocab_size] that it was drawn from, or NULL */
    const char *text;    /* [n_byte]: what became certain with it */
    size_t n_byte;
};

struct generation {
    /* set by generation_open */
    dm_sampler *sampler;
    dm_decoder *decoder; /* NULL: ids only */
    size_t vocab_size, n_allowed, max_tokens;
    const int32_t *ends; /* [n_end] tokens that end the text */
    size_t n_end;
    int32_t *own_ends; /* allocated, or NULL where they are the caller's */
    struct stop_strings stops;
    /* to be set */
    dm_session *session; /* with the prompt read; the caller's */
    bool (*show)(const struct shown_token *token, void *user);
    void *user;

    /* results */
    int32_t *ids; /* [n_id], allocated; without the token that ends */
    size_t n_id;
    enum end_reason reason;
    bool ended;
    double close_seconds; /* until the prompt's logits were there */
    double seconds;       /* after that */
};

/* For a model in `directory`, with its tokenizer, which may be NULL. To be freed, whatever it returns.
 * Faults print their line. */
bool generation_open(struct generation *generation, const char *directory,
                     const dm_model_info *info, const dm_tokenizer *tokenizer,
                     const struct sampling_flags *flags);
/* The same for whoever knows the model's stop tokens already: `ends` [n_end] are the caller's, and must
 * be there as long as it is. */
bool generation_open_with(struct generation *generation, const int32_t *ends, size_t n_end,
                          const dm_model_info *info, const dm_tokenizer *tokenizer,
                          const struct sampling_flags *flags);
/* Of all but the session. */
void generation_free(struct generation *generation);

/* Runs until max_tokens, an end token, a stop string or an interrupt. When it returns true, the
 * session has read every token in `ids`. Once. */
bool generation_run(struct generation *generation);

/* Its parts, for many at once: begins; takes a token from `logits`, to be read by the session (-1:
 * none), until it has `ended`; and shows what is held back. */
bool generation_begin(struct generation *generation);
bool generation_turn(struct generation *generation, const float *logits, int32_t *id);
bool generation_finish(struct generation *generation);

/* Where standard error is a terminal: tokens read and generated, and how fast. */
void tell_speed(size_t n_read, double read_seconds, size_t n_generated, double seconds);

#endif
