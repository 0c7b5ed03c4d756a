#include "ops/test_variants.h"

enum { N_SEQUENCE = 6, N_TOKEN = 25, MOST_CONV = 5 };

static const size_t start[N_SEQUENCE + 1] = {0, 3, 3, 4, 5, N_TOKEN - 2, N_TOKEN};
static struct dm_ops variants[MAX_VARIANTS];
static size_t n_variant;

struct batch {
    struct dm_causal_conv1d op;
    size_t n_state; /* floats per state */
    float *x, *weight, *bias, *y, *first[N_SEQUENCE], *state[N_SEQUENCE];
};

static void batch_new(struct batch *b, struct dm_random *random, size_t d_inner, size_t d_conv) {
    b->n_state = (d_conv - 1) * d_inner;
    b->x = random_floats(random, N_TOKEN * d_inner, 0, 1);
    b->weight = random_floats(random, d_conv * d_inner, 0, 1);
    b->bias = random_floats(random, d_inner, 0, 1);
    b->y = new_floats(N_TOKEN * d_inner);
    for (size_t s = 0; s < N_SEQUENCE; s++) {
        b->first[s] = random_floats(random, b->n_state, 0, 1);
        b->state[s] = copied_floats(b->first[s], b->n_state);
    }
    b->op = (struct dm_causal_conv1d){.n_sequence = N_SEQUENCE,
                                      .d_inner = d_inner,
                                      .d_conv = d_conv,
                                      .start = start,
                                      .x = {b->x, 0, d_inner},
                                      .weight = b->weight,
                                      .bias = b->bias,
                                      .conv_state = b->state,
                                      .y = b->y};
}

static void batch_rewind(struct batch *b) {
    for (size_t s = 0; s < N_SEQUENCE; s++)
        memcpy(b->state[s], b->first[s], b->n_state * sizeof(float));
    for (size_t i = 0; i < N_TOKEN * b->op.d_inner; i++)
        b->y[i] = dm_float_from_bits(GUARD_BITS);
}

static void batch_free(struct batch *b) {
    free_floats(b->x, N_TOKEN * b->op.d_inner);
    free_floats(b->weight, b->op.d_conv * b->op.d_inner);
    free_floats(b->bias, b->op.d_inner);
    free_floats(b->y, N_TOKEN * b->op.d_inner);
    for (size_t s = 0; s < N_SEQUENCE; s++) {
        free_floats(b->first[s], b->n_state);
        free_floats(b->state[s], b->n_state);
    }
}

/* What the convolution sees at token t of a sequence; t < 0: of its initial state. */
static float input(const struct batch *b, size_t s, ptrdiff_t t, size_t c) {
    return t < 0 ? b->first[s][(size_t)(t + (ptrdiff_t)b->op.d_conv - 1) * b->op.d_inner + c]
                 : b->x[(start[s] + (size_t)t) * b->op.d_inner + c];
}

static void check_channel(const struct batch *b, const char *cpu, size_t s, size_t c) {
    ptrdiff_t n = (ptrdiff_t)(start[s + 1] - start[s]), d_conv = (ptrdiff_t)b->op.d_conv;
    for (ptrdiff_t t = 0; t < n; t++) {
        double sum = b->op.bias ? b->op.bias[c] : 0, size = fabs(sum);
        for (ptrdiff_t k = 0; k < d_conv; k++) {
            double term = (double)b->weight[(size_t)k * b->op.d_inner + c] *
                          input(b, s, t - (d_conv - 1) + k, c);
            sum += term;
            size += fabs(term);
        }
        check_near(cpu, b->y[(start[s] + (size_t)t) * b->op.d_inner + c], sum / (1 + exp(-sum)),
                   6e-7 * size);
    }
    for (ptrdiff_t k = 0; k < d_conv - 1; k++)
        assert_true(b->state[s][(size_t)k * b->op.d_inner + c] ==
                    input(b, s, n - (d_conv - 1) + k, c));
}

