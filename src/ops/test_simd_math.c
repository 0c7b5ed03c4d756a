/* The functions of simd_math.h over all floats, through the operations that they serve: silu is a
 * convolution of width 1, 2^t the decay of a state that gets no input. */
#include "ops/test_variants.h"

enum { WIDTH = 4096, STEP = 257, N_ROUND = (int)(UINT32_MAX / ((uint64_t)STEP * WIDTH)) + 1 };

static struct dm_ops variants[MOST_VARIANTS];
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
    struct dm_causal_conv1d op = {1, WIDTH, 1, single, in, one, NULL, &no_state, out};
    ops->causal_conv1d(&op, 0, WIDTH);
}

static void apply_exp2(const struct dm_ops *ops, const float *in, float *out) {
    static const float BC[2];
    static float ln2[WIDTH], y[WIDTH]; /* ln 2 rounds to a float that the variants turn into 1 */
    for (size_t i = 0; i < WIDTH; i++)
        ln2[i] = 0x1.62e430p-1f, out[i] = 1;
    struct dm_selective_scan op = {1,  WIDTH, 1,    single, zero, in,  ln2,
                                   BC, zero,  zero, &out,   y,    NULL};
    ops->selective_scan(&op, 0, WIDTH);
}

static double softplus(double v) {
    return v > 0 ? v + log1p(exp(-v)) : log1p(exp(v));
}
static double silu(double v) {
    return v / (1 + exp(-v));
}

/* Every STEP-th float: the largest error of `apply` in ulp, as far as `has_bound` holds. */
static void check_all(const char *name, function *apply, double (*truth)(double),
                      bool (*has_bound)(float in, double expected), double bound) {
    static float in[WIDTH], out[MOST_VARIANTS][WIDTH];
    uint32_t bits = 0;
    for (int round = 0; round < N_ROUND; round++) {
        for (size_t i = 0; i < WIDTH; i++, bits += STEP)
            in[i] = dm_float_from_bits(bits);
        for (size_t v = 1; v < n_variant; v++)
            apply(&variants[v], in, out[v]);
        for (size_t i = 0; i < WIDTH; i++) {
            double expected = truth((double)in[i]);
            if (!has_bound(in[i], expected))
                continue;
            for (size_t v = 1; v < n_variant; v++)
                if (!(ulp_error(out[v][i], expected) <= bound))
                    fail_msg("%s of %s at %a: %a, expected %a", name, variants[v].cpu,
                             (double)in[i], (double)out[v][i], expected);
        }
    }
}

static bool is_bounded(float in, double expected) {
    return !(expected < 0x1p-126) && !isinf(in) && !(in >= 127.5f && in < 128);
}
static bool is_any(float in, double expected) {
    (void)in, (void)expected;
    return true;
}
static bool is_above_limit(float in, double expected) {
    (void)expected;
    return !(in < -87);
}

static void test_exp2(void **state) {
    (void)state;
    check_all("exp2", apply_exp2, exp2, is_bounded, 1);
}
static void test_softplus(void **state) {
    (void)state;
    check_all("softplus", apply_softplus, softplus, is_any, 4);
}
static void test_silu(void **state) {
    (void)state;
    check_all("silu", apply_silu, silu, is_above_limit, 3);
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
        cmocka_unit_test(test_exp2),
        cmocka_unit_test(test_softplus),
        cmocka_unit_test(test_silu),
        cmocka_unit_test(test_underflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
