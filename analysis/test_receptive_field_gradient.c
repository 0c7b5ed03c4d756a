/* Gradient norms by distance against differences of the loss that a session reads, with one number
 * of one token's embedding changed in the checkpoint. */
#include "receptive_field_gradient.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "test_support.h"

enum { d_model = 32, vocab_size = 96, n_id = 48 };
static int32_t ids[n_id]; /* all different: an embedding row is one token's */
static const char golden[] = "golden/tiny-a";

static int set_up(void **state) {
    for (size_t t = 0; t < n_id; t++)
        ids[t] = (int32_t)((t * 37 + 5) % 89);
    test_set_up(state);
    test_copy_file(test_join(test_data(golden), "config.json"),
                   test_join(test_directory, "config.json"));
    return 0;
}

/* The checkpoint with `step` added to a number of the embedding, the file's first tensor. */
static void write_changed(size_t row, size_t column, float step) {
    size_t n_byte;
    uint64_t n_header;
    char *bytes =
        (char *)test_read_file(test_join(test_data(golden), "model.safetensors"), &n_byte);
    memcpy(&n_header, bytes, sizeof n_header);
    assert_non_null(strstr(bytes + 8, "\"backbone.embedding.weight\""));
    char *at = bytes + 8 + n_header + (row * d_model + column) * sizeof(float);
    float value;
    memcpy(&value, at, sizeof value);
    value += step;
    memcpy(at, &value, sizeof value);
    test_write_file(test_join(test_directory, "model.safetensors"), bytes, n_byte);
    free(bytes);
}

/* Of the last n_prediction tokens. */
static double read_loss(const dm_method_options *method, size_t n_prediction) {
    dm_model_options one = DM_MODEL_OPTIONS_INIT;
    float *logits = malloc(n_prediction * vocab_size * sizeof *logits);
    dm_model *model;
    dm_session *session;
    dm_error error;
    one.n_thread = 1;
    require(dm_model_load(test_directory, &one, &model, &error), &error);
    require(dm_session_new(model, method, &session, &error), &error);
    require(dm_session_append(session, ids, n_id - 1, &error), &error);
    require(dm_session_logits(session, n_prediction, logits, &error), &error);
    double sum = 0;
    for (size_t i = 0; i < n_prediction; i++)
        sum += dm_negative_log_likelihood(logits + i * vocab_size, vocab_size,
                                          ids[n_id - n_prediction + i]);
    free(logits);
    dm_session_free(session);
    dm_model_free(model);
    return sum;
}

static double difference_norm(const dm_method_options *method, size_t n_prediction, size_t token) {
    const float step = 1e-2f;
    double sum = 0;
    for (size_t i = 0; i < d_model; i++) {
        write_changed((size_t)ids[token], i, step);
        double above = read_loss(method, n_prediction);
        write_changed((size_t)ids[token], i, -step);
        double slope = (above - read_loss(method, n_prediction)) / (2 * (double)step);
        sum += slope * slope;
    }
    return sqrt(sum);
}

static dm_trainer *new_trainer(const dm_method_options *method, int recompute) {
    dm_trainer_options options = DM_TRAINER_OPTIONS_INIT;
    dm_trainer *trainer;
    dm_error error;
    options.method = method, options.recompute = recompute;
    require(dm_trainer_new(test_data(golden), &options, &trainer, &error), &error);
    return trainer;
}

static void check(const dm_method_options *method, size_t n_prediction, const size_t *distances,
                  size_t n_distance) {
    struct gradient_profile profile;
    dm_error error;
    dm_trainer *trainer = new_trainer(method, n_prediction == 1);
    require(gradient_profile_new(&profile, n_id, &error), &error);
    require(gradient_profile_add(&profile, trainer, ids, n_prediction, method->keep_tail, &error),
            &error);
    gradient_profile_finish(&profile);
    assert_int_equal(profile.n_window, 1);
    double total = 0;
    for (size_t d = 0; d < profile.n_distance; d++)
        total += profile.weights[d];
    assert_true(fabs(total - 1) < 1e-12);
    write_changed(0, 0, 0);
    double loss = read_loss(method, n_prediction) / (double)n_prediction;
    assert_true(fabs(profile.loss - loss) < 1e-5 * loss);
    double largest = 0;
    for (size_t i = 0; i < n_distance; i++)
        largest = fmax(largest, profile.norms[distances[i]]);
    assert_true(largest > 0);
    for (size_t i = 0; i < n_distance; i++) {
        size_t d = distances[i];
        double expected = difference_norm(method, n_prediction, n_id - 2 - d);
        assert_true(fabs(profile.weights[d] * profile.norm - profile.norms[d]) < 1e-9 * largest);
        if (!(fabs(profile.norms[d] - expected) < 2e-3 * expected + 1e-4 * largest))
            fail_msg("distance %zu: %g instead of %g", d, profile.norms[d], expected);
    }
    gradient_profile_free(&profile);
    dm_trainer_free(trainer);
}

