/* Initial values: their ranges, as config.json says or the official code has them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/test_weights.h"

#include "layers/mamba/mamba.h"

static const char *inside(const char *name) {
    return test_join(test_directory, name);
}

static struct dm_checkpoint *new_model(const char *text) {
    static int n;
    char name[16];
    dm_error error;
    snprintf(name, sizeof name, "model-%d", n++);
    test_write_text(inside("shape.json"), text);
    if (dm_checkpoint_write_random(inside("shape.json"), inside(name), DM_DTYPE_F32, 1, &error))
        fail_msg("%s", error.message);
    return test_open_checkpoint(inside(name));
}

struct statistics {
    double mean, deviation, low, high;
};

/* Of a parameter in all four layers, or of one of the network's own. */
static struct statistics measure(const struct dm_checkpoint *checkpoint, bool own, size_t p) {
    struct statistics s = {0, 0, INFINITY, -INFINITY};
    size_t n = 0;
    for (size_t layer = 0; layer < (own ? 1 : 4); layer++) {
        struct dm_weight weight = dm_checkpoint_weight(checkpoint, own ? DM_NO_LAYER : layer, p);
        for (size_t i = 0; i < weight.n_element; i++, n++) {
            float x;
            dm_weight_to_float(weight, i, 1, &x);
            s.mean += x;
            s.deviation += (double)x * x;
            s.low = fmin(s.low, x);
            s.high = fmax(s.high, x);
        }
    }
    s.mean /= (double)n;
    s.deviation = sqrt(s.deviation / (double)n - s.mean * s.mean);
    return s;
}

static void expect_uniform(const struct dm_checkpoint *checkpoint, enum mamba_parameter p,
                           double bound) {
    struct statistics s = measure(checkpoint, false, p);
    assert_true(s.high <= bound && s.high > 0.95 * bound);
    assert_true(s.low >= -bound && s.low < -0.95 * bound);
    assert_true(fabs(s.mean) < 0.1 * bound);
    assert_true(fabs(s.deviation * sqrt(3) / bound - 1) < 0.1);
}

static void draws_as_the_official_code(void **state) {
    struct dm_checkpoint *checkpoint =
        new_model("{\"d_model\": 48, \"n_layer\": 4, \"vocab_size\": 250, \"ssm_cfg\": {}}");
    const struct dm_model_config *config = dm_checkpoint_config(checkpoint);
    assert_int_equal(config->vocab_size, 256);
    assert_true(config->tie_word_embeddings);
    struct statistics s = measure(checkpoint, true, DM_EMBEDDING);
    assert_true(fabs(s.mean) < 0.001 && fabs(s.deviation / 0.02 - 1) < 0.03);
    assert_true(s.high > 0.06 && s.high < 0.12);
    expect_uniform(checkpoint, IN_PROJ, 1 / sqrt(48));
    expect_uniform(checkpoint, CONV_WEIGHT, 0.5);
    expect_uniform(checkpoint, CONV_BIAS_VALUES, 0.5);
    expect_uniform(checkpoint, X_PROJ, 1 / sqrt(96));
    expect_uniform(checkpoint, DT_PROJ, 1 / sqrt(3));
    expect_uniform(checkpoint, OUT_PROJ, 1 / sqrt(96) / 2);
    s = measure(checkpoint, false, DT_BIAS);
    assert_true(log1p(exp(s.low)) >= 0.00099 && log1p(exp(s.low)) < 0.0012);
    assert_true(log1p(exp(s.high)) <= 0.1001 && log1p(exp(s.high)) > 0.09);
    static const size_t ones[] = {D_VALUES, NORM, DM_FINAL_NORM};
    for (size_t i = 0; i < 3; i++) {
        s = measure(checkpoint, i == 2, ones[i]);
        assert_true(s.low == 1 && s.high == 1);
    }
    for (size_t i = 0; i < 96 * 16; i++) {
        float x;
        dm_weight_to_float(dm_checkpoint_weight(checkpoint, 3, A_LOG), i, 1, &x);
        assert_true(x == (float)log((double)(i % 16 + 1)));
    }
    dm_checkpoint_close(checkpoint);
    (void)state;
}

