/* The exponentials of reading alone: those of the scan, SiLU, softplus and the gate. */
#ifndef DM_BENCHMARKS_EXPONENTIALS_H
#define DM_BENCHMARKS_EXPONENTIALS_H

#include <stddef.h>

/* Computes n (a multiple of 64) exponentials of numbers in the first cache, by the library's own
 * vector code; returns their sum, so that a compiler cannot leave them out. */
float bench_exponentials_avx2(size_t n);
float bench_exponentials_avx512(size_t n);

#endif
