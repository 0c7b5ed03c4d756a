/* See terms.c. */
#ifndef DM_TESTS_TERMS_H
#define DM_TESTS_TERMS_H

#include "backends/gemm/terms.h"

/* How many bf16 a float32 is; 0: products in float32 stay so. */
extern size_t test_n_term;

#endif
