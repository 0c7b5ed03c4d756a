/* The functions of simd_math.h over all floats, through the operations that they serve: silu is a
 * convolution of width 1, 2^t the decay of a state that gets no input; the slope of silu is the
 * gradient of a convolution of four taps, three of them 0, and 1 - e^-d that of a softplus. */
#include "ops/test_variants.h"

enum { WIDTH = 4096, STEP = 257, N_ROUND = (int)(UINT32_MAX / ((uint64_t)STEP * WIDTH)) + 1 };

static struct dm_ops variants[MAX_VARIANTS];
static size_t n_variant;
static float zero[WIDTH], one[WIDTH];
static const size_t single[] = {0, 1};

typedef void function(const struct dm_ops *ops, const float *in, float *out);

static void apply_softplus(const struct dm_ops *ops, const float *in, float *out) {
    memcpy(out, in, WIDTH * sizeof *out);
    struct dm_softplus op = {WIDTH, zero, out};
    ops->softplus(&op, 0, 1);
}

static void apply_silu(const struct dm_ops *ops, const float *in, float *out) {
    float *no_state = NULL;
    struct dm_causal_conv1d op = {.n_sequence = 1,
                                  .d_inner = WIDTH,
                                  .d_conv = 1,
                                  .start = single,
                                  .x = {in, 0, WIDTH},
                                  .weight = one,
                                  .conv_state = &no_state,
                                  .y = out};
    ops->causal_conv1d(&op, 0, WIDTH);
}

static void apply_exp2(const struct dm_ops *ops, const float *in, float *out) {
    static const float BC[2];
    static float ln2[WIDTH], y[WIDTH]; /* ln 2 rounds to a float that the variants turn into 1 */
    for (size_t i = 0; i < WIDTH; i++)
        ln2[i] = 0x1.62e430p-1f, out[i] = 1;
    struct dm_selective_scan op = {.n_sequence = 1,
                                   .d_inner = WIDTH,
                                   .d_state = 1,
                                   .start = single,
                                   .u = zero,
                                   .delta = {in, 0, WIDTH},
                                   .A = ln2,
                                   .BC = BC,
                                   .D = zero,
                                   .z = {zero, 0, WIDTH},
                                   .ssm_state = &out,
                                   .y = y};
    ops->selective_scan(&op, 0, WIDTH);
}

static void apply_one_less_exp(const struct dm_ops *ops, const float *in, float *out) {
    static float step[WIDTH], dbias[WIDTH];
    memcpy(step, in, sizeof step);
    memcpy(out, one, sizeof one);
    struct dm_softplus op = {WIDTH, zero, step};
    struct dm_softplus_grad grad = {out, dbias};
    ops->softplus_backward(&op, &grad, 1, 0, WIDTH);
}

static void apply_silu_slope(const struct dm_ops *ops, const float *in, float *out) {
    static float weight[4 * WIDTH], state[3 * WIDTH], dweight[4 * WIDTH];
    float *states = state;
    memcpy(weight + 3 * (size_t)WIDTH, one, sizeof one);
    struct dm_causal_conv1d op = {.n_sequence = 1,
                                  .d_inner = WIDTH,
                                  .d_conv = 4,
                                  .start = single,
                                  .x = {in, 0, WIDTH},
                                  .weight = weight,
                                  .conv_state = &states};
    struct dm_causal_conv1d_grad grad = {.dy = one, .dx = out, .dweight = dweight};
    ops->causal_conv1d_backward(&op, &grad, 0, WIDTH);
}

static double softplus(double v) {
    return v > 0 ? v + log1p(exp(-v)) : log1p(exp(v));
}
static double silu(double v) {
    return v / (1 + exp(-v));
}
static double one_less_exp(double d) {
    return -expm1(-d);
}
static double silu_slope(double v) {
    double sigmoid = 1 / (1 + exp(-v));
    return sigmoid * (1 + v / (1 + exp(v)));
}

/* The error in ulp, or in what the function's bound is given in; 0 where it gives none. */
typedef double error_function(float got, float in, double expected);