static void check(struct batch *b, size_t channel, size_t n_channel) {
    size_t d_inner = b->op.d_inner;
    for (size_t v = 0; v < n_variant; v++) {
        batch_rewind(b);
        variants[v].causal_conv1d(&b->op, channel, n_channel);
        for (size_t c = 0; c < d_inner; c++) {
            bool is_inside = c >= channel && c < channel + n_channel;
            for (size_t s = 0; s < N_SEQUENCE && is_inside; s++)
                check_channel(b, variants[v].cpu, s, c);
            for (size_t i = c; i < N_TOKEN * d_inner && !is_inside; i += d_inner)
                assert_true(is_untouched(&b->y[i]));
            for (size_t s = 0; s < N_SEQUENCE && !is_inside; s++)
                for (size_t i = c; i < b->n_state; i += d_inner)
                    assert_true(b->state[s][i] == b->first[s][i]);
        }
    }
}

static void test_formula(void **state) {
    (void)state;
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 11);
    for (size_t width = 1; width <= 67; width++)
        for (size_t d_conv = 1; d_conv <= MOST_CONV; d_conv++) {
            size_t channel = (size_t)dm_random_below(&random, width);
            batch_new(&b, &random, width, d_conv);
            check(&b, 0, width);
            b.op.bias = NULL;
            check(&b, channel, (size_t)dm_random_below(&random, width - channel + 1));
            batch_free(&b);
        }
}

/* Random blocks of channels, random pieces of each sequence with the state carried: same bits. */
static void test_split(void **state) {
    (void)state;
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 12);
    for (size_t round = 0; round < 20; round++) {
        batch_new(&b, &random, 1 + (size_t)dm_random_below(&random, 90), 1 + round % MOST_CONV);
        size_t n = N_TOKEN * b.op.d_inner;
        for (size_t v = 0; v < n_variant; v++) {
            batch_rewind(&b);
            variants[v].causal_conv1d(&b.op, 0, b.op.d_inner);
            float *whole = copied_floats(b.y, n);
            batch_rewind(&b);
            for (size_t c = 0, width; c < b.op.d_inner; c += width) {
                width = 1 + (size_t)dm_random_below(&random, b.op.d_inner - c);
                float *view = copied_channels(b.x, N_TOKEN, b.op.d_inner, c, width);
                for (size_t s = 0; s < N_SEQUENCE; s++)
                    for (size_t piece[] = {start[s], 0}; piece[0] < start[s + 1];
                         piece[0] = piece[1]) {
                        struct dm_causal_conv1d op = b.op;
                        piece[1] = piece[0] + 1 +
                                   (size_t)dm_random_below(&random, start[s + 1] - piece[0]);
                        op.n_sequence = 1, op.start = piece, op.conv_state = &b.state[s];
                        op.x = (struct dm_channel_view){view, c, width};
                        variants[v].causal_conv1d(&op, c, width);
                    }
                free_floats(view, N_TOKEN * width);
            }
            assert_memory_equal(whole, b.y, n * sizeof *whole);
            for (size_t s = 0; s < N_SEQUENCE; s++)
                for (size_t c = 0; c < b.op.d_inner; c++)
                    check_channel(&b, variants[v].cpu, s, c);
            free_floats(whole, n);
        }
        batch_free(&b);
    }
}

