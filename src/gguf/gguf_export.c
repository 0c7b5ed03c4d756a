#include "gguf/gguf_export.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/model_folder.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/companions.h"
#include "gguf/gguf_tensors.h"
#include "gguf/gguf_vocabulary.h"

enum { version = 3, quantization_version = 2, context_length = 1 << 20 };

struct contents {
    struct dm_gguf_tensors tensors;
    struct dm_gguf_bytes keys, head; /* head: everything before the data, keys included */
};

static uint32_t file_type(dm_dtype dtype) { /* enum llama_ftype */
    return dtype == DM_DTYPE_BF16   ? 32
           : dtype == DM_DTYPE_F16  ? 1
           : dtype == DM_DTYPE_INT8 ? 7  /* mostly Q8_0 */
           : dtype == DM_DTYPE_Q4   ? 14 /* mostly Q4_K, small */
                                    : 0;
}

/* llama.cpp has no tensors for some parameters of a layer. */
static dm_status check_layers(const struct dm_layer_config *layer, const char *directory,
                              dm_error *error) {
    const struct dm_parameter_row *rows = layer->kind->parameters;
    for (size_t index = 0; index < layer->kind->n_parameter; index++)
        if (!rows[index].gguf && dm_layer_has(layer, index))
            return dm_fail(error, DM_ERROR_UNSUPPORTED,
                           "%s: llama.cpp has no place for the biases of in_proj and out_proj",
                           directory);
    return DM_OK;
}

static dm_status check(const struct dm_model_config *config, const char *directory,
                       dm_error *error) {
    size_t d_inner = dm_model_size(config, "d_inner");
    if (config->n_sort > 1)
        return dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: layers of several kinds", directory);
    if (!config->sorts[0].kind->fill_from_gguf)
        return dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: llama.cpp has no layers of the kind %s",
                       directory, config->sorts[0].kind->name);
    dm_status status = check_layers(&config->sorts[0], directory, error);
    if (status)
        return status;
    if (d_inner != 2 * config->d_model)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: llama.cpp reads only models whose d_inner is twice d_model: here they "
                       "are %zu and %zu",
                       directory, d_inner, config->d_model);
    const struct dm_layer_config *layer = &config->sorts[0];
    if (layer->kind->check_gguf)
        return layer->kind->check_gguf(layer, directory, error);
    return DM_OK;
}

/* The model's name is the directory's, without slashes at the end, or the file's, without ".gguf". */
static void put_name(struct dm_gguf_bytes *keys, const char *directory) {
    static const char ending[] = ".gguf";
    size_t end = strlen(directory), begin, n_ending = strlen(ending);
    while (end > 1 && directory[end - 1] == '/')
        end--;
    if (end > n_ending && !memcmp(directory + end - n_ending, ending, n_ending))
        end -= n_ending;
    for (begin = end; begin > 0 && directory[begin - 1] != '/'; begin--)
        ;
    dm_gguf_key_text(keys, "general.name", directory + begin, end - begin);
}

/* ---- Keys below the architecture's name, which is that of the kind of layer ---- */

static void put_size(struct dm_gguf_bytes *keys, const char *architecture, const char *name,
                     size_t value) {
    char key[64];
    snprintf(key, sizeof key, "%s.%s", architecture, name);
    dm_gguf_key_u32(keys, key, (uint32_t)value);
}

static void put_switch(struct dm_gguf_bytes *keys, const char *architecture, const char *name,
                       bool on) {
    char key[64];
    snprintf(key, sizeof key, "%s.%s", architecture, name);
    dm_gguf_key_bool(keys, key, on);
}

static void put_sizes(struct dm_gguf_bytes *keys, const struct dm_model_config *config) {
    const struct dm_layer_config *layer = &config->sorts[0];
    const char *architecture = layer->kind->name;
    const struct {
        const char *name;
        size_t value;
    } sizes[] = {
        {"context_length", context_length}, /* the official converter's constant */
        {"embedding_length", config->d_model}, {"feed_forward_length", 0},
        {"attention.head_count", 0},           {"block_count", config->n_layer},
    };
    char key[64];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        put_size(keys, architecture, sizes[i].name, sizes[i].value);
    for (size_t i = 0; i < layer->kind->n_size; i++) {
        const struct dm_size_row *row = &layer->kind->sizes[i];
        if (row->gguf && row->is_switch)
            put_switch(keys, architecture, row->gguf, layer->size[i] == 1);
        else if (row->gguf)
            put_size(keys, architecture, row->gguf, layer->size[i]);
    }
    snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", architecture);
    dm_gguf_key_f32(keys, key, (float)config->rms_norm_eps);
}

