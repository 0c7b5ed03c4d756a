/* How far a long reading has come: one line on standard error, only where that is a terminal. */
#ifndef DECIMAMBA_PROGRAMS_PROGRESS_H
#define DECIMAMBA_PROGRAMS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress {
    const char *label;
    size_t total; /* tokens */
    double started, shown_at;
    bool on, shown;
};

/* Seconds on a clock that never jumps. */
double seconds_now(void);

void progress_start(struct progress *progress, const char *label, size_t total);
/* Redraws the line at most ten times a second, and not before something has taken a while. */
void progress_update(struct progress *progress, size_t done);
/* Takes the line away. Harmless when there is none. */
void progress_clear(struct progress *progress);

#endif
