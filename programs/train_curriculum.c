#include "train_curriculum.h"

#include <math.h>

/* How far `step` is on the way that takes a share of the steps: 0 to 1. */
static double way(const struct train_settings *settings, double share, size_t step) {
    double steps = share * (double)settings->steps;
    return (double)step < steps ? (double)step / steps : 1;
}

size_t train_length_at(const struct train_settings *settings, size_t step) {
    if (!settings->length_start_given)
        return settings->length;
    double more = (double)(settings->length - settings->length_start);
    return settings->length_start + (size_t)(way(settings, settings->length_over, step) * more);
}

size_t train_base_length_at(const struct train_settings *settings,
                            const dm_context_options *context, size_t step) {
    if (!settings->kept_share_given)
        return context->base_length;
    double share = settings->kept_share;
    if (settings->kept_share_start_given)
        share += (1 - way(settings, settings->kept_share_over, step)) *
                 (settings->kept_share_start - settings->kept_share);
    double n = floor(share * (double)train_length_at(settings, step) + 0.5);
    return n < 1 ? 1 : (size_t)n;
}
