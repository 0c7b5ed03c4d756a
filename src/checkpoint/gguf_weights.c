#include "checkpoint/gguf_weights.h"

#include <stdio.h>
#include <string.h>

#include "base/blocks.h"
#include "base/memory.h"

static const struct dm_block_kind *const block_kinds[] = {
    &dm_blocks_q4_0, &dm_blocks_q8_0, &dm_blocks_q4_k, &dm_blocks_q5_k, &dm_blocks_q6_k};

/* ---- Names ---- */

/* A parameter of the model. */
struct place {
    size_t layer, index; /* as those of dm_parameters_find */
};
static const struct place nowhere = {DM_NO_LAYER, DM_NO_PARAMETER};

/* The number after "blk."; `*rest`: what is below it. */
static bool read_layer(const char *name, size_t *layer, const char **rest) {
    static const char before[] = "blk.";
    if (strncmp(name, before, strlen(before)) != 0)
        return false;
    const char *digit = name + strlen(before);
    bool has_zeros = digit[0] == '0' && digit[1] != '.';
    for (*layer = 0; *digit >= '0' && *digit <= '9' && *layer < SIZE_MAX / 100; digit++)
        *layer = 10 * *layer + (size_t)(*digit - '0');
    *rest = digit + 1;
    return *digit == '.' && digit[-1] != '.' && !has_zeros;
}

static struct place find_place(const struct dm_model_config *config, const char *name) {
    size_t layer;
    const char *rest;
    if (read_layer(name, &layer, &rest)) {
        const struct dm_layer_kind *kind =
            layer < config->n_layer ? dm_layer_config_of(config, layer)->kind : NULL;
        for (size_t index = 0; kind && index < kind->n_parameter; index++)
            if (kind->parameters[index].gguf && !strcmp(rest, kind->parameters[index].gguf))
                return (struct place){layer, index};
        return nowhere;
    }
    for (size_t index = 0; index < DM_N_NETWORK_PARAMETER; index++)
        if (!strcmp(name, dm_network_parameter_row((enum dm_network_parameter)index)->gguf))
            return (struct place){DM_NO_LAYER, index};
    return nowhere;
}

/* ---- Types and shapes ---- */

static dm_status set_type(const struct dm_gguf_file *gguf, const struct dm_gguf_entry *from,
                          struct dm_named_tensor *tensor, dm_error *error) {
    static const struct {
        uint32_t type;
        enum dm_element element;
    } plain[] = {{DM_GGUF_TENSOR_F32, DM_ELEMENT_F32},
                 {DM_GGUF_TENSOR_F16, DM_ELEMENT_F16},
                 {DM_GGUF_TENSOR_BF16, DM_ELEMENT_BF16}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (from->type == plain[i].type) {
            tensor->element = plain[i].element;
            return DM_OK;
        }
    for (size_t i = 0; i < sizeof block_kinds / sizeof *block_kinds; i++)
        if (from->type == block_kinds[i]->number) {
            tensor->blocks = block_kinds[i];
            return DM_OK;
        }
    return dm_fail(error, DM_ERROR_UNSUPPORTED,
                   "%s: tensor %s is of the type %s: F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q5_K and "
                   "Q6_K can be read",
                   gguf->file.path, from->name, dm_gguf_tensor_type_name(from->type));
}

/* The sizes without those of 1. */
static size_t squeeze(const size_t *size, size_t n_dim, size_t *squeezed) {
    size_t n = 0;
    for (size_t i = 0; i < n_dim; i++)
        if (size[i] != 1)
            squeezed[n++] = size[i];
    return n;
}

static bool is_same_shape(const struct dm_gguf_entry *tensor, struct dm_shape wanted) {
    size_t a[DM_GGUF_MAX_DIM], b[DM_MAX_DIM];
    size_t n = squeeze(tensor->shape, tensor->n_dim, a);
    if (wanted.n_dim == 1)
        return tensor->n_element == wanted.size[0];
    return n == squeeze(wanted.size, wanted.n_dim, b) && !memcmp(a, b, n * sizeof *a);
}

/* Converters fold vectors ([groups, width]) and leave out sizes of 1 ([d_inner, 1, d_conv]). */
static void set_shape(const struct dm_gguf_entry *from, struct dm_shape wanted,
                      struct dm_named_tensor *tensor) {
    bool is_same = is_same_shape(from, wanted);
    const size_t *size = is_same ? wanted.size : from->shape;
    tensor->n_dim = is_same ? wanted.n_dim : from->n_dim;
    memcpy(tensor->shape, size, tensor->n_dim * sizeof *size);
}

static dm_status name_tensor(struct dm_gguf_weights *weights, const struct dm_model_config *config,
                             size_t i, dm_error *error) {
    const struct dm_gguf_entry *from = &weights->gguf.tensors[i];
    struct dm_named_tensor *tensor = &weights->tensors[i];
    struct place place = find_place(config, from->name);
    *tensor = (struct dm_named_tensor){.name = from->name,
                                       .element = DM_ELEMENT_OTHER,
                                       .n_byte = from->n_byte,
                                       .data = from->data};
    snprintf(weights->names[i], DM_MAX_NAME, "%s", from->name);
    if (place.index == DM_NO_PARAMETER)
        return DM_OK;
    struct dm_shape wanted;
    if (place.layer == DM_NO_LAYER) {
        enum dm_network_parameter index = (enum dm_network_parameter)place.index;
        wanted = dm_network_parameter_shape(config, index);
        snprintf(weights->names[i], DM_MAX_NAME, "%s", dm_network_parameter_name(index));
    } else {
        const struct dm_layer_config *layer = dm_layer_config_of(config, place.layer);
        wanted = layer->kind->shape(layer, place.index);
        weights->back[i] = layer->kind->parameters[place.index].from_gguf;
        dm_parameter_name(layer, place.layer, place.index, weights->names[i]);
    }
    set_shape(from, wanted, tensor);
    return set_type(&weights->gguf, from, tensor, error);
}

dm_status dm_gguf_weights_name(struct dm_gguf_weights *weights,
                               const struct dm_model_config *config, dm_error *error) {
    size_t n = weights->gguf.n_tensor;
    weights->tensors = dm_memory_zeroed(n, sizeof *weights->tensors);
    weights->names = dm_memory_zeroed(n, sizeof *weights->names);
    weights->back = dm_memory_zeroed(n, sizeof *weights->back);
    if (!weights->tensors || !weights->names || !weights->back)
        return dm_fail_memory(error, weights->gguf.file.path);
    dm_status status = DM_OK;
    for (size_t i = 0; i < n && !status; i++)
        status = name_tensor(weights, config, i, error);
    return status;
}

void dm_gguf_weights_close(struct dm_gguf_weights *weights) {
    dm_memory_free(weights->tensors);
    dm_memory_free(weights->names);
    dm_memory_free(weights->back);
    dm_gguf_close(&weights->gguf);
    *weights = (struct dm_gguf_weights){0};
}
