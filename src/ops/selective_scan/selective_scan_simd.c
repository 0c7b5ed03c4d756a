#include <stdbool.h>

#include "ops/simd_math.h"
#include "ops/simd_ops.h"

/* One vector of channels runs over TOKENS tokens before the next, so that its states stay in
 * registers and the rows in the cache; STATES states at a time, with the sums over them kept in
 * between. A lane's arithmetic does not depend on the piece that it falls into. */
enum { TOKENS = DM_SCAN_CHUNK, STATES = 16 };

/* n lanes from channel c, tokens t .. t + n_token. */
struct piece {
    size_t c, n, t, n_token;
    float *checkpoint; /* where the states are saved first, or NULL */
};

static bool are_small(const struct dm_selective_scan *op, const struct piece *at, const vf *A,
                      size_t n_state) {
    vf largest = vf_set1(0), delta = vf_set1(0);
    for (size_t n = 0; n < n_state; n++)
        largest = vf_max(largest, vf_abs(A[n]));
    for (size_t t = at->t; t < at->t + at->n_token; t++)
        delta = vf_max(delta, vf_abs(vf_load(dm_channel_view_at(&op->delta, t, at->c), at->n)));
    return vf_is_small_product(largest, delta);
}

/* sum[i] += sum_n C[n] * h[n] of token i, for n_state states from `first`, in `lanes` lanes.
 * `small`: no exponent is larger than VF_SMALL_EXPONENT. Inlined: a third faster where the numbers are
 * constants. */
static inline __attribute__((always_inline)) void
scan_tokens(const struct dm_selective_scan *op, const struct piece *at, const vf *A, size_t first,
            size_t n_state, size_t lanes, bool small, vf *h, vf *sum) {
    for (size_t i = 0; i < at->n_token; i++) {
        size_t t = at->t + i, row = t * op->d_inner + at->c;
        const float *B = op->BC + t * 2 * op->d_state + first, *C = B + op->d_state;
        vf delta = vf_load(dm_channel_view_at(&op->delta, t, at->c), lanes);
        vf delta_u = vf_mul(delta, vf_load(op->u + row, lanes)), y = sum[i];
#pragma GCC unroll 16
        for (size_t n = 0; n < n_state; n++) {
            vf exponent = vf_mul(delta, A[n]);
            vf A_bar = small ? vf_exp2_small(exponent) : vf_exp2(exponent);
            h[n] = vf_fma(A_bar, h[n], vf_mul(delta_u, vf_set1(B[n])));
            y = vf_fma(vf_set1(C[n]), h[n], y);
        }
        sum[i] = y;
    }
}

static inline __attribute__((always_inline)) void scan_some(const struct dm_selective_scan *op,
                                                            const struct piece *at, float *state,
                                                            size_t first, size_t n_state,
                                                            size_t lanes, vf *sum) {
    vf log2e = vf_set1(0x1.715476p+0f), A[STATES], h[STATES] = {log2e};
#pragma GCC unroll 16
    for (size_t n = 0; n < n_state; n++) {
        size_t row = (first + n) * op->d_inner + at->c;
        A[n] = vf_mul(vf_load(op->A + row, lanes), log2e);
        h[n] = vf_load(state + row, lanes);
        if (at->checkpoint)
            vf_store(at->checkpoint + row, lanes, h[n]);
    }
    if (are_small(op, at, A, n_state))
        scan_tokens(op, at, A, first, n_state, lanes, true, h, sum);
    else
        scan_tokens(op, at, A, first, n_state, lanes, false, h, sum);
#pragma GCC unroll 16
    for (size_t n = 0; n < n_state; n++)
        vf_store(state + (first + n) * op->d_inner + at->c, lanes, h[n]);
}

static void scan_states(const struct dm_selective_scan *op, const struct piece *at, float *state,
                        size_t first, size_t n_state, vf *sum) {
    if (n_state == STATES && at->n == VF_LANES)
        scan_some(op, at, state, first, STATES, VF_LANES, sum);
    else
        scan_some(op, at, state, first, n_state, at->n, sum);
}

static void scan_piece(const struct dm_selective_scan *op, const struct piece *at, float *state) {
    vf sum[TOKENS];
    for (size_t i = 0; i < at->n_token; i++)
        sum[i] = vf_set1(0);
    for (size_t first = 0, n; first < op->d_state; first += n) {
        n = op->d_state - first < STATES ? op->d_state - first : STATES;
        scan_states(op, at, state, first, n, sum);
    }
    vf D = vf_load(op->D + at->c, at->n);
    for (size_t i = 0; i < at->n_token; i++) {
        size_t t = at->t + i, row = t * op->d_inner + at->c;
        vf z = vf_load(dm_channel_view_at(&op->z, t, at->c), at->n);
        vf y = vf_fma(D, vf_load(op->u + row, at->n), sum[i]);
        vf_store(op->y + row, at->n, vf_mul(y, vf_silu(z)));
    }
}

void DM_VARIANT(dm_selective_scan)(const struct dm_selective_scan *op, size_t channel,
                                   size_t n_channel) {
    for (size_t s = 0; s < op->n_sequence; s++) {
        struct piece at = {.t = op->start[s]};
        for (; at.t < op->start[s + 1]; at.t += at.n_token) {
            size_t left = op->start[s + 1] - at.t;
            at.n_token = left < TOKENS ? left : TOKENS;
            if (op->checkpoints)
                at.checkpoint = dm_scan_checkpoint(op, s, (at.t - op->start[s]) / TOKENS);
            for (size_t i = 0; i < n_channel; i += at.n) {
                at.c = channel + i;
                at.n = dm_simd_lanes(n_channel - i);
                scan_piece(op, &at, op->ssm_state[s]);
            }
        }
    }
}
