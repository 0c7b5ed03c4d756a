#include "ops/selective_scan/test_scan_batch.h"

static struct dm_ops variants[MAX_VARIANTS];
static size_t n_variant;

/* One channel of one sequence by the formula, in double. The tolerance grows with the sum of the
 * absolute values of all terms, which is what rounding errors grow with. */
static void check_channel(const struct batch *b, const char *cpu, size_t s, size_t c) {
    enum { MOST_STATES = 40 };
    double h[MOST_STATES], size[MOST_STATES], tolerance = 3e-6;
    const struct dm_selective_scan *op = &b->op;
    for (size_t n = 0; n < op->d_state; n++) {
        h[n] = b->first[s][n * op->d_inner + c];
        size[n] = fabs(h[n]);
    }
    for (size_t t = b->start[s]; t < b->start[s + 1]; t++) {
        size_t at = t * op->d_inner + c;
        double y = (double)op->D[c] * op->u[at], sum = fabs(y);
        double gate = op->z.data[at] / (1 + exp(-(double)op->z.data[at]));
        for (size_t n = 0; n < op->d_state; n++) {
            double A_bar = exp((double)op->delta.data[at] * op->A[n * op->d_inner + c]);
            double input = (double)op->delta.data[at] * op->u[at] * op->BC[t * 2 * op->d_state + n];
            double C = op->BC[(t * 2 + 1) * op->d_state + n];
            h[n] = A_bar * h[n] + input;
            size[n] = A_bar * size[n] + fabs(input);
            y += C * h[n];
            sum += fabs(C) * size[n];
        }
        check_near(cpu, op->y[at], y * gate, tolerance * sum * fabs(gate));
    }
    for (size_t n = 0; n < op->d_state; n++)
        check_near(cpu, b->state[s][n * op->d_inner + c], h[n], tolerance * size[n] + 1e-37);
}

/* Every variant on channels [channel, channel + n_channel): those right, the others untouched. */
static void check(struct batch *b, size_t channel, size_t n_channel) {
    size_t d_inner = b->op.d_inner;
    for (size_t v = 0; v < n_variant; v++) {
        batch_rewind(b);
        variants[v].selective_scan(&b->op, channel, n_channel);
        for (size_t c = 0; c < d_inner; c++) {
            bool is_inside = c >= channel && c < channel + n_channel;
            for (size_t s = 0; s < b->op.n_sequence && is_inside; s++)
                check_channel(b, variants[v].cpu, s, c);
            for (size_t i = c; i < b->n_token * d_inner && !is_inside; i += d_inner)
                assert_true(is_untouched(&b->y[i]));
            for (size_t s = 0; s < b->op.n_sequence && !is_inside; s++)
                for (size_t i = c; i < b->n_state; i += d_inner)
                    assert_true(b->state[s][i] == b->first[s][i]);
        }
    }
}

static void test_formula(void **state) {
    (void)state;
    static const size_t length[] = {3, 0, 1, 1, 37, 0}, nothing[] = {0, 0};
    static const size_t d_states[] = {1, 2, 5, 15, 16, 17, 31, 32, 33};
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 7);
    for (size_t width = 1; width <= 67; width++) {
        batch_new(&b, &random, length, 6, width, d_states[width % 9]);
        size_t channel = (size_t)dm_random_below(&random, width);
        check(&b, 0, width);
        check(&b, channel, (size_t)dm_random_below(&random, width - channel + 1));
        batch_free(&b);
    }
    for (size_t i = 0; i < 9; i++) {
        batch_new(&b, &random, length, 6, 19, d_states[i]);
        check(&b, 0, 19);
        batch_free(&b);
    }
    batch_new(&b, &random, nothing, 2, 19, 16);
    check(&b, 0, 19);
    batch_free(&b);
    batch_new(&b, &random, nothing, 0, 19, 16);
    check(&b, 0, 19);
    batch_free(&b);
}

