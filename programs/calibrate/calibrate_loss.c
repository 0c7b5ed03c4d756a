#include <math.h>
#include <stdlib.h>

#include "calibrate_work.h"
#include "cli/fail.h"
#include "cli/progress.h"

bool window_fits(const struct calibrate_work *work, size_t length) {
    return length <= work->text.n_id && work->text.n_id - length >= max_window * n_target;
}

/* The loss of ids[0 .. n_target) after what the session has read; the last n_target + 1 tokens of it
 * have logits. */
static bool close_window(dm_session *session, const struct calibrate_work *work,
                         const int32_t *targets, float *logits, double *loss) {
    size_t vocab_size = work->info.vocab_size;
    dm_error error;
    double sum = 0;
    if (dm_session_logits(session, n_target + 1, logits, &error))
        return fail("%s", error.message);
    for (size_t t = 0; t < n_target; t++)
        sum += dm_negative_log_likelihood(logits + t * vocab_size, vocab_size, targets[t]);
    *loss = sum / n_target;
    return true;
}

static size_t choose_stride(size_t length) {
    size_t stride = 1;
    while (max_window / stride > min_window && max_window / stride * length > window_tokens)
        stride *= 2;
    return stride;
}

static bool read_windows(struct calibrate_work *work, dm_session *session, float *logits,
                         size_t length, size_t longest, struct window_losses *losses) {
    size_t n_window = max_window / losses->stride;
    struct progress progress;
    dm_error error;
    bool fine = true;
    progress_start(&progress, "reading", n_window * length);
    for (size_t w = 0, n_done = 0; w < max_window && fine; w += losses->stride) {
        size_t end = longest + (work->text.n_id - longest) / max_window * (w + 1);
        int32_t *ids = id_store_take(&work->text, end - length, length);
        dm_session_reset(session);
        fine =
            ids && (!dm_session_append(session, ids, length, &error) || fail("%s", error.message));
        fine =
            fine && close_window(session, work, ids + length - n_target, logits, &losses->items[w]);
        free(ids);
        losses->mean += losses->items[w] / (double)n_window;
        progress_update(&progress, ++n_done * length);
    }
    progress_clear(&progress);
    work->n_read += n_window * length;
    return fine;
}

bool window_losses(struct calibrate_work *work, const dm_method_options *method, size_t length,
                   size_t longest, struct window_losses *losses) {
    dm_method_options own = *method;
    dm_session *session = NULL;
    dm_error error;
    *losses = (struct window_losses){.stride = choose_stride(length)};
    own.keep_tail = own.keep_tail > n_target ? own.keep_tail : n_target + 1;
    float *logits = calloc((n_target + 1) * work->info.vocab_size, sizeof *logits);
    bool fine = logits ? true : fail_memory();
    fine =
        fine && (!dm_session_new(work->model, &own, &session, &error) || fail("%s", error.message));
    fine = fine && read_windows(work, session, logits, length, longest, losses);
    dm_session_free(session);
    free(logits);
    return fine;
}

struct interval window_difference(const struct window_losses *a, const struct window_losses *b,
                                  double *mean) {
    struct sample sample = {.n = 0};
    size_t stride = a->stride > b->stride ? a->stride : b->stride;
    for (size_t w = 0; w < max_window; w += stride)
        sample_add(&sample, b->items[w] - a->items[w]);
    *mean = sample.mean;
    return interval_of_mean(&sample);
}

/* ---- The training length ---- */

enum { first_length = 256, last_length = 16384 };

/* Longer and longer windows that end at the same places, until the loss is above the least so far. */
static bool search(struct calibrate_work *work) {
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    struct window_losses least = {.mean = INFINITY}, now;
    size_t longest = first_length, best = first_length;
    while (longest < last_length && window_fits(work, 2 * longest))
        longest *= 2;
    printf("Training length: the loss of the same %d tokens, in nats, after more and more text\n"
           "  tokens  windows    loss  worse by (95%% interval), on the same windows\n",
           n_target);
    for (size_t length = first_length; length <= longest && !work->rises; length *= 2) {
        double rise = 0;
        if (!window_losses(work, &plain, length, longest, &now))
            return false;
        printf("%8zu  %7zu  %6.4f", length, max_window / now.stride, now.mean);
        if (length > first_length) {
            struct interval interval = window_difference(&least, &now, &rise);
            printf("  %+.4f (%+.4f to %+.4f) than with %zu", rise, interval.low, interval.high,
                   best);
            work->rises = interval.low > 0;
        }
        putchar('\n');
        if (!work->rises) {
            work->length = length;
            work->told = now.mean < log((double)work->info.vocab_size);
        }
        if (length == first_length || rise < 0) {
            least = now;
            best = length;
        }
    }
    return true;
}

bool calibrate_length(struct calibrate_work *work) {
    const struct calibrate_settings *settings = work->settings;
    if (settings->length_given && settings->length > work->text.n_id)
        return fail("%s: %zu token%s, fewer than the %zu of a passage", settings->text,
                    work->text.n_id, work->text.n_id == 1 ? "" : "s", settings->length);
    if (settings->length_given) {
        work->length = settings->length;
        work->rises = work->told = true; /* as far as is known */
        printf("training length %zu: given\n", work->length);
        return true;
    }
    if (!window_fits(work, first_length))
        return fail("%s: %zu token%s, too few to find the training length: give --length",
                    settings->text, work->text.n_id, work->text.n_id == 1 ? "" : "s");
    if (!search(work))
        return false;
    if (work->rises)
        printf("training length %zu: with more text than that the model predicts worse\n",
               work->length);
    else
        printf("training length %zu: the longest tried, and more text never made it worse\n",
               work->length);
    if (!work->told)
        printf("  the model predicts this text no better than chance (%.2f nats): its losses say "
               "little\n",
               log((double)work->info.vocab_size));
    return true;
}
