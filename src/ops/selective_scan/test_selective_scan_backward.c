#include "ops/selective_scan/test_scan_batch.h"

enum { DU, DDELTA, DZ, Y, DA, DD, DBC, DSTATE, N_OUT, MOST_TOKENS = 70, MOST_STATES = 40 };
static const char *const names[N_OUT] = {"du", "ddelta", "dz", "y", "dA", "dD", "dBC", "dstate"};

static struct dm_ops variants[MAX_VARIANTS];
static size_t n_variant;

/* A batch, and what the backward pass makes of it: each output as it is before (the guard's NaN
 * where nothing is read) and after. dBC stands for the parts; dstate is all sequences' in a row. */
struct backward {
    struct batch batch;
    struct dm_selective_scan_grad grad;
    size_t n[N_OUT], n_kept;
    float *before[N_OUT], *out[N_OUT], *dy, *kept, *dstate[MOST_SEQUENCES];
};

static void backward_new(struct backward *b, struct dm_random *random, const size_t *length,
                         size_t n_sequence, size_t d_inner, size_t d_state) {
    batch_new(&b->batch, random, length, n_sequence, d_inner, d_state);
    size_t n = b->batch.n_token * d_inner, n_block = (d_inner + DM_SCAN_BLOCK - 1) / DM_SCAN_BLOCK;
    for (size_t k = DU; k <= Y; k++)
        b->n[k] = n;
    b->n[DA] = b->batch.n_state;
    b->n[DD] = d_inner;
    b->n[DBC] = n_block * b->batch.n_token * 2 * d_state;
    b->n[DSTATE] = n_sequence * b->batch.n_state;
    for (size_t k = 0; k < N_OUT; k++) {
        bool is_read = k == DA || k == DD || k == DSTATE;
        b->before[k] = is_read ? random_floats(random, b->n[k], 0, 1) : new_floats(b->n[k]);
        b->out[k] = copied_floats(b->before[k], b->n[k]);
    }
    for (size_t s = 0; s < n_sequence; s++)
        b->dstate[s] = b->out[DSTATE] + s * b->batch.n_state;
    b->dy = random_floats(random, n, 0, 1);
    b->n_kept = dm_scan_n_checkpoint(b->batch.n_token, n_sequence) * b->batch.n_state;
    b->kept = new_floats(b->n_kept);
    b->batch.op.checkpoints = b->kept;
    b->grad = (struct dm_selective_scan_grad){.dy = b->dy,
                                              .du = b->out[DU],
                                              .ddelta = b->out[DDELTA],
                                              .dz = b->out[DZ],
                                              .y = b->out[Y],
                                              .dA = b->out[DA],
                                              .dD = b->out[DD],
                                              .dBC_parts = b->out[DBC],
                                              .dssm_state = b->dstate};
}

static void backward_free(struct backward *b) {
    for (size_t k = 0; k < N_OUT; k++) {
        free_floats(b->before[k], b->n[k]);
        free_floats(b->out[k], b->n[k]);
    }
    free_floats(b->dy, b->batch.n_token * b->batch.op.d_inner);
    free_floats(b->kept, b->n_kept);
    batch_free(&b->batch);
}

/* Forward once more, and everything as it was before the backward pass. */
static void backward_rewind(struct backward *b, const struct dm_ops *ops) {
    batch_rewind(&b->batch);
    ops->selective_scan(&b->batch.op, 0, b->batch.op.d_inner);
    for (size_t k = 0; k < N_OUT; k++)
        memcpy(b->out[k], b->before[k], b->n[k] * sizeof(float));
}

/* ---- The formula ---- */

/* What one channel of one sequence adds to the outputs, in double. `is_size` gives instead the sum
 * of the absolute values of all terms, which is what rounding errors grow with; there A_bar, whose
 * exponent's error counts as often as the exponent is large, is so much larger. */
