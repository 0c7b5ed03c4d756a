#include "ops/head_scan/head_scan.h"

#include <string.h>
#include <tgmath.h>

static dm_real D_of(const struct dm_head_scan *op, size_t h, size_t c) {
    return op->D[op->D_by_channel ? c : h];
}

/* Where a state has row n of channel c, which is one of head h. */
static size_t state_at(const struct dm_head_scan *op, size_t h, size_t n, size_t c) {
    return (h * op->d_state + n) * op->head_dim + c - h * op->head_dim;
}

void dm_head_scan_keep(const struct dm_head_scan *op, size_t sequence, size_t chunk, size_t head,
                       size_t n_head) {
    size_t of_head = op->d_state * op->head_dim;
    for (size_t h = head; h < head + n_head; h++) {
        const dm_real *R = op->ssm_state[sequence] + h * of_head;
        dm_real *S = dm_head_scan_checkpoint(op, sequence, chunk) + h * of_head;
        dm_real scale = dm_head_scan_scale(op, sequence, h);
        for (size_t i = 0; i < of_head; i++)
            S[i] = scale * R[i];
    }
}

/* ---- Forward ---- */

/* The recurrence as it stands has no use for a scale. */
static void fold_scale(const struct dm_head_scan *op, size_t sequence, size_t h) {
    size_t of_head = op->d_state * op->head_dim;
    dm_real scale = dm_head_scan_scale(op, sequence, h);
    for (size_t i = 0; i < of_head; i++)
        op->ssm_state[sequence][h * of_head + i] *= scale;
    op->scale[sequence][h] = 1;
}

static void scan_token(const struct dm_head_scan *op, dm_real *state, size_t t, size_t h) {
    size_t E = op->n_head * op->head_dim;
    const dm_real *B = dm_head_scan_B(op, t, h), *C = dm_head_scan_C(op, t, h);
    dm_real delta = op->delta[t * op->n_head + h], a = exp(delta * op->A[h]);
    for (size_t c = h * op->head_dim; c < (h + 1) * op->head_dim; c++) {
        dm_real x = op->xBC[t * dm_head_scan_width(op) + c], y = 0;
        for (size_t n = 0; n < op->d_state; n++) {
            dm_real *S = &state[state_at(op, h, n, c)];
            *S = a * *S + delta * x * B[n];
            y += C[n] * *S;
        }
        op->y[t * E + c] = y + D_of(op, h, c) * x;
    }
}

void dm_head_scan_reference(const struct dm_head_scan *op, size_t head, size_t n_head) {
    for (size_t s = 0; s < op->n_sequence; s++) {
        if (op->start[s] == op->start[s + 1])
            continue; /* its state stays as it is */
        for (size_t h = head; h < head + n_head; h++)
            fold_scale(op, s, h);
        for (size_t t = op->start[s]; t < op->start[s + 1]; t++) {
            size_t index = t - op->start[s];
            if (op->checkpoints && index % DM_HEAD_SCAN_CHUNK == 0)
                dm_head_scan_keep(op, s, index / DM_HEAD_SCAN_CHUNK, head, n_head);
            for (size_t h = head; h < head + n_head; h++)
                scan_token(op, op->ssm_state[s], t, h);
        }
    }
}

/* ---- Backward ---- */

/* Chunk `chunk` of a sequence, tokens t .. t + n_token, in head h, with a of each token. */
struct chunk {
    size_t sequence, chunk, t, n_token, h;
    dm_real a[DM_HEAD_SCAN_CHUNK];
};

/* State n of channel c: recomputes S of every token, then runs backwards from G, the gradient of the
 * S after the chunk. Returns that of the S before it. `r` [n_token] takes each token's share. */
static dm_real scan_state_back(const struct dm_head_scan *op, const struct dm_head_scan_grad *grad,
                               const struct chunk *at, size_t c, size_t n, dm_real G, dm_real *r) {
    size_t E = op->n_head * op->head_dim, N = op->d_state, width = dm_head_scan_width(op);
    dm_real *parts = grad->dBC_parts + at->h * op->start[op->n_sequence] * 2 * N;
    dm_real S[DM_HEAD_SCAN_CHUNK + 1];
    S[0] = dm_head_scan_checkpoint(op, at->sequence, at->chunk)[state_at(op, at->h, n, c)];
    for (size_t i = 0; i < at->n_token; i++) {
        size_t t = at->t + i;
        S[i + 1] = at->a[i] * S[i] + op->delta[t * op->n_head + at->h] * op->xBC[t * width + c] *
                                         dm_head_scan_B(op, t, at->h)[n];
    }
    for (size_t i = at->n_token; i-- > 0;) {
        size_t t = at->t + i;
        dm_real delta = op->delta[t * op->n_head + at->h], x = op->xBC[t * width + c];
        dm_real dy = grad->dy[t * E + c], B = dm_head_scan_B(op, t, at->h)[n];
        G += dm_head_scan_C(op, t, at->h)[n] * dy;
        parts[t * 2 * N + n] += G * delta * x;
        /* cppcheck-suppress uninitvar ; the loop above has set them all */
        parts[t * 2 * N + N + n] += dy * S[i + 1];
        grad->dxBC[t * width + c] += G * delta * B;
        grad->ddelta[t * op->n_head + at->h] += G * x * B;
        r[i] += at->a[i] * G * S[i];
        G *= at->a[i];
    }
    return G;
}