/* The channels in random blocks, the tokens in random pieces with the state carried: same bits. */
static void scan_in_pieces(struct batch *b, const struct dm_ops *ops, struct dm_random *random) {
    for (size_t c = 0, n; c < b->op.d_inner; c += n) {
        n = 1 + (size_t)dm_random_below(random, b->op.d_inner - c);
        float *delta = copied_channels(b->delta, b->n_token, b->op.d_inner, c, n);
        float *z = copied_channels(b->z, b->n_token, b->op.d_inner, c, n);
        for (size_t s = 0; s < b->op.n_sequence; s++)
            for (size_t piece[] = {b->start[s], 0}; piece[0] < b->start[s + 1];
                 piece[0] = piece[1]) {
                struct dm_selective_scan op = b->op;
                piece[1] =
                    piece[0] + 1 + (size_t)dm_random_below(random, b->start[s + 1] - piece[0]);
                op.n_sequence = 1, op.start = piece, op.ssm_state = &b->state[s];
                op.delta = (struct dm_channel_view){delta, c, n};
                op.z = (struct dm_channel_view){z, c, n};
                ops->selective_scan(&op, c, n);
            }
        free_floats(delta, b->n_token * n);
        free_floats(z, b->n_token * n);
    }
}

static void test_split(void **state) {
    (void)state;
    static const size_t length[] = {70, 1, 0, 33};
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 8);
    for (size_t round = 0; round < 12; round++) {
        batch_new(&b, &random, length, 4, 1 + (size_t)dm_random_below(&random, 150),
                  round % 2 ? 16 : 21);
        for (size_t v = 0; v < n_variant; v++) {
            size_t n = b.n_token * b.op.d_inner;
            batch_rewind(&b);
            variants[v].selective_scan(&b.op, 0, b.op.d_inner);
            float *y = copied_floats(b.y, n), *end[4];
            for (size_t s = 0; s < 4; s++)
                end[s] = copied_floats(b.state[s], b.n_state);
            batch_rewind(&b);
            scan_in_pieces(&b, &variants[v], &random);
            assert_memory_equal(y, b.y, n * sizeof *y);
            for (size_t s = 0; s < 4; s++) {
                assert_memory_equal(end[s], b.state[s], b.n_state * sizeof(float));
                free_floats(end[s], b.n_state);
            }
            free_floats(y, n);
        }
        batch_free(&b);
    }
}

/* Checkpoints hold the state before every DM_SCAN_CHUNK-th token, and nothing else changes. */
static void test_checkpoints(void **state) {
    (void)state;
    static const size_t length[] = {0, 1, 31, 32, 33, 70};
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 12);
    batch_new(&b, &random, length, 6, 35, 18);
    size_t n = b.n_token * b.op.d_inner, n_kept = dm_scan_n_checkpoint(b.n_token, 6) * b.n_state;
    for (size_t v = 0; v < n_variant; v++) {
        batch_rewind(&b);
        variants[v].selective_scan(&b.op, 0, 35);
        float *y = copied_floats(b.y, n), *kept = new_floats(n_kept);
        struct dm_selective_scan op = b.op, one = b.op;
        op.checkpoints = kept;
        batch_rewind(&b);
        variants[v].selective_scan(&op, 0, 16);
        variants[v].selective_scan(&op, 16, 19);
        assert_memory_equal(y, b.y, n * sizeof *y);
        for (size_t s = 0; s < 6; s++) {
            memcpy(b.state[s], b.first[s], b.n_state * sizeof(float));
            for (size_t t = b.start[s]; t < b.start[s + 1]; t += DM_SCAN_CHUNK) {
                size_t piece[] = {t, t + DM_SCAN_CHUNK}, chunk = (t - b.start[s]) / DM_SCAN_CHUNK;
                assert_memory_equal(dm_scan_checkpoint(&op, s, chunk), b.state[s],
                                    b.n_state * sizeof(float));
                piece[1] = piece[1] < b.start[s + 1] ? piece[1] : b.start[s + 1];
                one.n_sequence = 1, one.start = piece, one.ssm_state = &b.state[s];
                variants[v].selective_scan(&one, 0, 35);
            }
        }
        free_floats(kept, n_kept);
        free_floats(y, n);
    }
    batch_free(&b);
}

