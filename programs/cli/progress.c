#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_start(struct progress *progress, const char *label, size_t total) {
    double now = seconds_now();
    *progress = (struct progress){.label = label,
                                  .unit = "tokens",
                                  .total = total,
                                  .started = now,
                                  .shown_at = now,
                                  .on = isatty(STDERR_FILENO)};
}

/* Columns to fill: some are left for the "^C" of a terminal. */
static size_t usable_width(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || size.ws_col < 20)
        size.ws_col = 80;
    return size.ws_col - 4u;
}

/* "1:02:03" or "2:03" */
static void write_time(char *text, size_t size, double seconds) {
    unsigned long all = seconds < 359999 ? (unsigned long)(seconds + 0.5) : 359999;
    if (all >= 3600)
        snprintf(text, size, "%lu:%02lu:%02lu", all / 3600, all / 60 % 60, all % 60);
    else
        snprintf(text, size, "%lu:%02lu", all / 60, all % 60);
}

/* Units per second; 0: not known yet. */
static double speed(const struct progress *progress, size_t done) {
    double elapsed = seconds_now() - progress->started;
    return elapsed > 0 ? (double)(done - progress->before) / elapsed : 0;
}

void progress_time_left(const struct progress *progress, size_t done, char *text, size_t size) {
    double rate = speed(progress, done);
    if (rate > 0)
        write_time(text, size, (double)(progress->total - done) / rate);
    else
        snprintf(text, size, "?");
}

void progress_update(struct progress *progress, size_t done) {
    double now = seconds_now();
    if (!progress->on || now - progress->shown_at < (progress->shown ? 0.1 : 0.4))
        return;
    double share = progress->total ? (double)done / (double)progress->total : 0;
    char numbers[240], left[32], rate[32];
    const char *blank = *progress->unit ? " " : "";
    progress_time_left(progress, done, left, sizeof left);
    snprintf(rate, sizeof rate, "%.0f/s", speed(progress, done));
    const char *detail = *progress->detail ? progress->detail : rate;
    if (progress->total)
        snprintf(numbers, sizeof numbers, " %3.0f%%  %zu/%zu%s%s  %s  %s left", 100 * share, done,
                 progress->total, blank, progress->unit, detail, left);
    else
        snprintf(numbers, sizeof numbers, "  %zu%s%s  %s", done, blank, progress->unit, detail);
    size_t used = strlen(progress->label) + strlen(numbers) + 4, width = usable_width();
    fprintf(stderr, "\r\033[K%s", progress->label);
    if (progress->total && used + 8 <= width) {
        size_t bar = width - used < 40 ? width - used : 40;
        size_t full = (size_t)(share * (double)bar);
        fputs(" [", stderr);
        for (size_t i = 0; i < bar; i++)
            fputc(i < full ? '#' : '.', stderr);
        fputc(']', stderr);
    }
    size_t room = width > strlen(progress->label) ? width - strlen(progress->label) : 0;
    fprintf(stderr, "%.*s", (int)room, numbers);
    fflush(stderr);
    progress->shown = true;
    progress->shown_at = now;
}

void progress_clear(struct progress *progress) {
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
