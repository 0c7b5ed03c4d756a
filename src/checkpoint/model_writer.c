#include "checkpoint/model_writer.h"

#include <stdio.h>

#include "base/half.h"
#include "base/memory.h"
#include "base/path.h"
#include "checkpoint/config_file.h"
#include "checkpoint/safetensors.h"

struct listing {
    struct dm_stored_weight *members;
    struct dm_named_tensor *tensors;
    size_t n, n_byte;
};

static enum dm_element element_of(dm_dtype dtype) {
    return dtype == DM_DTYPE_BF16  ? DM_ELEMENT_BF16
           : dtype == DM_DTYPE_F16 ? DM_ELEMENT_F16
                                   : DM_ELEMENT_F32;
}

/* false: the file would have more bytes than a size can count. */
static bool add_member(struct listing *listing, const struct dm_parameter *parameter,
                       dm_dtype dtype) {
    struct dm_stored_weight *member = &listing->members[listing->n];
    struct dm_named_tensor *tensor = &listing->tensors[listing->n++];
    *member = (struct dm_stored_weight){.parameter = parameter, .dtype = dtype};
    *tensor = (struct dm_named_tensor){
        .name = parameter->name, .element = element_of(dtype), .n_dim = parameter->shape.n_dim};
    snprintf(member->name, sizeof member->name, "%s", parameter->name);
    memcpy(tensor->shape, parameter->shape.size, tensor->n_dim * sizeof *tensor->shape);
    return dm_size_mul(parameter->n_element, dm_dtype_size(dtype), &tensor->n_byte) &&
           dm_size_add(listing->n_byte, tensor->n_byte, &listing->n_byte) &&
           listing->n_byte <= INT64_MAX;
}

/* All weights, the 4-byte ones first: so each begins at a multiple of its element size, which
 * PyTorch asks for. */
static dm_status list_members(struct listing *listing, const struct dm_parameters *parameters,
                              dm_dtype dtype, dm_error *error) {
    listing->members = dm_memory_array(parameters->n, sizeof *listing->members);
    listing->tensors = dm_memory_array(parameters->n, sizeof *listing->tensors);
    if (!listing->members || !listing->tensors)
        return dm_fail_memory(error, "the list of weights");
    for (size_t size = sizeof(float); size >= sizeof(uint16_t); size /= 2)
        for (size_t i = 0; i < parameters->n; i++) {
            const struct dm_parameter *parameter = &parameters->list[i];
            dm_dtype stored = parameter->row->is_matrix ? dtype : DM_DTYPE_F32;
            if (dm_dtype_size(stored) == size && !add_member(listing, parameter, stored))
                return dm_fail(error, DM_ERROR_ARGUMENT, "the model is too large for a file");
        }
    return DM_OK;
}

static dm_status write_members(const char *path, const struct listing *listing,
                               const struct dm_weight_source *source, dm_error *error) {
    struct dm_file_writer writer;
    json_t *metadata = json_pack("{s:s}", "format", "pt");
    struct dm_weight_blocks *blocks = dm_memory_array(1, sizeof *blocks);
    dm_status status = metadata && blocks ? dm_safetensors_begin(&writer, path, listing->tensors,
                                                                 listing->n, metadata, error)
                                          : dm_fail_memory(error, path);
    if (!status) {
        for (size_t i = 0; !status && i < listing->n; i++)
            status = dm_weight_write(&writer, &listing->members[i], source, blocks, error);
        if (status)
            dm_file_writer_abort(&writer);
        else
            status = dm_file_writer_commit(&writer, error);
    }
    dm_memory_free(blocks);
    json_decref(metadata);
    return status;
}

static dm_status write_weights(const char *directory, const struct dm_model_config *config,
                               dm_dtype dtype, const struct dm_weight_source *source,
                               dm_error *error) {
    struct listing listing = {0};
    struct dm_parameters parameters = {0};
    char *path = dm_path_join(directory, "model.safetensors");
    dm_status status =
        path ? dm_parameters_new(config, &parameters, error) : dm_fail_memory(error, "a file name");
    if (!status)
        status = list_members(&listing, &parameters, dtype, error);
    if (!status)
        status = write_members(path, &listing, source, error);
    dm_memory_free(listing.members);
    dm_memory_free(listing.tensors);
    dm_parameters_free(&parameters);
    dm_memory_free(path);
    return status;
}

dm_status dm_model_write(const char *directory, const struct dm_model_config *config,
                         dm_dtype dtype, const struct dm_weight_source *source, dm_error *error) {
    char *path = dm_path_join(directory, "config.json");
    json_t *object = dm_model_config_to_json(config, dtype);
    dm_status status =
        path && object ? dm_json_write(path, object, error) : dm_fail_memory(error, "config.json");
    json_decref(object);
    dm_memory_free(path);
    return status ? status : write_weights(directory, config, dtype, source, error);
}
