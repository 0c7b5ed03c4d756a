#include <string.h>

#include "ops/simd_math.h"
#include "ops/simd_ops.h"

/* Some vectors of a head's channels run over TOKENS tokens before the next, so that STATES rows of R
 * (see head_scan.h) stay in registers meanwhile, with the sums over the rows kept in between. B and C
 * are copied into the order in which they are read, once for some heads of a group. A lane's
 * arithmetic does not depend on the piece that it falls into. */
enum { TOKENS = 32, STATES = VF_LANES == 8 ? 4 : 8, VECTORS = 2, MOST_STATES = 128 };

struct head {
    size_t h;
    float scale[TOKENS], step[TOKENS]; /* step: delta / scale */
    float taken[TOKENS];               /* what R takes over of the scale before the token; or 1 */
};

/* Tokens t .. t + n_token of some heads of a group, and the rows first .. first + n_state of their R. */
struct piece {
    size_t t, n_token, first, n_state, head, n_head;
    struct head heads[DM_HEAD_SCAN_BLOCK]; /* from `head` on */
    float BC[TOKENS * MOST_STATES * 2];    /* [n_state / STATES, n_token, 2, STATES] */
};

/* Vectors of channels from c on. */
struct columns {
    size_t c, n_vector, lanes[VECTORS];
    vf x[TOKENS][VECTORS];   /* step * x */
    vf sum[TOKENS][VECTORS]; /* of C R */
};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* ---- What the rows share ---- */

static void scales(const struct dm_head_scan *op, size_t sequence, const struct piece *at,
                   struct head *head) {
    float delta[TOKENS], a[TOKENS], scale = dm_head_scan_scale(op, sequence, head->h);
    vf A = vf_set1(op->A[head->h]);
    for (size_t i = 0; i < at->n_token; i++)
        delta[i] = op->delta[(at->t + i) * op->n_head + head->h];
    for (size_t i = 0, n; i < at->n_token; i += n) {
        n = dm_simd_lanes(at->n_token - i);
        vf_store(a + i, n, vf_exp_negative(vf_mul(vf_load(delta + i, n), A)));
    }
    for (size_t i = 0; i < at->n_token; i++) {
        scale *= a[i];
        bool is_small = scale < DM_HEAD_SCAN_LEAST_SCALE;
        head->taken[i] = is_small ? scale : 1;
        head->scale[i] = scale = is_small ? 1 : scale;
        head->step[i] = delta[i] / scale;
    }
    op->scale[sequence][head->h] = scale;
}

static void copy_BC(const struct dm_head_scan *op, struct piece *at) {
    float *to = at->BC;
    for (size_t n = 0; n < at->n_state; n += STATES)
        for (size_t i = 0; i < at->n_token; i++, to += 2 * STATES) {
            const float *B = dm_head_scan_B(op, at->t + i, at->head) + at->first + n;
            const float *C = dm_head_scan_C(op, at->t + i, at->head) + at->first + n;
            if (at->n_state - n >= STATES) { /* a size that is known is copied at once */
                memcpy(to, B, STATES * sizeof *to);
                memcpy(to + STATES, C, STATES * sizeof *to);
            } else {
                memcpy(to, B, (at->n_state - n) * sizeof *to);
                memcpy(to + STATES, C, (at->n_state - n) * sizeof *to);
            }
        }
}

/* ---- Rows of R ---- */

/* Inlined: so that the numbers are constants where it matters. `R`: row n of the head's channels from
 * c; rows are head_dim apart. */
