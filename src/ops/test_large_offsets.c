/* Rows whose offsets do not fit 32 bits: the same bits as at row 0. The arrays are mapped without
 * memory behind them, and only the rows at work are touched. */
#include "ops/test_variants.h"

#include <sys/mman.h>

#include "ops/embedding/embedding.h"
#include "ops/select_tokens/token_hash.h"

/* Byte offsets of more than 2^34, even those of single floats. */
static const size_t far_row = ((size_t)1 << 32) + 7;
enum { N_TOKEN = 70, WIDTH = 5, N_STATE = 3, N_TAP = 4 };

static struct dm_ops variants[MAX_VARIANTS];
static size_t n_variant;
static struct dm_random random_state;

/* An array [far_row + N_TOKEN, width] of zeros, and where its rows at work begin. */
struct vast {
    float *base, *rows;
    size_t n_byte;
};

static struct vast map_rows(size_t n_row, size_t width, size_t row) {
    struct vast vast = {.n_byte = n_row * width * sizeof(float)};
    void *bytes = mmap(NULL, vast.n_byte, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED)
        fail_msg("cannot map %zu bytes", vast.n_byte);
    vast.base = bytes;
    vast.rows = vast.base + row * width;
    return vast;
}

static struct vast new_vast(size_t width) {
    return map_rows(far_row + N_TOKEN, width, far_row);
}

static void free_vast(struct vast vast) {
    assert_int_equal(munmap(vast.base, vast.n_byte), 0);
}

/* `width` random columns of N_TOKEN rows, near and far. */
static struct vast fill(float *near, size_t width) {
    struct vast vast = new_vast(width);
    for (size_t i = 0; i < N_TOKEN * width; i++)
        vast.rows[i] = near[i] = (float)dm_random_normal(&random_state);
    return vast;
}

static void expect_rows(const char *what, struct vast far, const float *near, size_t width) {
    if (memcmp(far.rows, near, N_TOKEN * width * sizeof *near) != 0)
        fail_msg("%s: the rows differ", what);
}

/* ---- Token by token ---- */

static void test_rms_norm(void **state) {
    (void)state;
    float x[N_TOKEN * WIDTH], y[N_TOKEN * WIDTH], weight[WIDTH] = {1, -2, 3, 0.5f, 7};
    struct vast far_x = fill(x, WIDTH), far_y = new_vast(WIDTH);
    for (size_t v = 0; v < n_variant; v++) {
        struct dm_rms_norm near = {
            .width = WIDTH, .stride = WIDTH, .epsilon = 1e-5f, .x = x, .weight = weight, .y = y};
        struct dm_rms_norm far = {.width = WIDTH,
                                  .stride = WIDTH,
                                  .epsilon = 1e-5f,
                                  .x = far_x.base,
                                  .weight = weight,
                                  .y = far_y.base};
        variants[v].rms_norm(&near, 0, N_TOKEN);
        variants[v].rms_norm(&far, far_row, N_TOKEN);
        expect_rows(variants[v].cpu, far_y, y, WIDTH);
    }
    free_vast(far_x);
    free_vast(far_y);
}

static void test_softplus(void **state) {
    (void)state;
    float x[N_TOKEN * WIDTH], bias[WIDTH] = {0.1f, -3, 2, 0, 30};
    for (size_t v = 0; v < n_variant; v++) {
        struct vast far_x = fill(x, WIDTH);
        struct dm_softplus near = {WIDTH, bias, x}, far = {WIDTH, bias, far_x.base};
        variants[v].softplus(&near, 0, N_TOKEN);
        variants[v].softplus(&far, far_row, N_TOKEN);
        expect_rows(variants[v].cpu, far_x, x, WIDTH);
        free_vast(far_x);
    }
}

static void test_token_score(void **state) {
    (void)state;
    static const uint32_t channels[] = {1, 4};
    float x[N_TOKEN * WIDTH], score[N_TOKEN];
    struct vast far_x = fill(x, WIDTH), far_score = new_vast(1);
    for (size_t v = 0; v < n_variant; v++)
        for (size_t kind = 0; kind < 3; kind++) {
            struct dm_token_score near = {.width = WIDTH,
                                          .squared = kind != 1,
                                          .values = x,
                                          .channels = kind == 2 ? channels : NULL,
                                          .n_channel = 2,
                                          .score = score};
            struct dm_token_score far = near;
            far.values = far_x.base;
            far.score = far_score.base;
            variants[v].token_score(&near, 0, N_TOKEN);
            variants[v].token_score(&far, far_row, N_TOKEN);
            expect_rows(variants[v].cpu, far_score, score, 1);
        }
    free_vast(far_x);
    free_vast(far_score);
}

