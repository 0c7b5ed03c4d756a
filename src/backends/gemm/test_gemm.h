/* What the tests of the packed products share; they make one program. */
#ifndef DM_BACKENDS_GEMM_TEST_GEMM_H
#define DM_BACKENDS_GEMM_TEST_GEMM_H

#include "ops/matmul/matmul.h"
#include "test_support.h"

enum { test_guard = 16 };

struct test_shape {
    size_t n_out, n_in;
};

extern struct dm_threads *test_threads[3]; /* of 1, 2 and 7 */

/* With the conversions of this processor. */
void test_open_backend(struct dm_matmul_backend *backend);
void *test_some(size_t n, size_t size); /* zeros; released by free */

/* test_kernels.c */
void test_kernels(void **state);
/* test_gradient.c */
void test_gradient(void **state);
void test_callers(void **state);
void test_no_memory(void **state);

#endif
