/* Delta maps against the definition in double precision, layer by layer with nothing dropped from
 * it on, and against the definition of the choice. */
#include "delta_map.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "test_brute_force.h"

/* `slow`: n_slow channels, of the global score. */
static double define(const struct whole_layer *layer, size_t token, dm_score score,
                     const uint32_t *slow, size_t n_slow) {
    const float *delta = layer->delta + token * layer->d_inner;
    size_t n = score == DM_SCORE_GLOBAL ? n_slow : layer->d_inner;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double value = (double)delta[score == DM_SCORE_GLOBAL ? slow[i] : i];
        sum += score == DM_SCORE_MEAN ? value / (double)n : value * value;
    }
    return score == DM_SCORE_MEAN ? sum : sqrt(sum);
}

static bool drops_at(const dm_method_options *method, size_t layer, size_t *index) {
    for (size_t s = 0; s < method->n_layer; s++)
        if (method->layers[s] == layer) {
            *index = s;
            return true;
        }
    return false;
}

/* All that enters `layer` is what its scan reads once the layers from there on drop nothing. */
static void compare_scores(const char *folder, const struct whole_text *text,
                           const struct delta_map *map, size_t layer) {
    struct whole_text below;
    const uint32_t *slow;
    size_t n_slow;
    dm_error error;
    require(dm_model_global_channels(text->model, layer, &slow, &n_slow, &error), &error);
    size_t dropping[max_layers];
    dm_method_options method = text->method;
    method.layers = dropping;
    method.n_layer = 0;
    for (size_t s = 0; s < text->method.n_layer; s++) /* list is ascending: positions stay */
        if (text->method.layers[s] < layer)
            dropping[method.n_layer++] = text->method.layers[s];
    if (!method.n_layer)
        method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    whole_text_read(&below, folder, text->ids, text->n_id, &method);
    const struct whole_layer *read = &below.layers[layer];
    assert_int_equal(delta_map_count(map, layer), read->n_token);
    for (size_t index = 0, t = 0; index < map->n_token; index++) {
        double found = (double)map->scores[layer * map->n_token + index];
        bool there = t < read->n_token && read->positions[t] == index;
        assert_int_equal(there, map->dropped_by[index] >= layer);
        assert_int_equal(there, !isnan(found));
        if (!there)
            continue;
        double expected = define(read, t, text->method.score, slow, n_slow);
        if (!(fabs(found - expected) <= 1e-5 * expected))
            fail_msg("layer %zu, token %zu: %g instead of %g", layer, index, found, expected);
        t++;
    }
    whole_text_close(&below);
}

/* K tokens before the tail are kept, and none of them has a lower score than one that is not. */
static void compare_choice(const struct whole_text *text, const struct delta_map *map,
                           size_t layer) {
    const dm_method_options *method = &text->method;
    size_t index, n_in = delta_map_count(map, layer), n_kept = 0, n = 0;
    double worst_kept = INFINITY, best_dropped = -INFINITY;
    if (!drops_at(method, layer, &index)) {
        assert_int_equal(n_in, delta_map_count(map, layer + 1));
        return;
    }
    size_t tail = method->keep_tail < n_in ? method->keep_tail : n_in;
    for (size_t t = 0; t < map->n_token; t++) {
        double score = (double)map->scores[layer * map->n_token + t];
        if (map->dropped_by[t] < layer)
            continue;
        bool kept = map->dropped_by[t] > layer;
        if (n++ >= n_in - tail) {
            assert_true(kept);
            continue;
        }
        n_kept += kept;
        if (kept)
            worst_kept = fmin(worst_kept, score);
        else
            best_dropped = fmax(best_dropped, score);
    }
    size_t before = n_in - tail;
    size_t budget = (size_t)((double)method->base_length * pow(method->beta, (double)index));
    budget = budget < before ? budget : before;
    budget = budget > method->min_length ? budget : method->min_length;
    budget = budget < before ? budget : before;
    assert_int_equal(n_kept, budget);
    if (method->kind == DM_METHOD_DECIMATE)
        assert_true(worst_kept >= best_dropped - 1e-6 * fabs(best_dropped));
}

static size_t n_told;
static void count(size_t n_read, void *user) {
    (void)user;
    assert_true(n_read > n_told);
    n_told = n_read;
}

