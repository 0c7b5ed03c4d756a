/* The numbers that the official implementation made: see tests/data/golden/README.md. */
#ifndef DM_TESTS_GOLDEN_H
#define DM_TESTS_GOLDEN_H

#include <jansson.h>

#include "checkpoint/safetensors.h"
#include "engine.h"

static const char *const golden_folders[] = {"tiny-a", "tiny-b-odd"};
enum { n_golden = 2, max_layer = 8 };

struct golden {
    char path[TEST_MAX_PATH];
    json_t *expected;
    struct dm_safetensors tensors;
    size_t n_id;
    int32_t *ids;
};

struct settings {
    dm_method_options method;
    size_t layers[max_layer];
};

static inline size_t get_size(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return (size_t)json_integer_value(value);
}

static inline int32_t *get_ids(const json_t *array, size_t *n) {
    *n = json_array_size(array);
    assert_true(*n > 0);
    int32_t *ids = some(*n, sizeof *ids);
    for (size_t i = 0; i < *n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(array, i));
    return ids;
}

static inline void open_golden(const char *folder, struct golden *golden) {
    char name[64];
    dm_error error;
    snprintf(name, sizeof name, "golden/%s", folder);
    snprintf(golden->path, sizeof golden->path, "%s", test_data(name));
    golden->expected = json_load_file(test_join(golden->path, "expected.json"), 0, NULL);
    assert_non_null(golden->expected);
    require(dm_safetensors_open(&golden->tensors, test_join(golden->path, "expected.safetensors"),
                                &error),
            &error);
    golden->ids = get_ids(json_object_get(golden->expected, "input_ids"), &golden->n_id);
}

static inline void close_golden(struct golden *golden) {
    json_decref(golden->expected);
    dm_safetensors_close(&golden->tensors);
    free(golden->ids);
}

static inline void read_settings(const json_t *deci, size_t keep_tail, struct settings *settings) {
    settings->method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    dm_method_options *method = &settings->method;
    method->keep_tail = keep_tail;
    if (json_object_size(deci) == 0)
        return;
    const json_t *layers = json_object_get(deci, "layers");
    method->kind = DM_METHOD_DECIMATE;
    method->n_layer = json_array_size(layers);
    assert_in_range(method->n_layer, 1, max_layer);
    for (size_t i = 0; i < method->n_layer; i++)
        settings->layers[i] = (size_t)json_integer_value(json_array_get(layers, i));
    method->layers = settings->layers;
    method->base_length = get_size(deci, "L_base");
    method->beta = json_number_value(json_object_get(deci, "beta"));
    method->min_length = get_size(deci, "min_seq_len");
}

/* The tensor `kind``index`.`name` of the expected ones: `n` floats. */
static inline const float *expected_floats(const struct golden *golden, const char *kind,
                                           size_t index, const char *name, size_t n) {
    char full[64];
    snprintf(full, sizeof full, "%s%zu.%s", kind, index, name);
    const struct dm_named_tensor *tensor = dm_safetensors_find(&golden->tensors, full);
    assert_non_null(tensor);
    assert_int_equal(tensor->n_byte, n * sizeof(float));
    float *floats = some(n, sizeof *floats);
    memcpy(floats, tensor->data, tensor->n_byte);
    return floats;
}

#endif
