/* What a training must remember beside the trainer itself; it is kept as a checkpoint's note. */
#ifndef DECIMAMBA_TRAIN_STATE_H
#define DECIMAMBA_TRAIN_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct train_state {
    uint64_t n_example; /* the next one's number */
    uint64_t n_token;   /* that were learned from */
    uint64_t data_hash;
    double best_loss; /* held-out, where best_step > 0 */
    size_t best_step;
    size_t n_worse; /* looks at the held-out data since then */
    size_t n_skipped, n_skipped_in_row;
};

/* JSON, allocated (free); NULL: memory is short. */
char *train_state_write(const struct train_state *state);
/* `directory`, for messages, is the checkpoint whose note this is (NULL: it had none). */
bool train_state_read(struct train_state *state, const char *note, const char *directory);

#endif