/* A NaN touches its channel and the d_conv tokens that see it; sums beyond float32 are infinite. */
static void test_edges(void **state) {
    (void)state;
    enum { WIDTH = 19 };
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 13);
    batch_new(&b, &random, WIDTH, 4);
    b.x[7 * WIDTH + 3] = NAN;
    for (size_t t = 0; t < N_TOKEN; t++) {
        b.x[t * WIDTH + 11] = 3e38f;
        b.x[t * WIDTH + 12] = 0x1p-140f;
    }
    for (size_t k = 0; k < 4; k++) {
        b.weight[k * WIDTH + 11] = 2;
        b.weight[k * WIDTH + 12] = 1;
    }
    b.bias[12] = 0;
    for (size_t v = 0; v < n_variant; v++) {
        batch_rewind(&b);
        variants[v].causal_conv1d(&b.op, 0, WIDTH);
        for (size_t i = 0; i < N_TOKEN * WIDTH; i++) {
            size_t t = i / WIDTH, c = i % WIDTH;
            assert_int_equal(isnan(b.y[i]) != 0, c == 3 && t >= 7 && t < 11);
            if (c == 11)
                assert_true(b.y[i] == INFINITY);
        }
        assert_true(b.y[10 * WIDTH + 12] == 0x1p-139f); /* 4 x, halved: denormals count */
    }
    b.op.n_sequence = 0;
    for (size_t v = 0; v < n_variant; v++)
        variants[v].causal_conv1d(&b.op, 0, WIDTH);
    batch_free(&b);
}

/* The gradients, so that a loop can go over them: of x, of the weight, of the bias and, end to end,
 * of the states. */
enum { DX, DWEIGHT, DBIAS, DSTATE, N_GRADIENT };

struct gradients {
    size_t n[N_GRADIENT];
    float *of[N_GRADIENT];
};

static void gradients_free(struct gradients *g) {
    for (size_t i = 0; i < N_GRADIENT; i++)
        free_floats(g->of[i], g->n[i]);
}

/* What backward finds: guards in dx, which it overwrites, something in the others. */
static struct gradients gradients_start(const struct batch *b, struct dm_random *random) {
    size_t d_inner = b->op.d_inner;
    struct gradients g = {
        {N_TOKEN * d_inner, b->op.d_conv * d_inner, d_inner, N_SEQUENCE * b->n_state}, {0}};
    g.of[DX] = new_floats(g.n[DX]);
    for (size_t i = DWEIGHT; i < N_GRADIENT; i++)
        g.of[i] = random_floats(random, g.n[i], 0, 1);
    return g;
}

/* What it leaves, without the states' gradients unless `has_state`; channels channel .. end, in
 * random parts unless `random` is NULL. */
static struct gradients backward(const struct dm_ops *ops, const struct batch *b, const float *dy,
                                 const struct gradients *before, bool has_state, size_t channel,
                                 size_t end, struct dm_random *random) {
    struct gradients g = *before;
    float *states[N_SEQUENCE];
    for (size_t i = 0; i < N_GRADIENT; i++)
        g.of[i] = copied_floats(before->of[i], g.n[i]);
    for (size_t s = 0; s < N_SEQUENCE; s++)
        states[s] = g.of[DSTATE] + s * b->n_state;
    struct dm_causal_conv1d_grad grad = {.dy = dy,
                                         .dx = g.of[DX],
                                         .dweight = g.of[DWEIGHT],
                                         .dbias = b->op.bias ? g.of[DBIAS] : NULL,
                                         .dconv_state = has_state ? states : NULL};
    for (size_t c = channel, part; c < end; c += part) {
        part = random ? 1 + (size_t)dm_random_below(random, end - c) : end - c;
        ops->causal_conv1d_backward(&b->op, &grad, c, part);
    }
    return g;
}

/* Near the reference, which the gradient tests prove, and the same bits whatever the parts; other
 * channels, and the states themselves, stay as they were. */
static void check_backward(struct batch *b, struct dm_random *random, bool has_state,
                           size_t channel, size_t end) {
    float *dy = random_floats(random, N_TOKEN * b->op.d_inner, 0, 1);
    struct gradients before = gradients_start(b, random), expected = {0};
    batch_rewind(b);
    for (size_t v = 0; v < n_variant; v++) {
        struct gradients got =
            backward(&variants[v], b, dy, &before, has_state, channel, end, NULL);
        struct gradients parts =
            backward(&variants[v], b, dy, &before, has_state, channel, end, random);
        for (size_t i = 0; i < N_GRADIENT; i++) {
            assert_memory_equal(got.of[i], parts.of[i], got.n[i] * sizeof(float));
            for (size_t at = 0; at < got.n[i]; at++) {
                float *value = &got.of[i][at];
                if (at % b->op.d_inner < channel || at % b->op.d_inner >= end)
                    assert_memory_equal(value, &before.of[i][at], sizeof *value);
                else if (v > 0 && *value != expected.of[i][at])
                    check_near(variants[v].cpu, *value, (double)expected.of[i][at],
                               4e-6 * (1 + fabs((double)expected.of[i][at])));
            }
        }
        gradients_free(&parts);
        if (v == 0)
            expected = got;
        else
            gradients_free(&got);
    }
    for (size_t s = 0; s < N_SEQUENCE; s++)
        assert_memory_equal(b->state[s], b->first[s], b->n_state * sizeof(float));
    gradients_free(&expected);
    gradients_free(&before);
    free_floats(dy, N_TOKEN * b->op.d_inner);
}

