#include "ops/selective_scan/selective_scan.h"

#include <string.h>
#include <tgmath.h>

static void scan_token(const struct dm_selective_scan *op, dm_real *state, size_t t, size_t c) {
    size_t at = t * op->d_inner + c;
    const dm_real *B = op->BC + t * 2 * op->d_state, *C = B + op->d_state;
    dm_real delta = *dm_channel_view_at(&op->delta, t, c), z = *dm_channel_view_at(&op->z, t, c);
    dm_real u = op->u[at], y = 0;
    for (size_t n = 0; n < op->d_state; n++) {
        dm_real *h = &state[n * op->d_inner + c];
        *h = exp(delta * op->A[n * op->d_inner + c]) * *h + delta * u * B[n];
        y += C[n] * *h;
    }
    op->y[at] = (y + op->D[c] * u) * (z / (1 + exp(-z)));
}

static void keep_checkpoint(const struct dm_selective_scan *op, size_t sequence, size_t chunk,
                            size_t channel, size_t n_channel) {
    dm_real *to = dm_scan_checkpoint(op, sequence, chunk) + channel;
    for (size_t n = 0; n < op->d_state; n++)
        memcpy(to + n * op->d_inner, op->ssm_state[sequence] + n * op->d_inner + channel,
               n_channel * sizeof *to);
}

void dm_selective_scan_reference(const struct dm_selective_scan *op, size_t channel,
                                 size_t n_channel) {
    for (size_t s = 0; s < op->n_sequence; s++)
        for (size_t t = op->start[s]; t < op->start[s + 1]; t++) {
            size_t index = t - op->start[s];
            if (op->checkpoints && index % DM_SCAN_CHUNK == 0)
                keep_checkpoint(op, s, index / DM_SCAN_CHUNK, channel, n_channel);
            for (size_t c = channel; c < channel + n_channel; c++)
                scan_token(op, op->ssm_state[s], t, c);
        }
}

/* ---- Backward ---- */

/* Chunk `chunk` of a sequence, tokens t .. t + n_token, in channel c. */
struct chunk {
    size_t sequence, chunk, t, n_token, c;
};

/* State n: recomputes h of every token, then runs backwards from g, the gradient of the h after the
 * chunk. dy [DM_SCAN_CHUNK] is that of the sums before the gate. Returns the gradient of the h
 * before the chunk. */
static dm_real scan_state_back(const struct dm_selective_scan *op,
                               const struct dm_selective_scan_grad *grad, const struct chunk *at,
                               size_t n, const dm_real *dy, dm_real g) {
    size_t E = op->d_inner, N = op->d_state, row = n * E + at->c;
    size_t n_all = op->start[op->n_sequence];
    dm_real *dBC = grad->dBC_parts + at->c / DM_SCAN_BLOCK * n_all * 2 * N;
    dm_real h[DM_SCAN_CHUNK + 1], A_bar[DM_SCAN_CHUNK], A = op->A[row];
    h[0] = dm_scan_checkpoint(op, at->sequence, at->chunk)[row];
    for (size_t i = 0; i < at->n_token; i++) {
        size_t t = at->t + i, x = t * E + at->c;
        A_bar[i] = exp(op->delta.data[x] * A);
        h[i + 1] = A_bar[i] * h[i] + op->delta.data[x] * op->u[x] * op->BC[t * 2 * N + n];
    }
    for (size_t i = at->n_token; i-- > 0;) {
        size_t t = at->t + i, x = t * E + at->c;
        dm_real B = op->BC[t * 2 * N + n], C = op->BC[t * 2 * N + N + n];
        g += C * dy[i];
        dBC[t * 2 * N + n] += g * op->delta.data[x] * op->u[x];
        dBC[t * 2 * N + N + n] += dy[i] * h[i + 1];
        grad->du[x] += g * op->delta.data[x] * B;
        /* cppcheck-suppress uninitvar ; the loop above has set them all */
        grad->ddelta[x] += g * (A * A_bar[i] * h[i] + op->u[x] * B);
        grad->dA[row] += g * op->delta.data[x] * A_bar[i] * h[i];
        g *= A_bar[i];
    }
    return g;
}

