#include <stdbool.h>

#include "ops/simd_math.h"
#include "ops/simd_ops.h"

/* A block of channels goes through a chunk of tokens at once: by tiles of STATES states and one
 * vector of channels, forwards keeping every h and A_bar, then back with g and dA in registers.
 * What is summed over states waits in `scratch` from tile to tile, and so does what is summed over
 * channels, whose lanes are added up once for the whole block. Everything that a tile touches lies
 * in the nearest cache or the next. The loops over STATES must be unrolled, which gcc -O2 does not
 * do by itself, for their arrays to be registers. */
enum { CHUNK = DM_SCAN_CHUNK, VECTORS = DM_SCAN_BLOCK / VF_LANES, STATES = 4, ROWS = 8 };

/* The block's place: n_channel channels from c, tokens t .. t + n_token, and its part of what is
 * not by token. */
struct block {
    const struct dm_selective_scan *op;
    const struct dm_selective_scan_grad *grad;
    size_t t, n_token, c, n_channel;
    const float *checkpoint; /* [d_state, d_inner] */
    float *dssm_state;       /* [d_state, d_inner] */
    float *dBC;              /* the block's part */
    const float *next[ROWS]; /* the first rows of the block after this one */
};

/* n lanes from channel c, the block's vector v; states first .. first + n_state. */
struct tile {
    size_t v, c, n, first, n_state;
};

/* What one vector of channels keeps for each token. */
struct column {
    vf delta[CHUNK], delta_u[CHUNK];
    vf largest;                  /* |delta| */
    vf dy[CHUNK];                /* of the sum before the gate */
    vf y[CHUNK];                 /* sum_n C * h */
    vf gB[CHUNK], gA_bar[CHUNK]; /* sum_n g * B and g * A * A_bar * h before the token */
};

struct scratch {
    struct column columns[VECTORS];
    float B[CHUNK][STATES], C[CHUNK][STATES];
    vf h[CHUNK + 1][STATES], A_bar[CHUNK][STATES]; /* h before each token, and after the last */
    vf dB[CHUNK][STATES], dC[CHUNK][STATES];       /* sums over vectors so far */
};

static struct tile tile_at(const struct block *b, size_t v, size_t first) {
    size_t left = b->op->d_state - first;
    return (struct tile){.v = v,
                         .c = b->c + v * VF_LANES,
                         .n = dm_simd_lanes(b->n_channel - v * VF_LANES),
                         .first = first,
                         .n_state = left < STATES ? left : STATES};
}

/* Clears the sums over states, and writes the gate's factor of dz. */
static void open_block(const struct block *b, struct scratch *s) {
    const struct dm_selective_scan *op = b->op;
    const struct dm_selective_scan_grad *grad = b->grad;
    vf zero = vf_set1(0);
    for (size_t v = 0; v * VF_LANES < b->n_channel; v++)
        s->columns[v].largest = zero;
    for (size_t i = 0; i < b->n_token; i++)
        for (size_t v = 0; v * VF_LANES < b->n_channel; v++) {
            struct tile at = tile_at(b, v, 0);
            struct column *column = &s->columns[v];
            size_t x = (b->t + i) * op->d_inner + at.c;
            vf u = vf_load(op->u + x, at.n), z = vf_load(op->z.data + x, at.n);
            vf dy = vf_load(grad->dy + x, at.n), delta = vf_load(op->delta.data + x, at.n);
            vf silu = vf_silu(z);
            vf_store(grad->dz + x, at.n, vf_mul(dy, vf_silu_slope(z)));
            if (grad->y)
                vf_store(grad->y + x, at.n, silu);
            dy = vf_mul(dy, silu);
            vf_store(grad->dD + at.c, at.n, vf_fma(dy, u, vf_load(grad->dD + at.c, at.n)));
            column->delta[i] = delta;
            column->largest = vf_max(column->largest, vf_abs(delta));
            column->delta_u[i] = vf_mul(delta, u);
            column->dy[i] = dy;
            column->y[i] = column->gB[i] = column->gA_bar[i] = zero;
        }
}

