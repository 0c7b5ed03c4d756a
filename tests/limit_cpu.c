/* Holds a test to the instruction sets of DM_TEST_CPU, avx2 or avx512. Where the processor has none of
 * them, or no more anyway, the test is skipped: it runs without that too. */
#include <stdlib.h>
#include <string.h>

#include "base/cpu_features.h"

static __attribute__((constructor)) void limit_cpu(void) {
    const char *name = getenv("DM_TEST_CPU");
    if (!name)
        return;
    unsigned all = dm_cpu_features(), some = DM_CPU_AVX2;
    if (strcmp(name, "avx512") == 0)
        some |= DM_CPU_AVX512 | DM_CPU_AVX512_VNNI | DM_CPU_AVX512_BF16;
    if (!(all & DM_CPU_AVX2) || !(all & ~some))
        exit(77);
    dm_cpu_limit_features(some);
}
