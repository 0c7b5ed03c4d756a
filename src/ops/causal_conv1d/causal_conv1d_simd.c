#include "ops/simd_math.h"
#include "ops/simd_ops.h"

/* Four taps, as every published model has them, are written out, so that the rows that they see
 * stay in registers; any other number goes token by token. Either way a token's terms are added
 * from the oldest on, and a lane's arithmetic depends on nothing but its place in the sequence. */
enum { TAPS = 4 };

/* n lanes from channel c, all tokens of the sequence. */
static void convolve_four(const struct dm_causal_conv1d *op, size_t sequence, size_t c, size_t n) {
    size_t n_token = op->start[sequence + 1] - op->start[sequence];
    const float *weight = op->weight + c;
    vf w0 = vf_load(weight, n), w1 = vf_load(weight + op->d_inner, n);
    vf w2 = vf_load(weight + 2 * op->d_inner, n), w3 = vf_load(weight + 3 * op->d_inner, n);
    vf bias = op->bias ? vf_load(op->bias + c, n) : vf_set1(0);
    vf x0 = vf_load(dm_causal_conv1d_row(op, sequence, -3, c), n);
    vf x1 = vf_load(dm_causal_conv1d_row(op, sequence, -2, c), n);
    vf x2 = vf_load(dm_causal_conv1d_row(op, sequence, -1, c), n);
    const float *x = dm_channel_view_at(&op->x, op->start[sequence], c);
    float *y = op->y + op->start[sequence] * op->d_inner + c;
    for (size_t t = 0; t < n_token; t++, x += op->x.step, y += op->d_inner) {
        vf x3 = vf_load(x, n);
        vf sum = vf_fma(w1, x1, vf_fma(w0, x0, bias));
        vf_store(y, n, vf_silu(vf_fma(w3, x3, vf_fma(w2, x2, sum))));
        x0 = x1, x1 = x2, x2 = x3;
    }
}

static void convolve(const struct dm_causal_conv1d *op, size_t sequence, size_t c, size_t n) {
    size_t n_token = op->start[sequence + 1] - op->start[sequence];
    for (size_t t = 0; t < n_token; t++) {
        vf sum = op->bias ? vf_load(op->bias + c, n) : vf_set1(0);
        for (size_t k = 0; k < op->d_conv; k++) {
            ptrdiff_t row = (ptrdiff_t)(t + k) - ((ptrdiff_t)op->d_conv - 1);
            sum = vf_fma(vf_load(op->weight + k * op->d_inner + c, n),
                         vf_load(dm_causal_conv1d_row(op, sequence, row, c), n), sum);
        }
        vf_store(op->y + (op->start[sequence] + t) * op->d_inner + c, n, vf_silu(sum));
    }
}

void DM_VARIANT(dm_causal_conv1d)(const struct dm_causal_conv1d *op, size_t channel,
                                  size_t n_channel) {
    for (size_t s = 0; s < op->n_sequence; s++) {
        if (op->start[s + 1] == op->start[s])
            continue;
        for (size_t i = 0, n; i < n_channel; i += n) {
            n = dm_simd_lanes(n_channel - i);
            (op->d_conv == TAPS ? convolve_four : convolve)(op, s, channel + i, n);
        }
        dm_causal_conv1d_keep_state(op, s, channel, n_channel);
    }
}

/* The backward pass for four taps; any other number takes the reference. The rows that the taps
 * see, their gradients and the sums over RUN tokens stay in registers, all written out: as arrays
 * they do not. A lane's arithmetic depends on nothing but its place in the sequence. */
enum { RUN = 8 };

static vf load_row(const float *row, size_t c, size_t n) {
    return row ? vf_load(row + c, n) : vf_set1(0);
}
static void store_row(float *row, size_t c, size_t n, vf a) {
    if (row)
        vf_store(row + c, n, a);
}
static void add_to(float *p, size_t n, vf a) {
    vf_store(p, n, vf_add(vf_load(p, n), a));
}