static void close_block(const struct block *b, const struct scratch *s) {
    const struct dm_selective_scan *op = b->op;
    const struct dm_selective_scan_grad *grad = b->grad;
    for (size_t i = 0; i < b->n_token; i++)
        for (size_t v = 0; v * VF_LANES < b->n_channel; v++) {
            struct tile at = tile_at(b, v, 0);
            const struct column *column = &s->columns[v];
            size_t x = (b->t + i) * op->d_inner + at.c;
            vf D = vf_load(op->D + at.c, at.n), u = vf_load(op->u + x, at.n);
            vf y = vf_fma(D, u, column->y[i]), gB = column->gB[i];
            vf_store(grad->dz + x, at.n, vf_mul(vf_load(grad->dz + x, at.n), y));
            if (grad->y)
                vf_store(grad->y + x, at.n, vf_mul(y, vf_load(grad->y + x, at.n)));
            vf du = vf_fma(column->delta[i], gB, vf_mul(D, column->dy[i]));
            vf_store(grad->du + x, at.n, du);
            vf_store(grad->ddelta + x, at.n, vf_fma(u, gB, column->gA_bar[i]));
        }
}

/* The tile's part of a [d_state, d_inner] array; 0 for states that do not exist. */
static inline void load_states(const struct block *b, const struct tile *at, const float *array,
                               vf *states) {
#pragma GCC unroll 4
    for (size_t k = 0; k < STATES; k++)
        states[k] = k < at->n_state
                        ? vf_load(array + (at->first + k) * b->op->d_inner + at->c, at->n)
                        : vf_set1(0);
}
static inline void store_states(const struct block *b, const struct tile *at, float *array,
                                const vf *states) {
#pragma GCC unroll 4
    for (size_t k = 0; k < STATES; k++)
        if (k < at->n_state)
            vf_store(array + (at->first + k) * b->op->d_inner + at->c, at->n, states[k]);
}

/* The rows that a pass prefetches: each tile's two passes take one array each of what the next
 * block reads. Waiting for these took a sixth to a third of the time. */
static const float *next_column(const struct block *b, const struct tile *at, size_t pass) {
    return b->next[(at->first / STATES * 2 + pass) % ROWS] + at->v * VF_LANES;
}

/* `small`: no exponent is larger than VF_SMALL_EXPONENT. */
static inline __attribute__((always_inline)) void scan_tokens(struct scratch *s,
                                                              struct column *column, size_t n_token,
                                                              const vf *A, const float *next,
                                                              size_t next_step, bool small) {
    vf h[STATES];
#pragma GCC unroll 4
    for (size_t k = 0; k < STATES; k++)
        h[k] = s->h[0][k];
    for (size_t i = 0; i < n_token; i++) {
        vf delta = column->delta[i], delta_u = column->delta_u[i], y = column->y[i];
        __builtin_prefetch(next + i * next_step);
#pragma GCC unroll 4
        for (size_t k = 0; k < STATES; k++) {
            vf exponent = vf_mul(delta, A[k]);
            vf A_bar = small ? vf_exp2_small(exponent) : vf_exp2(exponent);
            h[k] = vf_fma(A_bar, h[k], vf_mul(delta_u, vf_set1(s->B[i][k])));
            y = vf_fma(vf_set1(s->C[i][k]), h[k], y);
            s->A_bar[i][k] = A_bar;
            s->h[i + 1][k] = h[k];
        }
        column->y[i] = y;
    }
}

static void scan_again(const struct block *b, struct scratch *s, const struct tile *at) {
    struct column *column = &s->columns[at->v];
    const float *next = next_column(b, at, 0);
    vf A[STATES], largest = vf_set1(0), log2e = vf_set1(0x1.715476p+0f);
    load_states(b, at, b->op->A, A);
    load_states(b, at, b->checkpoint, s->h[0]);
#pragma GCC unroll 4
    for (size_t k = 0; k < STATES; k++) {
        A[k] = vf_mul(A[k], log2e);
        largest = vf_max(largest, vf_abs(A[k]));
    }
    if (vf_is_small_product(largest, column->largest))
        scan_tokens(s, column, b->n_token, A, next, b->op->d_inner, true);
    else
        scan_tokens(s, column, b->n_token, A, next, b->op->d_inner, false);
}

