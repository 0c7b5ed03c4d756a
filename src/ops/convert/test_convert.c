#include "ops/test_variants.h"

static struct dm_ops variants[MAX_VARIANTS];
static size_t n_variant;

/* Floats of every kind: each upper half with lower halves around a tie. */
static void test_bf16(void **state) {
    (void)state;
    enum { N = 65536 };
    static const uint32_t low[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    static float x[N];
    static uint16_t y[N];
    static uint32_t pairs[N];
    for (size_t v = 0; v < n_variant; v++)
        for (size_t k = 0; k < sizeof low / sizeof *low; k++) {
            for (uint32_t i = 0; i < N; i++)
                x[i] = dm_float_from_bits(i << 16 | low[k]);
            variants[v].convert.bf16_from_floats(x, N, y);
            variants[v].convert.bf16_pairs(x, x + 1, N - 1, pairs);
            for (uint32_t i = 0; i < N; i++) {
                uint16_t expected = dm_bf16_from_float(x[i]);
                if (y[i] != expected)
                    fail_msg("%s: %08x becomes %04x, not %04x", variants[v].cpu, i << 16 | low[k],
                             y[i], expected);
            }
            for (uint32_t i = 0; i + 1 < N; i++)
                assert_int_equal(pairs[i], y[i] | (uint32_t)y[i + 1] << 16);
        }
}

/* Nothing beside the n results is written; nor is there a second row of pairs to read. */
static void test_lengths(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 3);
    for (size_t v = 0; v < n_variant; v++)
        for (size_t n = 0; n < 70; n++) {
            float *a = random_floats(&random, n, 0, 1), *b = random_floats(&random, n, 0, 1);
            uint16_t y[70 + 1];
            uint32_t pairs[70 + 1];
            y[n] = 12345, pairs[n] = 12345;
            variants[v].convert.bf16_from_floats(a, n, y);
            variants[v].convert.bf16_pairs(a, b, n, pairs);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(y[i], dm_bf16_from_float(a[i]));
                assert_int_equal(pairs[i], y[i] | (uint32_t)dm_bf16_from_float(b[i]) << 16);
            }
            variants[v].convert.bf16_pairs(a, NULL, n, pairs);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(pairs[i], y[i]);
            assert_true(y[n] == 12345 && pairs[n] == 12345);
            free_floats(a, n);
            free_floats(b, n);
        }
}

/* By the formula, with the bits of the reference; nothing beside the n results is written. */
static void test_bytes(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 4);
    for (size_t v = 0; v < n_variant; v++)
        for (size_t n = 0; n < 70; n++) {
            float *x = random_floats(&random, n, 0, 1);
            uint8_t bytes[70 + 1], plain[70 + 1];
            bytes[n] = 77;
            float row = variants[v].convert.bytes_from_floats(x, n, bytes);
            assert_true(row == dm_bytes_from_floats_reference(x, n, plain) && bytes[n] == 77);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(bytes[i], plain[i]);
                assert_true(fabsf(x[i] - row * ((float)bytes[i] - 128)) <= 0.501f * row);
            }
            free_floats(x, n);
        }
}

/* The largest becomes 1 or 255; zeros, and what is nearly zero, 128; what is not finite spoils all.
 */
static void test_byte_edges(void **state) {
    (void)state;
    enum { N = 21 };
    for (size_t v = 0; v < n_variant; v++) {
        uint8_t bytes[N];
        float x[N] = {0};
        const struct dm_convert *convert = &variants[v].convert;
        assert_true(convert->bytes_from_floats(x, N, bytes) == 0);
        x[3] = 1e-38f;
        assert_true(convert->bytes_from_floats(x, N, bytes) == 0);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(bytes[i], 128);
        x[3] = -FLT_MAX;
        assert_true(convert->bytes_from_floats(x, N, bytes) == FLT_MAX / 127);
        assert_int_equal(bytes[3], 1);
        x[20] = FLT_MAX / 127 * 2; /* two steps */
        convert->bytes_from_floats(x, N, bytes);
        assert_int_equal(bytes[20], 130);
        x[20] = INFINITY;
        assert_true(isnan(convert->bytes_from_floats(x, N, bytes)));
        x[20] = NAN;
        assert_true(isnan(convert->bytes_from_floats(x, N, bytes)));
    }
}

/* Of a part of a larger matrix into a part of another. */
static void check_transpose(const struct dm_ops *ops, size_t n_row, size_t n_column) {
    size_t x_step = n_column + 3, y_step = n_row + 2;
    float *x = new_floats(n_row * x_step), *y = new_floats(n_column * y_step);
    for (size_t i = 0; i < n_row * x_step; i++)
        x[i] = dm_float_from_bits((uint32_t)i * 2654435761u); /* NaN too, of either kind */
    ops->convert.transpose(x, x_step, n_row, n_column, y, y_step);
    for (size_t c = 0; c < n_column; c++)
        for (size_t r = 0; r < y_step; r++)
            if (r < n_row ? dm_float_bits(y[c * y_step + r]) != dm_float_bits(x[r * x_step + c])
                          : !is_untouched(&y[c * y_step + r]))
                fail_msg("%s, %zu x %zu: wrong at row %zu, column %zu", ops->cpu, n_row, n_column,
                         r, c);
    free_floats(x, n_row * x_step);
    free_floats(y, n_column * y_step);
}

static void test_transpose(void **state) {
    (void)state;
    for (size_t v = 0; v < n_variant; v++)
        for (size_t n_row = 0; n_row < 35; n_row++)
            for (size_t n_column = 0; n_column < 11; n_column++)
                check_transpose(&variants[v], n_row, n_column);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bf16),      cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_bytes),     cmocka_unit_test(test_byte_edges),
        cmocka_unit_test(test_transpose),
    };
    n_variant = list_variants(variants);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