static inline __attribute__((always_inline)) void
scan_rows(const struct dm_head_scan *op, const struct piece *at, const struct head *head,
          struct columns *to, const float *BC, float *R, size_t n_row, size_t n_vector,
          const size_t *lanes) {
    vf h[STATES][VECTORS] = {0}; /* compilers do not see that all that is read was set */
#pragma GCC unroll 8
    for (size_t n = 0; n < n_row; n++)
#pragma GCC unroll 2
        for (size_t v = 0; v < n_vector; v++)
            h[n][v] = vf_load(R + n * op->head_dim + v * VF_LANES, lanes[v]);
    for (size_t i = 0; i < at->n_token; i++, BC += 2 * STATES) {
        vf x[VECTORS] = {0}, y[VECTORS] = {0};
        if (head->taken[i] != 1) {
            vf taken = vf_set1(head->taken[i]);
#pragma GCC unroll 8
            for (size_t n = 0; n < n_row; n++)
#pragma GCC unroll 2
                for (size_t v = 0; v < n_vector; v++)
                    h[n][v] = vf_mul(taken, h[n][v]);
        }
#pragma GCC unroll 2
        for (size_t v = 0; v < n_vector; v++)
            x[v] = to->x[i][v], y[v] = to->sum[i][v];
#pragma GCC unroll 8
        for (size_t n = 0; n < n_row; n++) {
            vf B = vf_set1(BC[n]), C = vf_set1(BC[STATES + n]);
#pragma GCC unroll 2
            for (size_t v = 0; v < n_vector; v++) {
                h[n][v] = vf_fma(x[v], B, h[n][v]);
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
            vf_store(R + n * op->head_dim + v * VF_LANES, lanes[v], h[n][v]);
}

static void scan_columns(const struct dm_head_scan *op, const struct piece *at,
                         const struct head *head, struct columns *to, float *R) {
    static const size_t whole[VECTORS] = {VF_LANES, VF_LANES};
    const float *BC = at->BC;
    bool is_whole = to->n_vector == VECTORS && to->lanes[VECTORS - 1] == VF_LANES;
    for (size_t n = 0; n < at->n_state; n += STATES, BC += at->n_token * 2 * STATES) {
        float *rows = R + (at->first + n) * op->head_dim;
        if (is_whole && at->n_state - n >= STATES)
            scan_rows(op, at, head, to, BC, rows, STATES, VECTORS, whole);
        else
            scan_rows(op, at, head, to, BC, rows, smaller(STATES, at->n_state - n), to->n_vector,
                      to->lanes);
    }
}

/* ---- Columns ---- */

/* The sums over the rows before are in y. */
static void begin_columns(const struct dm_head_scan *op, const struct piece *at,
                          const struct head *head, struct columns *to) {
    size_t E = op->n_head * op->head_dim, width = dm_head_scan_width(op);
    for (size_t i = 0; i < at->n_token; i++) {
        vf step = vf_set1(head->step[i]);
        for (size_t v = 0; v < to->n_vector; v++) {
            size_t t = at->t + i, c = to->c + v * VF_LANES;
            to->x[i][v] = vf_mul(step, vf_load(op->xBC + t * width + c, to->lanes[v]));
            to->sum[i][v] = at->first ? vf_load(op->y + t * E + c, to->lanes[v]) : vf_set1(0);
        }
    }
}

static void end_columns(const struct dm_head_scan *op, const struct piece *at,
                        const struct head *head, const struct columns *to) {
    size_t E = op->n_head * op->head_dim, width = dm_head_scan_width(op);
    bool is_last = at->first + at->n_state == op->d_state;
    for (size_t v = 0; v < to->n_vector; v++) {
        size_t c = to->c + v * VF_LANES, n = to->lanes[v];
        vf D = op->D_by_channel ? vf_load(op->D + c, n) : vf_set1(op->D[head->h]);
        for (size_t i = 0; i < at->n_token; i++) {
            size_t t = at->t + i;
            vf x = vf_load(op->xBC + t * width + c, n), sum = to->sum[i][v];
            if (is_last)
                sum = vf_fma(D, x, vf_mul(vf_set1(head->scale[i]), sum));
            vf_store(op->y + t * E + c, n, sum);
        }
    }
}

static void scan_head(const struct dm_head_scan *op, const struct piece *at,
                      const struct head *head, float *R) {
    for (size_t i = 0; i < op->head_dim; i += VECTORS * VF_LANES) {
        struct columns to;
        to.c = head->h * op->head_dim + i;
        to.n_vector = 0;
        for (size_t v = 0; v < VECTORS && i + v * VF_LANES < op->head_dim; v++)
            to.lanes[to.n_vector++] = dm_simd_lanes(op->head_dim - i - v * VF_LANES);
        begin_columns(op, at, head, &to);
        scan_columns(op, at, head, &to, R + i);
        end_columns(op, at, head, &to);
    }
}

/* The piece's tokens, for its heads. */
static void scan_piece(const struct dm_head_scan *op, size_t sequence, struct piece *at) {
    for (size_t i = 0; i < at->n_head; i++)
        scales(op, sequence, at, &at->heads[i]);
    for (at->first = 0; at->first < op->d_state; at->first += at->n_state) {
        at->n_state = smaller(op->d_state - at->first, MOST_STATES);
        copy_BC(op, at);
        for (size_t i = 0; i < at->n_head; i++)
            scan_head(op, at, &at->heads[i],
                      op->ssm_state[sequence] + at->heads[i].h * op->d_state * op->head_dim);
    }
}

static void scan_heads(const struct dm_head_scan *op, size_t sequence, struct piece *at) {
    for (at->t = op->start[sequence]; at->t < op->start[sequence + 1]; at->t += at->n_token) {
        size_t index = at->t - op->start[sequence];
        at->n_token = smaller(op->start[sequence + 1] - at->t, TOKENS);
        if (op->checkpoints && index % DM_HEAD_SCAN_CHUNK == 0)
            dm_head_scan_keep(op, sequence, index / DM_HEAD_SCAN_CHUNK, at->head, at->n_head);
        scan_piece(op, sequence, at);
    }
}

void DM_VARIANT(dm_head_scan)(const struct dm_head_scan *op, size_t head, size_t n_head) {
    size_t of_group = op->n_head / op->n_group;
    struct piece at;
    for (at.head = head; at.head < head + n_head; at.head += at.n_head) {
        size_t end_of_group = (at.head / of_group + 1) * of_group;
        at.n_head = smaller(smaller(head + n_head, end_of_group) - at.head, DM_HEAD_SCAN_BLOCK);
        for (size_t i = 0; i < at.n_head; i++)
            at.heads[i].h = at.head + i;
        for (size_t s = 0; s < op->n_sequence; s++)
            scan_heads(op, s, &at);
    }
}
