#include "train_curriculum.h"

#include <math.h>

/* How far `step` is on the way that takes a share of the steps: 0 to 1. */
static double way(const struct train_settings *settings, double share, size_t step) {
    double steps = share * (double)settings->steps;
    return (double)step < steps ? (double)step / steps : 1;
}

static size_t between(const struct train_settings *settings, size_t first, size_t last,
                      double share, size_t step) {
    return first + (size_t)(way(settings, share, step) * (double)(last - first));
}

size_t train_length_at(const struct train_settings *settings, size_t step) {
    return settings->length_start_given ? between(settings, settings->length_start,
                                                  settings->length, settings->length_over, step)
                                        : settings->length;
}

size_t train_size_at(const struct train_settings *settings, size_t step) {
    if (settings->task != TASK_RETRIEVAL)
        return train_length_at(settings, step);
    return settings->documents_start_given
               ? between(settings, settings->documents_start, settings->documents,
                         settings->documents_over, step)
               : settings->documents;
}

size_t train_batch_chunks(const struct train_settings *settings) {
    return settings->batch_tokens / settings->length;
}

size_t train_base_length_at(const struct train_settings *settings, const dm_method_options *method,
                            size_t step) {
    if (!settings->kept_share_given)
        return method->base_length;
    double share = settings->kept_share;
    if (settings->kept_share_start_given)
        share += (1 - way(settings, settings->kept_share_over, step)) *
                 (settings->kept_share_start - settings->kept_share);
    double n = floor(share * (double)train_length_at(settings, step) + 0.5);
    return n < 1 ? 1 : (size_t)n;
}
