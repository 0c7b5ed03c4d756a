/* How far long work has come: one line on standard error, only where that is a terminal. */
#ifndef DECIMAMBA_CLI_PROGRESS_H
#define DECIMAMBA_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress {
    const char *label, *unit; /* of total: "tokens", unless it is set after progress_start */
    size_t total;             /* 0: nobody knows, and neither share nor time left is shown */
    size_t before;            /* how much of it was done earlier, and says nothing of the speed */
    char detail[80];          /* shown instead of the units per second, where it is not empty */
    double started, shown_at;
    bool on, shown;
};

/* Seconds on a clock that never jumps. */
double seconds_now(void);

void progress_start(struct progress *progress, const char *label, size_t total);
/* Redraws the line at most ten times a second, and not before something has taken a while. */
void progress_update(struct progress *progress, size_t done);
/* The time that is left, as "2:03". */
void progress_time_left(const struct progress *progress, size_t done, char *text, size_t size);
/* Takes the line away. Harmless when there is none. */
void progress_clear(struct progress *progress);

#endif
