#include "train_state.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/json_output.h"

char *train_state_write(const struct train_state *state) {
    char hash[20];
    snprintf(hash, sizeof hash, "%016" PRIx64, state->data_hash);
    json_t *note = json_pack("{sI sI ss sf so so so so}", "examples", (json_int_t)state->n_example,
                             "tokens", (json_int_t)state->n_token, "data", hash, "best_loss",
                             state->best_loss, "best_step", json_size(state->best_step), "worse",
                             json_size(state->n_worse), "skipped", json_size(state->n_skipped),
                             "skipped_in_row", json_size(state->n_skipped_in_row));
    char *text = note ? json_dumps(note, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(note);
    return text;
}

bool train_state_read(struct train_state *state, const char *note, const char *directory) {
    json_int_t n_example, n_token, best_step, n_worse, n_skipped, n_in_row;
    const char *hash;
    double best_loss;
    json_t *object = note ? json_loads(note, 0, NULL) : NULL;
    bool fine = object && !json_unpack(object, "{sI sI ss sF sI sI sI sI}", "examples", &n_example,
                                       "tokens", &n_token, "data", &hash, "best_loss", &best_loss,
                                       "best_step", &best_step, "worse", &n_worse, "skipped",
                                       &n_skipped, "skipped_in_row", &n_in_row);
    if (fine)
        *state = (struct train_state){.n_example = (uint64_t)n_example,
                                      .n_token = (uint64_t)n_token,
                                      .data_hash = strtoull(hash, NULL, 16),
                                      .best_loss = best_loss,
                                      .best_step = (size_t)best_step,
                                      .n_worse = (size_t)n_worse,
                                      .n_skipped = (size_t)n_skipped,
                                      .n_skipped_in_row = (size_t)n_in_row};
    json_decref(object);
    return fine || fail("%s: its note is not one of decimamba train's", directory);
}
