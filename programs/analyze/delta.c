/* What the terminal and the files say of a Delta map alike. */
#include "delta.h"

static size_t count_passed(const struct delta *delta, size_t token) {
    size_t n = 0;
    while (n < delta->n_dropping && delta->map.dropped_by[token] > delta->dropping[n])
        n++;
    return n;
}

size_t delta_piece_passed(const struct delta *delta, const struct delta_piece *piece) {
    size_t most = 0;
    for (size_t t = piece->token; t < piece->token + piece->n_token; t++) {
        size_t passed = count_passed(delta, t);
        most = passed > most ? passed : most;
    }
    return most;
}

const char *delta_score_title(const struct delta *delta) {
    static const char *const titles[] = {
        [DM_SCORE_NORM] = "norm of Delta",
        [DM_SCORE_MEAN] = "mean of Delta",
        [DM_SCORE_GLOBAL] = "norm of Delta over the slow channels",
    };
    return titles[delta->analysis.method.score];
}