/* What goes around the state: the share of D, and clear rows for the sums. */
static void begin_chunk(const struct dm_head_scan *op, const struct dm_head_scan_grad *grad,
                        struct chunk *at) {
    size_t E = op->n_head * op->head_dim, N = op->d_state, width = dm_head_scan_width(op);
    dm_real *parts = grad->dBC_parts + at->h * op->start[op->n_sequence] * 2 * N;
    for (size_t i = 0; i < at->n_token; i++) {
        size_t t = at->t + i;
        at->a[i] = exp(op->delta[t * op->n_head + at->h] * op->A[at->h]);
        grad->ddelta[t * op->n_head + at->h] = 0;
        for (size_t n = 0; n < 2 * N; n++)
            parts[t * 2 * N + n] = 0;
        for (size_t c = at->h * op->head_dim; c < (at->h + 1) * op->head_dim; c++) {
            dm_real dy = grad->dy[t * E + c];
            grad->dD[op->D_by_channel ? c : at->h] += dy * op->xBC[t * width + c];
            grad->dxBC[t * width + c] = dy * D_of(op, at->h, c);
        }
    }
}

static void scan_chunk_back(const struct dm_head_scan *op, const struct dm_head_scan_grad *grad,
                            struct chunk *at) {
    dm_real r[DM_HEAD_SCAN_CHUNK] = {0};
    begin_chunk(op, grad, at);
    for (size_t c = at->h * op->head_dim; c < (at->h + 1) * op->head_dim; c++)
        for (size_t n = 0; n < op->d_state; n++) {
            dm_real *G = &grad->dssm_state[at->sequence][state_at(op, at->h, n, c)];
            *G = scan_state_back(op, grad, at, c, n, *G, r);
        }
    for (size_t i = 0; i < at->n_token; i++) {
        size_t x = (at->t + i) * op->n_head + at->h;
        grad->ddelta[x] += op->A[at->h] * r[i];
        grad->dA[at->h] += op->delta[x] * r[i];
    }
}

void dm_head_scan_backward_reference(const struct dm_head_scan *op,
                                     const struct dm_head_scan_grad *grad, size_t head,
                                     size_t n_head) {
    for (size_t s = 0; s < op->n_sequence; s++)
        for (size_t h = head; h < head + n_head; h++) {
            size_t n_token = op->start[s + 1] - op->start[s];
            struct chunk at = {.sequence = s, .h = h};
            for (size_t end = n_token; end; end = at.chunk * DM_HEAD_SCAN_CHUNK) {
                at.chunk = (end - 1) / DM_HEAD_SCAN_CHUNK;
                at.t = op->start[s] + at.chunk * DM_HEAD_SCAN_CHUNK;
                at.n_token = op->start[s] + end - at.t;
                scan_chunk_back(op, grad, &at);
            }
        }
}

void dm_head_scan_sum_parts(const struct dm_head_scan *op, const struct dm_head_scan_grad *grad,
                            size_t token, size_t n_token) {
    size_t E = op->n_head * op->head_dim, N = op->d_state, GN = op->n_group * N;
    size_t of_group = op->n_head / op->n_group, part = op->start[op->n_sequence] * 2 * N;
    for (size_t t = token; t < token + n_token; t++)
        for (size_t g = 0; g < op->n_group; g++)
            for (size_t n = 0; n < 2 * N; n++) {
                const dm_real *from = grad->dBC_parts + g * of_group * part + t * 2 * N + n;
                dm_real sum = 0;
                for (size_t h = 0; h < of_group; h++)
                    sum += from[h * part];
                /* a part has B and C of its group; xBC has B of all groups, then C */
                grad->dxBC[t * dm_head_scan_width(op) + E + g * N + (n < N ? n : GN + n - N)] = sum;
            }
}
