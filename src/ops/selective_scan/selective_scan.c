#include "ops/selective_scan/selective_scan.h"

#include <math.h>

static void scan_token(const struct dm_selective_scan *op, float *state, size_t t, size_t c) {
    size_t at = t * op->d_inner + c;
    const float *B = op->BC + t * 2 * op->d_state, *C = B + op->d_state;
    float delta = op->delta[at], u = op->u[at], z = op->z[at], y = 0;
    for (size_t n = 0; n < op->d_state; n++) {
        float *h = &state[n * op->d_inner + c];
        *h = expf(delta * op->A[n * op->d_inner + c]) * *h + delta * u * B[n];
        y += C[n] * *h;
    }
    op->y[at] = (y + op->D[c] * u) * (z / (1 + expf(-z)));
}

void dm_selective_scan_reference(const struct dm_selective_scan *op, size_t channel,
                                 size_t n_channel) {
    for (size_t s = 0; s < op->n_sequence; s++)
        for (size_t t = op->start[s]; t < op->start[s + 1]; t++)
            for (size_t c = channel; c < channel + n_channel; c++)
                scan_token(op, op->ssm_state[s], t, c);
}