/* A config.json may say how wide its weights start. */
static void check_range(const char *text) {
    static const size_t normal[] = {DM_EMBEDDING, IN_PROJ, X_PROJ};
    struct dm_checkpoint *checkpoint = new_model(text);
    assert_true(dm_checkpoint_config(checkpoint)->initializer_range == 0.1);
    for (size_t i = 0; i < 3; i++) {
        struct statistics s = measure(checkpoint, i == 0, normal[i]);
        assert_true(fabs(s.mean) < 0.005 && fabs(s.deviation / 0.1 - 1) < 0.03);
        assert_true(s.high > 0.3 && s.high < 0.6);
    }
    expect_uniform(checkpoint, OUT_PROJ, 1 / sqrt(96) / 2);
    dm_checkpoint_close(checkpoint);
}

static void draws_with_a_range(void **state) {
    check_range("{\"model_type\": \"mamba\", \"hidden_size\": 48, \"num_hidden_layers\": 4, "
                "\"vocab_size\": 256, \"intermediate_size\": 96, \"initializer_range\": 0.1}");
    check_range("{\"d_model\": 48, \"n_layer\": 4, \"vocab_size\": 256, \"ssm_cfg\": {}, "
                "\"initializer_range\": 0.1}");
    (void)state;
}

/* Element i of a layer's parameter. */
static double element(const struct dm_checkpoint *checkpoint, size_t layer, size_t p, size_t i) {
    float x;
    dm_weight_to_float(dm_checkpoint_weight(checkpoint, layer, p), i, 1, &x);
    return (double)x;
}

#define SMALL "\"hidden_size\": 48, \"num_hidden_layers\": 4, \"vocab_size\": 256"

/* dt is log-uniform: its logarithm has the middle and the deviation of a uniform one. */
static void expect_steps(const struct dm_checkpoint *checkpoint, double low, double high) {
    struct statistics s = measure(checkpoint, false, DT_BIAS);
    double sum = 0, middle = (log(low) + log(high)) / 2, width = log(high) - log(low);
    assert_true(log1p(exp(s.low)) >= low * 0.9999 && log1p(exp(s.low)) < low * 1.3);
    assert_true(log1p(exp(s.high)) <= high * 1.0001 && log1p(exp(s.high)) > high / 1.3);
    for (size_t i = 0; i < 4 * 96; i++)
        sum += log(log1p(exp(element(checkpoint, i / 96, DT_BIAS, i % 96))));
    assert_true(fabs(sum / (4 * 96) - middle) < 0.06 * width);
}

static void draws_steps_in_a_range(void **state) {
    struct dm_checkpoint *checkpoint = new_model("{\"model_type\": \"mamba\", " SMALL
                                                 ", \"time_step_min\": 1e-5, \"time_step_max\": "
                                                 "0.01, \"time_step_floor\": 0}");
    expect_steps(checkpoint, 1e-5, 0.01);
    dm_checkpoint_close(checkpoint);
    checkpoint = new_model("{\"d_model\": 48, \"n_layer\": 4, \"vocab_size\": 256, \"ssm_cfg\": "
                           "{\"dt_min\": 0.02, \"dt_max\": 0.5}}");
    expect_steps(checkpoint, 0.02, 0.5);
    dm_checkpoint_close(checkpoint);
    checkpoint = new_model("{\"model_type\": \"mamba\", " SMALL ", \"time_step_floor\": 0.2}");
    struct statistics s = measure(checkpoint, false, DT_BIAS); /* all of them are below it */
    assert_true(s.low == s.high && fabs(log1p(exp(s.low)) - 0.2) < 1e-7);
    dm_checkpoint_close(checkpoint);
    (void)state;
}

