#include "ops/simd_math.h"
#include "ops/simd_ops.h"

#ifndef G
#define G 4
#endif
enum { CHUNK = DM_SCAN_CHUNK, VECTORS = DM_SCAN_BLOCK / VF_LANES };
#define UNROLL _Pragma("GCC unroll 16")

struct block {
    const struct dm_selective_scan *op;
    const struct dm_selective_scan_grad *grad;
    size_t c, n_channel;
    size_t t, n_token;
    const float *checkpoint;
    float *dstate, *dBC;
};

struct column {
    vf delta[CHUNK], delta_u[CHUNK], ds[CHUNK], sum[CHUNK], gB[CHUNK], gpA[CHUNK];
};

struct work {
    struct column column[VECTORS];
    vf h[CHUNK + 1][G], A_bar[CHUNK][G];
    vf dB[CHUNK][G], dC[CHUNK][G];
};

static void open_column(const struct block *b, struct column *w, size_t c, size_t n) {
    const struct dm_selective_scan *op = b->op;
    const struct dm_selective_scan_grad *grad = b->grad;
    vf one = vf_set1(1), zero = vf_set1(0), D = vf_load(op->D + c, n), dD = vf_load(grad->dD + c, n);
    (void)D;
    for (size_t i = 0; i < b->n_token; i++) {
        size_t at = (b->t + i) * op->d_inner + c;
        vf u = vf_load(op->u + at, n), z = vf_load(op->z + at, n), dy = vf_load(grad->dy + at, n);
        vf e = vf_add(one, vf_exp(vf_negate(z)));
        vf silu = vf_div(z, e), sigmoid = vf_div(one, e);
        w->delta[i] = vf_load(op->delta + at, n);
        w->delta_u[i] = vf_mul(w->delta[i], u);
        w->ds[i] = vf_mul(dy, silu);
        dD = vf_fma(w->ds[i], u, dD);
        w->sum[i] = w->gB[i] = w->gpA[i] = zero;
        vf slope = vf_mul(sigmoid, vf_fma(z, vf_sub(one, sigmoid), one));
        vf_store(grad->dz + at, n, vf_mul(dy, slope));
        if (grad->y)
            vf_store(grad->y + at, n, silu);
    }
    vf_store(grad->dD + c, n, dD);
}

static void close_column(const struct block *b, const struct column *w, size_t c, size_t n) {
    const struct dm_selective_scan *op = b->op;
    const struct dm_selective_scan_grad *grad = b->grad;
    vf D = vf_load(op->D + c, n);
    for (size_t i = 0; i < b->n_token; i++) {
        size_t at = (b->t + i) * op->d_inner + c;
        vf u = vf_load(op->u + at, n), sum = vf_fma(D, u, w->sum[i]);
        vf_store(grad->dz + at, n, vf_mul(vf_load(grad->dz + at, n), sum));
        if (grad->y)
            vf_store(grad->y + at, n, vf_mul(sum, vf_load(grad->y + at, n)));
        vf_store(grad->du + at, n, vf_fma(w->delta[i], w->gB[i], vf_mul(D, w->ds[i])));
        vf_store(grad->ddelta + at, n, vf_fma(u, w->gB[i], w->gpA[i]));
    }
}

