/* Looking for numbers that are no numbers. */
#ifndef DM_BASE_FINITE_H
#define DM_BASE_FINITE_H

#include <stddef.h>

/* The place of the first of `n` values that is NaN or infinite; n: none is. */
size_t dm_find_not_finite(const float *values, size_t n);
/* What such a value is: "NaN", "infinity" or "-infinity". */
const char *dm_not_finite_name(float value);

#endif