/* The last ids that there can be, of a table of 2^31 rows. */
static void test_embedding(void **state) {
    (void)state;
    struct vast table = map_rows((size_t)1 << 31, WIDTH, ((size_t)1 << 31) - N_TOKEN);
    struct vast out = new_vast(WIDTH);
    float near[N_TOKEN * WIDTH];
    struct vast ids = map_rows(far_row + N_TOKEN, 1, far_row);
    int32_t *all_ids = (void *)ids.base;
    for (size_t i = 0; i < N_TOKEN * WIDTH; i++)
        table.rows[i] = near[i] = (float)dm_random_normal(&random_state);
    for (size_t t = 0; t < N_TOKEN; t++)
        all_ids[far_row + t] = INT32_MAX - (int32_t)(N_TOKEN - 1 - t);
    const struct dm_embedding op = {.d_model = WIDTH,
                                    .weight = table.base,
                                    .dtype = DM_DTYPE_F32,
                                    .ids = all_ids,
                                    .out = out.base};
    dm_embedding_forward(&op, far_row, N_TOKEN);
    expect_rows("embedding", out, near, WIDTH);
    free_vast(table);
    free_vast(out);
    free_vast(ids);
}

static void test_adamw(void **state) {
    (void)state;
    float value[N_TOKEN], gradient[N_TOKEN], m[N_TOKEN], second[N_TOKEN];
    for (size_t v = 0; v < n_variant; v++) {
        struct vast far_value = fill(value, 1), far_gradient = fill(gradient, 1);
        struct vast far_m = fill(m, 1), far_second = new_vast(1);
        memset(second, 0, sizeof second);
        struct dm_adamw near = {.learning_rate = 1e-3,
                                .beta1 = 0.9,
                                .beta2 = 0.99,
                                .epsilon = 1e-8,
                                .weight_decay = 0.1,
                                .gradient_scale = 0.5,
                                .step = 3,
                                .gradient = gradient,
                                .value = value,
                                .m = m,
                                .v = second};
        struct dm_adamw far = near;
        far.gradient = far_gradient.base, far.value = far_value.base;
        far.m = far_m.base, far.v = far_second.base;
        variants[v].adamw(&near, 0, N_TOKEN);
        variants[v].adamw(&far, far_row, N_TOKEN);
        expect_rows(variants[v].cpu, far_value, value, 1);
        expect_rows(variants[v].cpu, far_m, m, 1);
        expect_rows(variants[v].cpu, far_second, second, 1);
        free_vast(far_value);
        free_vast(far_gradient);
        free_vast(far_m);
        free_vast(far_second);
    }
}

/* The draws beyond 2^32, each from its own number. */
static void test_token_hash(void **state) {
    (void)state;
    float score[N_TOKEN];
    dm_token_hash(far_row, N_TOKEN, score);
    for (size_t t = 0; t < N_TOKEN; t++) {
        uint64_t z = (far_row + t + 1) * 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        assert_true(score[t] == (float)((double)((z ^ (z >> 31)) >> 40) / 0x1p24));
    }
}

/* ---- Along a sequence: start[] beyond 2^32 ---- */

static const size_t near_start[] = {0, N_TOKEN};
static size_t far_start[2];

/* Forward and back: y, the final state, dx and the gradients of the weights. */
static void check_convolution(const struct dm_ops *ops) {
    float x[N_TOKEN * WIDTH], y[N_TOKEN * WIDTH], dy[N_TOKEN * WIDTH], dx[N_TOKEN * WIDTH];
    float weight[N_TAP * WIDTH], bias[WIDTH] = {0}, states[2][(N_TAP - 1) * WIDTH];
    float dweight[2][N_TAP * WIDTH] = {{0}}, dbias[2][WIDTH] = {{0}};
    struct vast far_x = fill(x, WIDTH), far_dy = fill(dy, WIDTH);
    struct vast far_y = new_vast(WIDTH), far_dx = new_vast(WIDTH);
    for (size_t i = 0; i < N_TAP * WIDTH; i++)
        weight[i] = (float)dm_random_normal(&random_state);
    for (size_t i = 0; i < (N_TAP - 1) * WIDTH; i++)
        states[0][i] = states[1][i] = (float)i;
    float *const near_state[] = {states[0]}, *const far_state[] = {states[1]};
    struct dm_causal_conv1d near = {.n_sequence = 1,
                                    .d_inner = WIDTH,
                                    .d_conv = N_TAP,
                                    .start = near_start,
                                    .x = {x, 0, WIDTH},
                                    .weight = weight,
                                    .bias = bias,
                                    .conv_state = near_state,
                                    .y = y};
    struct dm_causal_conv1d far = {.n_sequence = 1,
                                   .d_inner = WIDTH,
                                   .d_conv = N_TAP,
                                   .start = far_start,
                                   .x = {far_x.base, 0, WIDTH},
                                   .weight = weight,
                                   .bias = bias,
                                   .conv_state = far_state,
                                   .y = far_y.base};
    struct dm_causal_conv1d_grad near_grad = {
        .dy = dy, .dx = dx, .dweight = dweight[0], .dbias = dbias[0]};
    struct dm_causal_conv1d_grad far_grad = {
        .dy = far_dy.base, .dx = far_dx.base, .dweight = dweight[1], .dbias = dbias[1]};
    ops->causal_conv1d_backward(&near, &near_grad, 0, WIDTH);
    ops->causal_conv1d_backward(&far, &far_grad, 0, WIDTH);
    ops->causal_conv1d(&near, 0, WIDTH);
    ops->causal_conv1d(&far, 0, WIDTH);
    expect_rows(ops->cpu, far_y, y, WIDTH);
    expect_rows(ops->cpu, far_dx, dx, WIDTH);
    assert_memory_equal(states[0], states[1], sizeof states[0]);
    assert_memory_equal(dweight[0], dweight[1], sizeof dweight[0]);
    assert_memory_equal(dbias[0], dbias[1], sizeof dbias[0]);
    free_vast(far_x);
    free_vast(far_y);
    free_vast(far_dx);
    free_vast(far_dy);
}

