#include "backends/cpu.h"

#include <string.h>

#include "backends/gemm/gemm.h"
#include "base/cpu_features.h"
#include "base/half.h"

static const char *const names[] = {"reference", "avx2", "avx512"};

/* The flags of the sets up to the one that is asked for. */
static dm_status choose(const char *cpu, unsigned *flags, dm_error *error) {
    static const unsigned up_to[] = {0, DM_CPU_AVX2, DM_CPU_AVX2 | DM_CPU_AVX512};
    unsigned available = dm_cpu_features();
    if (!cpu) {
        *flags = available;
        return DM_OK;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(cpu, names[i]) != 0)
            continue;
        if (up_to[i] & ~available)
            return dm_fail(error, DM_ERROR_ARGUMENT, "cpu \"%s\": this processor lacks it", cpu);
        *flags = up_to[i];
        return DM_OK;
    }
    return dm_fail(error, DM_ERROR_ARGUMENT, "cpu \"%s\": must be reference, avx2 or avx512", cpu);
}

void dm_cpu_plain_ops(struct dm_ops *ops, unsigned flags) {
    dm_reference_ops(ops);
#if defined(__x86_64__)
    if (flags & DM_CPU_AVX2)
        dm_ops_avx2(ops);
    if (flags & DM_CPU_AVX512)
        dm_ops_avx512(ops);
#else
    (void)flags;
#endif
}

dm_status dm_cpu_ops(const char *cpu, struct dm_ops *ops, dm_error *error) {
    unsigned flags = 0;
    dm_status status = choose(cpu, &flags, error);
    if (status)
        return status;
    dm_cpu_plain_ops(ops, flags);
    return flags ? dm_gemm_matmul(&ops->matmul, &ops->convert, flags, error) : DM_OK;
}

void dm_cpu_ops_free(struct dm_ops *ops) {
    if (ops->matmul.free_state)
        ops->matmul.free_state(ops->matmul.state);
}

dm_status dm_cpu_check_dtype(const struct dm_ops *ops, dm_dtype dtype, dm_error *error) {
    if (dtype == DM_DTYPE_F16)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dtype f16 is for storage only: use f32, bf16 or int8");
    if (dtype != DM_DTYPE_AUTO && !ops->matmul.has(ops->matmul.state, dtype))
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dtype %s: this processor (or the cpu that was asked for) lacks it",
                       dm_dtype_name(dtype));
    return DM_OK;
}
