/* Takes the place of src/backends/cpu.c: products in float32 run as sums of bf16, by the kernel of bf16
 * that this processor has, as AMX runs them for --dtype bf16x3. */
#include "backends/cpu.h"

static dm_status ops_of_the_processor(const char *cpu, struct dm_ops *ops, dm_error *error);
#define dm_cpu_ops ops_of_the_processor
#include "../src/backends/cpu.c"
#undef dm_cpu_ops

#include "backends/gemm/matrix.h"
#include "terms.h"

size_t test_n_term = DM_MAX_TERMS;

static dm_status new_matrix(void *state, const struct dm_matrix_source *source, dm_dtype compute,
                            struct dm_matrix **matrix, dm_error *error) {
    struct dm_gemm *gemm = state;
    if (compute != DM_DTYPE_F32 || !test_n_term)
        return dm_matrix_new(state, source, compute, matrix, error);
    return dm_matrix_new_by(gemm, dm_gemm_kernel(DM_DTYPE_BF16, gemm->flags), test_n_term, source,
                            DM_DTYPE_BF16X3, matrix, error);
}

dm_status dm_cpu_ops(const char *cpu, struct dm_ops *ops, dm_error *error) {
    dm_status status = ops_of_the_processor(cpu, ops, error);
    if (!status && ops->matmul.free_state != dm_matmul_reference.free_state)
        ops->matmul.matrix_new = new_matrix;
    return status;
}
