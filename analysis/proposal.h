/* Where to decimate, and by which score, from measurements on a short sample. */
#ifndef DECIMAMBA_ANALYSIS_PROPOSAL_H
#define DECIMAMBA_ANALYSIS_PROPOSAL_H

#include <stdbool.h>
#include <stddef.h>

/* The slow channels of a layer must be so many times slower than every other layer's for it to
 * count as the one that remembers. */
#define proposal_alone 4.0

struct layer_proposal {
    size_t layer;
    bool alone;   /* only this layer remembers the whole text */
    double times; /* how many times slower its slow channels are than the next layer's */
};

/* The layer to decimate at. log_decay [n_layer]: of the layers' slow channels over a text of the
 * training length, the smaller the longer they remember; distance [n_layer]: mean distances. Where
 * one layer remembers `proposal_alone` times as long as every other: that one, since dropping
 * tokens above it changes nothing of what it holds. Else the first layer that looks at least half
 * as far back as the farthest. NaN counts as no memory. n_layer >= 1. */
struct layer_proposal propose_layer(const double *log_decay, const double *distance,
                                    size_t n_layer);

/* The mean of the n smallest of values [n_value], 1 <= n <= n_value; reorders them. */
double mean_of_smallest(double *values, size_t n_value, size_t n);

/* Of two scores of the same n tokens: the share of the k best of `a` that are among the k best of
 * `b` (the earlier of equal ones), 1 <= k <= n; k / n by chance. False: memory is short. */
bool score_overlap(const float *a, const float *b, size_t n, size_t k, double *overlap);
/* Spearman's rank correlation, equal scores sharing their mean rank; 0 where one side is all equal.
 * n >= 1. False: memory is short. */
bool score_correlation(const float *a, const float *b, size_t n, double *correlation);

/* Of tokens with these ids, below `n_kind`, the ids whose mean score is highest, best first, among
 * those that occur at least `min_count` times. `kinds` has room for `max_kinds`; gives how many
 * there are.
 * False: memory is short. */
struct kind_score {
    size_t id, n;
    double mean;
};
bool best_kinds(const int *ids, const float *scores, size_t n, size_t n_kind, size_t min_count,
                struct kind_score *kinds, size_t max_kinds, size_t *n_found);

#endif