static void add_channel(const struct backward *b, size_t s, size_t c, bool is_size,
                        double *const *sum) {
    static double h[MOST_TOKENS + 1][MOST_STATES], A_bar[MOST_TOKENS][MOST_STATES];
    const struct dm_selective_scan *op = &b->batch.op;
    size_t N = op->d_state, E = op->d_inner, first = b->batch.start[s];
    size_t length = b->batch.start[s + 1] - first;
    double *dBC = sum[DBC] + c / DM_SCAN_BLOCK * b->batch.n_token * 2 * N;
#define VALUE(x) (is_size ? fabs((double)(x)) : (double)(x))
    for (size_t n = 0; n < N; n++)
        h[0][n] = VALUE(b->batch.first[s][n * E + c]);
    for (size_t i = 0; i < length; i++) {
        size_t t = first + i, x = t * E + c;
        double u = VALUE(op->u[x]), delta = op->delta.data[x], D = VALUE(op->D[c]), y = D * u;
        double z = op->z.data[x], sigmoid = 1 / (1 + exp(-z)), dy = VALUE(b->dy[x]);
        for (size_t n = 0; n < N; n++) {
            double exponent = delta * op->A[n * E + c];
            A_bar[i][n] = exp(exponent) * (is_size ? 1 - exponent : 1);
            h[i + 1][n] = A_bar[i][n] * h[i][n] + delta * u * VALUE(op->BC[t * 2 * N + n]);
            y += VALUE(op->BC[t * 2 * N + N + n]) * h[i + 1][n];
        }
        sum[Y][x] = y * VALUE(z) * sigmoid;
        sum[DZ][x] = dy * y * sigmoid * (1 + VALUE(z) * (1 - sigmoid));
        dy *= VALUE(z) * sigmoid;
        sum[DD][c] += dy * u;
        sum[DU][x] = dy * D;
    }
    for (size_t n = 0; n < N; n++) {
        double *g = &sum[DSTATE][s * b->batch.n_state + n * E + c], A = VALUE(op->A[n * E + c]);
        for (size_t i = length; i-- > 0;) {
            size_t t = first + i, x = t * E + c;
            double u = VALUE(op->u[x]), delta = op->delta.data[x],
                   dy = VALUE(b->dy[x]) * VALUE(op->z.data[x]);
            double B = VALUE(op->BC[t * 2 * N + n]), C = VALUE(op->BC[t * 2 * N + N + n]);
            dy /= 1 + exp(-(double)op->z.data[x]);
            *g += C * dy;
            dBC[t * 2 * N + n] += *g * delta * u;
            dBC[t * 2 * N + N + n] += dy * h[i + 1][n];
            sum[DU][x] += *g * delta * B;
            sum[DDELTA][x] += *g * (A * A_bar[i][n] * h[i][n] + u * B);
            sum[DA][n * E + c] += *g * delta * A_bar[i][n] * h[i][n];
            *g *= A_bar[i][n];
        }
    }
#undef VALUE
}

/* `sum` [N_OUT] becomes what channels [channel, channel + n_channel) should give. */
static void formula(const struct backward *b, size_t channel, size_t n_channel, bool is_size,
                    double **sum) {
    for (size_t k = 0; k < N_OUT; k++) {
        sum[k] = dm_memory_zeroed(b->n[k], sizeof(double));
        assert_non_null(sum[k]);
        for (size_t i = 0; i < b->n[k] && (k == DA || k == DD || k == DSTATE); i++)
            sum[k][i] = is_size ? fabs((double)b->before[k][i]) : b->before[k][i];
    }
    for (size_t c = channel; c < channel + n_channel; c++)
        for (size_t s = 0; s < b->batch.op.n_sequence; s++)
            add_channel(b, s, c, is_size, sum);
}

/* Every variant on channels [channel, channel + n_channel): those right, the others untouched. */
static void check(struct backward *b, size_t channel, size_t n_channel) {
    const struct dm_selective_scan *op = &b->batch.op;
    double *expected[N_OUT], *size[N_OUT];
    formula(b, channel, n_channel, false, expected);
    formula(b, channel, n_channel, true, size);
    for (size_t v = 0; v < n_variant; v++) {
        backward_rewind(b, &variants[v]);
        variants[v].selective_scan_backward(op, &b->grad, channel, n_channel);
        for (size_t k = 0; k < N_OUT; k++)
            for (size_t i = 0; i < b->n[k]; i++) {
                size_t c = k == DBC ? i / (b->batch.n_token * 2 * op->d_state) * DM_SCAN_BLOCK
                                    : i % op->d_inner;
                if (c >= channel && c < channel + n_channel)
                    check_near(names[k], b->out[k][i], expected[k][i], 1.5e-6 * size[k][i] + 1e-35);
                else
                    assert_memory_equal(&b->out[k][i], &b->before[k][i], sizeof(float));
                if (k == Y && c >= channel && c < channel + n_channel)
                    assert_memory_equal(&b->out[k][i], &b->batch.y[i], sizeof(float));
            }
    }
    for (size_t k = 0; k < N_OUT; k++) {
        dm_memory_free(expected[k]);
        dm_memory_free(size[k]);
    }
}

static void test_formula(void **state) {
    (void)state;
    static const size_t length[] = {3, 0, 1, 1, 37, 0}, nothing[] = {0, 0}, longer[] = {33, 70};
    static const size_t d_states[] = {1, 2, 3, 4, 5, 15, 16, 17, 33};
    struct dm_random random;
    struct backward b;
    dm_random_seed(&random, 13);
    for (size_t width = 1; width <= 67; width++) {
        backward_new(&b, &random, length, 6, width, d_states[width % 9]);
        check(&b, 0, width);
        backward_free(&b);
    }
    for (size_t width = 128; width <= 200; width += 36) {
        backward_new(&b, &random, longer, 2, width, 16);
        check(&b, 0, width);
        check(&b, 64, 64);
        check(&b, 128, width - 128);
        backward_free(&b);
    }
    for (size_t n_sequence = 0; n_sequence <= 2; n_sequence += 2) {
        backward_new(&b, &random, nothing, n_sequence, 19, 16);
        check(&b, 0, 19);
        backward_free(&b);
    }
}

