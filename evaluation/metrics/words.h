/* Words of a text, and equal words of several texts known by equal numbers. */
#ifndef DECIMAMBA_EVALUATION_METRICS_WORDS_H
#define DECIMAMBA_EVALUATION_METRICS_WORDS_H

#include "code_points.h"

struct word {
    const int32_t *at; /* [n], in the text; n may be 0 */
    size_t n;
    size_t number;
};

struct words {
    struct word *items; /* [n], allocated */
    size_t n;
};

/* What white space parts; the text must outlive them. False: memory is short. Free `items`. */
bool words_split(const struct code_points *text, struct words *words);

/* Numbers the words of both, from 0: equal words equally, different ones differently. Gives how
 * many different ones there are, or SIZE_MAX when memory is short. */
size_t words_number(struct words *a, struct words *b);

#endif
