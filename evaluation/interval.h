/* 95% intervals of what a table shows: shares, and means of scores. */
#ifndef DECIMAMBA_EVALUATION_INTERVAL_H
#define DECIMAMBA_EVALUATION_INTERVAL_H

#include <stddef.h>

struct interval {
    double low, high; /* NAN, both, where nothing can be said */
};

/* Wilson's score interval of the share that n_right of n tries (n_right <= n) tell of. */
struct interval interval_of_share(size_t n_right, size_t n);

/* Values, taken one after another; starts as zeros. NAN among them makes every figure NAN. */
struct sample {
    size_t n;
    double sum, mean, squares; /* the last: sum of the squared distances from the mean */
};
void sample_add(struct sample *sample, double value);

/* Student's interval of the mean that these values are drawn around; nothing can be said from one. */
struct interval interval_of_mean(const struct sample *sample);

/* The mean of groups' means: each group counts alike, however many values it has. Groups without
 * values do not count; NAN where none has any. */
double mean_of_means(const struct sample *groups, size_t n_group);
/* Its interval, where the groups are given (data sets) and their values drawn: Student's, with
 * Satterthwaite's degrees of freedom. Nothing can be said where a group has one value. */
struct interval interval_of_means(const struct sample *groups, size_t n_group);

/* The bound that |t| of Student's distribution stays below with probability 0.95; degrees >= 1, not
 * necessarily whole. */
double t_bound(double degrees);

#endif
