#include "ops/simd_math.h"
#include "ops/simd_ops.h"

/* A head goes through a chunk of tokens by tiles of STATES rows of S and one vector of channels:
 * forwards keeping every S, then back with G in registers. What is summed over rows waits in dxBC and
 * `r`, what is summed over channels in `dB` and `dC`, whose lanes are added up once for all vectors.
 * The loops over STATES must be unrolled, for their arrays to be registers. */
enum { CHUNK = DM_HEAD_SCAN_CHUNK, STATES = 4 };

struct scratch {
    float a[CHUNK], delta[CHUNK];
    float B[CHUNK][STATES], C[CHUNK][STATES];
    vf x[CHUNK], dy[CHUNK];  /* delta * x; of the vector at work */
    vf S[CHUNK + 1][STATES]; /* before each token, and after the last */
    vf dB[CHUNK][STATES], dC[CHUNK][STATES];
    vf r[CHUNK]; /* sum of G S before the token, over rows and channels */
};

/* Tokens t .. t + n_token of head h. */
struct chunk {
    const struct dm_head_scan *op;
    const struct dm_head_scan_grad *grad;
    size_t h, t, n_token;
    const float *checkpoint; /* [d_state, head_dim] of the head, as is */
    float *dssm_state;
    float *parts; /* [all tokens, 2 * d_state] of the head */
};

/* n lanes from channel p of the head; rows first .. first + n_row. */
struct tile {
    size_t p, n, first, n_row;
};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* ---- Tiles ---- */

static void load_tokens(const struct chunk *at, struct scratch *s, size_t first, size_t n_row) {
    vf zero = vf_set1(0);
    for (size_t i = 0; i < at->n_token; i++) {
        const float *B = dm_head_scan_B(at->op, at->t + i, at->h) + first;
        const float *C = dm_head_scan_C(at->op, at->t + i, at->h) + first;
        for (size_t n = 0; n < STATES; n++) {
            s->B[i][n] = n < n_row ? B[n] : 0;
            s->C[i][n] = n < n_row ? C[n] : 0;
            s->dB[i][n] = s->dC[i][n] = zero;
        }
    }
}

static void load_columns(const struct chunk *at, struct scratch *s, const struct tile *tile) {
    const struct dm_head_scan *op = at->op;
    size_t E = op->n_head * op->head_dim, width = dm_head_scan_width(op);
    size_t c = at->h * op->head_dim + tile->p;
    for (size_t i = 0; i < at->n_token; i++) {
        vf x = vf_load(op->xBC + (at->t + i) * width + c, tile->n);
        s->x[i] = vf_mul(vf_set1(s->delta[i]), x);
        s->dy[i] = vf_load(at->grad->dy + (at->t + i) * E + c, tile->n);
    }
}

/* Rows that are not there are 0, and stay so. */
static void scan_tile(const struct chunk *at, struct scratch *s, const struct tile *tile) {
    vf S[STATES];
#pragma GCC unroll 4
    for (size_t n = 0; n < STATES; n++)
        S[n] = s->S[0][n] = vf_load(at->checkpoint + (tile->first + n) * at->op->head_dim + tile->p,
                                    n < tile->n_row ? tile->n : 0);
    for (size_t i = 0; i < at->n_token; i++) {
        vf a = vf_set1(s->a[i]), x = s->x[i];
#pragma GCC unroll 4
        for (size_t n = 0; n < STATES; n++)
            S[n] = s->S[i + 1][n] = vf_fma(a, S[n], vf_mul(x, vf_set1(s->B[i][n])));
    }
}

static void tile_back(const struct chunk *at, struct scratch *s, const struct tile *tile) {
    const struct dm_head_scan *op = at->op;
    size_t c = at->h * op->head_dim + tile->p, width = dm_head_scan_width(op);
    float *rows = at->dssm_state + tile->first * op->head_dim + tile->p;
    vf G[STATES];
#pragma GCC unroll 4
    for (size_t n = 0; n < STATES; n++)
        G[n] = vf_load(rows + n * op->head_dim, n < tile->n_row ? tile->n : 0);
    for (size_t i = at->n_token; i-- > 0;) {
        float *to = at->grad->dxBC + (at->t + i) * width + c;
        vf a = vf_set1(s->a[i]), x = s->x[i], dy = s->dy[i], r = s->r[i];
        vf through = tile->first ? vf_load(to, tile->n) : vf_set1(0);
#pragma GCC unroll 4
        for (size_t n = 0; n < STATES; n++) {
            G[n] = vf_fma(vf_set1(s->C[i][n]), dy, G[n]);
            s->dC[i][n] = vf_fma(dy, s->S[i + 1][n], s->dC[i][n]);
            s->dB[i][n] = vf_fma(G[n], x, s->dB[i][n]);
            through = vf_fma(G[n], vf_set1(s->B[i][n]), through);
            r = vf_fma(G[n], s->S[i][n], r);
            G[n] = vf_mul(a, G[n]);
        }
        vf_store(to, tile->n, through);
        s->r[i] = r;
    }
    for (size_t n = 0; n < tile->n_row; n++)
        vf_store(rows + n * op->head_dim, tile->n, G[n]);
}

