/* Maps against their definition in double precision, every entry, and against what numpy made of
 * the weights; and bins against a plain mean. */
#include "attention_map.h"

#include <math.h>
#include <stdlib.h>

#include "decay.h"
#include "map_bins.h"
#include "test_brute_force.h"

struct comparison {
    const struct whole_layer *layer;
    size_t step, n_row;
    double *gaps; /* [n_token, d_inner] sums of delta */
    double worst; /* error by what it is allowed */
    size_t n_zero;
};

static double *sum_up(const struct whole_layer *layer) {
    size_t E = layer->d_inner;
    double *gaps = calloc(layer->n_token * E + 1, sizeof *gaps);
    assert_non_null(gaps);
    for (size_t t = 0; t < layer->n_token; t++)
        for (size_t c = 0; c < E; c++)
            gaps[t * E + c] = (t ? gaps[(t - 1) * E + c] : 0) + layer->delta[t * E + c];
    return gaps;
}

/* The definition, with the sums of Delta at hand. `*allowed`: the floor of the contract, and 2e-6
 * of the terms' sizes for the rounding of floats. */
static double define(const struct comparison *c, size_t i, size_t j, double *allowed) {
    const struct whole_layer *layer = c->layer;
    size_t E = layer->d_inner, N = layer->d_state, n = 0;
    double mean = 0;
    *allowed = 0;
    for (size_t channel = 0; channel < E; channel += c->step, n++) {
        double sum = 0, gap = c->gaps[i * E + channel] - c->gaps[j * E + channel];
        for (size_t s = 0; s < N; s++) {
            double fade = exp(layer->A[s * E + channel] * gap);
            double product = whole_product(layer, channel, i, j, s);
            sum += product * fade;
            *allowed += fabs(product) * (2e-6 * fade + decay_floor);
        }
        mean += fabs(sum);
    }
    *allowed /= (double)n;
    return mean / (double)n;
}

static void compare_row(const float *row, size_t i, void *user) {
    struct comparison *c = user;
    assert_int_equal(i, c->n_row++);
    for (size_t j = 0; j <= i; j++) {
        double allowed, expected = define(c, i, j, &allowed);
        c->worst = fmax(c->worst, fabs(row[j] - expected) / allowed);
        c->n_zero += row[j] == 0;
    }
}

static struct scan_inputs *collect(const struct whole_text *text, size_t step) {
    const struct scan_reading reading = {
        .model = text->model, .method = &text->method, .ids = text->ids, .n_id = text->n_id};
    bool wanted[max_layers] = {true, true, true, true, true, true, true, true};
    struct scan_inputs *layers;
    dm_error error;
    require(scan_inputs_collect(&reading, wanted, step, &layers, &error), &error);
    return layers;
}

/* All maps of a text; returns the entries that are exactly 0. */
static size_t compare(const struct whole_text *text, size_t step) {
    struct scan_inputs *layers = collect(text, step);
    size_t n_zero = 0;
    dm_error error;
    for (size_t l = 0; l < text->info.n_layer; l++) {
        struct comparison c = {.layer = &text->layers[l], .step = step};
        assert_int_equal(layers[l].n_token, c.layer->n_token);
        for (size_t t = 0; t < c.layer->n_token; t++)
            assert_int_equal(layers[l].positions[t], c.layer->positions[t]);
        c.gaps = sum_up(c.layer);
        require(attention_map_rows(&layers[l], compare_row, &c, &error), &error);
        assert_int_equal(c.n_row, c.layer->n_token);
        if (c.worst > 1)
            fail_msg("layer %zu: %.3g of what is allowed", l, c.worst);
        n_zero += c.n_zero;
        free(c.gaps);
    }
    scan_inputs_free(layers, text->info.n_layer);
    return n_zero;
}

static void maps_are_the_definition(void **state) {
    (void)state;
    const size_t lengths[] = {1, 2, 63, 64, 65, 200};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct whole_text text;
        whole_text_open(&text, "golden/tiny-a", lengths[i], NULL, 0, 1);
        compare(&text, lengths[i] < 10 ? 1 : 9);
        whole_text_close(&text);
    }
}

static void maps_of_kept_tokens_are_the_definition(void **state) {
    (void)state;
    struct whole_text text;
    whole_text_open(&text, "golden/tiny-a", 130, (size_t[]){3, 1}, 2, 2); /* the order is s */
    compare(&text, 16);
    whole_text_close(&text);
    whole_text_open(&text, "golden/tiny-a", 230, (size_t[]){1, 3}, 2, 4);
    assert_true(text.layers[0].n_token == 230 && text.layers[1].n_token < 230);
    assert_true(text.layers[2].n_token == text.layers[1].n_token);
    assert_true(text.layers[3].n_token < text.layers[2].n_token);
    compare(&text, 16);
    whole_text_close(&text);
    whole_text_open(&text, "golden/tiny-b-odd", 150, (size_t[]){0}, 1, 1);
    assert_true(text.layers[0].n_token < 150);
    compare(&text, 13);
    whole_text_close(&text);
}

