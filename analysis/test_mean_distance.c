/* Mean distances against their definition in double precision, and against numpy's. */
#include "mean_distance.h"

#include <math.h>
#include <stdlib.h>

#include "test_brute_force.h"

static double define(const struct whole_layer *layer, size_t channel, size_t n_query) {
    double sum = 0;
    for (size_t i = layer->n_token - n_query; i < layer->n_token; i++) {
        double weight = 0, moment = 0, size;
        for (size_t j = 0; j <= i; j++) {
            double entry = fabs(whole_entry(layer, channel, i, j, &size));
            weight += entry;
            moment += entry * (double)(layer->positions[i] - layer->positions[j]);
        }
        sum += weight > 0 ? moment / weight : 0;
    }
    return sum / (double)n_query;
}

static size_t n_told;
static void count(size_t n_read, void *user) {
    (void)user;
    assert_true(n_read > n_told);
    n_told = n_read;
}

static double *measure(const struct whole_text *text, size_t n_query) {
    const struct scan_reading reading = {.model = text->model,
                                         .method = &text->method,
                                         .ids = text->ids,
                                         .n_id = text->n_id,
                                         .progress = count};
    double *distance = calloc(text->info.n_layer * text->info.n_step, sizeof *distance);
    dm_error error;
    assert_non_null(distance);
    n_told = 0;
    require(mean_distance(&reading, n_query, distance, &error), &error);
    assert_int_equal(n_told, 2 * text->n_id);
    return distance;
}

static void compare(const struct whole_text *text, size_t n_query, size_t step) {
    double *distance = measure(text, n_query);
    for (size_t l = 0; l < text->info.n_layer; l++)
        for (size_t c = 0; c < text->info.n_step; c += step) {
            double expected = define(&text->layers[l], c, n_query);
            double found = distance[l * text->info.n_step + c];
            if (!(fabs(found - expected) <= 1e-5 * expected + 1e-7))
                fail_msg("layer %zu, channel %zu: %.9g instead of %.9g", l, c, found, expected);
        }
    free(distance);
}

static void distances_are_the_definition(void **state) {
    (void)state;
    const size_t lengths[] = {1, 2, 64, 65, 300};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct whole_text text;
        whole_text_open(&text, "golden/tiny-a", lengths[i], NULL, 0, 1);
        compare(&text, 1, 1);
        compare(&text, lengths[i] < 7 ? lengths[i] : 7, 1);
        whole_text_close(&text);
    }
}

/* Queries over several of the chunks and runs that the text is read in, and channels that fill no
 * whole pack. */
static void many_queries_are_the_definition(void **state) {
    (void)state;
    struct whole_text text;
    whole_text_open(&text, "golden/tiny-b-odd", 1100, NULL, 0, 1);
    compare(&text, 90, 17);
    compare(&text, 1, 1);
    whole_text_close(&text);
    whole_text_open(&text, "golden/tiny-a", 80, NULL, 0, 1);
    compare(&text, 80, 5);
    whole_text_close(&text);
}

static void distances_of_kept_tokens_are_the_definition(void **state) {
    (void)state;
    struct whole_text text;
    whole_text_open(&text, "golden/tiny-a", 700, (size_t[]){1, 2}, 2, 5);
    assert_true(text.layers[3].n_token < text.layers[1].n_token);
    assert_true(text.layers[1].n_token < 700);
    compare(&text, 1, 1);
    compare(&text, 5, 3);
    whole_text_close(&text);
    whole_text_open(&text, "golden/tiny-b-odd", 200, (size_t[]){0}, 1, 1);
    compare(&text, 1, 1);
    whole_text_close(&text);
}

static void distances_of_heads_are_the_definition(void **state) {
    (void)state;
    struct whole_text text;
    whole_text_open(&text, "transformers/mamba2-groups", 300, NULL, 0, 1);
    compare(&text, 7, 1);
    whole_text_close(&text);
    whole_text_open(&text, "transformers/mamba2-limits", 200, (size_t[]){1}, 1, 3);
    compare(&text, 3, 1);
    whole_text_close(&text);
}

static void compare_case(const struct whole_text *text, const json_t *all, const json_t *layers) {
    double *distance = measure(text, (size_t)json_integer_value(json_object_get(all, "n_query")));
    for (size_t l = 0; l < text->info.n_layer; l++) {
        const json_t *expected = json_object_get(json_array_get(layers, l), "distance");
        assert_int_equal(json_array_size(expected), text->info.n_step);
        for (size_t c = 0; c < text->info.n_step; c++) {
            double value = json_number_value(json_array_get(expected, c));
            if (!(fabs(distance[l * text->info.n_step + c] - value) <= 1e-3 * value))
                fail_msg("layer %zu, channel %zu: %g instead of %g", l, c,
                         distance[l * text->info.n_step + c], value);
        }
    }
    free(distance);
}

static void distances_are_numpys(void **state) {
    (void)state;
    visit_cases(compare_case);
}

static void fields_end_where_growth_does(void **state) {
    (void)state;
    const double lengths[] = {100, 200, 400, 1600};
    assert_int_equal(receptive_field_end(lengths, (double[]){50, 100, 200, 800}, 4), 3);
    assert_int_equal(receptive_field_end(lengths, (double[]){50, 100, 105, 110}, 4), 1);
    assert_int_equal(receptive_field_end(lengths, (double[]){50, 51, 52, 53}, 4), 0);
    /* two doublings may grow by 1.1 squared */
    assert_int_equal(receptive_field_end(lengths, (double[]){50, 100, 200, 241}, 4), 2);
    assert_int_equal(receptive_field_end(lengths, (double[]){50, 100, 200, 243}, 4), 3);
    /* a standstill that does not last is none */
    assert_int_equal(receptive_field_end(lengths, (double[]){50, 50, 100, 101}, 4), 2);
    assert_int_equal(receptive_field_end(lengths, (double[]){50}, 1), 0);
    assert_int_equal(receptive_field_end(lengths, (double[]){0, 0, 0, 0}, 4), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_the_definition),
        cmocka_unit_test(many_queries_are_the_definition),
        cmocka_unit_test(distances_of_kept_tokens_are_the_definition),
        cmocka_unit_test(distances_of_heads_are_the_definition),
        cmocka_unit_test(distances_are_numpys),
        cmocka_unit_test(fields_end_where_growth_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
