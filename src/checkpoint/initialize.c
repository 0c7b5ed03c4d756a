/* dm_checkpoint_write_random: weights as state-spaces/mamba draws them (Mamba.__init__ in
 * mamba_simple.py, _init_weights in mixer_seq_simple.py, and PyTorch's defaults for nn.Linear and
 * nn.Conv1d, which are uniform in +-1 / sqrt(fan_in)). Where config.json has an initializer_range,
 * the embedding, the head, in_proj and x_proj are normal with that deviation, as transformers draws
 * them (MambaPreTrainedModel._init_weights). */
#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/model_writer.h"
#include "checkpoint/output_directory.h"

struct drawing {
    const struct dm_model_config *config;
    uint64_t seed;
    struct dm_random random; /* of the weight that is being drawn */
};

/* Each weight has a stream of its own: it does not depend on the order in the file. */
static void start_stream(struct drawing *drawing, enum dm_parameter parameter, size_t layer) {
    dm_random_seed(&drawing->random, drawing->seed);
    uint64_t base = dm_random_bits(&drawing->random);
    dm_random_seed(&drawing->random, base + layer * DM_N_PARAMETER + parameter);
}

static double draw_uniform(struct drawing *drawing, double low, double high) {
    return low + (high - low) * dm_random_uniform(&drawing->random);
}

/* Uniform in +-1 / sqrt(fan_in). */
static double draw_linear(struct drawing *drawing, size_t fan_in) {
    double bound = 1 / sqrt((double)fan_in);
    return draw_uniform(drawing, -bound, bound);
}

/* Softplus of the bias is log-uniform in [0.001, 0.1], and at least 1e-4. */
static double draw_dt_bias(struct drawing *drawing) {
    double dt = fmax(exp(draw_uniform(drawing, log(0.001), log(0.1))), 1e-4);
    return dt + log(-expm1(-dt));
}

static bool has_initializer_range(const struct drawing *drawing, enum dm_parameter parameter) {
    return drawing->config->initializer_range > 0 &&
           (parameter == DM_EMBEDDING || parameter == DM_HEAD || parameter == DM_IN_PROJ ||
            parameter == DM_X_PROJ);
}

static double draw(struct drawing *drawing, enum dm_parameter parameter, size_t i) {
    const struct dm_model_config *config = drawing->config;
    if (has_initializer_range(drawing, parameter))
        return config->initializer_range * dm_random_normal(&drawing->random);
    switch (parameter) {
    case DM_EMBEDDING:
        return 0.02 * dm_random_normal(&drawing->random);
    case DM_IN_PROJ:
    case DM_HEAD:
        return draw_linear(drawing, config->d_model);
    case DM_X_PROJ:
        return draw_linear(drawing, config->d_inner);
    case DM_DT_PROJ:
        return draw_linear(drawing, config->dt_rank);
    case DM_OUT_PROJ: /* one residual branch per layer */
        return draw_linear(drawing, config->d_inner) / sqrt((double)config->n_layer);
    case DM_CONV_WEIGHT:
    case DM_CONV_BIAS:
        return draw_linear(drawing, config->d_conv);
    case DM_DT_BIAS:
        return draw_dt_bias(drawing);
    case DM_A_LOG:
        return log((double)(i % config->d_state + 1));
    case DM_D:
    case DM_NORM:
    case DM_FINAL_NORM:
        return 1;
    default: /* biases of the projections */
        return 0;
    }
}

static void read_weight(void *context, enum dm_parameter parameter, size_t layer, size_t first,
                        size_t n, float *out) {
    struct drawing *drawing = context;
    if (!first)
        start_stream(drawing, parameter, layer);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)draw(drawing, parameter, first + i);
}

dm_status dm_checkpoint_write_random(const char *config_path, const char *output, dm_dtype dtype,
                                     uint64_t seed, dm_error *error) {
    struct dm_model_config config;
    struct dm_output_directory directory;
    dm_status status = dm_model_config_read(config_path, &config, error);
    if (!status)
        status = dm_output_directory_open(&directory, output, error);
    if (status)
        return status;
    struct drawing drawing = {.config = &config, .seed = seed};
    struct dm_weight_source source = {read_weight, &drawing};
    status = dm_model_write(directory.temporary.name, &config,
                            dtype == DM_DTYPE_AUTO ? DM_DTYPE_F32 : dtype, &source, error);
    if (!status)
        return dm_output_directory_commit(&directory, error);
    dm_output_directory_abort(&directory);
    return status;
}
