/* Which instruction sets this processor (and its operating system) offers. */
#ifndef DM_BASE_CPU_FEATURES_H
#define DM_BASE_CPU_FEATURES_H

enum dm_cpu_flags {
    DM_CPU_AVX2 = 1,   /* AVX2 and FMA */
    DM_CPU_AVX512 = 2, /* AVX-512 F, BW, DQ and VL */
};

unsigned dm_cpu_features(void);

#endif