/* Tokens t .. end of the sequence, n lanes from channel c; dx holds the last rows' beginnings. */
static void run_backward(const struct dm_causal_conv1d *op,
                         const struct dm_causal_conv1d_grad *grad, size_t sequence, size_t t,
                         size_t end, size_t c, size_t n) {
    size_t d_inner = op->d_inner, n_token = op->start[sequence + 1] - op->start[sequence];
    const float *weight = op->weight + c;
    float *dweight = grad->dweight + c;
    vf w0 = vf_load(weight, n), w1 = vf_load(weight + d_inner, n);
    vf w2 = vf_load(weight + 2 * d_inner, n), w3 = vf_load(weight + 3 * d_inner, n);
    vf bias = op->bias ? vf_load(op->bias + c, n) : vf_set1(0);
    vf dw0 = vf_set1(0), dw1 = dw0, dw2 = dw0, dw3 = dw0, dbias = dw0;
    ptrdiff_t first = (ptrdiff_t)t - (TAPS - 1);
    vf x0 = vf_load(dm_causal_conv1d_row(op, sequence, first, c), n);
    vf x1 = vf_load(dm_causal_conv1d_row(op, sequence, first + 1, c), n);
    vf x2 = vf_load(dm_causal_conv1d_row(op, sequence, first + 2, c), n);
    vf dx0 = load_row(dm_causal_conv1d_gradient_row(op, grad, sequence, first), c, n);
    vf dx1 = load_row(dm_causal_conv1d_gradient_row(op, grad, sequence, first + 1), c, n);
    vf dx2 = load_row(dm_causal_conv1d_gradient_row(op, grad, sequence, first + 2), c, n);
    for (; t < end; t++, first++) {
        size_t row = (op->start[sequence] + t) * d_inner + c;
        vf x3 = vf_load(op->x.data + row, n);
        vf dx3 = n_token - t < TAPS ? vf_load(grad->dx + row, n) : vf_set1(0);
        vf sum = vf_fma(w1, x1, vf_fma(w0, x0, bias));
        sum = vf_fma(w3, x3, vf_fma(w2, x2, sum));
        vf dv = vf_mul(vf_load(grad->dy + row, n), vf_silu_slope(sum));
        dw0 = vf_fma(dv, x0, dw0);
        dw1 = vf_fma(dv, x1, dw1);
        dw2 = vf_fma(dv, x2, dw2);
        dw3 = vf_fma(dv, x3, dw3);
        dbias = vf_add(dbias, dv);
        store_row(dm_causal_conv1d_gradient_row(op, grad, sequence, first), c, n,
                  vf_fma(w0, dv, dx0));
        dx0 = vf_fma(w1, dv, dx1);
        dx1 = vf_fma(w2, dv, dx2);
        dx2 = vf_fma(w3, dv, dx3);
        x0 = x1, x1 = x2, x2 = x3;
    }
    store_row(dm_causal_conv1d_gradient_row(op, grad, sequence, first), c, n, dx0);
    store_row(dm_causal_conv1d_gradient_row(op, grad, sequence, first + 1), c, n, dx1);
    store_row(dm_causal_conv1d_gradient_row(op, grad, sequence, first + 2), c, n, dx2);
    add_to(dweight, n, dw0);
    add_to(dweight + d_inner, n, dw1);
    add_to(dweight + 2 * d_inner, n, dw2);
    add_to(dweight + 3 * d_inner, n, dw3);
    if (grad->dbias)
        add_to(grad->dbias + c, n, dbias);
}

void DM_VARIANT(dm_causal_conv1d_backward)(const struct dm_causal_conv1d *op,
                                           const struct dm_causal_conv1d_grad *grad, size_t channel,
                                           size_t n_channel) {
    if (op->d_conv != TAPS) {
        dm_causal_conv1d_backward_reference(op, grad, channel, n_channel);
        return;
    }
    for (size_t s = 0; s < op->n_sequence; s++) {
        size_t n_token = op->start[s + 1] - op->start[s];
        dm_causal_conv1d_start_gradient(op, grad, s, channel, n_channel);
        for (size_t t = 0, end; t < n_token; t = end) {
            end = n_token - t < RUN ? n_token : t + RUN;
            for (size_t i = 0, n; i < n_channel; i += n) {
                n = dm_simd_lanes(n_channel - i);
                run_backward(op, grad, s, t, end, channel + i, n);
            }
        }
    }
}