static void add_lanes(const struct chunk *at, const struct scratch *s, size_t first, size_t n_row) {
    size_t N = at->op->d_state;
    for (size_t i = 0; i < at->n_token; i++)
        for (size_t n = 0; n < n_row; n++) {
            float *part = at->parts + (at->t + i) * 2 * N + first + n;
            part[0] = vf_sum(s->dB[i][n]);
            part[N] = vf_sum(s->dC[i][n]);
        }
}

/* ---- A chunk ---- */

static void begin_chunk(const struct chunk *at, struct scratch *s) {
    const struct dm_head_scan *op = at->op;
    float exponent[CHUNK];
    for (size_t i = 0; i < at->n_token; i++) {
        s->delta[i] = op->delta[(at->t + i) * op->n_head + at->h];
        exponent[i] = s->delta[i] * op->A[at->h];
        s->r[i] = vf_set1(0);
    }
    for (size_t i = 0, n; i < at->n_token; i += n) {
        n = dm_simd_lanes(at->n_token - i);
        vf_store(s->a + i, n, vf_exp_negative(vf_load(exponent + i, n)));
    }
}

/* The sums over the rows, in dxBC, become dx; those over the channels ddelta and the gradients of A
 * and D. */
static void end_chunk(const struct chunk *at, struct scratch *s) {
    const struct dm_head_scan *op = at->op;
    const struct dm_head_scan_grad *grad = at->grad;
    size_t P = op->head_dim, E = op->n_head * P, width = dm_head_scan_width(op), first = at->h * P;
    vf of_head = vf_set1(0);
    float A = op->A[at->h];
    for (size_t i = 0; i < at->n_token; i++)
        s->x[i] = vf_set1(0);
    for (size_t p = 0, n; p < P; p += n) {
        n = dm_simd_lanes(P - p);
        size_t c = first + p;
        vf D = op->D_by_channel ? vf_load(op->D + c, n) : vf_set1(op->D[at->h]), dD = vf_set1(0);
        for (size_t i = 0; i < at->n_token; i++) {
            size_t t = at->t + i;
            float *to = grad->dxBC + t * width + c;
            vf x = vf_load(op->xBC + t * width + c, n), dy = vf_load(grad->dy + t * E + c, n);
            vf through = vf_load(to, n);
            s->x[i] = vf_fma(x, through, s->x[i]);
            dD = vf_fma(dy, x, dD);
            vf_store(to, n, vf_fma(vf_set1(s->delta[i]), through, vf_mul(D, dy)));
        }
        if (op->D_by_channel)
            vf_store(grad->dD + c, n, vf_add(vf_load(grad->dD + c, n), dD));
        else
            of_head = vf_add(of_head, dD);
    }
    if (!op->D_by_channel)
        grad->dD[at->h] += vf_sum(of_head);
    for (size_t i = 0; i < at->n_token; i++) {
        float r = s->a[i] * vf_sum(s->r[i]);
        grad->ddelta[(at->t + i) * op->n_head + at->h] = A * r + vf_sum(s->x[i]);
        grad->dA[at->h] += s->delta[i] * r;
    }
}

static void chunk_back(const struct chunk *at, struct scratch *s) {
    const struct dm_head_scan *op = at->op;
    begin_chunk(at, s);
    for (size_t first = 0; first < op->d_state; first += STATES) {
        struct tile tile = {.first = first, .n_row = smaller(op->d_state - first, STATES)};
        load_tokens(at, s, first, tile.n_row);
        for (tile.p = 0; tile.p < op->head_dim; tile.p += tile.n) {
            tile.n = dm_simd_lanes(op->head_dim - tile.p);
            load_columns(at, s, &tile);
            scan_tile(at, s, &tile);
            tile_back(at, s, &tile);
        }
        add_lanes(at, s, first, tile.n_row);
    }
    end_chunk(at, s);
}

void DM_VARIANT(dm_head_scan_backward)(const struct dm_head_scan *op,
                                       const struct dm_head_scan_grad *grad, size_t head,
                                       size_t n_head) {
    struct scratch scratch;
    size_t of_head = op->d_state * op->head_dim, N = op->d_state;
    for (size_t s = 0; s < op->n_sequence; s++)
        for (size_t h = head; h < head + n_head; h++) {
            struct chunk at = {.op = op,
                               .grad = grad,
                               .h = h,
                               .dssm_state = grad->dssm_state[s] + h * of_head,
                               .parts = grad->dBC_parts + h * op->start[op->n_sequence] * 2 * N};
            for (size_t end = op->start[s + 1] - op->start[s], chunk; end; end = chunk * CHUNK) {
                chunk = (end - 1) / CHUNK;
                at.t = op->start[s] + chunk * CHUNK;
                at.n_token = op->start[s] + end - at.t;
                at.checkpoint = dm_head_scan_checkpoint(op, s, chunk) + h * of_head;
                chunk_back(&at, &scratch);
            }
        }
}