static void norms_are_differences(void **state) {
    (void)state;
    dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    check(&plain, 1, (size_t[]){0, 1, 2, 5, 20, n_id - 2}, 6);
    plain.keep_tail = 3;
    check(&plain, 3, (size_t[]){0, 1, 2, 3, 10}, 5);
}

static void norms_of_dropped_tokens_are_differences(void **state) {
    (void)state;
    const size_t layers[] = {1, 2};
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = DM_METHOD_DECIMATE;
    method.layers = layers, method.n_layer = 2;
    method.base_length = 12, method.beta = 0.5, method.min_length = 2;
    check(&method, 1, (size_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 11);
    method.keep_tail = 4;
    check(&method, 3, (size_t[]){0, 1, 2, 3, 4, 5}, 6);
}

/* Two windows count alike, whatever their gradients. */
static void windows_are_averaged(void **state) {
    (void)state;
    const dm_method_options plain = DM_METHOD_OPTIONS_INIT;
    struct gradient_profile each[2], both;
    dm_error error;
    dm_trainer *trainer = new_trainer(&plain, 1);
    size_t length = n_id - 8;
    require(gradient_profile_new(&both, length, &error), &error);
    for (size_t w = 0; w < 2; w++) {
        const int32_t *window = ids + 8 * w;
        require(gradient_profile_new(&each[w], length, &error), &error);
        require(gradient_profile_add(&each[w], trainer, window, 1, 1, &error), &error);
        require(gradient_profile_add(&both, trainer, window, 1, 1, &error), &error);
        gradient_profile_finish(&each[w]);
    }
    gradient_profile_finish(&both);
    assert_int_equal(both.n_window, 2);
    for (size_t d = 0; d < both.n_distance; d++)
        assert_true(fabs(both.weights[d] - (each[0].weights[d] + each[1].weights[d]) / 2) < 1e-12);
    assert_true(fabs(both.norm - (each[0].norm + each[1].norm) / 2) < 1e-12 * both.norm);
    for (size_t w = 0; w < 2; w++)
        gradient_profile_free(&each[w]);
    gradient_profile_free(&both);
    dm_trainer_free(trainer);
}

static void shares_and_means(void **state) {
    (void)state;
    struct gradient_profile profile;
    dm_error error;
    require(gradient_profile_new(&profile, 6, &error), &error);
    assert_int_equal(gradient_profile_within(&profile, 0.5), 0);
    assert_true(isnan(gradient_profile_mean(&profile)));
    const double weights[] = {0.5, 0.25, 0, 0.125, 0.125};
    memcpy(profile.weights, weights, sizeof weights);
    profile.n_window = 1;
    assert_int_equal(gradient_profile_within(&profile, 0.1), 1);
    assert_int_equal(gradient_profile_within(&profile, 0.5), 1);
    assert_int_equal(gradient_profile_within(&profile, 0.51), 2);
    assert_int_equal(gradient_profile_within(&profile, 0.75), 2);
    assert_int_equal(gradient_profile_within(&profile, 0.8), 4);
    assert_int_equal(gradient_profile_within(&profile, 0.999), 5);
    assert_true(fabs(gradient_profile_mean(&profile) - (0.25 + 0.375 + 0.5)) < 1e-15);
    gradient_profile_free(&profile);
}

/* distance + 1 from one power of two to the next; each distance in one bin. */
static void bins_double(void **state) {
    (void)state;
    struct gradient_profile profile = {.n_distance = 100};
    assert_int_equal(gradient_profile_bin_end(&profile, 0, 1), 1);
    assert_int_equal(gradient_profile_bin_end(&profile, 1, 1), 3);
    assert_int_equal(gradient_profile_bin_end(&profile, 3, 1), 7);
    assert_int_equal(gradient_profile_bin_end(&profile, 63, 1), 100);
    profile.n_distance = 5000;
    size_t first = 0, end;
    for (; first < profile.n_distance; first = end) {
        end = gradient_profile_bin_end(&profile, first, 4);
        assert_true(end > first);
        assert_true(end == first + 1 || (double)end <= 1.2 * (double)(first + 1));
    }
    assert_int_equal(end, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_are_differences),
        cmocka_unit_test(norms_of_dropped_tokens_are_differences),
        cmocka_unit_test(windows_are_averaged),
        cmocka_unit_test(shares_and_means),
        cmocka_unit_test(bins_double),
    };
    return cmocka_run_group_tests(tests, set_up, test_tear_down);
}