static void draws_A_by_layer(void **state) {
    struct dm_checkpoint *checkpoint =
        new_model("{\"model_type\": \"mamba\", " SMALL
                  ", \"A_init_range\": [null, [1, 16], [0.01, 0.01], [0.5, 8]]}");
    for (size_t i = 0; i < 96 * 16; i++) {
        double n = (double)(i % 16);
        assert_true(element(checkpoint, 0, A_LOG, i) == (double)(float)log(n + 1));
        assert_true(element(checkpoint, 1, A_LOG, i) == (double)(float)log(n + 1));
        assert_true(element(checkpoint, 2, A_LOG, i) == (double)(float)log(0.01));
        assert_true(element(checkpoint, 3, A_LOG, i) == (double)(float)log((n + 1) / 2));
    }
    dm_checkpoint_close(checkpoint);
    checkpoint = new_model("{\"model_type\": \"mamba\", " SMALL ", \"A_init_range\": [2, 2]}");
    struct statistics s = measure(checkpoint, false, A_LOG);
    assert_true(s.low == (double)(float)log(2) && s.high == s.low);
    dm_checkpoint_close(checkpoint);
    (void)state;
}

/* Mamba-2 draws one A for each head, here 96. */
static void draws_A_of_heads(void **state) {
    struct dm_checkpoint *checkpoint =
        new_model("{\"d_model\": 48, \"n_layer\": 2, \"vocab_size\": 256, \"ssm_cfg\": {\"layer\": "
                  "\"Mamba2\", \"headdim\": 1, \"A_init_range\": [null, [0.01, 0.02]]}}");
    size_t place = 0;
    const struct dm_layer_kind *kind = dm_checkpoint_config(checkpoint)->sorts[0].kind;
    while (strcmp(kind->parameters[place].name, "mixer.A_log") != 0)
        place++;
    double low[2] = {INFINITY, INFINITY}, high[2] = {0, 0}, sum[2] = {0, 0};
    for (size_t layer = 0; layer < 2; layer++)
        for (size_t h = 0; h < 96; h++) {
            double A = exp(element(checkpoint, layer, place, h));
            low[layer] = fmin(low[layer], A);
            high[layer] = fmax(high[layer], A);
            sum[layer] += A / 96;
        }
    assert_true(low[0] >= 0.9999 && low[0] < 2 && high[0] <= 16.001 && high[0] > 14.5);
    assert_true(low[1] >= 0.0099 && low[1] < 0.011 && high[1] <= 0.0201 && high[1] > 0.019);
    assert_true(fabs(sum[0] - 8.5) < 1.5 && fabs(sum[1] - 0.015) < 0.001);
    dm_checkpoint_close(checkpoint);
    (void)state;
}

static void refuses_ranges_that_are_none(void **state) {
    static const struct {
        const char *keys, *expected;
    } cases[] = {
        {"\"time_step_min\": 0", "shape.json: \"time_step_min\" is 0 and"},
        {"\"time_step_min\": 0.2", "\"time_step_max\" 0.1: the first must be above 0"},
        {"\"time_step_max\": \"1\"", "\"time_step_max\" must be a number"},
        {"\"time_step_floor\": -1", "\"time_step_floor\" must be 0 or more"},
        {"\"A_init_range\": 1", "\"A_init_range\" must be two numbers"},
        {"\"A_init_range\": [0, 1]", "\"A_init_range\" must be two numbers"},
        {"\"A_init_range\": [2, 1]", "\"A_init_range\" must be two numbers"},
        {"\"A_init_range\": [1, 2, 3]", "\"A_init_range\" must be two numbers"},
        {"\"A_init_range\": [1, Infinity]", "\"A_init_range\" must be two numbers"},
        {"\"A_init_range\": [[1, 2], [1, 2]]", "for each of the 4 layers"},
        {"\"A_init_range\": [null, null, [1, 2], [-1, 2]]", "\"A_init_range\" of layer 3"},
        {"\"A_init_range\": [null, 3, [1, 2], [1, 2]]", "\"A_init_range\" of layer 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        dm_error error = {0};
        snprintf(text, sizeof text, "{\"model_type\": \"mamba\", " SMALL ", %s}", cases[i].keys);
        test_write_text(inside("shape.json"), text);
        dm_checkpoint_write_random(inside("shape.json"), inside("out"), 0, 1, &error);
        test_expect_error(&error, DM_ERROR_FORMAT, cases[i].expected);
        assert_int_equal(test_count_entries(test_directory), 1); /* the config */
    }
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(draws_as_the_official_code), TEST(draws_with_a_range),
        TEST(draws_steps_in_a_range),     TEST(draws_A_by_layer),
        TEST(draws_A_of_heads),           TEST(refuses_ranges_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
