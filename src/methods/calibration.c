#include "methods/calibration.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

dm_status dm_calibration_new(size_t n_layer, struct dm_calibration **result, dm_error *error) {
    struct dm_calibration *calibration = dm_memory_zeroed(1, sizeof *calibration);
    struct dm_layer_channels *layers = dm_memory_zeroed(n_layer, sizeof *layers);
    if (!calibration || !layers) {
        dm_memory_free(calibration);
        dm_memory_free(layers);
        return dm_fail_memory(error, "a calibration");
    }
    calibration->n_layer = n_layer;
    calibration->layers = layers;
    calibration->method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    *result = calibration;
    return DM_OK;
}

void dm_calibration_free(struct dm_calibration *calibration) {
    if (!calibration)
        return;
    for (size_t i = 0; i < calibration->n_layer; i++)
        dm_memory_free(calibration->layers[i].channels);
    dm_memory_free(calibration->layers);
    dm_memory_free(calibration->method_layers);
    dm_memory_free(calibration->method_values);
    dm_memory_free(calibration);
}

/* A copy of n > 0 in one piece: the values, their numbers, their names. */
static dm_method_value *copy_values(const dm_method_value *values, size_t n) {
    size_t n_number = 0, n_byte = 0;
    for (size_t i = 0; i < n; i++) { /* fits: the caller's are there */
        n_number += values[i].n;
        n_byte += strlen(values[i].name) + 1;
    }
    dm_method_value *copy =
        dm_memory_array(n * sizeof *copy + n_number * sizeof(double) + n_byte, 1);
    double *numbers = (double *)(copy + n);
    char *name = (char *)(numbers + n_number);
    for (size_t i = 0; copy && i < n; i++) {
        size_t length = strlen(values[i].name) + 1;
        memcpy(numbers, values[i].numbers, values[i].n * sizeof *numbers);
        memcpy(name, values[i].name, length);
        copy[i] = (dm_method_value){.name = name, .numbers = numbers, .n = values[i].n};
        numbers += values[i].n;
        name += length;
    }
    return copy;
}

dm_status dm_calibration_set_method(struct dm_calibration *calibration,
                                    const dm_method_options *method, dm_error *error) {
    size_t n_layer = method->layers ? method->n_layer : 0;
    size_t *layers = dm_memory_array(n_layer, sizeof *layers);
    dm_method_value *values = method->n_value ? copy_values(method->values, method->n_value) : NULL;
    if (!layers || (!values && method->n_value)) {
        dm_memory_free(layers);
        dm_memory_free(values);
        return dm_fail_memory(error, "a calibration");
    }
    if (n_layer)
        memcpy(layers, method->layers, n_layer * sizeof *layers);
    dm_memory_free(calibration->method_layers);
    dm_memory_free(calibration->method_values);
    calibration->method = *method;
    calibration->method.n_layer = n_layer;
    calibration->method.layers = calibration->method_layers = layers;
    calibration->method.values = calibration->method_values = values;
    return DM_OK;
}

/* Is channel a slower than b? */
static bool slower(const double *log_decay, size_t a, size_t b) {
    double x = isnan(log_decay[a]) ? INFINITY : log_decay[a];
    double y = isnan(log_decay[b]) ? INFINITY : log_decay[b];
    return x < y || (x == y && a < b);
}

dm_status dm_calibration_choose(struct dm_calibration *calibration, size_t layer,
                                const double *log_decay, size_t n_step, double share,
                                dm_error *error) {
    size_t n = (size_t)((double)n_step * share), n_chosen = 0;
    n = n ? n : 1;
    uint32_t *channels = dm_memory_array(n, sizeof *channels);
    if (!channels)
        return dm_fail_memory(error, "a calibration");
    for (size_t c = 0; c < n_step && n_chosen < n; c++) {
        size_t n_slower = 0;
        for (size_t other = 0; other < n_step; other++)
            n_slower += slower(log_decay, other, c);
        if (n_slower < n)
            channels[n_chosen++] = (uint32_t)c;
    }
    dm_memory_free(calibration->layers[layer].channels);
    calibration->layers[layer] = (struct dm_layer_channels){n_chosen, channels};
    return DM_OK;
}
