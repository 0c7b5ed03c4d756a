/* Models and checkpoints: arguments are checked here, the work is done in model/ and checkpoint/.
 */
#include "api/info.h"
#include "api/options.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/progress.h"
#include "gguf/gguf_export.h"
#include "model/language_model.h"

#define TEXT(x) #x
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *dm_version(void) {
    return VERSION(DM_VERSION_MAJOR, DM_VERSION_MINOR, DM_VERSION_PATCH);
}

void dm_free(void *pointer) {
    dm_memory_free(pointer);
}

void dm_set_warning(dm_warning tell, void *user) {
    dm_warning_set(tell, user);
}

void dm_set_progress(dm_progress tell, void *user) {
    dm_progress_set(tell, user);
}

static dm_status check_dtype(dm_dtype dtype, dm_error *error) {
    if ((unsigned)dtype > DM_DTYPE_BF16X3)
        return dm_fail(error, DM_ERROR_ARGUMENT, "unknown dtype %d", (int)dtype);
    return DM_OK;
}

/* Checkpoints hold no weights of less than 16 bits. */
static dm_status check_stored(dm_dtype dtype, dm_error *error) {
    dm_status status = check_dtype(dtype, error);
    return !status && dtype >= DM_DTYPE_INT8
               ? dm_fail(error, DM_ERROR_ARGUMENT,
                         "dtype %s: a checkpoint directory has no such type, a GGUF file has",
                         dm_dtype_name(dtype))
               : status;
}

dm_status dm_model_load(const char *directory, const dm_model_options *options, dm_model **model,
                        dm_error *error) {
    dm_model_options own = DM_MODEL_OPTIONS_INIT;
    if (!directory || !model)
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_model_load: directory and model are needed");
    dm_status status = dm_options_take(DM_KIND(dm_model_options), &own, options, error);
    if (!status)
        status = check_dtype(own.dtype, error);
    return status ? status : dm_language_model_load(directory, &own, model, error);
}

void dm_model_free(dm_model *model) {
    dm_language_model_free(model);
}

dm_status dm_model_get_info(const dm_model *model, dm_model_info *info, dm_error *error) {
    if (!model || !info)
        return dm_fail(error, DM_ERROR_ARGUMENT, "dm_model_get_info: model and info are needed");
    dm_status status = dm_result_check(DM_KIND(dm_model_info), info, error);
    if (status)
        return status;
    size_t workspace = 0;
    dm_buffers_bytes(&model->network.config, &model->network.slices, model->chunk, &workspace);
    dm_model_info own = dm_network_info(&model->network);
    own.n_parameter = model->n_parameter;
    own.weight_bytes = model->weight_bytes;
    own.packed_bytes = model->packed_bytes;
    own.workspace_bytes = workspace;
    own.stored_dtype = model->network.embedding_dtype;
    own.compute_dtype = model->compute;
    own.has_defaults = model->calibration != NULL;
    own.trained_length = model->calibration ? model->calibration->length : 0;
    own.stored_type = model->stored_type;
    dm_result_give(DM_KIND(dm_model_info), &own, info);
    return DM_OK;
}

dm_status dm_model_get_profile(const dm_model *model, dm_operation_time **times, size_t *n_time,
                               dm_error *error) {
    static const char *const names[DM_N_OPERATION] = {
        "embedding", "norm",     "rounding", "in_proj",  "conv", "x_proj",
        "dt_proj",   "softplus", "scan",     "out_proj", "head"};
    if (!model || !times || !n_time)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_model_get_profile: model, times and n_time are needed");
    struct dm_profile *profile = model->network.profile;
    if (!profile)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_model_get_profile: the model was loaded without options.profile");
    dm_operation_time *list = dm_memory_array(DM_N_OPERATION, sizeof *list);
    if (!list)
        return dm_fail_memory(error, "a profile");
    for (size_t i = 0; i < DM_N_OPERATION; i++)
        list[i] = (dm_operation_time){names[i], 1e-9 * (double)profile->nanoseconds[i],
                                      profile->calls[i]};
    *times = list;
    *n_time = DM_N_OPERATION;
    return DM_OK;
}

dm_status dm_model_default_method(const dm_model *model, dm_method_options *method,
                                  dm_error *error) {
    if (!model || !method)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_model_default_method: model and method are needed");
    const dm_method_options none = DM_METHOD_OPTIONS_INIT;
    dm_status status = dm_result_check(DM_KIND(dm_method_options), method, error);
    if (!status)
        dm_result_give(DM_KIND(dm_method_options),
                       model->calibration ? &model->calibration->method : &none, method);
    return status;
}

dm_status dm_model_global_channels(const dm_model *model, size_t layer, const uint32_t **channels,
                                   size_t *n_channel, dm_error *error) {
    if (!model || !channels || !n_channel)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_model_global_channels: model, channels and n_channel are needed");
    if (layer >= model->network.config.n_layer)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_model_global_channels: layer %zu: the model has %zu", layer,
                       model->network.config.n_layer);
    const struct dm_layer_channels none = {0};
    const struct dm_layer_channels *found =
        model->calibration ? &model->calibration->layers[layer] : &none;
    *channels = found->channels;
    *n_channel = found->n_channel;
    return DM_OK;
}

dm_status dm_checkpoint_convert(const char *input, const char *output, dm_dtype dtype,
                                dm_error *error) {
    if (!input || !output)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_checkpoint_convert: input and output are needed");
    dm_status status = check_stored(dtype, error);
    return status ? status : dm_checkpoint_write_converted(input, output, dtype, error);
}

dm_status dm_checkpoint_export_gguf(const char *directory, const char *path, dm_dtype dtype,
                                    dm_error *error) {
    if (!directory || !path)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_checkpoint_export_gguf: directory and path are needed");
    dm_status status = check_dtype(dtype, error);
    return status ? status : dm_gguf_export(directory, path, dtype, error);
}

dm_status dm_checkpoint_init(const char *config_path, const char *output, dm_dtype dtype,
                             uint64_t seed, dm_error *error) {
    if (!config_path || !output)
        return dm_fail(error, DM_ERROR_ARGUMENT,
                       "dm_checkpoint_init: config_path and output are needed");
    dm_status status = check_stored(dtype, error);
    return status ? status : dm_checkpoint_write_random(config_path, output, dtype, seed, error);
}
