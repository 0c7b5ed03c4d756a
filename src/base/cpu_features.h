/* Which instruction sets this processor (and its operating system) offers. */
#ifndef DM_BASE_CPU_FEATURES_H
#define DM_BASE_CPU_FEATURES_H

enum dm_cpu_flags {
    DM_CPU_AVX2 = 1,   /* AVX2 and FMA */
    DM_CPU_AVX512 = 2, /* AVX-512 F, BW, DQ and VL */
    /* more of each, for matrix products */
    DM_CPU_AVX_VNNI = 4,
    DM_CPU_AVX512_VNNI = 8,
    DM_CPU_AVX512_BF16 = 16,
    DM_CPU_AMX_BF16 = 32, /* of which the system has granted the tiles */
    DM_CPU_AMX_INT8 = 64,
    DM_CPU_NEON = 128,
    DM_CPU_NEON_DOT = 256, /* products of bytes */
};

unsigned dm_cpu_features(void);

/* Tests: from now on dm_cpu_features has these flags at most. */
void dm_cpu_limit_features(unsigned flags);

#endif
