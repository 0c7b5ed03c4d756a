#include "gguf/gguf_tensors.h"

#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "base/memory.h"

static uint32_t type_number(const struct dm_gguf_tensor *tensor) {
    dm_dtype dtype = tensor->weight.dtype;
    return tensor->blocks           ? tensor->blocks->number
           : dtype == DM_DTYPE_BF16 ? DM_GGUF_TENSOR_BF16
           : dtype == DM_DTYPE_F16  ? DM_GGUF_TENSOR_F16
                                    : DM_GGUF_TENSOR_F32;
}

static size_t row_length(const struct dm_parameter *parameter) {
    return parameter->shape.size[parameter->shape.n_dim - 1];
}

static size_t tensor_bytes(const struct dm_gguf_tensor *tensor) {
    size_t n = tensor->weight.parameter->n_element, length = row_length(tensor->weight.parameter);
    return tensor->blocks ? n / length * dm_blocks_bytes(tensor->blocks, length)
                          : n * dm_dtype_size(tensor->weight.dtype);
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

/* Does its product run in float32, whatever type the others run in? */
static bool is_exact(const struct dm_model_config *config, const struct dm_parameter *parameter) {
    struct dm_weight_row rows[DM_MAX_WEIGHT];
    if (parameter->layer == DM_NO_LAYER)
        return false;
    const struct dm_layer_config *layer = dm_layer_config_of(config, parameter->layer);
    for (size_t i = layer->kind->weights(layer, rows); i-- > 0;)
        if (rows[i].parameter == parameter->index && rows[i].exact)
            return true;
    return false;
}

static const struct dm_block_kind *blocks_for(size_t length, dm_dtype dtype) {
    return dtype == DM_DTYPE_Q4 && length % dm_blocks_q4_k.n_weight == 0 ? &dm_blocks_q4_k
           : length % dm_blocks_q8_0.n_weight == 0                       ? &dm_blocks_q8_0
                                                                         : NULL;
}

static void add(struct dm_gguf_tensors *tensors, const struct dm_parameter *parameter,
                const struct dm_model_config *config, dm_dtype dtype) {
    struct dm_gguf_tensor *tensor = &tensors->list[tensors->n++];
    struct dm_stored_weight *weight = &tensor->weight;
    const struct dm_parameter_row *row = parameter->row;
    bool narrow = row->is_matrix && scale_of(config, parameter) == 1;
    bool in_blocks = dtype == DM_DTYPE_INT8 || dtype == DM_DTYPE_Q4;
    *tensor = (struct dm_gguf_tensor){
        {.parameter = parameter, .dtype = narrow && !in_blocks ? dtype : DM_DTYPE_F32}, NULL};
    if (narrow && in_blocks && !is_exact(config, parameter))
        tensor->blocks = blocks_for(row_length(parameter), dtype);
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
    tensors->list = dm_memory_array(tensors->parameters.n, sizeof *tensors->list);
    if (!tensors->list)
        return dm_fail_memory(error, "the list of tensors");
    for (size_t i = 0; i < tensors->parameters.n; i++)
        if (tensors->parameters.list[i].row->gguf)
            add(tensors, &tensors->parameters.list[i], config, dtype);
    return DM_OK;
}

void dm_gguf_tensors_free(struct dm_gguf_tensors *tensors) {
    dm_memory_free(tensors->list);
    dm_parameters_free(&tensors->parameters);
    *tensors = (struct dm_gguf_tensors){0};
}

/* [d_inner, 1, d_conv] becomes [d_inner, d_conv], as the converter squeezes it. */
static struct dm_shape squeezed(struct dm_shape shape) {
    return shape.n_dim == 3 && shape.size[1] == 1 ? dm_matrix_shape(shape.size[0], shape.size[2])
                                                  : shape;
}

static struct dm_shape shape_of(const struct dm_model_config *config,
                                const struct dm_parameter *parameter) {
    if (parameter->layer == DM_NO_LAYER)
        return parameter->shape;
    const struct dm_layer_config *layer = dm_layer_config_of(config, parameter->layer);
    return layer->kind->gguf_shape ? layer->kind->gguf_shape(layer, parameter->index)
                                   : parameter->shape;
}

void dm_gguf_put_tensors(struct dm_gguf_bytes *bytes, const struct dm_gguf_tensors *tensors,
                         const struct dm_model_config *config) {
    size_t offset = 0;
    for (size_t i = 0; i < tensors->n; i++) {
        const struct dm_gguf_tensor *tensor = &tensors->list[i];
        const struct dm_stored_weight *weight = &tensor->weight;
        struct dm_shape shape = squeezed(shape_of(config, weight->parameter));
        dm_gguf_put_text(bytes, weight->name, strlen(weight->name));
        dm_gguf_put_u32(bytes, (uint32_t)shape.n_dim);
        for (size_t k = shape.n_dim; k-- > 0;)
            dm_gguf_put_u64(bytes, shape.size[k]);
        dm_gguf_put_u32(bytes, type_number(tensor));
        dm_gguf_put_u64(bytes, offset);
        /* fits: the checkpoint's own file holds as many elements, of two bytes at least */
        offset += padded(tensor_bytes(tensor));
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

/* Rows of blocks. */
static dm_status write_rows(struct dm_file_writer *writer, const struct dm_gguf_tensor *tensor,
                            const struct dm_weight_source *source, dm_error *error) {
    const struct dm_parameter *parameter = tensor->weight.parameter;
    size_t length = row_length(parameter), n_byte = dm_blocks_bytes(tensor->blocks, length);
    float *floats = dm_memory_array(length, sizeof *floats);
    unsigned char *blocks = dm_memory_array(n_byte, 1);
    dm_status status = floats && blocks ? DM_OK : dm_fail_memory(error, writer->path);
    for (size_t first = 0; first < parameter->n_element && !status; first += length) {
        source->read(source->context, parameter, first, length, floats);
        status = dm_blocks_from_floats(tensor->blocks, floats, length, blocks)
                     ? dm_file_writer_write(writer, blocks, n_byte, error)
                     : dm_fail(error, DM_ERROR_UNSUPPORTED,
                               "%s: tensor %s has values beyond the range of %s", writer->path,
                               tensor->weight.name, tensor->blocks->name);
    }
    dm_memory_free(floats);
    dm_memory_free(blocks);
    return status;
}

dm_status dm_gguf_write_tensors(struct dm_file_writer *writer,
                                const struct dm_gguf_tensors *tensors,
                                struct dm_checkpoint *checkpoint, dm_error *error) {
    const struct dm_weight_source source = {read_weight, checkpoint};
    struct dm_weight_blocks *blocks = dm_memory_array(1, sizeof *blocks);
    dm_status status = blocks ? DM_OK : dm_fail_memory(error, writer->path);
    for (size_t i = 0; !status && i < tensors->n; i++) {
        const struct dm_gguf_tensor *tensor = &tensors->list[i];
        status = tensor->blocks ? write_rows(writer, tensor, &source, error)
                                : dm_weight_write(writer, &tensor->weight, &source, blocks, error);
        if (!status)
            status = dm_gguf_write_padding(writer, tensor_bytes(tensor), error);
    }
    dm_memory_free(blocks);
    return status;
}
