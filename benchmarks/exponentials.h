/* What the exponentials of reading take alone: the scan's, and those of SiLU, softplus and the gate. */
#ifndef DM_BENCHMARKS_EXPONENTIALS_H
#define DM_BENCHMARKS_EXPONENTIALS_H

#include <stddef.h>

/* Makes n (a multiple of 64) exponentials from numbers in the first cache, by the library's own
 * vector code; returns their sum, so that they are made. */
float bench_exponentials_avx2(size_t n);
float bench_exponentials_avx512(size_t n);

#endif
