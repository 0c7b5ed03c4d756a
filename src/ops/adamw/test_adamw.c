#include "ops/adamw/adamw.h"

#include "ops/test_variants.h"

enum { WIDTH = 67, N_STEP = 12 };

static struct dm_ops variants[MAX_VARIANTS];
static size_t n_variant;

/* The formula on one element, in double, and the sizes of what m and the value were made of: the
 * changes of the value, five roundings each, over all steps. */
struct element {
    double value, m, v, m_size, value_size;
};

static void step_element(struct element *e, const struct dm_adamw *op, double gradient) {
    double g = gradient * op->gradient_scale;
    e->value *= 1 - op->learning_rate * op->weight_decay;
    e->m = op->beta1 * e->m + (1 - op->beta1) * g;
    e->v = op->beta2 * e->v + (1 - op->beta2) * g * g;
    e->m_size = op->beta1 * e->m_size + (1 - op->beta1) * fabs(g);
    double root = sqrt(e->v / (1 - pow(op->beta2, (double)op->step))) + op->epsilon;
    double rate = op->learning_rate / (1 - pow(op->beta1, (double)op->step)) / root;
    e->value -= rate * e->m;
    e->value_size += fabs(e->value) + 5 * rate * e->m_size;
}

/* Elements first .. first + n of WIDTH, several steps, against the formula; the others stay. */
static void check_steps(const struct dm_ops *ops, size_t first, size_t n) {
    struct dm_random random;
    struct element expected[WIDTH] = {{0}};
    float *gradient = new_floats(WIDTH), *m = new_floats(WIDTH), *v = new_floats(WIDTH);
    dm_random_seed(&random, 1);
    float *value = random_floats(&random, WIDTH, 0, .1);
    for (size_t i = 0; i < WIDTH; i++) {
        expected[i].value = (double)value[i];
        if (i >= first && i < first + n)
            m[i] = v[i] = 0;
    }
    struct dm_adamw op = {2e-3, .9, .999, 1e-8, .1, .25, 0, gradient, value, m, v};
    for (op.step = 1; op.step <= N_STEP; op.step++) {
        for (size_t i = 0; i < WIDTH; i++)
            gradient[i] = (float)(dm_random_normal(&random) * pow(10, (double)(i % 7) - 5));
        ops->adamw(&op, first, n);
        for (size_t i = first; i < first + n; i++) {
            struct element *e = &expected[i];
            step_element(e, &op, (double)gradient[i]);
            check_near(ops->cpu, m[i], e->m, 5e-7 * e->m_size);
            check_near(ops->cpu, v[i], e->v, 1e-6 * e->v);
            check_near(ops->cpu, value[i], e->value, 1.5e-7 * e->value_size);
        }
    }
    for (size_t i = 0; i < WIDTH; i++)
        if (i < first || i >= first + n)
            assert_true(is_untouched(&m[i]) && is_untouched(&v[i]) &&
                        value[i] == (float)expected[i].value);
    float *all[] = {gradient, m, v, value};
    for (size_t i = 0; i < 4; i++)
        free_floats(all[i], WIDTH);
}

static void test_steps(void **state) {
    (void)state;
    for (size_t v = 0; v < n_variant; v++)
        for (size_t n = 0; n <= WIDTH; n++)
            check_steps(&variants[v], (WIDTH - n) / 2, n);
}

/* The first step is learning_rate against the gradient's sign, whatever its size: m / (1 - beta1)
 * is g, v / (1 - beta2) its square. Worked by hand: 2 (1 - .01 * .5) - .01 = 1.98. */
static void test_first_step(void **state) {
    (void)state;
    static const float gradient[] = {1e-4f, -3, 1e15f, -1e-15f, 0};
    static const double expected[] = {1.98, 2, 1.98, 1.99 + .01 * 1e-15 / (1e-15 + 1e-12), 1.99};
    for (size_t variant = 0; variant < n_variant; variant++) {
        float value[5] = {2, 2, 2, 2, 2}, m[5] = {0}, v[5] = {0};
        struct dm_adamw op = {.01, .9, .999, 1e-12, .5, 1, 1, gradient, value, m, v};
        variants[variant].adamw(&op, 0, 5);
        for (size_t i = 0; i < 5; i++) {
            check_near(variants[variant].cpu, value[i], expected[i], 2.5e-7);
            check_near(variants[variant].cpu, m[i], (double)gradient[i] / 10,
                       2e-7 * fabs((double)gradient[i]));
        }
    }
}

