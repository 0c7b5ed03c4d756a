#include "ops/simd_math.h"
#include "ops/simd_ops.h"

/* Some vectors of a head's channels run over TOKENS tokens before the next, so that STATES rows of S
 * stay in registers meanwhile, with the sums over the rows kept in between. B and C are copied into
 * the order in which they are read. A lane's arithmetic does not depend on the piece that it falls
 * into. */
enum { TOKENS = 32, STATES = VF_LANES == 8 ? 4 : 8, VECTORS = 2, MOST_STATES = 128 };

/* Tokens t .. t + n_token of head h, and the rows first .. first + n_state of its S. */
struct piece {
    size_t h, t, n_token, first, n_state;
    float a[TOKENS];
    float BC[TOKENS * MOST_STATES * 2]; /* [n_state / STATES, n_token, 2, STATES] */
};

/* Vectors of channels from c on. */
struct columns {
    size_t c, n_vector, lanes[VECTORS];
    vf x[TOKENS][VECTORS];   /* delta * x */
    vf sum[TOKENS][VECTORS]; /* of C S */
};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* ---- What the rows share ---- */

static void decays(const struct dm_head_scan *op, struct piece *at) {
    float exponent[TOKENS];
    for (size_t i = 0; i < at->n_token; i++)
        exponent[i] = op->delta[(at->t + i) * op->n_head + at->h] * op->A[at->h];
    for (size_t i = 0, n; i < at->n_token; i += n) {
        n = dm_simd_lanes(at->n_token - i);
        vf_store(at->a + i, n, vf_exp_negative(vf_load(exponent + i, n)));
    }
}

static void copy_BC(const struct dm_head_scan *op, struct piece *at) {
    float *to = at->BC;
    for (size_t n = 0; n < at->n_state; n += STATES)
        for (size_t i = 0; i < at->n_token; i++, to += 2 * STATES) {
            const float *B = dm_head_scan_B(op, at->t + i, at->h) + at->first + n;
            const float *C = dm_head_scan_C(op, at->t + i, at->h) + at->first + n;
            for (size_t k = 0; k < smaller(STATES, at->n_state - n); k++) {
                to[k] = B[k];
                to[STATES + k] = C[k];
            }
        }
}

/* ---- Rows of S ---- */

/* Inlined: so that the numbers are constants where it matters. `S`: row n of the head's channels from
 * c; rows are head_dim apart. */
static inline __attribute__((always_inline)) void
scan_rows(const struct dm_head_scan *op, const struct piece *at, struct columns *to,
          const float *BC, float *S, size_t n_row, size_t n_vector, const size_t *lanes) {
    vf h[STATES][VECTORS] = {0}; /* compilers do not see that all that is read was set */
#pragma GCC unroll 8
    for (size_t n = 0; n < n_row; n++)
#pragma GCC unroll 2
        for (size_t v = 0; v < n_vector; v++)
            h[n][v] = vf_load(S + n * op->head_dim + v * VF_LANES, lanes[v]);
    for (size_t i = 0; i < at->n_token; i++, BC += 2 * STATES) {
        vf a = vf_set1(at->a[i]), y[VECTORS];
#pragma GCC unroll 2
        for (size_t v = 0; v < n_vector; v++)
            y[v] = to->sum[i][v];
#pragma GCC unroll 8
        for (size_t n = 0; n < n_row; n++) {
            vf B = vf_set1(BC[n]), C = vf_set1(BC[STATES + n]);
#pragma GCC unroll 2
            for (size_t v = 0; v < n_vector; v++) {
                h[n][v] = vf_fma(a, h[n][v], vf_mul(to->x[i][v], B));
                y[v] = vf_fma(C, h[n][v], y[v]);
            }
        }
#pragma GCC unroll 2
        for (size_t v = 0; v < n_vector; v++)
            to->sum[i][v] = y[v];
    }
#pragma GCC unroll 8
    for (size_t n = 0; n < n_row; n++)
#pragma GCC unroll 2
        for (size_t v = 0; v < n_vector; v++)
            vf_store(S + n * op->head_dim + v * VF_LANES, lanes[v], h[n][v]);
}

