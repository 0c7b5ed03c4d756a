/* How well a model predicts a text: the mean loss of its tokens.
 *
 * Source: the PG-19 evaluation of the official DeciMamba code for the windows. */
#ifndef DECIMAMBA_EVALUATION_PERPLEXITY_H
#define DECIMAMBA_EVALUATION_PERPLEXITY_H

#include "token_text.h"

struct perplexity {
    const dm_model *model;
    const dm_method_options *method;
    size_t vocab_size;
    const dm_tokenizer *tokenizer; /* whose bytes are counted; NULL: these are unknown */
    size_t target;                 /* tokens scored at a time; method->keep_tail >= target + 1 */
    void (*progress)(size_t n_read, void *user);
    void *user;
};

struct perplexity_result {
    size_t n_id;     /* tokens of the text */
    size_t n_loss;   /* of these: that were scored */
    size_t n_window; /* 0 for a stream */
    size_t n_byte;   /* of the text that the scored ones make; 0: unknown. The bytes of a character
                        that spreads over tokens count at its last */
    double sum;      /* of their losses, in nats */
};

/* One session through the whole text: every token but the first gets exactly one loss, from what a
 * reader knows who has read all that precedes it. */
dm_status perplexity_stream(const struct perplexity *task, struct token_stream stream,
                            struct perplexity_result *result, dm_error *error);

/* Windows of `window` tokens that begin at 0, stride, 2 stride ... < n_id - window (the one at 0 in
 * any case), each read by a fresh session: the losses of its last `target` tokens.
 * target < window <= n_id. */
dm_status perplexity_windows(const struct perplexity *task, const struct token_text *text,
                             size_t window, size_t stride, struct perplexity_result *result,
                             dm_error *error);
/* Windows of `window` tokens, each read by a fresh session, that end `task->target` tokens behind one
 * another, the last one at the text's end: the losses of what the windows before do not have, so that
 * each token but the first is scored once; where window == target, none of a window's first tokens.
 * 1 <= target <= window; n_id >= 2. The first window is read in blocks of `target` tokens, as
 * perplexity_stream does.
 * Source: Hugging Face's guide "Perplexity of fixed-length models". */
dm_status perplexity_strided(const struct perplexity *task, const struct token_text *text,
                             size_t window, struct perplexity_result *result, dm_error *error);
/* max(10, (n_id - window) / 10), as the official evaluation strides, which has no window where
 * n_id == window. */
size_t perplexity_stride(size_t n_id, size_t window);
size_t perplexity_window_count(size_t n_id, size_t window, size_t stride);

#endif