__attribute__((always_inline)) static inline void states(const struct block *b, struct work *work, struct column *w, size_t c,
                          size_t n, size_t first, const size_t n_state) {
    const struct dm_selective_scan *op = b->op;
    size_t N = op->d_state;
    vf A[G], h[G], g[G], dA[G];
    UNROLL
    for (size_t k = 0; k < n_state; k++) {
        size_t row = (first + k) * op->d_inner + c;
        A[k] = vf_mul(vf_load(op->A + row, n), vf_set1(0x1.715476p+0f));
        h[k] = work->h[0][k] = vf_load(b->checkpoint + row, n);
    }
    const float *B = op->BC + b->t * 2 * N + first;
    for (size_t i = 0; i < b->n_token; i++, B += 2 * N) {
        vf delta = w->delta[i], delta_u = w->delta_u[i], sum = w->sum[i];
        UNROLL
        for (size_t k = 0; k < n_state; k++) {
            vf A_bar = vf_exp2(vf_mul(delta, A[k]));
            h[k] = vf_fma(A_bar, h[k], vf_mul(delta_u, vf_set1(B[k])));
            sum = vf_fma(vf_set1(B[N + k]), h[k], sum);
            work->A_bar[i][k] = A_bar;
            work->h[i + 1][k] = h[k];
        }
        w->sum[i] = sum;
    }
    UNROLL
    for (size_t k = 0; k < n_state; k++) {
        size_t row = (first + k) * op->d_inner + c;
        A[k] = vf_load(op->A + row, n);
        g[k] = vf_load(b->dstate + row, n);
        dA[k] = vf_load(b->grad->dA + row, n);
    }
    for (size_t i = b->n_token; i-- > 0;) {
        B -= 2 * N;
        vf delta = w->delta[i], delta_u = w->delta_u[i], ds = w->ds[i], gB = w->gB[i],
           gpA = w->gpA[i];
        UNROLL
        for (size_t k = 0; k < n_state; k++) {
            vf A_bar = work->A_bar[i][k];
            vf next = h[k];
            h[k] = work->h[i][k];
            g[k] = vf_fma(vf_set1(B[N + k]), ds, g[k]);
            work->dC[i][k] = vf_fma(ds, next, work->dC[i][k]);
            work->dB[i][k] = vf_fma(g[k], delta_u, work->dB[i][k]);
            gB = vf_fma(g[k], vf_set1(B[k]), gB);
            g[k] = vf_mul(g[k], A_bar);
            vf gp = vf_mul(g[k], h[k]);
            gpA = vf_fma(gp, A[k], gpA);
            dA[k] = vf_fma(gp, delta, dA[k]);
        }
        w->gB[i] = gB;
        w->gpA[i] = gpA;
    }
    UNROLL
    for (size_t k = 0; k < n_state; k++) {
        size_t row = (first + k) * op->d_inner + c;
        vf_store(b->dstate + row, n, g[k]);
        vf_store(b->grad->dA + row, n, dA[k]);
    }
}

static void scan_block(const struct block *b) {
    struct work work;
    size_t N = b->op->d_state;
    for (size_t i = 0, v = 0, n; i < b->n_channel; i += n, v++) {
        n = dm_simd_lanes(b->n_channel - i);
        open_column(b, &work.column[v], b->c + i, n);
    }
    for (size_t first = 0, n_state; first < N; first += n_state) {
        n_state = N - first < G ? 1 : G;
        for (size_t i = 0; i < b->n_token; i++)
            for (size_t k = 0; k < n_state; k++)
                work.dB[i][k] = work.dC[i][k] = vf_set1(0);
        for (size_t i = 0, v = 0, n; i < b->n_channel; i += n, v++) {
            n = dm_simd_lanes(b->n_channel - i);
            if (n_state == G)
                states(b, &work, &work.column[v], b->c + i, n, first, G);
            else
                states(b, &work, &work.column[v], b->c + i, n, first, 1);
        }
        for (size_t i = 0; i < b->n_token; i++)
            for (size_t k = 0; k < n_state; k++) {
                float *dB = b->dBC + (b->t + i) * 2 * N + first + k;
                dB[0] = vf_sum(work.dB[i][k]);
                dB[N] = vf_sum(work.dC[i][k]);
            }
    }
    for (size_t i = 0, v = 0, n; i < b->n_channel; i += n, v++) {
        n = dm_simd_lanes(b->n_channel - i);
        close_column(b, &work.column[v], b->c + i, n);
    }
}

void DM_VARIANT(dm_selective_scan_backward)(const struct dm_selective_scan *op,
                                            const struct dm_selective_scan_grad *grad,
                                            size_t channel, size_t n_channel) {
    struct block b = {.op = op, .grad = grad};
    size_t part = op->start[op->n_sequence] * 2 * op->d_state;
    for (size_t s = 0; s < op->n_sequence; s++) {
        size_t start = op->start[s], end = op->start[s + 1];
        b.dstate = grad->dssm_state[s];
        for (size_t chunk = (end - start + CHUNK - 1) / CHUNK; chunk-- > 0;) {
            b.t = start + chunk * CHUNK;
            b.n_token = end - b.t < CHUNK ? end - b.t : CHUNK;
            b.checkpoint = dm_scan_checkpoint(op, s, chunk);
            for (b.c = channel; b.c < channel + n_channel; b.c += DM_SCAN_BLOCK) {
                b.n_channel = channel + n_channel - b.c;
                if (b.n_channel > DM_SCAN_BLOCK)
                    b.n_channel = DM_SCAN_BLOCK;
                b.dBC = grad->dBC_parts + b.c / DM_SCAN_BLOCK * part;
                scan_block(&b);
            }
        }
    }
}
