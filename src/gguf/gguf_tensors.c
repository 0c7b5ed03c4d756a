#include "gguf/gguf_tensors.h"

#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "base/memory.h"

static uint32_t type_number(dm_dtype dtype) {
    return dtype == DM_DTYPE_BF16  ? DM_GGUF_TENSOR_BF16
           : dtype == DM_DTYPE_F16 ? DM_GGUF_TENSOR_F16
                                   : DM_GGUF_TENSOR_F32;
}

static size_t padded(size_t n_byte) {
    return (n_byte + DM_GGUF_ALIGNMENT - 1) / DM_GGUF_ALIGNMENT * DM_GGUF_ALIGNMENT;
}

/* GGUF needs zeros where a model lacks some biases: turning the switch on lists them. */
static struct dm_model_config with_zeros(const struct dm_model_config *config) {
    struct dm_model_config whole = *config;
    for (size_t sort = 0; sort < whole.n_sort; sort++) {
        const struct dm_layer_kind *kind = whole.sorts[sort].kind;
        for (size_t i = 0; i < kind->n_parameter; i++)
            if (kind->parameters[i].gguf_zeros)
                whole.sorts[sort].size[kind->parameters[i].only_where - 1] = 1;
    }
    return whole;
}

/* The factor by which GGUF has a parameter. */
static double scale_of(const struct dm_model_config *config, const struct dm_parameter *parameter) {
    if (parameter->layer == DM_NO_LAYER)
        return 1;
    const struct dm_layer_config *layer = dm_layer_config_of(config, parameter->layer);
    return layer->kind->gguf_scale ? layer->kind->gguf_scale(layer, parameter->index) : 1;
}

static void add(struct dm_gguf_tensors *tensors, const struct dm_parameter *parameter,
                const struct dm_model_config *config, dm_dtype dtype) {
    struct dm_stored_weight *weight = &tensors->weights[tensors->n++];
    const struct dm_parameter_row *row = parameter->row;
    bool narrow = row->is_matrix && scale_of(config, parameter) == 1;
    *weight =
        (struct dm_stored_weight){.parameter = parameter, .dtype = narrow ? dtype : DM_DTYPE_F32};
    if (parameter->layer == DM_NO_LAYER)
        snprintf(weight->name, sizeof weight->name, "%s", row->gguf);
    else
        snprintf(weight->name, sizeof weight->name, "blk.%zu.%s", parameter->layer, row->gguf);
}

dm_status dm_gguf_tensors_list(struct dm_gguf_tensors *tensors,
                               const struct dm_model_config *config, dm_dtype dtype,
                               dm_error *error) {
    const struct dm_model_config whole = with_zeros(config);
    dm_status status = dm_parameters_new(&whole, &tensors->parameters, error);
    if (status)
        return status;
    tensors->weights = dm_memory_array(tensors->parameters.n, sizeof *tensors->weights);
    if (!tensors->weights)
        return dm_fail_memory(error, "the list of tensors");
    for (size_t i = 0; i < tensors->parameters.n; i++)
        if (tensors->parameters.list[i].row->gguf)
            add(tensors, &tensors->parameters.list[i], config, dtype);
    return DM_OK;
}

void dm_gguf_tensors_free(struct dm_gguf_tensors *tensors) {
    dm_memory_free(tensors->weights);
    dm_parameters_free(&tensors->parameters);
    *tensors = (struct dm_gguf_tensors){0};
}

/* [d_inner, 1, d_conv] becomes [d_inner, d_conv], as the converter squeezes it. */
static struct dm_shape squeezed(struct dm_shape shape) {
    return shape.n_dim == 3 && shape.size[1] == 1 ? dm_matrix_shape(shape.size[0], shape.size[2])
                                                  : shape;
}

void dm_gguf_put_tensors(struct dm_gguf_bytes *bytes, const struct dm_gguf_tensors *tensors) {
    size_t offset = 0;
    for (size_t i = 0; i < tensors->n; i++) {
        const struct dm_stored_weight *weight = &tensors->weights[i];
        struct dm_shape shape = squeezed(weight->parameter->shape);
        dm_gguf_put_text(bytes, weight->name, strlen(weight->name));
        dm_gguf_put_u32(bytes, (uint32_t)shape.n_dim);
        for (size_t k = shape.n_dim; k-- > 0;)
            dm_gguf_put_u64(bytes, shape.size[k]);
        dm_gguf_put_u32(bytes, type_number(weight->dtype));
        dm_gguf_put_u64(bytes, offset);
        /* fits: the checkpoint's own file holds as many elements, of two bytes at least */
        offset += padded(weight->parameter->n_element * dm_dtype_size(weight->dtype));
    }
}

static void read_weight(void *context, const struct dm_parameter *parameter, size_t first, size_t n,
                        float *out) {
    struct dm_weight weight = dm_checkpoint_weight(context, parameter->layer, parameter->index);
    if (!weight.data) {
        memset(out, 0, n * sizeof *out); /* a bias that the model lacks */
        return;
    }
    dm_weight_to_float(weight, first, n, out);
    for (size_t i = 0; parameter->row->to_gguf && i < n; i++)
        out[i] = parameter->row->to_gguf(out[i]);
    double scale = scale_of(dm_checkpoint_config(context), parameter);
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
            status = dm_gguf_write_padding(
                writer, weight->parameter->n_element * dm_dtype_size(weight->dtype), error);
    }
    dm_memory_free(blocks);
    return status;
}