/* `folder`: below tests/data. */
static void check(const char *folder, size_t n_id, const dm_method_options *method) {
    struct whole_text text;
    struct delta_map map;
    dm_error error;
    int32_t *ids = calloc(n_id, sizeof *ids);
    assert_non_null(ids);
    for (size_t i = 0; i < n_id; i++)
        ids[i] = (int32_t)(i * i * 7 % 89);
    whole_text_read(&text, folder, ids, n_id, method);
    const struct scan_reading reading = {
        .model = text.model, .method = &text.method, .ids = ids, .n_id = n_id, .progress = count};
    n_told = 0;
    require(delta_map_read(&reading, &map, &error), &error);
    assert_int_equal(n_told, n_id);
    assert_int_equal(map.n_layer, text.info.n_layer);
    for (size_t layer = 0; layer < map.n_layer; layer++) {
        compare_scores(folder, &text, &map, layer);
        compare_choice(&text, &map, layer);
    }
    delta_map_free(&map);
    whole_text_close(&text);
    free(ids);
}

static void maps_are_the_definition(void **state) {
    (void)state;
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    check("golden/tiny-a", 1, &method);
    check("golden/tiny-a", 200, &method);
    method.score = DM_SCORE_MEAN;
    check("golden/tiny-b-odd", 100, &method);
}

static void choices_are_the_definition(void **state) {
    (void)state;
    const size_t layers[] = {0, 1, 3};
    const dm_score scores[] = {DM_SCORE_NORM, DM_SCORE_MEAN};
    for (int i = 0; i < 2; i++) {
        dm_method_options method = DM_METHOD_OPTIONS_INIT;
        method.kind = DM_METHOD_DECIMATE;
        method.score = scores[i];
        method.layers = layers, method.n_layer = 3;
        method.base_length = 100, method.beta = 0.5, method.min_length = 10;
        method.keep_tail = 7;
        check("golden/tiny-a", 300, &method);
        check("golden/tiny-a", 5, &method);
        method.layers = layers + 1, method.n_layer = 1;
        check("golden/tiny-b-odd", 5000, &method); /* over several chunks */
    }
}

static void kept_last_have_scores_too(void **state) {
    (void)state;
    const size_t layers[] = {1};
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = DM_METHOD_KEEP_LAST;
    method.layers = layers, method.n_layer = 1;
    method.base_length = 30;
    check("golden/tiny-a", 100, &method);
}

static void slow_channels_are_those_of_the_model(void **state) {
    (void)state;
    const size_t layers[] = {1, 2};
    dm_method_options method = DM_METHOD_OPTIONS_INIT;
    method.kind = DM_METHOD_DECIMATE, method.score = DM_SCORE_GLOBAL;
    method.layers = layers, method.n_layer = 2;
    method.base_length = 100, method.keep_tail = 3;
    check("../../models/passkey-512", 400, &method);
}

/* The model of a folder, and what its decimamba.json says of a layer, read here. */
static void compare_channels(const char *folder, size_t n_expected) {
    dm_model *model;
    dm_error error;
    dm_model_info info = DM_MODEL_INFO_INIT;
    char path[1024];
    size_t n_all = 0;
    snprintf(path, sizeof path, "%s/decimamba.json", folder);
    json_t *file = json_load_file(path, 0, NULL);
    require(dm_model_load(folder, NULL, &model, &error), &error);
    require(dm_model_get_info(model, &info, &error), &error);
    for (size_t layer = 0; layer < info.n_layer; layer++) {
        char key[24];
        const uint32_t *channels;
        size_t n;
        snprintf(key, sizeof key, "%zu", layer);
        const json_t *expected = json_object_get(json_object_get(file, "global_channels"), key);
        require(dm_model_global_channels(model, layer, &channels, &n, &error), &error);
        assert_int_equal(n, json_array_size(expected));
        for (size_t i = 0; i < n; i++)
            assert_int_equal(channels[i], json_integer_value(json_array_get(expected, i)));
        n_all += n;
    }
    assert_int_equal(n_all, n_expected);
    const uint32_t *channels;
    size_t n;
    assert_int_equal(dm_model_global_channels(model, info.n_layer, &channels, &n, &error),
                     DM_ERROR_ARGUMENT);
    assert_int_equal(dm_model_global_channels(model, 0, NULL, &n, &error), DM_ERROR_ARGUMENT);
    dm_model_free(model);
    json_decref(file);
}

static void slow_channels_are_those_of_the_file(void **state) {
    (void)state;
    compare_channels(test_source("models/passkey-512"), 100);
    compare_channels(test_data("golden/tiny-a"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_the_definition),
        cmocka_unit_test(choices_are_the_definition),
        cmocka_unit_test(kept_last_have_scores_too),
        cmocka_unit_test(slow_channels_are_those_of_the_model),
        cmocka_unit_test(slow_channels_are_those_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
