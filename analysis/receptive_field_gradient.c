#include "receptive_field_gradient.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

dm_status gradient_profile_new(struct gradient_profile *profile, size_t n_id, dm_error *error) {
    *profile = (struct gradient_profile){.n_distance = n_id - 1};
    profile->weights = calloc(n_id, sizeof *profile->weights);
    profile->norms = calloc(n_id, sizeof *profile->norms);
    profile->label_weight = calloc(n_id, sizeof *profile->label_weight);
    return profile->weights && profile->norms && profile->label_weight
               ? DM_OK
               : dm_fail_memory(error, "the analysis");
}

void gradient_profile_free(struct gradient_profile *profile) {
    free(profile->weights);
    free(profile->norms);
    free(profile->label_weight);
    *profile = (struct gradient_profile){0};
}

/* Of every distance; returns their sum. The last token is only predicted: nothing reads it. */
static double take_norms(const float *gradient, size_t n_distance, size_t d_model, double *norms) {
    double total = 0;
    for (size_t d = 0; d < n_distance; d++) {
        const float *row = gradient + (n_distance - 1 - d) * d_model;
        double sum = 0;
        for (size_t i = 0; i < d_model; i++)
            sum += (double)row[i] * (double)row[i];
        norms[d] = sqrt(sum);
        total += norms[d];
    }
    return total;
}

dm_status gradient_profile_add(struct gradient_profile *profile, dm_trainer *trainer,
                               const int32_t *ids, size_t n_prediction, size_t keep_tail,
                               dm_error *error) {
    size_t n_id = profile->n_distance + 1, n_token, d_model;
    const size_t start[] = {0, n_id}, tail = keep_tail + 1;
    dm_training_batch batch = DM_TRAINING_BATCH_INIT;
    dm_training_loss loss = DM_TRAINING_LOSS_INIT;
    const float *gradient;
    memset(profile->label_weight, 0, n_id * sizeof *profile->label_weight);
    for (size_t i = n_id - n_prediction; i < n_id; i++)
        profile->label_weight[i] = 1;
    batch.n_sequence = 1, batch.start = start;
    batch.ids = ids, batch.weight = profile->label_weight, batch.keep_tail = &tail;
    dm_status status = dm_trainer_accumulate(trainer, &batch, &loss, error);
    if (!status)
        status = dm_trainer_input_gradient(trainer, &gradient, &n_token, &d_model, error);
    if (status)
        return status;
    double total = take_norms(gradient, profile->n_distance, d_model, profile->norms);
    dm_trainer_forget(trainer);
    if (!(total > 0))
        return DM_OK;
    for (size_t d = 0; d < profile->n_distance; d++)
        profile->weights[d] += profile->norms[d] / total;
    profile->loss += loss.sum / loss.weight;
    profile->norm += total;
    profile->n_window++;
    return DM_OK;
}

void gradient_profile_finish(struct gradient_profile *profile) {
    double share = profile->n_window ? 1 / (double)profile->n_window : 0;
    for (size_t d = 0; d < profile->n_distance; d++)
        profile->weights[d] *= share;
    profile->loss *= share;
    profile->norm *= share;
}

size_t gradient_profile_within(const struct gradient_profile *profile, double share) {
    double sum = 0;
    if (!profile->n_window)
        return 0;
    for (size_t d = 0; d < profile->n_distance; d++) {
        sum += profile->weights[d];
        if (sum >= share)
            return d + 1;
    }
    return profile->n_distance;
}

double gradient_profile_mean(const struct gradient_profile *profile) {
    double sum = 0;
    for (size_t d = 0; d < profile->n_distance; d++)
        sum += profile->weights[d] * (double)d;
    return profile->n_window ? sum : NAN;
}

size_t gradient_profile_bin_end(const struct gradient_profile *profile, size_t first,
                                double per_doubling) {
    double bin = floor(per_doubling * log2((double)first + 1) + 1e-9);
    size_t end = first + 1;
    while (end < profile->n_distance && floor(per_doubling * log2((double)end + 1) + 1e-9) <= bin)
        end++;
    return end;
}