/* Gradients whose squares do not fit: no step, rather than a NaN; a NaN stays where it is. */
static void test_edges(void **state) {
    (void)state;
    for (size_t variant = 0; variant < n_variant; variant++) {
        float gradient[WIDTH], value[WIDTH], m[WIDTH], v[WIDTH];
        for (size_t i = 0; i < WIDTH; i++)
            gradient[i] = m[i] = v[i] = 0, value[i] = 1;
        gradient[3] = 3e38f;
        gradient[20] = NAN;
        gradient[WIDTH - 1] = 0x1p-140f;
        struct dm_adamw op = {1e-3, .9, .999, 1e-8, 0, 1, 1, gradient, value, m, v};
        variants[variant].adamw(&op, 0, WIDTH);
        for (size_t i = 0; i < WIDTH; i++)
            if (i == 20)
                assert_true(isnan(value[i]) && isnan(m[i]) && isnan(v[i]));
            else
                assert_true(value[i] == 1 && v[i] == (i == 3 ? INFINITY : 0));
    }
}

static void test_split(void **state) {
    (void)state;
    enum { N = 200 };
    struct dm_random random;
    dm_random_seed(&random, 2);
    float *start[4], *whole[4], *parts[4]; /* gradient, value, m, v */
    for (size_t i = 0; i < 4; i++)
        start[i] = random_floats(&random, N, i == 3 ? 10 : 0, 1);
    for (size_t variant = 0; variant < n_variant; variant++) {
        for (size_t i = 0; i < 4; i++) {
            whole[i] = copied_floats(start[i], N);
            parts[i] = copied_floats(start[i], N);
        }
        struct dm_adamw op = {1e-3, .9,       .999,     1e-8,     .1,      1,
                              7,    whole[0], whole[1], whole[2], whole[3]};
        variants[variant].adamw(&op, 0, N);
        op.gradient = parts[0], op.value = parts[1], op.m = parts[2], op.v = parts[3];
        for (size_t i = 0, n; i < N; i += n) {
            n = 1 + (size_t)dm_random_below(&random, N - i);
            variants[variant].adamw(&op, i, n);
        }
        for (size_t i = 0; i < 4; i++) {
            assert_memory_equal(whole[i], parts[i], N * sizeof(float));
            free_floats(whole[i], N);
            free_floats(parts[i], N);
        }
    }
    for (size_t i = 0; i < 4; i++)
        free_floats(start[i], N);
}

/* Against a plain sum, and the same bits wherever the numbers lie. */
static void test_square_sum(void **state) {
    (void)state;
    enum { MOST = 400, PLACES = 17 };
    struct dm_random random;
    dm_random_seed(&random, 3);
    float *x = random_floats(&random, MOST, 0, 100), *room = new_floats(MOST + PLACES);
    for (size_t v = 0; v < n_variant; v++)
        for (size_t n = 0; n <= MOST; n += 1 + n / 70) {
            double expected = 0, got = variants[v].square_sum(x, n);
            for (size_t i = 0; i < n; i++)
                expected += (double)x[i] * (double)x[i];
            assert_true(fabs(got - expected) <= 1e-14 * expected);
            for (size_t start = 0; start < PLACES; start++) {
                memcpy(room + start, x, n * sizeof *x);
                assert_true(variants[v].square_sum(room + start, n) == got);
            }
        }
    free_floats(x, MOST);
    free_floats(room, MOST + PLACES);
}

static void test_square_sum_edges(void **state) {
    (void)state;
    for (size_t v = 0; v < n_variant; v++) {
        float x[40] = {0};
        assert_true(variants[v].square_sum(x, 40) == 0);
        x[39] = 0x1p-149f;
        assert_true(variants[v].square_sum(x, 40) == 0x1p-298);
        x[3] = -0x1p127f;
        assert_true(variants[v].square_sum(x, 40) == 0x1p254);
        x[20] = INFINITY;
        assert_true(variants[v].square_sum(x, 40) == INFINITY);
        x[17] = NAN;
        assert_true(isnan(variants[v].square_sum(x, 40)));
    }
}

int main(void) {
    n_variant = list_variants(variants);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),      cmocka_unit_test(test_first_step),
        cmocka_unit_test(test_edges),      cmocka_unit_test(test_split),
        cmocka_unit_test(test_square_sum), cmocka_unit_test(test_square_sum_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