/* What `again` makes of the batch has the bits of the whole at once. */
static void check_same(struct backward *b, void (*again)(struct backward *b, const struct dm_ops *),
                       size_t left_out) {
    for (size_t v = 0; v < n_variant; v++) {
        float *whole[N_OUT];
        backward_rewind(b, &variants[v]);
        variants[v].selective_scan_backward(&b->batch.op, &b->grad, 0, b->batch.op.d_inner);
        for (size_t k = 0; k < N_OUT; k++)
            whole[k] = copied_floats(b->out[k], b->n[k]);
        backward_rewind(b, &variants[v]);
        again(b, &variants[v]);
        for (size_t k = 0; k < N_OUT; k++) {
            const float *expected = k == left_out ? b->before[k] : whole[k];
            assert_memory_equal(b->out[k], expected, b->n[k] * sizeof(float));
            free_floats(whole[k], b->n[k]);
        }
    }
}

static void run_by_blocks(struct backward *b, const struct dm_ops *ops) {
    size_t d_inner = b->batch.op.d_inner;
    ops->selective_scan_backward(&b->batch.op, &b->grad, 128, d_inner - 128);
    ops->selective_scan_backward(&b->batch.op, &b->grad, 0, 64);
    ops->selective_scan_backward(&b->batch.op, &b->grad, 64, 64);
}
static void run_without_y(struct backward *b, const struct dm_ops *ops) {
    struct dm_selective_scan_grad grad = b->grad;
    grad.y = NULL;
    ops->selective_scan_backward(&b->batch.op, &grad, 0, b->batch.op.d_inner);
}
static void run_in_place(struct backward *b, const struct dm_ops *ops) {
    struct dm_selective_scan_grad grad = b->grad;
    memcpy(b->out[DZ], b->dy, b->n[DZ] * sizeof(float));
    grad.dy = grad.dz;
    ops->selective_scan_backward(&b->batch.op, &grad, 0, b->batch.op.d_inner);
}

static void test_same_bits(void **state) {
    (void)state;
    static const size_t length[] = {70, 1, 0, 33};
    struct dm_random random;
    struct backward b;
    dm_random_seed(&random, 14);
    for (size_t width = 129; width < 300; width += 41) {
        backward_new(&b, &random, length, 4, width, width % 2 ? 16 : 5);
        check_same(&b, run_by_blocks, N_OUT);
        check_same(&b, run_without_y, Y);
        check_same(&b, run_in_place, N_OUT);
        backward_free(&b);
    }
}

/* Steps of 0, denormal and huge; a NaN stays in its channel and in its block's sums. */
static void test_edges(void **state) {
    (void)state;
    static const size_t length[] = {35};
    static const float steps[] = {0, 0x1p-140f, 1e15f, 1e-3f};
    struct dm_random random;
    struct backward b;
    dm_random_seed(&random, 15);
    backward_new(&b, &random, length, 1, 83, 16);
    for (size_t i = 0; i < b.n[DU]; i++)
        b.batch.delta[i] = steps[dm_random_below(&random, 4)];
    check(&b, 0, 83);
    b.batch.delta[20 * 83 + 8] = NAN; /* token 20, channel 8 */
    for (size_t v = 0; v < n_variant; v++) {
        backward_rewind(&b, &variants[v]);
        variants[v].selective_scan_backward(&b.batch.op, &b.grad, 0, 83);
        for (size_t k = 0; k < N_OUT; k++)
            for (size_t i = 0; i < b.n[k]; i++) {
                bool is_near = k == DBC ? i < 35 * 2 * 16 : i % 83 == 8;
                if (!is_near)
                    assert_false(isnan(b.out[k][i]));
            }
        for (size_t t = 0; t < 35; t++) { /* the later y and the earlier gradients */
            assert_int_equal(isnan(b.out[Y][t * 83 + 8]) != 0, t >= 20);
            assert_int_equal(isnan(b.out[DU][t * 83 + 8]) != 0, t <= 20);
            assert_int_equal(isnan(b.out[DBC][t * 32]) != 0, t <= 20);
            assert_int_equal(isnan(b.out[DBC][t * 32 + 16]) != 0, t >= 20);
        }
        assert_true(isnan(b.out[DA][8]) && isnan(b.out[DSTATE][8]));
    }
    backward_free(&b);
}

int main(void) {
    n_variant = list_variants(variants);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