static void scan_columns(const struct dm_head_scan *op, const struct piece *at, struct columns *to,
                         float *S) {
    static const size_t whole[VECTORS] = {VF_LANES, VF_LANES};
    const float *BC = at->BC;
    bool is_whole = to->n_vector == VECTORS && to->lanes[VECTORS - 1] == VF_LANES;
    for (size_t n = 0; n < at->n_state; n += STATES, BC += at->n_token * 2 * STATES) {
        float *rows = S + (at->first + n) * op->head_dim;
        if (is_whole && at->n_state - n >= STATES)
            scan_rows(op, at, to, BC, rows, STATES, VECTORS, whole);
        else
            scan_rows(op, at, to, BC, rows, smaller(STATES, at->n_state - n), to->n_vector,
                      to->lanes);
    }
}

/* ---- Columns ---- */

/* The sums over the rows before are in y. */
static void begin_columns(const struct dm_head_scan *op, const struct piece *at,
                          struct columns *to) {
    size_t E = op->n_head * op->head_dim, width = dm_head_scan_width(op);
    for (size_t i = 0; i < at->n_token; i++) {
        vf delta = vf_set1(op->delta[(at->t + i) * op->n_head + at->h]);
        for (size_t v = 0; v < to->n_vector; v++) {
            size_t t = at->t + i, c = to->c + v * VF_LANES;
            to->x[i][v] = vf_mul(delta, vf_load(op->xBC + t * width + c, to->lanes[v]));
            to->sum[i][v] = at->first ? vf_load(op->y + t * E + c, to->lanes[v]) : vf_set1(0);
        }
    }
}

static void end_columns(const struct dm_head_scan *op, const struct piece *at,
                        const struct columns *to) {
    size_t E = op->n_head * op->head_dim, width = dm_head_scan_width(op);
    bool is_last = at->first + at->n_state == op->d_state;
    for (size_t v = 0; v < to->n_vector; v++) {
        size_t c = to->c + v * VF_LANES, n = to->lanes[v];
        vf D = op->D_by_channel ? vf_load(op->D + c, n) : vf_set1(op->D[at->h]);
        for (size_t i = 0; i < at->n_token; i++) {
            size_t t = at->t + i;
            vf x = vf_load(op->xBC + t * width + c, n), sum = to->sum[i][v];
            vf_store(op->y + t * E + c, n, is_last ? vf_fma(D, x, sum) : sum);
        }
    }
}

static void scan_piece(const struct dm_head_scan *op, const struct piece *at, float *S) {
    for (size_t i = 0; i < op->head_dim; i += VECTORS * VF_LANES) {
        struct columns to;
        to.c = at->h * op->head_dim + i;
        to.n_vector = 0;
        for (size_t v = 0; v < VECTORS && i + v * VF_LANES < op->head_dim; v++)
            to.lanes[to.n_vector++] = dm_simd_lanes(op->head_dim - i - v * VF_LANES);
        begin_columns(op, at, &to);
        scan_columns(op, at, &to, S + i);
        end_columns(op, at, &to);
    }
}

void DM_VARIANT(dm_head_scan)(const struct dm_head_scan *op, size_t head, size_t n_head) {
    struct piece at;
    for (size_t s = 0; s < op->n_sequence; s++)
        for (at.h = head; at.h < head + n_head; at.h++) {
            float *S = op->ssm_state[s] + at.h * op->d_state * op->head_dim;
            for (at.t = op->start[s]; at.t < op->start[s + 1]; at.t += at.n_token) {
                size_t index = at.t - op->start[s];
                at.n_token = smaller(op->start[s + 1] - at.t, TOKENS);
                if (op->checkpoints && index % DM_HEAD_SCAN_CHUNK == 0)
                    dm_head_scan_keep(op, s, index / DM_HEAD_SCAN_CHUNK, at.h, 1);
                decays(op, &at);
                for (at.first = 0; at.first < op->d_state; at.first += at.n_state) {
                    at.n_state = smaller(op->d_state - at.first, MOST_STATES);
                    copy_BC(op, &at);
                    scan_piece(op, &at, S);
                }
            }
        }
}