static void test_causal_conv1d(void **state) {
    (void)state;
    for (size_t v = 0; v < n_variant; v++)
        check_convolution(&variants[v]);
}

/* y, the final state, and the checkpoints, whose places follow from start[] too. */
static void check_scan(const struct dm_ops *ops) {
    enum { N_STATE_FLOAT = N_STATE * WIDTH, N_CHECKPOINT = N_TOKEN / DM_SCAN_CHUNK + 1 };
    float u[N_TOKEN * WIDTH], delta[N_TOKEN * WIDTH], z[N_TOKEN * WIDTH], y[N_TOKEN * WIDTH];
    float BC[N_TOKEN * 2 * N_STATE], A[N_STATE_FLOAT], D[WIDTH] = {1, 2, 3, 4, 5};
    float states[2][N_STATE_FLOAT], checkpoints[N_CHECKPOINT * N_STATE_FLOAT];
    struct vast far_u = fill(u, WIDTH), far_delta = fill(delta, WIDTH), far_z = fill(z, WIDTH);
    struct vast far_BC = fill(BC, 2 * N_STATE), far_y = new_vast(WIDTH);
    size_t first = far_row / DM_SCAN_CHUNK;
    struct vast far_checkpoints = map_rows(first + N_CHECKPOINT, N_STATE_FLOAT, first);
    for (size_t i = 0; i < N_TOKEN * WIDTH; i++)
        far_delta.rows[i] = delta[i] = fabsf(delta[i]);
    for (size_t i = 0; i < N_STATE_FLOAT; i++) {
        A[i] = -(float)(1 + i) / 4;
        states[0][i] = states[1][i] = (float)i;
    }
    float *const near_state[] = {states[0]}, *const far_state[] = {states[1]};
    struct dm_selective_scan near = {.n_sequence = 1,
                                     .d_inner = WIDTH,
                                     .d_state = N_STATE,
                                     .start = near_start,
                                     .u = u,
                                     .delta = {delta, 0, WIDTH},
                                     .A = A,
                                     .BC = BC,
                                     .D = D,
                                     .z = {z, 0, WIDTH},
                                     .ssm_state = near_state,
                                     .y = y,
                                     .checkpoints = checkpoints};
    struct dm_selective_scan far = near;
    far.start = far_start, far.u = far_u.base, far.delta.data = far_delta.base,
    far.BC = far_BC.base;
    far.z.data = far_z.base, far.ssm_state = far_state, far.y = far_y.base;
    far.checkpoints = far_checkpoints.base;
    ops->selective_scan(&near, 0, WIDTH);
    ops->selective_scan(&far, 0, WIDTH);
    expect_rows(ops->cpu, far_y, y, WIDTH);
    assert_memory_equal(states[0], states[1], sizeof states[0]);
    assert_memory_equal(far_checkpoints.rows, checkpoints, sizeof checkpoints);
    struct vast all[] = {far_u, far_delta, far_z, far_BC, far_y, far_checkpoints};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free_vast(all[i]);
}

static void test_selective_scan(void **state) {
    (void)state;
    for (size_t v = 0; v < n_variant; v++)
        check_scan(&variants[v]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rms_norm),      cmocka_unit_test(test_softplus),
        cmocka_unit_test(test_token_score),   cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_adamw),         cmocka_unit_test(test_token_hash),
        cmocka_unit_test(test_causal_conv1d), cmocka_unit_test(test_selective_scan),
    };
    n_variant = list_variants(variants);
    dm_random_seed(&random_state, 17);
    far_start[0] = far_row;
    far_start[1] = far_row + N_TOKEN;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