/* Every STEP-th float: no error above the bound. */
static void check_all(const char *name, function *apply, double (*truth)(double),
                      error_function *error, double bound) {
    static float in[WIDTH], out[MAX_VARIANTS][WIDTH];
    uint32_t bits = 0;
    for (int round = 0; round < N_ROUND; round++) {
        for (size_t i = 0; i < WIDTH; i++, bits += STEP)
            in[i] = dm_float_from_bits(bits);
        for (size_t v = 1; v < n_variant; v++)
            apply(&variants[v], in, out[v]);
        for (size_t i = 0; i < WIDTH; i++) {
            double expected = truth((double)in[i]);
            for (size_t v = 1; v < n_variant; v++)
                if (!(error(out[v][i], in[i], expected) <= bound))
                    fail_msg("%s of %s at %a: %a, expected %a", name, variants[v].cpu,
                             (double)in[i], (double)out[v][i], expected);
        }
    }
}

static double any_error(float got, float in, double expected) {
    (void)in;
    return ulp_error(got, expected);
}
static double exp2_error(float got, float in, double expected) {
    bool is_bounded = !(expected < 0x1p-126) && !isinf(in) && !(in >= 127.5f && in < 128);
    return is_bounded ? ulp_error(got, expected) : 0;
}
static double silu_error(float got, float in, double expected) {
    return in < -87 ? 0 : ulp_error(got, expected);
}
static double one_less_exp_error(float got, float in, double expected) {
    return in < 0 ? 0 : ulp_error(got, expected);
}
static double silu_slope_error(float got, float in, double expected) {
    if (isnan(in))
        return isnan(got) ? 0 : INFINITY;
    /* s (1 + |v| (1 - s)) */
    double size = in > 0 ? expected : 2 / (1 + exp(-(double)in)) - expected;
    return in < -87 || isinf(in) ? 0 : fabs((double)got - expected) / size;
}

static void test_exp2(void **state) {
    (void)state;
    check_all("exp2", apply_exp2, exp2, exp2_error, 1);
}
static void test_softplus(void **state) {
    (void)state;
    check_all("softplus", apply_softplus, softplus, any_error, 4);
}
static void test_silu(void **state) {
    (void)state;
    check_all("silu", apply_silu, silu, silu_error, 3);
}
static void test_one_less_exp(void **state) {
    (void)state;
    check_all("1 - e^-d", apply_one_less_exp, one_less_exp, one_less_exp_error, 1);
}
static void test_silu_slope(void **state) {
    (void)state;
    check_all("slope of silu", apply_silu_slope, silu_slope, silu_slope_error, 3e-7);
}

/* Below the bounds' ranges: small or 0, of the right sign. */
static void test_underflow(void **state) {
    (void)state;
    static float in[WIDTH], out[WIDTH];
    for (size_t v = 0; v < n_variant; v++) {
        for (size_t i = 0; i < WIDTH; i++)
            in[i] = i ? -87 - (float)i / 64 : -FLT_MAX;
        apply_silu(&variants[v], in, out);
        for (size_t i = 0; i < WIDTH; i++)
            check_near(variants[v].cpu, out[i], silu((double)in[i]), 3e-37);
        apply_silu_slope(&variants[v], in, out);
        for (size_t i = 0; i < WIDTH; i++)
            check_near(variants[v].cpu, out[i], silu_slope((double)in[i]), 3e-37);
        for (size_t i = 0; i < WIDTH; i++)
            in[i] -= 40;
        apply_exp2(&variants[v], in, out);
        for (size_t i = 0; i < WIDTH; i++)
            assert_true(out[i] >= 0 && out[i] < 0x1p-126f);
    }
}

int main(void) {
    n_variant = list_variants(variants);
    for (size_t i = 0; i < WIDTH; i++)
        one[i] = 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp2),       cmocka_unit_test(test_softplus),
        cmocka_unit_test(test_silu),       cmocka_unit_test(test_one_less_exp),
        cmocka_unit_test(test_silu_slope), cmocka_unit_test(test_underflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
