/* dm_checkpoint_write_random: the kinds of layers draw their weights, as state-spaces/mamba or,
 * where config.json has an initializer_range, transformers draws them; so do the embedding and the
 * head. */
#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/config_file.h"
#include "checkpoint/initial_ranges.h"
#include "checkpoint/model_writer.h"
#include "checkpoint/output_directory.h"

struct drawing {
    const struct dm_model_config *config;
    const struct dm_initial_ranges *ranges; /* [n_layer] */
    uint64_t seed;
    struct dm_random random; /* of the weight that is being drawn */
};

/* Each weight has a random stream of its own, so that it does not depend on the order in the file.
 * Streams are numbered as Mamba-1's parameters: the embedding, a layer's twelve, the last norm, the
 * head. */
static void start_stream(struct drawing *drawing, const struct dm_parameter *parameter) {
    enum { EMBEDDING = 0, FINAL_NORM = 13, HEAD = 14, N_STREAM = 15 };
    static const uint64_t streams[DM_N_NETWORK_PARAMETER] = {EMBEDDING, FINAL_NORM, HEAD};
    dm_random_seed(&drawing->random, drawing->seed);
    uint64_t base = dm_random_bits(&drawing->random);
    uint64_t stream = parameter->layer == DM_NO_LAYER
                          ? streams[parameter->index]
                          : parameter->layer * N_STREAM + 1 + parameter->index;
    dm_random_seed(&drawing->random, base + stream);
}

static double draw_network_weight(struct drawing *drawing, enum dm_network_parameter index) {
    const struct dm_model_config *config = drawing->config;
    double range = config->initializer_range, bound = 1 / sqrt((double)config->d_model);
    if (index == DM_FINAL_NORM)
        return 1;
    if (range > 0 || index == DM_EMBEDDING)
        return (range > 0 ? range : 0.02) * dm_random_normal(&drawing->random);
    return -bound + (bound - -bound) * dm_random_uniform(&drawing->random); /* nn.Linear's */
}

static void read_weight(void *context, const struct dm_parameter *parameter, size_t first, size_t n,
                        float *out) {
    struct drawing *drawing = context;
    const struct dm_model_config *config = drawing->config;
    if (!first)
        start_stream(drawing, parameter);
    if (parameter->layer == DM_NO_LAYER) {
        for (size_t i = 0; i < n; i++)
            out[i] =
                (float)draw_network_weight(drawing, (enum dm_network_parameter)parameter->index);
        return;
    }
    const struct dm_layer_config *layer = dm_layer_config_of(config, parameter->layer);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)layer->kind->draw(layer, &drawing->ranges[parameter->layer],
                                          parameter->index, first + i, &drawing->random);
}

static dm_status read_config(const char *path, struct dm_model_config *config,
                             struct dm_initial_ranges **ranges, dm_error *error) {
    json_t *object = NULL;
    dm_status status = dm_json_read(path, &object, error);
    if (!status)
        status = dm_model_config_from_json(object, path, config, error);
    if (!status)
        status = dm_initial_ranges_read(object, path, config, ranges, error);
    json_decref(object);
    return status;
}

dm_status dm_checkpoint_write_random(const char *config_path, const char *output, dm_dtype dtype,
                                     uint64_t seed, dm_error *error) {
    struct dm_model_config config;
    struct dm_initial_ranges *ranges = NULL;
    struct dm_output_directory directory;
    dm_status status = read_config(config_path, &config, &ranges, error);
    if (!status)
        status = dm_output_directory_open(&directory, output, error);
    if (status) {
        dm_memory_free(ranges);
        return status;
    }
    struct drawing drawing = {.config = &config, .ranges = ranges, .seed = seed};
    struct dm_weight_source source = {read_weight, &drawing};
    status = dm_model_write(directory.temporary.name, &config,
                            dtype == DM_DTYPE_AUTO ? DM_DTYPE_F32 : dtype, &source, error);
    dm_memory_free(ranges);
    if (!status)
        return dm_output_directory_commit(&directory, error);
    dm_output_directory_abort(&directory);
    return status;
}
