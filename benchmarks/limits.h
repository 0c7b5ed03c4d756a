/* Upper bounds of this machine: the matrix products of reading alone, its exponentials alone, and
 * memory alone. */
#ifndef DM_BENCHMARKS_LIMITS_H
#define DM_BENCHMARKS_LIMITS_H

#include "model/language_model.h"

struct limits;

struct limits *limits_new(const dm_model *model);
void limits_free(struct limits *limits);
/* Seconds that the matrix products of all layers take for so many tokens, in chunks as reading does
 * them; that as many exponentials take, on all threads; and one sweep over as many bytes as the
 * packed weights have. */
double limits_products(const struct limits *limits, size_t n_token);
double limits_exponentials(const struct limits *limits, size_t n_token);
double limits_memory(const struct limits *limits);
/* Operations in the products of a token. */
double limits_flops(const dm_model *model);

#endif
