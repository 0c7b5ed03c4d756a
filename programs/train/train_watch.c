#include "train_watch.h"

#include <stdarg.h>
#include <stdio.h>

enum { seconds_between_lines = 30 };

void train_watch_start(struct train_watch *watch, size_t n_step, size_t step) {
    *watch = (struct train_watch){.line_at = seconds_now()};
    progress_start(&watch->progress, "step", n_step);
    watch->progress.unit = "";
    watch->progress.before = step;
}

void train_watch_say(struct train_watch *watch, const char *format, ...) {
    va_list arguments;
    progress_clear(&watch->progress);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static void print_line(struct train_watch *watch, const struct train_glance *glance) {
    char held_out[64] = "", left[32];
    if (glance->has_held_out)
        snprintf(held_out, sizeof held_out, "  held out %.4f%s", glance->held_out,
                 glance->is_best ? " (best)" : "");
    progress_time_left(&watch->progress, glance->step, left, sizeof left);
    train_watch_say(watch, "step %zu/%zu  loss %.4f%s  %.0f tokens/s  %s left", glance->step,
                    watch->progress.total, glance->loss, held_out, glance->tokens_per_second, left);
    watch->line_at = seconds_now();
}

void train_watch_step(struct train_watch *watch, const struct train_glance *glance, bool stays) {
    struct progress *progress = &watch->progress;
    if (glance->has_held_out) {
        watch->held_out = glance->held_out;
        watch->has_held_out = true;
    }
    bool late = !progress->on && seconds_now() - watch->line_at > seconds_between_lines;
    if (stays || late)
        print_line(watch, glance);
    char held_out[32] = ""; /* all of it is to fit into 80 columns */
    if (watch->has_held_out)
        snprintf(held_out, sizeof held_out, "  held %.3f", watch->held_out);
    snprintf(progress->detail, sizeof progress->detail, "loss %.3f%s  %.1fk tok/s", glance->loss,
             held_out, glance->tokens_per_second / 1000);
    progress_update(progress, glance->step);
}
