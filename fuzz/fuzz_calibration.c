/* A decimamba.json for a model of 3 layers and 8 channels. */
#include "methods/calibration.h"

#include <math.h>

#include "base/memory.h"
#include "fuzz.h"
#include "methods/method.h"

enum { n_layer = 3, d_inner = 8 };

static void check_channels(const struct dm_calibration *calibration) {
    MUST(calibration->n_layer == n_layer);
    for (size_t layer = 0; layer < n_layer; layer++) {
        const struct dm_layer_channels *own = &calibration->layers[layer];
        for (size_t i = 0; i < own->n_channel; i++) {
            MUST(own->channels[i] < d_inner);
            MUST(i == 0 || own->channels[i - 1] < own->channels[i]);
        }
    }
}

/* The default settings are such that a session takes them. */
static struct dm_method *make_method(const struct dm_calibration *calibration) {
    const dm_method_options *options = &calibration->method;
    struct dm_method *method;
    dm_error error = fuzz_error_new();
    MUST(options->struct_size == sizeof *options);
    for (size_t i = 0; i < options->n_layer; i++)
        MUST(options->layers[i] < n_layer);
    MUST(isfinite(options->beta) && isfinite(calibration->share));
    MUST(dm_method_new(options, n_layer, calibration, &method, &error) == DM_OK);
    return method;
}

static void check_same(const struct dm_calibration *a, const struct dm_calibration *b) {
    struct dm_method *method_a = make_method(a), *method_b = make_method(b);
    MUST(dm_method_equal(method_a, method_b));
    dm_method_free(method_a);
    dm_method_free(method_b);
    MUST(a->length == b->length && a->n_passage == b->n_passage && a->share == b->share);
    for (size_t layer = 0; layer < n_layer; layer++) {
        const struct dm_layer_channels *of_a = &a->layers[layer], *of_b = &b->layers[layer];
        MUST(of_a->n_channel == of_b->n_channel);
        for (size_t i = 0; i < of_a->n_channel; i++)
            MUST(of_a->channels[i] == of_b->channels[i]);
    }
}

static void check_round_trip(const struct dm_calibration *calibration) {
    struct dm_calibration *again = NULL;
    char path[FUZZ_MAX_PATH];
    dm_error error = fuzz_error_new();
    fuzz_path("decimamba.json", path);
    MUST(dm_calibration_write(calibration, path, &error) == DM_OK);
    MUST(dm_calibration_read(path, n_layer, d_inner, &again, &error) == DM_OK);
    check_same(calibration, again);
    dm_calibration_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t live = dm_memory_live();
    struct dm_calibration *calibration = NULL;
    dm_error error = fuzz_error_new();
    dm_status status =
        dm_calibration_read(fuzz_file(data, size), n_layer, d_inner, &calibration, &error);
    fuzz_check_error(status, &error);
    MUST(!calibration == !!status);
    if (!status) {
        check_channels(calibration);
        check_round_trip(calibration);
        dm_calibration_free(calibration);
    }
    MUST(dm_memory_live() == live);
    return 0;
}
