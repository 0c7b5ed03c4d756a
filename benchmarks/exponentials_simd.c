#include "exponentials.h"

#include "ops/simd_math.h"

enum { NEAR = 1024 };

float DM_VARIANT(bench_exponentials)(size_t n) {
    float numbers[NEAR];
    vf sum[4] = {vf_set1(0), vf_set1(0), vf_set1(0), vf_set1(0)};
    for (size_t i = 0; i < NEAR; i++)
        numbers[i] = -(float)i / 64;
    for (size_t i = 0; i < n; i += 4 * VF_LANES)
        for (size_t k = 0; k < 4; k++) /* chains that do not wait for each other */
            sum[k] =
                vf_add(sum[k], vf_exp2(vf_load(numbers + (i + k * VF_LANES) % NEAR, VF_LANES)));
    return vf_sum(vf_add(vf_add(sum[0], sum[1]), vf_add(sum[2], sum[3])));
}
