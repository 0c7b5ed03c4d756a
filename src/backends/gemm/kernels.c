#include "backends/gemm/kernel.h"

#include "base/cpu_features.h"

extern const struct dm_gemm_kernel dm_gemm_f32_avx2, dm_gemm_f32_avx512, dm_gemm_bf16_avx2,
    dm_gemm_bf16_avx512, dm_gemm_bf16_avx512_bf16, dm_gemm_int8_avx2, dm_gemm_int8_avx2_vnni,
    dm_gemm_int8_avx512, dm_gemm_int8_avx512_vnni, dm_gemm_bf16_avx512_amx, dm_gemm_int8_avx512_amx,
    dm_gemm_f32_neon, dm_gemm_bf16_neon, dm_gemm_int8_neon, dm_gemm_int8_neon_dot, dm_gemm_q4_avx2,
    dm_gemm_q4_avx2_vnni, dm_gemm_q4_avx512, dm_gemm_q4_avx512_vnni, dm_gemm_q4_neon,
    dm_gemm_q4_neon_dot, dm_gemm_q8_avx2, dm_gemm_q8_avx2_vnni, dm_gemm_q8_avx512,
    dm_gemm_q8_avx512_vnni, dm_gemm_q8_neon, dm_gemm_q8_neon_dot;

static const struct {
    dm_dtype compute;
    unsigned needs; /* flags */
    const struct dm_gemm_kernel *kernel;
} kernels[] = {
/* of each type the best first */
#if defined(__x86_64__)
    {DM_DTYPE_F32, DM_CPU_AVX512, &dm_gemm_f32_avx512},
    {DM_DTYPE_F32, DM_CPU_AVX2, &dm_gemm_f32_avx2},
    {DM_DTYPE_BF16, DM_CPU_AMX_BF16, &dm_gemm_bf16_avx512_amx},
    {DM_DTYPE_BF16, DM_CPU_AVX512_BF16, &dm_gemm_bf16_avx512_bf16},
    {DM_DTYPE_BF16, DM_CPU_AVX512, &dm_gemm_bf16_avx512},
    {DM_DTYPE_BF16, DM_CPU_AVX2, &dm_gemm_bf16_avx2},
    {DM_DTYPE_BF16X3, DM_CPU_AMX_BF16, &dm_gemm_bf16_avx512_amx},
    {DM_DTYPE_BF16X3, DM_CPU_AVX512,
     &dm_gemm_f32_avx512}, /* as fast as its BF16, which takes six */
    {DM_DTYPE_BF16X3, DM_CPU_AVX2, &dm_gemm_f32_avx2},
    {DM_DTYPE_INT8, DM_CPU_AMX_INT8, &dm_gemm_int8_avx512_amx},
    {DM_DTYPE_INT8, DM_CPU_AVX512_VNNI, &dm_gemm_int8_avx512_vnni},
    {DM_DTYPE_INT8, DM_CPU_AVX_VNNI, &dm_gemm_int8_avx2_vnni},
    {DM_DTYPE_INT8, DM_CPU_AVX512, &dm_gemm_int8_avx512},
    {DM_DTYPE_INT8, DM_CPU_AVX2, &dm_gemm_int8_avx2},
#elif defined(__aarch64__)
    {DM_DTYPE_F32, DM_CPU_NEON, &dm_gemm_f32_neon},
    {DM_DTYPE_BF16, DM_CPU_NEON, &dm_gemm_bf16_neon},
    {DM_DTYPE_BF16X3, DM_CPU_NEON, &dm_gemm_f32_neon},
    {DM_DTYPE_INT8, DM_CPU_NEON_DOT, &dm_gemm_int8_neon_dot},
    {DM_DTYPE_INT8, DM_CPU_NEON, &dm_gemm_int8_neon},
#endif
};

static const struct {
    unsigned needs;
    const struct dm_gemm_kernel *narrow, *wide; /* groups of four bits, and of eight */
} group_kernels[] = {
#if defined(__x86_64__)
    {DM_CPU_AVX512_VNNI, &dm_gemm_q4_avx512_vnni, &dm_gemm_q8_avx512_vnni},
    {DM_CPU_AVX_VNNI, &dm_gemm_q4_avx2_vnni, &dm_gemm_q8_avx2_vnni},
    {DM_CPU_AVX512, &dm_gemm_q4_avx512, &dm_gemm_q8_avx512},
    {DM_CPU_AVX2, &dm_gemm_q4_avx2, &dm_gemm_q8_avx2},
#elif defined(__aarch64__)
    {DM_CPU_NEON_DOT, &dm_gemm_q4_neon_dot, &dm_gemm_q8_neon_dot},
    {DM_CPU_NEON, &dm_gemm_q4_neon, &dm_gemm_q8_neon},
#endif
};

const struct dm_gemm_kernel *dm_gemm_group_kernel(bool is_narrow, unsigned flags) {
    for (size_t i = 0; i < sizeof group_kernels / sizeof *group_kernels; i++)
        if ((group_kernels[i].needs & ~flags) == 0)
            return is_narrow ? group_kernels[i].narrow : group_kernels[i].wide;
    return NULL;
}

const struct dm_gemm_kernel *dm_gemm_kernel(dm_dtype compute, unsigned flags) {
    if (compute == DM_DTYPE_Q4)
        return dm_gemm_group_kernel(true, flags);
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (kernels[i].compute == compute && (kernels[i].needs & ~flags) == 0)
            return kernels[i].kernel;
    return NULL;
}
