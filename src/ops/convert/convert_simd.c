#include "ops/simd_ops.h"

void DM_VARIANT(dm_bf16_from_floats)(const float *x, size_t n, uint16_t *y) {
    for (size_t i = 0, k; i < n; i += k) {
        k = dm_simd_lanes(n - i);
        vf_store_bf16(y + i, k, vf_round_bf16(vf_load(x + i, k)));
    }
}

void DM_VARIANT(dm_bf16_pairs)(const float *a, const float *b, size_t n, uint32_t *y) {
    for (size_t i = 0, k; i < n; i += k) {
        k = dm_simd_lanes(n - i);
        vf high = b ? vf_round_bf16(vf_load(b + i, k)) : vf_set1(0);
        vf_store((float *)(void *)(y + i), k, vf_pair_bf16(vf_round_bf16(vf_load(a + i, k)), high));
    }
}

static float largest(const float *x, size_t n, float *poison) {
    vf max = vf_set1(0), sum = vf_set1(0);
    for (size_t i = 0, k; i < n; i += k) {
        k = dm_simd_lanes(n - i);
        vf a = vf_load(x + i, k);
        max = vf_max(vf_abs(a), max);
        sum = vf_fma(a, vf_set1(0), sum);
    }
    *poison = vf_sum(sum);
    return vf_largest(max);
}

float DM_VARIANT(dm_bytes_from_floats)(const float *x, size_t n, uint8_t *y) {
    float poison, max = largest(x, n, &poison);
    bool is_finite = poison == 0;
    float inverse = max > DM_MIN_BYTE_ROW && is_finite ? 127 / max : 0;
    for (size_t i = 0, k; i < n; i += k) {
        k = dm_simd_lanes(n - i);
        vf scaled = is_finite ? vf_mul(vf_load(x + i, k), vf_set1(inverse)) : vf_set1(0);
        vf_store_bytes(y + i, k, vf_add(vf_round(scaled), vf_set1(128)));
    }
    return (inverse > 0 ? max / 127 : 0) + poison;
}

/* The next rows of a block, into the second cache: rows far apart are not foreseen by hardware. */
static void prefetch(const float *x, size_t x_step) {
    for (size_t i = 0; i < VF_LANES; i++)
        __builtin_prefetch(x + i * x_step, 0, 2);
}

/* Blocks of VF_LANES rows and four columns in registers, the rest one by one. */
void DM_VARIANT(dm_transpose)(const void *from, size_t x_step, size_t n_row, size_t n_column,
                              void *to, size_t y_step) {
    const float *x = from;
    float *y = to;
    size_t r = 0, n_whole = n_column / 4 * 4;
    for (; r + VF_LANES <= n_row; r += VF_LANES) {
        for (size_t c = 0; c < n_whole; c += 4) {
            vf block[4];
            if (c % 16 == 0 && r + 2 * (size_t)VF_LANES <= n_row)
                prefetch(x + (r + VF_LANES) * x_step + c, x_step);
            for (size_t i = 0; i < 4; i++)
                block[i] = vf_load_fours(x + (r + i) * x_step + c, 4 * x_step);
            vf_transpose_fours(block);
            for (size_t i = 0; i < 4; i++)
                vf_store(y + (c + i) * y_step + r, VF_LANES, block[i]);
        }
        dm_transpose_reference(x + r * x_step + n_whole, x_step, VF_LANES, n_column - n_whole,
                               y + n_whole * y_step + r, y_step);
    }
    dm_transpose_reference(x + r * x_step, x_step, n_row - r, n_column, y + r, y_step);
}