/* Heads instead of channels, which share A over their states; and groups of them. */
static void maps_of_heads_are_the_definition(void **state) {
    (void)state;
    struct whole_text text;
    whole_text_open(&text, "transformers/mamba2-groups", 130, NULL, 0, 1);
    assert_int_equal(text.layers[0].d_inner, 10);
    compare(&text, 1);
    whole_text_close(&text);
    whole_text_open(&text, "transformers/mamba2-limits", 150, (size_t[]){1}, 1, 1);
    assert_true(text.layers[1].n_token < 150);
    compare(&text, 3);
    whole_text_close(&text);
}

/* Long enough for states to be gone: the rest of the row is 0, and no more wrong than is said. The
 * text is also longer than what the library reads at once. */
static void maps_end_where_all_has_decayed(void **state) {
    (void)state;
    struct whole_text text;
    whole_text_open(&text, "golden/tiny-b-odd", 1300, NULL, 0, 1);
    size_t n_zero = compare(&text, 60);
    assert_true(n_zero > 1000);
    whole_text_close(&text);
}

/* ---- numpy's ---- */

struct expected_map {
    const json_t *numbers;
    size_t at;
    double worst;
};

static void compare_with_numpy(const float *row, size_t i, void *user) {
    struct expected_map *map = user;
    for (size_t j = 0; j <= i; j++) {
        double expected = json_number_value(json_array_get(map->numbers, map->at++));
        map->worst = fmax(map->worst, fabs(row[j] - expected) / (fabs(expected) + 1e-5));
    }
}

static void compare_case(const struct whole_text *text, const json_t *all, const json_t *layers) {
    struct scan_inputs *inputs =
        collect(text, (size_t)json_integer_value(json_object_get(all, "step")));
    for (size_t l = 0; l < text->info.n_layer; l++) {
        const json_t *layer = json_array_get(layers, l);
        const json_t *positions = json_object_get(layer, "places");
        struct expected_map map = {.numbers = json_object_get(layer, "map")};
        dm_error error;
        assert_int_equal(json_array_size(positions), inputs[l].n_token);
        for (size_t t = 0; t < inputs[l].n_token; t++)
            assert_int_equal(json_integer_value(json_array_get(positions, t)),
                             inputs[l].positions[t]);
        require(attention_map_rows(&inputs[l], compare_with_numpy, &map, &error), &error);
        assert_int_equal(map.at, json_array_size(map.numbers));
        if (map.worst > 1e-3)
            fail_msg("layer %zu: %g from numpy's", l, map.worst);
    }
    scan_inputs_free(inputs, text->info.n_layer);
}

static void maps_are_numpys(void **state) {
    (void)state;
    visit_cases(compare_case);
}

/* ---- Bins ---- */

static void bins_are_means(void **state) {
    (void)state;
    const size_t positions[] = {0, 1, 2, 5, 6, 9}; /* of 10 tokens, in 4 bins: 0-2, 3-4, 5-7, 8-9 */
    const size_t bin[] = {0, 0, 0, 2, 2, 3};
    enum { n_token = 6, n_bin = 4 };
    struct map_bins bins;
    dm_error error;
    double sums[n_bin * n_bin] = {0}, counts[n_bin * n_bin] = {0};
    float row[n_token], values[n_bin * n_bin], largest = 0;
    require(map_bins_new(&bins, 10, n_bin, positions, n_token, &error), &error);
    assert_int_equal(bins.n_bin, n_bin);
    for (size_t i = 0; i < n_token; i++) {
        for (size_t j = 0; j <= i; j++) {
            row[j] = (float)((7 * i + 3 * j) % 11);
            sums[bin[i] * n_bin + bin[j]] += row[j];
            counts[bin[i] * n_bin + bin[j]]++;
        }
        map_bins_add(row, i, &bins);
    }
    float largest_mean = map_bins_means(&bins, values);
    for (size_t at = 0; at < sizeof sums / sizeof *sums; at++) {
        assert_int_equal(isnan(values[at]) != 0, counts[at] == 0);
        if (counts[at] > 0) {
            assert_true(fabs(values[at] - sums[at] / counts[at]) < 1e-6);
            largest = fmaxf(largest, values[at]);
        }
    }
    assert_true(largest_mean == largest);
    assert_true(bins.largest_entry == 10);
    map_bins_free(&bins);
    /* as many bins as tokens at most: the map itself */
    require(map_bins_new(&bins, 10, 4096, positions, n_token, &error), &error);
    assert_int_equal(bins.n_bin, 10);
    assert_int_equal(bins.bin[4], 6);
    map_bins_free(&bins);
}

static void decays_are_exponentials(void **state) {
    (void)state;
    double worst = 0;
    for (int i = 0; (float)i * -0.00037f > decay_floor_log; i++) {
        float x = (float)i * -0.00037f;
        worst = fmax(worst, fabs((double)decay(x) / exp((double)x) - 1));
    }
    assert_true(worst < 2e-7);
    assert_true(decay(0) == 1);
    assert_true(decay(-28) == 0 && decay(-1e30f) == 0 && decay(-INFINITY) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_the_definition),
        cmocka_unit_test(maps_of_kept_tokens_are_the_definition),
        cmocka_unit_test(maps_of_heads_are_the_definition),
        cmocka_unit_test(maps_end_where_all_has_decayed),
        cmocka_unit_test(maps_are_numpys),
        cmocka_unit_test(bins_are_means),
        cmocka_unit_test(decays_are_exponentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
