#include "backends/cpu.h"

#include <string.h>

#include "backends/gemm/gemm.h"
#include "base/cpu_features.h"
#include "base/half.h"

enum {
    of_avx2 = DM_CPU_AVX2 | DM_CPU_AVX_VNNI,
    of_avx512 = of_avx2 | DM_CPU_AVX512 | DM_CPU_AVX512_VNNI | DM_CPU_AVX512_BF16,
    of_amx = of_avx512 | DM_CPU_AMX_BF16 | DM_CPU_AMX_INT8
};

/* What may be asked for: the flags that a processor must have, and those that are used of what it
 * has. */
static const struct {
    const char *name;
    unsigned needs, uses;
} sets[] = {
    {"reference", 0, 0},
    {"avx2", DM_CPU_AVX2, of_avx2},
    {"avx512", DM_CPU_AVX512, of_avx512},
    {"amx", DM_CPU_AMX_BF16 | DM_CPU_AMX_INT8, of_amx},
    {"neon", DM_CPU_NEON, DM_CPU_NEON | DM_CPU_NEON_DOT},
};

static dm_status choose(const char *cpu, unsigned *flags, dm_error *error) {
    unsigned available = dm_cpu_features();
    if (!cpu) {
        *flags = available;
        return DM_OK;
    }
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (strcmp(cpu, sets[i].name) != 0)
            continue;
        if (sets[i].needs & ~available)
            return dm_fail(error, DM_ERROR_ARGUMENT, "cpu \"%s\": this processor lacks it", cpu);
        *flags = sets[i].uses & available;
        return DM_OK;
    }
    return dm_fail(error, DM_ERROR_ARGUMENT,
                   "cpu \"%s\": must be reference, avx2, avx512, amx or neon", cpu);
}

void dm_cpu_plain_ops(struct dm_ops *ops, unsigned flags) {
    dm_reference_ops(ops);
#if defined(__x86_64__)
    if (flags & DM_CPU_AVX2)
        dm_ops_avx2(ops);
    if (flags & DM_CPU_AVX512)
        dm_ops_avx512(ops);
#elif defined(__aarch64__)
    if (flags & DM_CPU_NEON)
        dm_ops_neon(ops);
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
    if (flags & (DM_CPU_AMX_BF16 | DM_CPU_AMX_INT8))
        ops->cpu = "amx";
    return flags ? dm_gemm_matmul(&ops->matmul, &ops->convert, flags, error) : DM_OK;
}

void dm_cpu_ops_free(struct dm_ops *ops) {
    if (ops->matmul.free_state)
        ops->matmul.free_state(ops->matmul.state);
}

dm_status dm_cpu_check_dtype(const struct dm_ops *ops, dm_dtype dtype, dm_error *error) {
    if (dtype == DM_DTYPE_F16)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dtype f16 is for storage only: use f32, bf16, bf16x3, int8 or q4");
    if (dtype != DM_DTYPE_AUTO && !ops->matmul.has(ops->matmul.state, dtype))
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dtype %s: this processor (or the cpu that was asked for) lacks it",
                       dm_dtype_name(dtype));
    return DM_OK;
}
