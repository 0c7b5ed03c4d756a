#include "ops/test_variants.h"

enum { N_TOKEN = 4 };

static struct dm_ops variants[MAX_VARIANTS];
static size_t n_variant;

/* Every other channel or so, ascending; how many. */
static size_t choose_channels(struct dm_random *random, size_t width, uint32_t *channels) {
    size_t n = 0;
    for (size_t c = 0; c < width; c++)
        if (dm_random_below(random, 2) || (n == 0 && c + 1 == width))
            channels[n++] = (uint32_t)c;
    return n;
}

static void check(const float *delta, size_t width, int squared, const uint32_t *channels,
                  size_t n_channel) {
    for (size_t v = 0; v < n_variant; v++) {
        float *score = new_floats(N_TOKEN);
        struct dm_token_score op = {.width = width,
                                    .squared = squared,
                                    .values = delta,
                                    .channels = channels,
                                    .n_channel = n_channel,
                                    .score = score};
        variants[v].token_score(&op, 1, N_TOKEN - 2);
        assert_true(is_untouched(&score[0]) && is_untouched(&score[N_TOKEN - 1]));
        size_t n = channels ? n_channel : width;
        for (size_t t = 1; t < N_TOKEN - 1; t++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += pow(delta[t * width + (channels ? channels[i] : i)], squared ? 2 : 1);
            double expected = squared ? sqrt(sum) : sum / (double)n;
            check_near(variants[v].cpu, score[t], expected, 1e-7 * fabs(expected));
        }
        free_floats(score, N_TOKEN);
    }
}

static void test_formula(void **state) {
    (void)state;
    struct dm_random random;
    dm_random_seed(&random, 5);
    for (size_t width = 1; width <= 67; width++) {
        uint32_t channels[67];
        float *delta = random_floats(&random, N_TOKEN * width, 3, .5);
        for (int squared = 0; squared < 2; squared++) {
            check(delta, width, squared, NULL, 0);
            check(delta, width, squared, channels, choose_channels(&random, width, channels));
        }
        free_floats(delta, N_TOKEN * width);
    }
}

/* The list must be enough: a gather may not read the channels around it. */
static void test_only_listed(void **state) {
    (void)state;
    const uint32_t channels[] = {2, 5};
    float delta[N_TOKEN * 7];
    for (size_t i = 0; i < N_TOKEN * 7; i++)
        delta[i] = i % 7 == 2 ? 3 : i % 7 == 5 ? 4 : NAN;
    check(delta, 7, 1, channels, 2);
    check(delta, 7, 0, channels, 2);
}

static void test_edges(void **state) {
    (void)state;
    static const float values[] = {0, 1e30f, 3e38f, 0x1p-140f, NAN};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        float delta[N_TOKEN * 19];
        for (size_t j = 0; j < N_TOKEN * 19; j++)
            delta[j] = values[i];
        for (size_t v = 0; v < n_variant; v++) {
            float score[N_TOKEN];
            struct dm_token_score op = {.width = 19, .values = delta, .score = score};
            variants[v].token_score(&op, 0, N_TOKEN);
            for (size_t t = 0; t < N_TOKEN; t++)
                check_near(variants[v].cpu, score[t], values[i], 1e-7 * values[i]);
            op.squared = 1;
            variants[v].token_score(&op, 0, N_TOKEN);
            for (size_t t = 0; t < N_TOKEN; t++)
                assert_true(ulp_error(score[t], sqrt(19) * values[i]) <= 1);
            variants[v].token_score(&op, 0, 0);
        }
    }
}

int main(void) {
    n_variant = list_variants(variants);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_only_listed),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
