#include "map_bins.h"

#include <math.h>
#include <stdlib.h>

#include "base/status.h"

dm_status map_bins_new(struct map_bins *bins, size_t length, size_t max_bins,
                       const size_t *positions, size_t n_token, dm_error *error) {
    size_t n_bin = max_bins < length ? max_bins : length, n;
    *bins = (struct map_bins){.n_bin = n_bin};
    if (__builtin_mul_overflow(n_bin, n_bin, &n) ||
        __builtin_mul_overflow(n_bin, length, &(size_t){0}))
        return dm_fail_memory(error, "the analysis");
    bins->bin = calloc(n_token ? n_token : 1, sizeof *bins->bin);
    bins->sum = calloc(n, sizeof *bins->sum);
    bins->count = calloc(n, sizeof *bins->count);
    if (!bins->bin || !bins->sum || !bins->count)
        return dm_fail_memory(error, "the analysis");
    for (size_t t = 0; t < n_token; t++)
        bins->bin[t] = positions[t] * n_bin / length;
    return DM_OK;
}

void map_bins_free(struct map_bins *bins) {
    free(bins->bin);
    free(bins->sum);
    free(bins->count);
    *bins = (struct map_bins){0};
}

void map_bins_add(const float *row, size_t i, void *user) {
    struct map_bins *bins = user;
    size_t line = bins->bin[i] * bins->n_bin;
    for (size_t j = 0; j <= i; j++) {
        size_t at = line + bins->bin[j];
        bins->sum[at] += (double)row[j];
        bins->count[at]++;
        bins->largest_entry = row[j] > bins->largest_entry ? row[j] : bins->largest_entry;
    }
}

float map_bins_means(const struct map_bins *bins, float *values) {
    float largest = 0;
    for (size_t at = 0; at < bins->n_bin * bins->n_bin; at++) {
        values[at] = bins->count[at] ? (float)(bins->sum[at] / (double)bins->count[at]) : NAN;
        largest = values[at] > largest ? values[at] : largest;
    }
    return largest;
}