/* y may be z or u. */
static void test_in_place(void **state) {
    (void)state;
    static const size_t length[] = {40, 5};
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 9);
    batch_new(&b, &random, length, 2, 35, 18);
    size_t n = b.n_token * b.op.d_inner;
    for (size_t v = 0; v < n_variant; v++)
        for (int over_u = 0; over_u < 2; over_u++) {
            batch_rewind(&b);
            variants[v].selective_scan(&b.op, 0, 35);
            float *y = copied_floats(over_u ? b.u : b.z, n), *expected = copied_floats(b.y, n);
            struct dm_selective_scan op = b.op;
            op.y = y;
            *(over_u ? &op.u : &op.z.data) = y;
            batch_rewind(&b);
            variants[v].selective_scan(&op, 0, 35);
            assert_memory_equal(y, expected, n * sizeof *y);
            free_floats(y, n);
            free_floats(expected, n);
        }
    batch_free(&b);
}

/* A NaN stays in its channel; a huge step forgets, a step of 0 or a denormal one keeps. */
static void test_edges(void **state) {
    (void)state;
    static const size_t length[] = {3};
    static const float steps[] = {0, 0x1p-140f, 1e30f};
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 10);
    batch_new(&b, &random, length, 1, 21, 16);
    for (size_t i = 0; i < 3; i++)
        for (size_t c = 0; c < 21; c++)
            b.delta[i * 21 + c] = steps[c % 3];
    for (size_t i = 0; i < 63; i++)
        b.u[i] = i % 3 == 2 ? 0 : b.u[i];
    b.z[5] = NAN;     /* token 0, channel 5 */
    b.delta[8] = NAN; /* channel 8 for good */
    for (size_t v = 0; v < n_variant; v++) {
        batch_rewind(&b);
        variants[v].selective_scan(&b.op, 0, 21);
        for (size_t i = 0; i < 63; i++)
            assert_int_equal(isnan(b.y[i]) != 0, i == 5 || i % 21 == 8);
        for (size_t i = 0; i < b.n_state; i++) {
            size_t c = i % 21;
            float end = b.state[0][i], first = b.first[0][i];
            assert_true(c == 8 ? isnan(end) : end == (c % 3 == 2 ? 0 : first));
        }
    }
    batch_free(&b);
}

/* A channel whose steps are so large that exponents must be limited, infinite or NaN leaves its
 * neighbours' bits as they are. */
static void test_neighbours(void **state) {
    (void)state;
    enum { WIDTH = 35, ODD = 3 };
    static const size_t length[] = {70};
    static const float steps[] = {60, 1e30f, INFINITY, NAN};
    struct dm_random random;
    struct batch b;
    dm_random_seed(&random, 14);
    batch_new(&b, &random, length, 1, WIDTH, 16);
    size_t n = b.n_token * WIDTH;
    for (size_t v = 0; v < n_variant; v++)
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            float *plain = new_floats(n);
            for (size_t is_odd = 0; is_odd < 2; is_odd++) {
                for (size_t t = 0; t < b.n_token; t++)
                    b.delta[t * WIDTH + ODD] = is_odd && t % 5 == 4 ? steps[k] : 0.5f;
                batch_rewind(&b);
                variants[v].selective_scan(&b.op, 0, WIDTH);
                if (!is_odd)
                    memcpy(plain, b.y, n * sizeof *plain);
            }
            for (size_t i = 0; i < n; i++)
                if (i % WIDTH != ODD)
                    assert_memory_equal(&plain[i], &b.y[i], sizeof *plain);
            free_floats(plain, n);
        }
    batch_free(&b);
}

int main(void) {
    n_variant = list_variants(variants);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),     cmocka_unit_test(test_split),
        cmocka_unit_test(test_checkpoints), cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_edges),       cmocka_unit_test(test_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
