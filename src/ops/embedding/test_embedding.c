#include "ops/embedding/embedding.h"

#include "ops/test_variants.h"

enum { VOCAB = 9, WIDTH = 13, N_TOKEN = 5 };

static const int32_t ids[N_TOKEN] = {8, 0, 3, 3, 7};

/* A weight of `dtype` that starts at an odd address, its rows read back through `value`. */
static void check(dm_dtype dtype, float (*value)(size_t element)) {
    unsigned char bytes[VOCAB * WIDTH * 4 + 1];
    for (size_t i = 0; i < VOCAB * WIDTH; i++) {
        float exact = value(i);
        uint16_t half =
            dtype == DM_DTYPE_BF16 ? dm_bf16_from_float(exact) : dm_f16_from_float(exact);
        memcpy(bytes + 1 + i * dm_dtype_size(dtype),
               dtype == DM_DTYPE_F32 ? (const void *)&exact : (const void *)&half,
               dm_dtype_size(dtype));
    }
    float *out = new_floats(N_TOKEN * WIDTH);
    struct dm_embedding op = {
        .d_model = WIDTH, .weight = bytes + 1, .dtype = dtype, .ids = ids, .out = out};
    dm_embedding_forward(&op, 2, 0);
    dm_embedding_forward(&op, 1, 3);
    for (size_t i = 0; i < N_TOKEN * WIDTH; i++) {
        size_t t = i / WIDTH;
        if (t == 0 || t == N_TOKEN - 1)
            assert_true(is_untouched(&out[i]));
        else
            assert_true(out[i] == value((size_t)ids[t] * WIDTH + i % WIDTH));
    }
    free_floats(out, N_TOKEN * WIDTH);
}

static float third(size_t element) {
    return (float)element / 3;
}
static float eighth(size_t element) { /* exact in all types */
    return (float)element / 8;
}

static void test_types(void **state) {
    (void)state;
    check(DM_DTYPE_F32, third);
    check(DM_DTYPE_BF16, eighth);
    check(DM_DTYPE_F16, eighth);
}

/* Rows of two blocks: block b has the scale b + 1, and steps from -8 to 7. */
static void test_blocks(void **state) {
    enum { N_BLOCK = 2, BLOCK_BYTES = 18, BLOCK = 32 };
    unsigned char bytes[VOCAB * N_BLOCK * BLOCK_BYTES + 1];
    float out[N_TOKEN * N_BLOCK * BLOCK];
    for (size_t b = 0; b < VOCAB * N_BLOCK; b++) {
        unsigned char *block = bytes + 1 + b * BLOCK_BYTES;
        uint16_t scale = dm_f16_from_float((float)(b + 1));
        memcpy(block, &scale, sizeof scale);
        for (size_t i = 0; i < BLOCK / 2; i++)
            block[2 + i] = (unsigned char)(i | i << 4);
    }
    const struct dm_embedding op = {.d_model = N_BLOCK * BLOCK,
                                    .weight = bytes + 1,
                                    .blocks = &dm_blocks_q4_0,
                                    .ids = ids,
                                    .out = out};
    dm_embedding_forward(&op, 0, N_TOKEN);
    for (size_t t = 0; t < N_TOKEN; t++)
        for (size_t i = 0; i < N_BLOCK * BLOCK; i++) {
            size_t block = (size_t)ids[t] * N_BLOCK + i / BLOCK;
            assert_true(out[t * N_BLOCK * BLOCK + i] ==
                        (float)(block + 1) * ((float)(i % (BLOCK / 2)) - 8));
        }
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_types), cmocka_unit_test(test_blocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