/* The sums before the gate, sum_n C[n] * h[n] + D * u, of the chunk, in scan_token's order. */
static void scan_sums(const struct dm_selective_scan *op, const struct chunk *at, dm_real *sums) {
    size_t E = op->d_inner, N = op->d_state;
    for (size_t i = 0; i < at->n_token; i++)
        sums[i] = 0;
    for (size_t n = 0; n < N; n++) {
        dm_real h = dm_scan_checkpoint(op, at->sequence, at->chunk)[n * E + at->c];
        for (size_t i = 0; i < at->n_token; i++) {
            size_t t = at->t + i, x = t * E + at->c;
            h = exp(op->delta.data[x] * op->A[n * E + at->c]) * h +
                op->delta.data[x] * op->u[x] * op->BC[t * 2 * N + n];
            sums[i] += op->BC[t * 2 * N + N + n] * h;
        }
    }
    for (size_t i = 0; i < at->n_token; i++)
        sums[i] += op->D[at->c] * op->u[(at->t + i) * E + at->c];
}

/* The gate: sums -> their gradient; and the gradients of D and u by way of D. */
static void gate_back(const struct dm_selective_scan *op, const struct dm_selective_scan_grad *grad,
                      const struct chunk *at, dm_real *sums) {
    for (size_t i = 0; i < at->n_token; i++) {
        size_t x = (at->t + i) * op->d_inner + at->c;
        dm_real z = op->z.data[x], divisor = 1 + exp(-z), sigmoid = 1 / divisor, dy = grad->dy[x];
        if (grad->y)
            grad->y[x] = sums[i] * (z / divisor);
        grad->dz[x] = dy * sums[i] * sigmoid * (1 + z * (1 - sigmoid));
        sums[i] = dy * (z / divisor);
        grad->dD[at->c] += sums[i] * op->u[x];
        grad->du[x] = sums[i] * op->D[at->c];
        grad->ddelta[x] = 0;
    }
}

static void scan_channel_back(const struct dm_selective_scan *op,
                              const struct dm_selective_scan_grad *grad, size_t sequence,
                              size_t c) {
    size_t start = op->start[sequence], end = op->start[sequence + 1];
    for (size_t chunk = (end - start + DM_SCAN_CHUNK - 1) / DM_SCAN_CHUNK; chunk-- > 0;) {
        dm_real dy[DM_SCAN_CHUNK];
        struct chunk at = {.sequence = sequence,
                           .chunk = chunk,
                           .t = start + chunk * DM_SCAN_CHUNK,
                           .n_token = DM_SCAN_CHUNK,
                           .c = c};
        at.n_token = end - at.t < DM_SCAN_CHUNK ? end - at.t : DM_SCAN_CHUNK;
        scan_sums(op, &at, dy);
        gate_back(op, grad, &at, dy);
        for (size_t n = 0; n < op->d_state; n++) {
            dm_real *carry = &grad->dssm_state[sequence][n * op->d_inner + c];
            *carry = scan_state_back(op, grad, &at, n, dy, *carry);
        }
    }
}

void dm_selective_scan_backward_reference(const struct dm_selective_scan *op,
                                          const struct dm_selective_scan_grad *grad, size_t channel,
                                          size_t n_channel) {
    size_t part = op->start[op->n_sequence] * 2 * op->d_state;
    for (size_t c = channel; c < channel + n_channel; c++) {
        if (c % DM_SCAN_BLOCK == 0)
            memset(grad->dBC_parts + c / DM_SCAN_BLOCK * part, 0, part * sizeof(dm_real));
        for (size_t s = 0; s < op->n_sequence; s++)
            scan_channel_back(op, grad, s, c);
    }
}

void dm_selective_scan_sum_parts(const struct dm_selective_scan *op,
                                 const struct dm_selective_scan_grad *grad, dm_real *dBC,
                                 size_t token, size_t n_token) {
    size_t width = 2 * op->d_state, part = op->start[op->n_sequence] * width;
    for (size_t t = token; t < token + n_token; t++) {
        dm_real *to = dBC + t * width;
        memset(to, 0, width * sizeof *to);
        for (size_t c = 0; c < op->d_inner; c += DM_SCAN_BLOCK) {
            const dm_real *from = grad->dBC_parts + c / DM_SCAN_BLOCK * part + t * width;
            for (size_t i = 0; i < width; i++)
                to[i] += from[i];
        }
    }
}
