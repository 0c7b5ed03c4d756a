/* A training as it is seen: a line that moves where standard error is a terminal, and lines on
 * standard output that stay. */
#ifndef DECIMAMBA_TRAIN_WATCH_H
#define DECIMAMBA_TRAIN_WATCH_H

#include "cli/progress.h"

struct train_watch {
    struct progress progress;
    double line_at; /* when the last line that stays was printed */
    double held_out;
    bool has_held_out;
};

/* A training of `n_step` steps, of which `step` are done. */
void train_watch_start(struct train_watch *watch, size_t n_step, size_t step);
/* After each step. `stays`: print a line in any case. */
struct train_glance {
    size_t step;
    double loss, tokens_per_second;
    bool has_held_out, is_best; /* it was looked at after this step, and was the lowest */
    double held_out;
};
void train_watch_step(struct train_watch *watch, const struct train_glance *glance, bool stays);
/* Prints a line that stays. */
void train_watch_say(struct train_watch *watch, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