static void scan_back(const struct block *b, struct scratch *s, const struct tile *at) {
    struct column *column = &s->columns[at->v];
    const float *next = next_column(b, at, 1);
    size_t n_token = b->n_token, d_inner = b->op->d_inner;
    bool is_first = at->v == 0;
    vf A[STATES], g[STATES], dA[STATES], zero = vf_set1(0);
    load_states(b, at, b->op->A, A);
    load_states(b, at, b->dssm_state, g);
    load_states(b, at, b->grad->dA, dA);
    for (size_t i = n_token; i-- > 0;) {
        vf delta = column->delta[i], delta_u = column->delta_u[i];
        vf dy = column->dy[i], gB = column->gB[i];
        vf gA_bar = column->gA_bar[i];
        __builtin_prefetch(next + i * d_inner);
#pragma GCC unroll 4
        for (size_t k = 0; k < STATES; k++) {
            g[k] = vf_fma(vf_set1(s->C[i][k]), dy, g[k]);
            gB = vf_fma(g[k], vf_set1(s->B[i][k]), gB);
            s->dC[i][k] = vf_fma(dy, s->h[i + 1][k], is_first ? zero : s->dC[i][k]);
            s->dB[i][k] = vf_fma(g[k], delta_u, is_first ? zero : s->dB[i][k]);
            g[k] = vf_mul(g[k], s->A_bar[i][k]);
            vf gh = vf_mul(g[k], s->h[i][k]);
            gA_bar = vf_fma(gh, A[k], gA_bar);
            dA[k] = vf_fma(gh, delta, dA[k]);
        }
        column->gB[i] = gB;
        column->gA_bar[i] = gA_bar;
    }
    store_states(b, at, b->dssm_state, g);
    store_states(b, at, b->grad->dA, dA);
}

/* STATES states, or what is left, from `first`, of all the block's channels. */
static void scan_states(const struct block *b, struct scratch *s, size_t first) {
    size_t d_state = b->op->d_state, n_state = tile_at(b, 0, first).n_state;
    for (size_t i = 0; i < b->n_token; i++)
        for (size_t k = 0; k < STATES; k++) {
            const float *B = b->op->BC + (b->t + i) * 2 * d_state + first + k;
            s->B[i][k] = k < n_state ? B[0] : 0;
            s->C[i][k] = k < n_state ? B[d_state] : 0;
        }
    for (size_t v = 0; v * VF_LANES < b->n_channel; v++) {
        struct tile at = tile_at(b, v, first);
        scan_again(b, s, &at);
        scan_back(b, s, &at);
    }
    for (size_t i = 0; i < b->n_token; i++)
        for (size_t k = 0; k < n_state; k++) {
            float *dB = b->dBC + (b->t + i) * 2 * d_state + first + k;
            dB[0] = vf_sum(s->dB[i][k]);
            dB[d_state] = vf_sum(s->dC[i][k]);
        }
}

static void scan_block(const struct block *b) {
    struct scratch s;
    open_block(b, &s);
    for (size_t first = 0; first < b->op->d_state; first += STATES)
        scan_states(b, &s, first);
    close_block(b, &s);
}

static void find_next(struct block *b, size_t t, size_t c) {
    const struct dm_selective_scan_grad *grad = b->grad;
    const float *array[ROWS] = {b->op->u, b->op->delta.data, b->op->z.data,
                                grad->dy, grad->dz,          grad->y ? grad->y : grad->dz,
                                grad->du, grad->ddelta};
    for (size_t i = 0; i < ROWS; i++)
        b->next[i] = array[i] + t * b->op->d_inner + c;
}

void DM_VARIANT(dm_selective_scan_backward)(const struct dm_selective_scan *op,
                                            const struct dm_selective_scan_grad *grad,
                                            size_t channel, size_t n_channel) {
    struct block b = {.op = op, .grad = grad};
    size_t part = op->start[op->n_sequence] * 2 * op->d_state, end = channel + n_channel;
    for (size_t s = 0; s < op->n_sequence; s++) {
        size_t length = op->start[s + 1] - op->start[s];
        b.dssm_state = grad->dssm_state[s];
        for (size_t chunk = (length + CHUNK - 1) / CHUNK; chunk-- > 0;) {
            b.t = op->start[s] + chunk * CHUNK;
            b.n_token = op->start[s + 1] - b.t < CHUNK ? op->start[s + 1] - b.t : CHUNK;
            b.checkpoint = dm_scan_checkpoint(op, s, chunk);
            for (b.c = channel; b.c < end; b.c += b.n_channel) {
                b.n_channel = end - b.c < DM_SCAN_BLOCK ? end - b.c : DM_SCAN_BLOCK;
                b.dBC = grad->dBC_parts + b.c / DM_SCAN_BLOCK * part;
                if (b.c + b.n_channel < end)
                    find_next(&b, b.t, b.c + b.n_channel);
                else
                    find_next(&b, chunk > 0 ? b.t - CHUNK : b.t, channel);
                scan_block(&b);
            }
        }
    }
}
