#include "ops/simd_ops.h"

void DM_VARIANT(dm_adamw)(const struct dm_adamw *op, size_t first, size_t n) {
    struct dm_adamw_factors f = dm_adamw_factors(op);
    for (size_t i = first, taken; i < first + n; i += taken) {
        taken = dm_simd_lanes(first + n - i);
        vf g = vf_mul(vf_load(op->gradient + i, taken), vf_set1(f.gradient_scale));
        vf m = vf_mul(vf_set1(f.beta1), vf_load(op->m + i, taken));
        vf v = vf_mul(vf_set1(f.beta2), vf_load(op->v + i, taken));
        m = vf_fma(vf_set1(f.one_less_beta1), g, m);
        v = vf_fma(vf_mul(vf_set1(f.one_less_beta2), g), g, v);
        vf root = vf_fma(vf_sqrt(v), vf_set1(f.deviation), vf_set1(f.epsilon));
        vf change = vf_div(vf_mul(vf_set1(f.rate), m), root);
        vf value = vf_fms(vf_set1(f.decay), vf_load(op->value + i, taken), change);
        vf_store(op->m + i, taken, m);
        vf_store(op->v + i, taken, v);
        vf_store(op->value + i, taken, value);
    }
}

double DM_VARIANT(dm_square_sum)(const float *x, size_t n) {
    enum { SUMS = 4 };
    vd sum[SUMS] = {vd_zero(), vd_zero(), vd_zero(), vd_zero()};
    size_t next = 0;
    for (size_t i = 0, taken; i < n; i += taken, next = (next + 1) % SUMS) {
        taken = dm_simd_lanes(n - i);
        vd wide = vd_widen(vf_load(x + i, taken));
        sum[next] = vd_fma(wide, wide, sum[next]);
    }
    return vd_sum(vd_add(vd_add(sum[0], sum[1]), vd_add(sum[2], sum[3])));
}
