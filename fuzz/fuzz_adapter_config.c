/* The adapter_config.json of an adapter that adds B A = 1 to every element of x_proj of layer 0,
 * beside no model: a config that is accepted names a folder as its model's, and x_proj becomes
 * lora_alpha / r, or lora_alpha / sqrt(r), with r = 4. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/model_folder.h"
#include "checkpoint/adapter.h"
#include "fuzz.h"

enum { rank = 4, d_inner = 2, n_row = 3 }; /* x_proj is [dt_rank + 2 * d_state, d_inner] */

/* The directory, whose adapter_config.json is the file that holds the input. */
static const char *make_directory(const char *input) {
    static const char name[] = "backbone.layers.0.mixer.x_proj.lora_";
    char path[FUZZ_MAX_PATH], header[400], bytes[512] = {0};
    fuzz_path("adapter_config.json", path);
    MUST(symlink(input, path) == 0);
    int n = snprintf(header, sizeof header,
                     "{\"%sA.weight\":{\"dtype\":\"F32\",\"shape\":[4,2],\"data_offsets\":[0,32]},"
                     "\"%sB.weight\":{\"dtype\":\"F32\",\"shape\":[3,4],\"data_offsets\":[32,80]}}",
                     name, name);
    float values[rank * d_inner + n_row * rank];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = i < rank * d_inner ? 1 : 1.f / rank;
    bytes[0] = (char)n; /* of the header's length, the low byte and the next */
    bytes[1] = (char)(n >> 8);
    memcpy(bytes + 8, header, (size_t)n);
    memcpy(bytes + 8 + n, values, sizeof values);
    fuzz_write("adapter_model.safetensors", bytes, 8 + (size_t)n + sizeof values, path);
    return fuzz_directory();
}

static void check_adapter(struct dm_adapter *adapter) {
    static const char x_proj[] = "backbone.layers.0.mixer.x_proj.weight";
    struct dm_parameter parameter = {.shape = dm_matrix_shape(n_row, d_inner)};
    dm_error error = fuzz_error_new();
    float weight[n_row * d_inner] = {0};
    double scale = adapter->alpha / (adapter->rank_stabilized ? 2 : rank);
    MUST(adapter->base && isfinite(adapter->alpha));
    snprintf(parameter.name, sizeof parameter.name, "%s", x_proj);
    MUST(dm_adapter_has(adapter, x_proj));
    MUST(!dm_adapter_has(adapter, "backbone.layers.0.mixer.in_proj.weight"));
    MUST(dm_adapter_add(adapter, &parameter, weight, &error) == DM_OK);
    for (size_t i = 0; i < n_row * d_inner; i++)
        MUST(fabs(weight[i] - (float)scale) <= 1e-6 * fabs(scale) || !isfinite((float)scale));
    MUST(dm_adapter_check_used(adapter, &error) == DM_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *directory;
    const char *input = fuzz_file(data, size);
    if (!directory)
        directory = make_directory(input);
    size_t live = dm_memory_live();
    struct dm_adapter adapter;
    char *path = NULL;
    dm_error error = fuzz_error_new();
    dm_status status = dm_adapter_open(&adapter, directory, false, &error);
    fuzz_check_error(status, &error);
    if (!status) {
        MUST(dm_model_file(directory, "no such file", &path, &error) == DM_OK);
        dm_memory_free(path);
        check_adapter(&adapter);
        dm_adapter_close(&adapter);
    }
    MUST(dm_memory_live() == live);
    return 0;
}
