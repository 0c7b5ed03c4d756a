#include "ops/test_variants.h"

static struct dm_ops variants[MAX_VARIANTS];
static size_t n_variant;

enum { N_TOKEN = 5 };

/* What lies around a row's channels: x before them, and z and y behind. */
struct rows {
    size_t width, step;
    float *x, *z, *y, *weight;
};

static void check_token(const struct dm_gated_norm *op, const struct rows *rows, const char *cpu,
                        size_t t) {
    size_t width = op->width / op->n_group;
    for (size_t first = 0; first < op->width; first += width) {
        double square = 0;
        for (size_t i = first; i < first + width; i++) {
            double x = rows->x[t * rows->step + i], z = rows->z[t * rows->step + i];
            double v = op->norm_first ? x : x * z / (1 + exp(-z));
            square += v * v;
        }
        double r = op->weight ? 1 / sqrt(square / (double)width + (double)op->epsilon) : 1;
        for (size_t i = first; i < first + width; i++) {
            double x = rows->x[t * rows->step + i], z = rows->z[t * rows->step + i];
            double expected = x * z / (1 + exp(-z)) * r * (op->weight ? (double)op->weight[i] : 1);
            check_near(cpu, rows->y[t * rows->step + i], expected, 1e-6 * fabs(expected) + 1e-35);
        }
    }
}

static void check(struct dm_random *random, size_t width, size_t n_group, bool norm_first,
                  bool has_weight) {
    size_t step = width + 3, n = N_TOKEN * step;
    struct rows rows = {width,
                        step,
                        random_floats(random, n, 0, 1),
                        random_floats(random, n, 0, 3),
                        new_floats(n),
                        random_floats(random, width, 1, 1)};
    const struct dm_gated_norm op = {.width = width,
                                     .n_group = n_group,
                                     .epsilon = 1e-5f,
                                     .norm_first = norm_first,
                                     .x = rows.x,
                                     .z = rows.z,
                                     .x_step = step,
                                     .z_step = step,
                                     .y_step = step,
                                     .weight = has_weight ? rows.weight : NULL,
                                     .y = rows.y};
    for (size_t v = 0; v < n_variant; v++) {
        for (size_t i = 0; i < n; i++)
            rows.y[i] = dm_float_from_bits(GUARD_BITS);
        variants[v].gated_norm(&op, 1, N_TOKEN - 2);
        for (size_t t = 0; t < N_TOKEN; t++) {
            bool is_inside = t > 0 && t < N_TOKEN - 1;
            if (is_inside)
                check_token(&op, &rows, variants[v].cpu, t);
            for (size_t i = is_inside ? width : 0; i < step; i++)
                assert_true(is_untouched(&rows.y[t * step + i]));
        }
        variants[v].gated_norm(&op, 0, N_TOKEN);
        float *in_place = copied_floats(rows.z, n);
        struct dm_gated_norm same = op;
        same.z = same.y = in_place;
        variants[v].gated_norm(&same, 0, N_TOKEN);
        for (size_t t = 0; t < N_TOKEN; t++)
            assert_memory_equal(in_place + t * step, rows.y + t * step, width * sizeof(float));
        free_floats(in_place, n);
    }
    free_floats(rows.x, n);
    free_floats(rows.z, n);
    free_floats(rows.y, n);
    free_floats(rows.weight, width);
}

static void test_formula(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 3);
    for (size_t width = 1; width <= 70; width++)
        for (size_t n_group = 1; n_group <= 5; n_group++)
            if (width % n_group == 0) {
                check(&random, width, n_group, false, true);
                check(&random, width, n_group, true, true);
                check(&random, width, n_group, width % 2, false);
            }
}

/* The backward pass of every variant against the reference, which test_gradients_gated_norm holds
 * against differences. */
static void check_backward(struct dm_random *random, size_t width, size_t n_group, bool norm_first,
                           bool has_weight) {
    size_t n = N_TOKEN * width;
    float *x = random_floats(random, n, 0, 1), *z = random_floats(random, n, 0, 3);
    float *dy = random_floats(random, n, 0, 1), *weight = random_floats(random, width, 1, 1);
    float *out[MAX_VARIANTS][4];
    const size_t n_out[4] = {n, n, N_TOKEN * n_group, width};
    const struct dm_gated_norm op = {.width = width,
                                     .n_group = n_group,
                                     .epsilon = 1e-2f,
                                     .norm_first = norm_first,
                                     .x = x,
                                     .z = z,
                                     .x_step = width,
                                     .z_step = width,
                                     .y_step = width,
                                     .weight = has_weight ? weight : NULL};
    for (size_t v = 0; v < n_variant; v++) {
        for (size_t k = 0; k < 4; k++)
            out[v][k] = new_floats(n_out[k]);
        memset(out[v][3], 0, width * sizeof(float));
        memset(out[v][2], 0, n_out[2] * sizeof(float));
        const struct dm_gated_norm_grad grad = {dy, out[v][0], out[v][1], out[v][2], out[v][3]};
        variants[v].gated_norm_backward(&op, &grad, 0, 2);
        variants[v].gated_norm_backward(&op, &grad, 2, N_TOKEN - 2);
        if (has_weight)
            variants[v].gated_norm_weight_backward(&op, &grad, N_TOKEN, 0, width);
        for (size_t k = 0; k < 4; k++)
            for (size_t i = 0; i < n_out[k]; i++)
                check_near(variants[v].cpu, out[v][k][i], out[0][k][i],
                           2e-5 * (1 + fabs((double)out[0][k][i])));
    }
    for (size_t v = 0; v < n_variant; v++)
        for (size_t k = 0; k < 4; k++)
            free_floats(out[v][k], n_out[k]);
    free_floats(x, n);
    free_floats(z, n);
    free_floats(dy, n);
    free_floats(weight, width);
}

static void test_backward(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 4);
    for (size_t width = 1; width <= 66; width++)
        for (size_t n_group = 1; n_group <= 3; n_group++)
            if (width % n_group == 0)
                for (unsigned flags = 0; flags < 4; flags++)
                    check_backward(&random, width, n_group, flags & 1, flags & 2);
}

int main(void) {
    n_variant = list_variants(variants);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_formula),
                                       cmocka_unit_test(test_backward)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