static void test_backward(void **state) {
    (void)state;
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 14);
    for (size_t width = 1; width <= 67; width++)
        for (size_t d_conv = 1; d_conv <= MOST_CONV; d_conv++) {
            size_t channel = (size_t)dm_random_below(&random, width);
            batch_new(&b, &random, width, d_conv);
            check_backward(&b, &random, true, 0, width);
            check_backward(&b, &random, false, 0, width);
            b.op.bias = NULL;
            check_backward(&b, &random, true, channel,
                           channel + (size_t)dm_random_below(&random, width - channel + 1));
            batch_free(&b);
        }
}

/* Sums that are huge, tiny, infinite or no number: as in the reference, each in its own channel. */
static void test_backward_edges(void **state) {
    (void)state;
    enum { WIDTH = 19 };
    static const float value[] = {1e30f, -1e30f, 0x1p-140f, 0, 3e38f};
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 15);
    batch_new(&b, &random, WIDTH, 4);
    for (size_t c = 0; c < 5; c++) {
        for (size_t t = 0; t < N_TOKEN; t++)
            b.x[t * WIDTH + c] = value[c];
        for (size_t k = 0; k < 4; k++)
            b.weight[k * WIDTH + c] = 1;
        b.bias[c] = 0;
    }
    b.x[7 * WIDTH + 17] = NAN;
    check_backward(&b, &random, false, 0, WIDTH);
    float *dy = random_floats(&random, N_TOKEN * WIDTH, 0, 1);
    struct gradients before = gradients_start(&b, &random);
    for (size_t v = 0; v < n_variant; v++) {
        struct gradients g = backward(&variants[v], &b, dy, &before, false, 0, WIDTH, NULL);
        for (size_t t = 5; t + 3 < N_TOKEN - 2; t++) { /* four taps of one sequence see row t */
            float *dx = g.of[DX] + t * WIDTH, sum = 0;
            for (size_t k = 0; k < 4; k++)
                sum += dy[(t + k) * WIDTH];
            check_near(variants[v].cpu, dx[0], (double)sum, 1e-6);
            assert_true(dx[1] == 0);
            assert_true(isnan(dx[4]) && !isnan(dx[16]) && !isnan(dx[18]));
            assert_int_equal(isnan(dx[17]) != 0, t >= 4 && t <= 10);
        }
        assert_true(g.of[DWEIGHT][1] == before.of[DWEIGHT][1] && isnan(g.of[DWEIGHT][17]));
        gradients_free(&g);
        b.op.n_sequence = 0;
        g = backward(&variants[v], &b, dy, &before, true, 0, WIDTH, NULL);
        for (size_t i = 0; i < N_GRADIENT; i++)
            assert_memory_equal(g.of[i], before.of[i], g.n[i] * sizeof(float));
        gradients_free(&g);
        b.op.n_sequence = N_SEQUENCE;
    }
    gradients_free(&before);
    free_floats(dy, N_TOKEN * WIDTH);
    batch_free(&b);
}

int main(void) {
    n_variant = list_variants(variants);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),        cmocka_unit_test(test_split),
        cmocka_unit_test(test_edges),          cmocka_unit_test(test_backward),
        cmocka_unit_test(test_backward_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
