#include "ops/simd_math.h"
#include "ops/simd_ops.h"

/* Some vectors of a head's channels go through a chunk of tokens together, by tiles of STATES rows of S
 * and one vector: forwards keeping every S, then back with G in registers. What is summed over rows
 * waits in `through` and `r`, what is summed over channels in `dB` and `dC`, whose lanes are added up
 * once for all vectors. Rows of xBC are far apart, so what tiles read is copied first. The loops over
 * STATES must be unrolled, for their arrays to be registers. */
enum { CHUNK = DM_HEAD_SCAN_CHUNK, STATES = 4, VECTORS = 64 / VF_LANES };

struct scratch {
    float a[CHUNK], delta[CHUNK];
    float B[CHUNK][STATES], C[CHUNK][STATES];
    vf x[VECTORS][CHUNK], dy[VECTORS][CHUNK]; /* x: times delta */
    vf through[VECTORS][CHUNK];               /* sum over rows of G B */
    vf S[CHUNK + 1][STATES];                  /* before each token, and after the last */
    vf dB[CHUNK][STATES], dC[CHUNK][STATES];
    vf r[CHUNK], e[CHUNK]; /* over rows and channels: sums of G S before the token, and of G x B */
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

/* Channels p .. p + n of the head, in n_vector vectors; rows first .. first + n_row. */
struct tiles {
    size_t p, n, n_vector, first, n_row;
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

static size_t lanes_of(const struct tiles *tiles, size_t v) {
    return dm_simd_lanes(tiles->n - v * VF_LANES);
}

static void load_columns(const struct chunk *at, struct scratch *s, const struct tiles *tiles) {
    const struct dm_head_scan *op = at->op;
    size_t E = op->n_head * op->head_dim, width = dm_head_scan_width(op);
    size_t c = at->h * op->head_dim + tiles->p;
    for (size_t i = 0; i < at->n_token; i++)
        for (size_t v = 0; v < tiles->n_vector; v++) {
            size_t n = lanes_of(tiles, v), place = c + v * VF_LANES;
            vf x = vf_load(op->xBC + (at->t + i) * width + place, n);
            s->x[v][i] = vf_mul(vf_set1(s->delta[i]), x);
            s->dy[v][i] = vf_load(at->grad->dy + (at->t + i) * E + place, n);
            s->through[v][i] = vf_set1(0);
        }
}

/* Rows that are not there are 0, and stay so. */
static void scan_tile(const struct chunk *at, struct scratch *s, const struct tiles *tiles,
                      size_t v) {
    const float *rows = at->checkpoint + tiles->first * at->op->head_dim + tiles->p + v * VF_LANES;
    size_t lanes = lanes_of(tiles, v);
    vf S[STATES];
#pragma GCC unroll 4
    for (size_t n = 0; n < STATES; n++)
        S[n] = s->S[0][n] = vf_load(rows + n * at->op->head_dim, n < tiles->n_row ? lanes : 0);
    for (size_t i = 0; i < at->n_token; i++) {
        vf a = vf_set1(s->a[i]), x = s->x[v][i];
#pragma GCC unroll 4
        for (size_t n = 0; n < STATES; n++)
            S[n] = s->S[i + 1][n] = vf_fma(a, S[n], vf_mul(x, vf_set1(s->B[i][n])));
    }
}

static void tile_back(const struct chunk *at, struct scratch *s, const struct tiles *tiles,
                      size_t v) {
    float *rows = at->dssm_state + tiles->first * at->op->head_dim + tiles->p + v * VF_LANES;
    size_t lanes = lanes_of(tiles, v);
    vf G[STATES];
#pragma GCC unroll 4
    for (size_t n = 0; n < STATES; n++)
        G[n] = vf_load(rows + n * at->op->head_dim, n < tiles->n_row ? lanes : 0);
    for (size_t i = at->n_token; i-- > 0;) {
        vf a = vf_set1(s->a[i]), x = s->x[v][i], dy = s->dy[v][i], r = s->r[i];
        vf through = s->through[v][i];
#pragma GCC unroll 4
        for (size_t n = 0; n < STATES; n++) {
            G[n] = vf_fma(vf_set1(s->C[i][n]), dy, G[n]);
            s->dC[i][n] = vf_fma(dy, s->S[i + 1][n], s->dC[i][n]);
            s->dB[i][n] = vf_fma(G[n], x, s->dB[i][n]);
            through = vf_fma(G[n], vf_set1(s->B[i][n]), through);
            r = vf_fma(G[n], s->S[i][n], r);
            G[n] = vf_mul(a, G[n]);
        }
        s->through[v][i] = through;
        s->r[i] = r;
    }
    for (size_t n = 0; n < tiles->n_row; n++)
        vf_store(rows + n * at->op->head_dim, lanes, G[n]);
}

/* The head's first channels write its part, the others add to it. */
static void add_lanes(const struct chunk *at, const struct scratch *s, const struct tiles *tiles) {
    size_t N = at->op->d_state;
    for (size_t i = 0; i < at->n_token; i++)
        for (size_t n = 0; n < tiles->n_row; n++) {
            float *part = at->parts + (at->t + i) * 2 * N + tiles->first + n;
            part[0] = vf_sum(s->dB[i][n]) + (tiles->p ? part[0] : 0);
            part[N] = vf_sum(s->dC[i][n]) + (tiles->p ? part[N] : 0);
        }
}

/* ---- A chunk ---- */

static void begin_chunk(const struct chunk *at, struct scratch *s) {
    const struct dm_head_scan *op = at->op;
    float exponent[CHUNK];
    for (size_t i = 0; i < at->n_token; i++) {
        s->delta[i] = op->delta[(at->t + i) * op->n_head + at->h];
        exponent[i] = s->delta[i] * op->A[at->h];
        s->r[i] = s->e[i] = vf_set1(0);
    }
    for (size_t i = 0, n; i < at->n_token; i += n) {
        n = dm_simd_lanes(at->n_token - i);
        vf_store(s->a + i, n, vf_exp_negative(vf_load(exponent + i, n)));
    }
}

/* dx of some channels, and their shares of ddelta and of D's gradient. */
static void end_columns(const struct chunk *at, struct scratch *s, const struct tiles *tiles) {
    const struct dm_head_scan *op = at->op;
    size_t width = dm_head_scan_width(op);
    for (size_t v = 0; v < tiles->n_vector; v++) {
        size_t n = lanes_of(tiles, v), c = at->h * op->head_dim + tiles->p + v * VF_LANES;
        vf D = op->D_by_channel ? vf_load(op->D + c, n) : vf_set1(op->D[at->h]), dD = vf_set1(0);
        for (size_t i = 0; i < at->n_token; i++) {
            vf x = vf_load(op->xBC + (at->t + i) * width + c, n);
            vf through = s->through[v][i], dy = s->dy[v][i];
            s->e[i] = vf_fma(x, through, s->e[i]);
            dD = vf_fma(dy, x, dD);
            vf_store(at->grad->dxBC + (at->t + i) * width + c, n,
                     vf_fma(vf_set1(s->delta[i]), through, vf_mul(D, dy)));
        }
        if (op->D_by_channel)
            vf_store(at->grad->dD + c, n, vf_add(vf_load(at->grad->dD + c, n), dD));
        else
            at->grad->dD[at->h] += vf_sum(dD);
    }
}

static void end_chunk(const struct chunk *at, const struct scratch *s) {
    const struct dm_head_scan *op = at->op;
    for (size_t i = 0; i < at->n_token; i++) {
        float r = s->a[i] * vf_sum(s->r[i]);
        at->grad->ddelta[(at->t + i) * op->n_head + at->h] = op->A[at->h] * r + vf_sum(s->e[i]);
        at->grad->dA[at->h] += s->delta[i] * r;
    }
}

static void chunk_back(const struct chunk *at, struct scratch *s) {
    const struct dm_head_scan *op = at->op;
    struct tiles tiles;
    begin_chunk(at, s);
    for (tiles.p = 0; tiles.p < op->head_dim; tiles.p += tiles.n) {
        tiles.n = smaller(op->head_dim - tiles.p, VECTORS * VF_LANES);
        tiles.n_vector = (tiles.n + VF_LANES - 1) / VF_LANES;
        load_columns(at, s, &tiles);
        for (tiles.first = 0; tiles.first < op->d_state; tiles.first += STATES) {
            tiles.n_row = smaller(op->d_state - tiles.first, STATES);
            load_tokens(at, s, tiles.first, tiles.n_row);
            for (size_t v = 0; v < tiles.n_vector; v++) {
                scan_tile(at, s, &tiles, v);
                tile_back(at, s, &tiles, v);
            }
            add_lanes(at, s, &tiles);
        }
        end_columns(at, s, &tiles);
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