static dm_status put_keys(struct dm_gguf_bytes *keys, const char *directory,
                          const struct dm_model_config *config, dm_dtype dtype, dm_error *error) {
    const char *architecture = config->sorts[0].kind->name;
    dm_gguf_key_text(keys, "general.architecture", architecture, strlen(architecture));
    dm_gguf_key_text(keys, "general.type", "model", strlen("model"));
    put_name(keys, directory);
    put_sizes(keys, config);
    dm_gguf_key_u32(keys, "general.file_type", file_type(dtype));
    dm_gguf_key_u32(keys, "general.quantization_version", quantization_version);
    return dm_gguf_put_vocabulary(keys, directory, architecture, config->vocab_size, error);
}

static dm_status fill(struct contents *contents, const char *directory,
                      const struct dm_model_config *config, dm_dtype dtype, dm_error *error) {
    struct dm_gguf_bytes *head = &contents->head, *keys = &contents->keys;
    dm_status status = put_keys(keys, directory, config, dtype, error);
    if (!status)
        status = dm_gguf_tensors_list(&contents->tensors, config, dtype, error);
    if (status)
        return status;
    dm_gguf_put(head, "GGUF", 4);
    dm_gguf_put_u32(head, version);
    dm_gguf_put_u64(head, contents->tensors.n);
    dm_gguf_put_u64(head, keys->n_key);
    dm_gguf_put(head, keys->bytes.bytes, keys->bytes.n_byte);
    dm_gguf_put_tensors(head, &contents->tensors, config);
    return keys->is_short || head->is_short ? dm_fail_memory(error, "the head of a GGUF file")
                                            : DM_OK;
}

static dm_status write(struct dm_file_writer *writer, const struct contents *contents,
                       struct dm_checkpoint *checkpoint, dm_error *error) {
    const struct dm_bytes *head = &contents->head.bytes;
    dm_status status = dm_file_writer_write(writer, head->bytes, head->n_byte, error);
    if (!status)
        status = dm_gguf_write_padding(writer, head->n_byte, error);
    return status ? status : dm_gguf_write_tensors(writer, &contents->tensors, checkpoint, error);
}

/* The file, and beside it a copy of the model's settings, for which there are no keys. */
static dm_status write_both(const char *directory, const char *path,
                            const struct contents *contents, struct dm_checkpoint *checkpoint,
                            dm_error *error) {
    struct dm_file_writer file = {0}, settings = {0};
    char *beside = dm_file_beside(path, "decimamba.json");
    dm_status status = beside ? dm_settings_copy(directory, beside, &settings, error)
                              : dm_fail_memory(error, "a file name");
    dm_memory_free(beside);
    if (!status)
        status = dm_file_writer_open(&file, path, error);
    if (!status)
        status = write(&file, contents, checkpoint, error);
    if (!status)
        status = dm_file_writer_commit(&file, error);
    if (!status && settings.path)
        return dm_file_writer_commit(&settings, error);
    dm_file_writer_abort(&file);
    dm_file_writer_abort(&settings);
    return status;
}

dm_status dm_gguf_export(const char *directory, const char *path, dm_dtype dtype, dm_error *error) {
    struct contents contents = {0};
    struct dm_checkpoint *checkpoint;
    dm_status status = dm_checkpoint_open(directory, &checkpoint, error);
    if (status)
        return status;
    const struct dm_model_config *config = dm_checkpoint_config(checkpoint);
    if (dtype == DM_DTYPE_AUTO)
        dtype = dm_checkpoint_dtype(checkpoint);
    status = check(config, directory, error);
    if (!status)
        status = fill(&contents, directory, config, dtype, error);
    if (!status)
        status = write_both(directory, path, &contents, checkpoint, error);
    dm_gguf_tensors_free(&contents.tensors);
    dm_gguf_bytes_close(&contents.keys);
    dm_gguf_bytes_close(&contents.head);
    dm_checkpoint_close(checkpoint);
    return status;
}
