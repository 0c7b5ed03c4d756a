#include "layers/ssm.h"

#include <tgmath.h>

double dm_draw_uniform(struct dm_random *random, double low, double high) {
    return low + (high - low) * dm_random_uniform(random);
}

double dm_draw_linear(struct dm_random *random, size_t fan_in) {
    double bound = 1 / sqrt((double)fan_in);
    return dm_draw_uniform(random, -bound, bound);
}

double dm_draw_dt_bias(struct dm_random *random, const struct dm_initial_ranges *ranges) {
    double low = log(ranges->dt[0]), high = log(ranges->dt[1]);
    double dt = fmax(exp(dm_draw_uniform(random, low, high)), ranges->dt_floor);
    return dt + log(-expm1(-dt));
}

dm_real dm_decay(dm_real A_log) {
    const dm_real max = 0x1p127f;
    dm_real A = exp(A_log);
    return A > max ? -max : -A; /* NaN stays what it is */
}

float dm_decay_to_gguf(float A_log) {
    return -expf(A_log);
}

float dm_decay_from_gguf(float A) {
    float middle = (float)log(-(double)A), lower = middle, higher = middle;
    for (int i = 0; i < 4; i++) {
        if (dm_decay_to_gguf(lower) == A)
            return lower;
        if (dm_decay_to_gguf(higher) == A)
            return higher;
        lower = nextafterf(lower, -INFINITY);
        higher = nextafterf(higher, INFINITY);
    }
    return middle;
}

void dm_arrange_conv(const dm_real *conv1d, size_t n_channel, size_t d_conv, dm_real *out) {
    for (size_t c = 0; c < n_channel; c++)
        for (size_t k = 0; k < d_conv; k++)
            out[k * n_channel + c] = conv1d[c * d_conv + k];
}

void dm_add_conv_gradient(const dm_real *arranged, size_t n_channel, size_t d_conv,
                          dm_real *gradient) {
    for (size_t c = 0; c < n_channel && gradient; c++)
        for (size_t k = 0; k < d_conv; k++)
            gradient[c * d_conv + k] += arranged[k * n_channel + c];
}
