#include "base/cpu_features.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/system.h"

static atomic_uint limit = ~0u;

void dm_cpu_limit_features(unsigned flags) {
    limit = flags;
}

#if defined(__x86_64__)
#include <cpuid.h>

/* The numbers of the bits are those of CPUID, leaf 7. */

static bool has_bit(unsigned word, unsigned bit) {
    return word >> bit & 1;
}

static unsigned more_of_avx512(void) {
    unsigned a, b, c, d, flags = 0;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d))
        flags |= has_bit(a, 5) ? DM_CPU_AVX512_BF16 : 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return flags;
    flags |= has_bit(c, 11) ? DM_CPU_AVX512_VNNI : 0;
    if (has_bit(d, 24) && (has_bit(d, 22) || has_bit(d, 25)) && dm_system_grants_tiles()) {
        flags |= has_bit(d, 22) ? DM_CPU_AMX_BF16 : 0;
        flags |= has_bit(d, 25) ? DM_CPU_AMX_INT8 : 0;
    }
    return flags;
}

static unsigned detect(void) {
    unsigned flags = 0, a, b, c, d;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 0;
    flags |= DM_CPU_AVX2;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && has_bit(a, 4))
        flags |= DM_CPU_AVX_VNNI;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        flags |= DM_CPU_AVX512 | more_of_avx512();
    return flags;
}

#elif defined(__aarch64__)

static unsigned detect(void) {
    return DM_CPU_NEON | (dm_system_has_dot_product() ? DM_CPU_NEON_DOT : 0);
}

#else

static unsigned detect(void) {
    return 0;
}

#endif

/* Asked once: a virtual machine takes some ten microseconds for an answer. */
unsigned dm_cpu_features(void) {
    static const unsigned asked = 1u << 31;
    static atomic_uint known;
    unsigned flags = known;
    if (!flags)
        known = flags = detect() | asked;
    return flags & ~asked & limit;
}
