/* What the tests of the packed products share; they make one program. */
#ifndef DM_BACKENDS_GEMM_TEST_GEMM_H
#define DM_BACKENDS_GEMM_TEST_GEMM_H

#include "base/random.h"
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

/* Blocks of each kind; and [n_out, n_in] weights in them, of random bytes and scales, from malloc. */
enum { test_n_block_kind = 5 };
extern const struct dm_block_kind *const test_block_kinds[test_n_block_kind];
unsigned char *test_random_blocks(const struct dm_block_kind *kind, size_t n_out, size_t n_in,
                                  struct dm_random *random);

/* test_kernels.c */
void test_kernels(void **state);
/* test_groups.c */
void test_groups(void **state);
void test_blocks_in_floats(void **state);
void test_rounded_groups(void **state);
/* test_gradient.c */
void test_gradient(void **state);
void test_callers(void **state);
void test_no_memory(void **state);

#endif
