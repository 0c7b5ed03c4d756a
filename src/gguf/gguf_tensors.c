#include "gguf/gguf_tensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "base/memory.h"

/* Below blk.<i>. where the parameter has a layer; NULL: llama.cpp has no place for it. */
static const char *const names[DM_N_PARAMETER] = {
    [DM_EMBEDDING] = "token_embd.weight",
    [DM_NORM] = "attn_norm.weight",
    [DM_IN_PROJ] = "ssm_in.weight",
    [DM_CONV_WEIGHT] = "ssm_conv1d.weight",
    [DM_CONV_BIAS] = "ssm_conv1d.bias",
    [DM_X_PROJ] = "ssm_x.weight",
    [DM_DT_PROJ] = "ssm_dt.weight",
    [DM_DT_BIAS] = "ssm_dt.bias",
    [DM_A_LOG] = "ssm_a",
    [DM_D] = "ssm_d",
    [DM_OUT_PROJ] = "ssm_out.weight",
    [DM_FINAL_NORM] = "output_norm.weight",
    [DM_HEAD] = "output.weight",
};

static uint32_t type_number(dm_dtype dtype) {
    return dtype == DM_DTYPE_BF16 ? 30 : dtype == DM_DTYPE_F16 ? 1 : 0; /* enum ggml_type */
}

static size_t padded(size_t n_byte) {
    return (n_byte + DM_GGUF_ALIGNMENT - 1) / DM_GGUF_ALIGNMENT * DM_GGUF_ALIGNMENT;
}

static bool is_stored(enum dm_parameter parameter, const struct dm_model_config *config) {
    return names[parameter] &&
           (parameter == DM_CONV_BIAS || dm_parameter_exists(parameter, config));
}

/* What x_proj is multiplied with, for the epsilon of its norms to be that of the others. */
static double x_proj_scale(const struct dm_model_config *config) {
    return config->mixer_norms && config->mixer_norm_epsilon != config->norm_epsilon
               ? sqrt(config->norm_epsilon / config->mixer_norm_epsilon)
               : 1;
}

bool dm_gguf_norms_fit(const struct dm_model_config *config) {
    double scale = x_proj_scale(config); /* 0 or infinite where one of them is 0 */
    return scale > 0x1p-20 && scale < 0x1p20;
}

static void add(struct dm_gguf_tensors *tensors, enum dm_parameter parameter, size_t layer,
                const struct dm_model_config *config, dm_dtype dtype) {
    struct dm_stored_weight *weight = &tensors->weights[tensors->n++];
    bool is_scaled = parameter == DM_X_PROJ && x_proj_scale(config) != 1;
    *weight = (struct dm_stored_weight){
        .parameter = parameter,
        .layer = layer,
        .dtype = dm_parameter_is_matrix(parameter) && !is_scaled ? dtype : DM_DTYPE_F32,
        .n_element = dm_shape_n_element(dm_parameter_shape(parameter, config)),
    };
    if (dm_parameter_is_per_layer(parameter))
        snprintf(weight->name, sizeof weight->name, "blk.%zu.%s", layer, names[parameter]);
    else
        snprintf(weight->name, sizeof weight->name, "%s", names[parameter]);
}

dm_status dm_gguf_tensors_list(struct dm_gguf_tensors *tensors,
                               const struct dm_model_config *config, dm_dtype dtype,
                               dm_error *error) {
    tensors->weights = dm_memory_array(config->n_layer * DM_N_PARAMETER, sizeof *tensors->weights);
    if (!tensors->weights)
        return dm_fail_memory(error, "the list of tensors");
    for (enum dm_parameter p = 0; p < DM_N_PARAMETER; p++) {
        size_t n_layer = dm_parameter_is_per_layer(p) ? config->n_layer : 1;
        for (size_t layer = 0; is_stored(p, config) && layer < n_layer; layer++)
            add(tensors, p, layer, config, dtype);
    }
    return DM_OK;
}

void dm_gguf_tensors_free(struct dm_gguf_tensors *tensors) {
    dm_memory_free(tensors->weights);
    *tensors = (struct dm_gguf_tensors){0};
}

void dm_gguf_put_tensors(struct dm_gguf_bytes *bytes, const struct dm_gguf_tensors *tensors,
                         const struct dm_model_config *config) {
    size_t place = 0;
    for (size_t i = 0; i < tensors->n; i++) {
        const struct dm_stored_weight *weight = &tensors->weights[i];
        struct dm_shape shape = dm_parameter_shape(weight->parameter, config);
        bool squeeze = weight->parameter == DM_CONV_WEIGHT; /* [d_inner, 1, d_conv] */
        dm_gguf_put_text(bytes, weight->name, strlen(weight->name));
        dm_gguf_put_u32(bytes, (uint32_t)(squeeze ? 2 : shape.n_dim));
        for (size_t k = shape.n_dim; k-- > 0;)
            if (!squeeze || k != 1)
                dm_gguf_put_u64(bytes, shape.size[k]);
        dm_gguf_put_u32(bytes, type_number(weight->dtype));
        dm_gguf_put_u64(bytes, place);
        /* fits: the checkpoint's own file holds as many elements, of two bytes at least */
        place += padded(weight->n_element * dm_dtype_size(weight->dtype));
    }
}

static void read_weight(void *context, enum dm_parameter parameter, size_t layer, size_t first,
                        size_t n, float *out) {
    struct dm_weight weight = dm_checkpoint_weight(context, parameter, layer);
    if (!weight.data) {
        memset(out, 0, n * sizeof *out); /* the missing bias of a convolution */
        return;
    }
    dm_weight_to_float(weight, first, n, out);
    for (size_t i = 0; parameter == DM_A_LOG && i < n; i++)
        out[i] = -expf(out[i]);
    double scale = parameter == DM_X_PROJ ? x_proj_scale(dm_checkpoint_config(context)) : 1;
    for (size_t i = 0; scale != 1 && i < n; i++)
        out[i] = (float)(scale * out[i]);
}

dm_status dm_gguf_write_padding(struct dm_file_writer *writer, size_t n_byte, dm_error *error) {
    static const char zeros[DM_GGUF_ALIGNMENT];
    return dm_file_writer_write(writer, zeros, padded(n_byte) - n_byte, error);
}

dm_status dm_gguf_write_tensors(struct dm_file_writer *writer,
                                const struct dm_gguf_tensors *tensors,
                                struct dm_checkpoint *checkpoint, dm_error *error) {
    const struct dm_weight_source source = {read_weight, checkpoint};
    struct dm_weight_blocks *blocks = dm_memory_array(1, sizeof *blocks);
    dm_status status = blocks ? DM_OK : dm_fail_memory(error, writer->path);
    for (size_t i = 0; !status && i < tensors->n; i++) {
        const struct dm_stored_weight *weight = &tensors->weights[i];
        status = dm_weight_write(writer, weight, &source, blocks, error);
        if (!status)
            status = dm_gguf_write_padding(writer, weight->n_element * dm_dtype_size(weight->dtype),
                                           error);
    }
    dm_memory_free(blocks);
    return status;
}
