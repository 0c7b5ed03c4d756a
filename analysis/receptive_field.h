/* Where a model stops looking farther back as its text grows. */
#ifndef DECIMAMBA_ANALYSIS_RECEPTIVE_FIELD_H
#define DECIMAMBA_ANALYSIS_RECEPTIVE_FIELD_H

#include <stddef.h>

/* Growth of the mean distance per doubling of the length, under which it counts as none. */
#define receptive_field_growth 1.10

/* The index in lengths[0 .. n), ascending, of the shortest length from which on the distance grows
 * by less than the factor receptive_field_growth per doubling, from each length to the next; n - 1
 * says that it still grows at the last step. n >= 1. */
size_t receptive_field_end(const double *lengths, const double *distances, size_t n);

#endif
