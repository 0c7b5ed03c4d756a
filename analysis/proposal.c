#include "proposal.h"

#include <math.h>
#include <stdlib.h>

/* ---- Layers ---- */

static double or_infinite(double value) {
    return isnan(value) ? INFINITY : value;
}

static size_t first_far(const double *distance, size_t n_layer) {
    double farthest = 0;
    size_t layer = 0;
    for (size_t l = 0; l < n_layer; l++)
        farthest = fmax(farthest, distance[l]);
    while (layer + 1 < n_layer && !(distance[layer] >= farthest / 2))
        layer++;
    return layer;
}

struct layer_proposal propose_layer(const double *log_decay, const double *distance,
                                    size_t n_layer) {
    double min = INFINITY, next = INFINITY;
    struct layer_proposal proposal = {.times = 1};
    for (size_t l = 0; l < n_layer; l++) {
        double value = or_infinite(log_decay[l]);
        if (value < min) {
            next = min;
            min = value;
            proposal.layer = l;
        } else {
            next = fmin(next, value);
        }
    }
    if (min < next)
        proposal.times = next / min;
    proposal.alone = proposal.times >= proposal_alone;
    if (!proposal.alone)
        proposal.layer = first_far(distance, n_layer);
    return proposal;
}

static int compare_numbers(const void *left, const void *right) {
    double a = or_infinite(*(const double *)left), b = or_infinite(*(const double *)right);
    return (a > b) - (a < b);
}

double mean_of_smallest(double *values, size_t n_value, size_t n) {
    double sum = 0;
    qsort(values, n_value, sizeof *values, compare_numbers);
    for (size_t i = 0; i < n; i++)
        sum += or_infinite(values[i]);
    return sum / (double)n;
}

/* ---- Scores ---- */

struct ranked {
    float score;
    size_t index;
};

/* Best first; of equal ones the earlier; NaN last. */
static int compare_scores(const void *left, const void *right) {
    const struct ranked *a = left, *b = right;
    float x = isnan(a->score) ? -INFINITY : a->score, y = isnan(b->score) ? -INFINITY : b->score;
    if (x != y)
        return x > y ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

static struct ranked *sorted(const float *scores, size_t n) {
    struct ranked *ranks = calloc(n, sizeof *ranks);
    for (size_t i = 0; ranks && i < n; i++)
        ranks[i] = (struct ranked){scores[i], i};
    if (ranks)
        qsort(ranks, n, sizeof *ranks, compare_scores);
    return ranks;
}

bool score_overlap(const float *a, const float *b, size_t n, size_t k, double *overlap) {
    struct ranked *best_a = sorted(a, n), *best_b = sorted(b, n);
    bool *chosen = calloc(n, sizeof *chosen);
    bool ok = best_a && best_b && chosen;
    size_t n_both = 0;
    for (size_t i = 0; ok && i < k; i++)
        chosen[best_a[i].index] = true;
    for (size_t i = 0; ok && i < k; i++)
        n_both += chosen[best_b[i].index];
    *overlap = (double)n_both / (double)k;
    free(best_a);
    free(best_b);
    free(chosen);
    return ok;
}

/* ranks[i]: of token i, the mean of the ranks that equal scores share. */
static bool find_ranks(const float *scores, size_t n, double *ranks) {
    struct ranked *order = sorted(scores, n);
    for (size_t i = 0, end; order && i < n; i = end) {
        for (end = i + 1; end < n && order[end].score == order[i].score;)
            end++;
        for (size_t j = i; j < end; j++)
            ranks[order[j].index] = (double)(i + end - 1) / 2;
    }
    free(order);
    return order != NULL;
}

bool score_correlation(const float *a, const float *b, size_t n, double *correlation) {
    double *x = calloc(n, sizeof *x), *y = calloc(n, sizeof *y);
    bool ok = x && y && find_ranks(a, n, x) && find_ranks(b, n, y);
    double mean = (double)(n - 1) / 2, both = 0, xs = 0, ys = 0;
    for (size_t i = 0; ok && i < n; i++) {
        both += (x[i] - mean) * (y[i] - mean);
        xs += (x[i] - mean) * (x[i] - mean);
        ys += (y[i] - mean) * (y[i] - mean);
    }
    *correlation = xs > 0 && ys > 0 ? both / sqrt(xs * ys) : 0;
    free(x);
    free(y);
    return ok;
}

bool best_kinds(const int *ids, const float *scores, size_t n, size_t n_kind, size_t min_count,
                struct kind_score *kinds, size_t max_kinds, size_t *n_found) {
    struct kind_score *all = calloc(n_kind, sizeof *all);
    *n_found = 0;
    for (size_t t = 0; all && t < n; t++) {
        struct kind_score *kind = &all[ids[t]];
        kind->n++;
        kind->mean += ((double)scores[t] - kind->mean) / (double)kind->n;
    }
    for (size_t id = 0; all && id < n_kind; id++) {
        if (all[id].n < min_count || !all[id].n)
            continue;
        size_t rank = *n_found < max_kinds ? (*n_found)++ : max_kinds;
        for (; rank && kinds[rank - 1].mean < all[id].mean; rank--)
            if (rank < max_kinds)
                kinds[rank] = kinds[rank - 1];
        if (rank < max_kinds)
            kinds[rank] = (struct kind_score){id, all[id].n, all[id].mean};
    }
    free(all);
    return all != NULL;
}
