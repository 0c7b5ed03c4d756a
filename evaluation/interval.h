/* 95% intervals of what a table shows: shares, and means of scores. */
#ifndef DECIMAMBA_EVALUATION_INTERVAL_H
#define DECIMAMBA_EVALUATION_INTERVAL_H

#include <stddef.h>

struct interval {
    double low, high; /* both NAN where there is too little data */
};

/* Wilson's score interval of a share, from n_right of n tries (n_right <= n). */
struct interval interval_of_share(size_t n_right, size_t n);

/* Running statistics of values; starts zeroed. A NAN among them makes all of them NAN. */
struct sample {
    size_t n;
    double sum, mean, squares; /* the last: sum of the squared distances from the mean */
};
void sample_add(struct sample *sample, double value);

/* Student's interval of the mean of what these values are drawn from; NAN from one value. */
struct interval interval_of_mean(const struct sample *sample);

/* The mean of groups' means: each group counts alike, however many values it has. Groups without
 * values do not count; NAN where none has any. */
double mean_of_means(const struct sample *groups, size_t n_group);
/* Its interval, for fixed groups (data sets) of values that are drawn: Student's, with
 * Satterthwaite's degrees of freedom. NAN where a group has one value. */
struct interval interval_of_means(const struct sample *groups, size_t n_group);

/* The bound that |t| of Student's distribution stays below with probability 0.95; degrees >= 1, not
 * necessarily whole. */
double t_bound(double degrees);

#endif
