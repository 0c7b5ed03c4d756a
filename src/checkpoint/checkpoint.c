#include "checkpoint/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "base/finite.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/path.h"
#include "checkpoint/adapter.h"
#include "checkpoint/config_file.h"

struct dm_checkpoint {
    struct dm_model_config config;
    bool is_gguf;
    struct dm_weight_files files;
    struct dm_adapter adapter; /* all zero: there is none */
    struct dm_parameters parameters;
    struct dm_weight *weights; /* [parameters.n] */
    float **copies;            /* [parameters.n]: of weights that differ from the file */
};

enum { max_shape_text = 24 * DM_TENSOR_MAX_DIM };

static void print_shape(const size_t *size, size_t n_dim, char text[max_shape_text]) {
    size_t n = 0;
    for (size_t i = 0; i < n_dim; i++)
        n += (size_t)snprintf(text + n, max_shape_text - n, "%s%zu", i ? ", " : "[", size[i]);
    snprintf(text + n, max_shape_text - n, n_dim ? "]" : "[]");
}

/* A tensor of the adapter replaces the model's. */
static struct dm_weight_entry *find_name(const struct dm_checkpoint *checkpoint, const char *name) {
    struct dm_weight_entry *entry = dm_adapter_find(&checkpoint->adapter, name);
    return entry ? entry : dm_weight_files_find(&checkpoint->files, name);
}

static const char *embedding_name(void) {
    return dm_network_parameter_name(DM_EMBEDDING);
}

static const char *head_name(void) {
    return dm_network_parameter_name(DM_HEAD);
}

/* The tensor of a parameter; NULL: there is none. The embedding has two spellings. */
static struct dm_weight_entry *find(const struct dm_checkpoint *checkpoint, const char *name) {
    struct dm_weight_entry *entry = find_name(checkpoint, name);
    return entry || strcmp(name, embedding_name()) != 0
               ? entry
               : find_name(checkpoint, dm_official_embedding);
}

/* What says of which sizes the model is. */
static const char *sizes_place(const struct dm_checkpoint *checkpoint) {
    return checkpoint->is_gguf ? "its head" : "config.json";
}

static dm_status check_shape(const struct dm_checkpoint *checkpoint,
                             const struct dm_weight_entry *entry, struct dm_shape wanted,
                             dm_error *error) {
    const struct dm_named_tensor *tensor = entry->tensor;
    if (tensor->n_dim == wanted.n_dim &&
        !memcmp(tensor->shape, wanted.size, wanted.n_dim * sizeof *wanted.size))
        return DM_OK;
    char is[max_shape_text], should_be[max_shape_text];
    print_shape(tensor->shape, tensor->n_dim, is);
    print_shape(wanted.size, wanted.n_dim, should_be);
    return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s is %s, but %s says %s", entry->path,
                   tensor->name, is, sizes_place(checkpoint), should_be);
}

static dm_status fail_missing(const struct dm_checkpoint *checkpoint,
                              const struct dm_parameter *parameter, dm_error *error) {
    bool is_head = parameter->layer == DM_NO_LAYER && parameter->index == DM_HEAD;
    if (checkpoint->is_gguf && parameter->layer != DM_NO_LAYER)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor blk.%zu.%s is missing",
                       checkpoint->files.path, parameter->layer, parameter->row->gguf);
    if (checkpoint->is_gguf)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s is missing", checkpoint->files.path,
                       parameter->row->gguf);
    return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s is missing%s", checkpoint->files.path,
                   parameter->name,
                   is_head ? ", and config.json says that the head is not tied" : "");
}

/* A weight of 64 bits, or one that GGUF changes or an adapter adds to, is held in memory as float32. */
static dm_status bind_copy(struct dm_checkpoint *checkpoint, size_t i,
                           const struct dm_weight_entry *entry, dm_error *error) {
    struct dm_weight *weight = &checkpoint->weights[i];
    float *copy = checkpoint->copies[i] = dm_memory_array(weight->n_element, sizeof *copy);
    if (!copy)
        return dm_fail_memory(error, entry->tensor->name);
    *weight = (struct dm_weight){copy, DM_DTYPE_F32, weight->n_element, NULL};
    dm_status status = dm_weight_entry_read(entry, copy, error);
    return status
               ? status
               : dm_adapter_add(&checkpoint->adapter, &checkpoint->parameters.list[i], copy, error);
}

static dm_status bind(struct dm_checkpoint *checkpoint, size_t i, dm_error *error) {
    const struct dm_parameter *parameter = &checkpoint->parameters.list[i];
    struct dm_weight_entry *entry = find(checkpoint, parameter->name);
    if (!entry)
        return fail_missing(checkpoint, parameter, error);
    dm_status status = check_shape(checkpoint, entry, parameter->shape, error);
    if (status)
        return status;
    entry->used = true;
    dm_dtype dtype = dm_weight_entry_dtype(entry);
    const struct dm_block_kind *blocks = entry->back ? NULL : entry->tensor->blocks;
    checkpoint->weights[i] =
        (struct dm_weight){entry->tensor->data, dtype, parameter->n_element, blocks};
    return (dtype == DM_DTYPE_AUTO && !blocks) ||
                   dm_adapter_has(&checkpoint->adapter, parameter->name)
               ? bind_copy(checkpoint, i, entry, error)
               : DM_OK;
}

/* A separate head is used if it differs from the embedding, whatever config.json says: some
 * fine-tuned models have one and still say that it is tied. */
static void decide_head(struct dm_checkpoint *checkpoint) {
    struct dm_weight_entry *head = find(checkpoint, head_name());
    const struct dm_weight_entry *embedding = find(checkpoint, embedding_name());
    if (!head || !embedding)
        return;
    const struct dm_named_tensor *a = head->tensor, *b = embedding->tensor;
    bool same = a->element == b->element && a->blocks == b->blocks && a->n_byte == b->n_byte &&
                a->n_dim == b->n_dim && !memcmp(a->shape, b->shape, a->n_dim * sizeof *a->shape) &&
                (a->data == b->data || !memcmp(a->data, b->data, a->n_byte));
    checkpoint->config.tie_word_embeddings = head->used = same;
}

/* Refuses adapters that change one of a tied pair: PEFT itself gives different models by merging
 * them and by running them unmerged. */
static dm_status check_tied_head(const struct dm_checkpoint *checkpoint, dm_error *error) {
    const struct dm_adapter *adapter = &checkpoint->adapter;
    const struct dm_weight_entry *embedding = find(checkpoint, embedding_name());
    bool replaced = embedding && dm_adapter_find(adapter, embedding->name) == embedding;
    if (checkpoint->config.tie_word_embeddings &&
        (replaced || dm_adapter_has(adapter, embedding_name()) ||
         dm_adapter_has(adapter, head_name())))
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: changes the embedding or the head, which are tied in %s",
                       adapter->files.path, adapter->base);
    return DM_OK;
}

/* Is the name inside the model's own modules? A tensor there that is no known weight would change
 * what they compute. */
static bool is_of_model(const char *name) {
    static const char *const modules[] = {"embedding", "layers.", "norm_f.", "lm_head.", "blk."};
    static const char state[] = "_extra_state"; /* of training, in any module */
    size_t n = strlen(name), n_state = strlen(state);
    if (n >= n_state && !strcmp(name + n - n_state, state))
        return false;
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        if (!strncmp(name, modules[i], strlen(modules[i])))
            return true;
    return false;
}

/* Tensors beside the model, such as a reward model's head, are ignored with a warning. */
static dm_status check_others(const struct dm_checkpoint *checkpoint, dm_error *error) {
    const struct dm_weight_entry *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < checkpoint->files.n_entry; i++) {
        const struct dm_weight_entry *entry = &checkpoint->files.entries[i];
        if (entry->used || dm_adapter_find(&checkpoint->adapter, entry->name))
            continue;
        if (is_of_model(entry->name))
            return dm_fail(error, DM_ERROR_FORMAT,
                           "%s: tensor %s belongs to no weight of the model in %s", entry->path,
                           entry->tensor->name, sizes_place(checkpoint));
        first = first ? first : entry;
        n++;
    }
    if (n == 1)
        dm_warn("%s: tensor %s belongs to no weight of the model: left out", first->path,
                first->tensor->name);
    else if (n)
        dm_warn("%s: %zu tensors belong to no weight of the model: left out, %s the first",
                first->path, n, first->tensor->name);
    return dm_adapter_check_used(&checkpoint->adapter, error);
}

/* Switches that config.json does not set: on where there is a tensor for them. */
static void decide_switches(struct dm_checkpoint *checkpoint) {
    struct dm_model_config *config = &checkpoint->config;
    for (size_t layer = 0; layer < config->n_layer; layer++) {
        struct dm_layer_config *sort = &config->sorts[dm_sort_of(config, layer)];
        const struct dm_layer_kind *kind = sort->kind;
        for (size_t index = 0; index < kind->n_parameter; index++) {
            size_t only_where = kind->parameters[index].only_where;
            if (!only_where || sort->size[only_where - 1] != DM_UNSAID)
                continue;
            char name[DM_MAX_NAME];
            dm_parameter_name(sort, layer, index, name);
            sort->size[only_where - 1] = find_name(checkpoint, name) != NULL;
        }
        if (config->n_sort == 1)
            return; /* the first layer tells */
    }
}

static dm_status bind_all(struct dm_checkpoint *checkpoint, dm_error *error) {
    const struct dm_model_config *config = &checkpoint->config;
    /* A damaged n_layer must not size an array: every layer has at least one tensor. */
    if (config->n_layer > checkpoint->files.n_entry)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: %zu tensors, but %s says %zu layers",
                       checkpoint->files.path, checkpoint->files.n_entry, sizes_place(checkpoint),
                       config->n_layer);
    decide_switches(checkpoint);
    decide_head(checkpoint);
    dm_status status = check_tied_head(checkpoint, error);
    if (!status)
        status = dm_parameters_new(config, &checkpoint->parameters, error);
    if (status)
        return status;
    size_t n = checkpoint->parameters.n;
    checkpoint->weights = dm_memory_zeroed(n, sizeof *checkpoint->weights);
    checkpoint->copies = dm_memory_zeroed(n, sizeof *checkpoint->copies);
    if (!checkpoint->weights || !checkpoint->copies)
        return dm_fail_memory(error, checkpoint->files.path);
    for (size_t i = 0; i < n && !status; i++)
        status = bind(checkpoint, i, error);
    return status ? status : check_others(checkpoint, error);
}

static dm_status read_config(const char *directory, struct dm_model_config *config,
                             dm_error *error) {
    char *path = dm_path_join(directory, "config.json");
    if (!path)
        return dm_fail_memory(error, "a file name");
    dm_status status = dm_model_config_read(path, config, error);
    dm_memory_free(path);
    return status;
}

static dm_status open_files(struct dm_checkpoint *checkpoint, const char *directory, bool copy,
                            dm_error *error) {
    checkpoint->is_gguf = dm_gguf_is_file(directory);
    if (checkpoint->is_gguf)
        return dm_weight_files_open_gguf(&checkpoint->files, directory, copy, &checkpoint->config,
                                         error);
    dm_status status = dm_adapter_open(&checkpoint->adapter, directory, copy, error);
    if (checkpoint->adapter.base)
        directory = checkpoint->adapter.base;
    if (!status)
        status = read_config(directory, &checkpoint->config, error);
    return status ? status : dm_weight_files_open(&checkpoint->files, directory, copy, error);
}

static dm_status open_checkpoint(const char *directory, bool copy, struct dm_checkpoint **result,
                                 dm_error *error) {
    struct dm_checkpoint *checkpoint = dm_memory_zeroed(1, sizeof *checkpoint);
    if (!checkpoint)
        return dm_fail_memory(error, directory);
    dm_status status = open_files(checkpoint, directory, copy, error);
    if (!status)
        status = bind_all(checkpoint, error);
    if (status)
        dm_checkpoint_close(checkpoint);
    else
        *result = checkpoint;
    return status;
}

dm_status dm_checkpoint_open(const char *directory, struct dm_checkpoint **checkpoint,
                             dm_error *error) {
    return open_checkpoint(directory, false, checkpoint, error);
}

dm_status dm_checkpoint_read(const char *directory, struct dm_checkpoint **checkpoint,
                             dm_error *error) {
    return open_checkpoint(directory, true, checkpoint, error);
}

dm_status dm_checkpoint_check(const struct dm_checkpoint *checkpoint, dm_error *error) {
    dm_status status = dm_weight_files_check(&checkpoint->files, error);
    return status ? status : dm_weight_files_check(&checkpoint->adapter.files, error);
}

void dm_checkpoint_close(struct dm_checkpoint *checkpoint) {
    if (!checkpoint)
        return;
    for (size_t i = 0; checkpoint->copies && i < checkpoint->parameters.n; i++)
        dm_memory_free(checkpoint->copies[i]);
    dm_memory_free(checkpoint->copies);
    dm_weight_files_close(&checkpoint->files);
    dm_adapter_close(&checkpoint->adapter);
    dm_parameters_free(&checkpoint->parameters);
    dm_memory_free(checkpoint->weights);
    dm_memory_free(checkpoint);
}

const struct dm_model_config *dm_checkpoint_config(const struct dm_checkpoint *checkpoint) {
    return &checkpoint->config;
}

const struct dm_parameters *dm_checkpoint_parameters(const struct dm_checkpoint *checkpoint) {
    return &checkpoint->parameters;
}

struct dm_weight dm_checkpoint_weight(const struct dm_checkpoint *checkpoint, size_t layer,
                                      size_t index) {
    const struct dm_weight none = {0};
    size_t i = dm_parameters_find(&checkpoint->parameters, layer, index);
    return i == DM_NO_PARAMETER ? none : checkpoint->weights[i];
}

void dm_checkpoint_forget_pages(const struct dm_checkpoint *checkpoint) {
    dm_weight_files_forget_pages(&checkpoint->files);
}

dm_dtype dm_checkpoint_dtype(const struct dm_checkpoint *checkpoint) {
    struct dm_weight embedding = dm_checkpoint_weight(checkpoint, DM_NO_LAYER, DM_EMBEDDING);
    return embedding.blocks ? DM_DTYPE_F32 : embedding.dtype;
}

size_t dm_weight_bytes(struct dm_weight weight) {
    return weight.blocks ? dm_blocks_bytes(weight.blocks, weight.n_element)
                         : weight.n_element * dm_dtype_size(weight.dtype);
}

void dm_weight_to_float(struct dm_weight weight, size_t first, size_t n, float *out) {
    if (weight.blocks)
        dm_blocks_to_floats(weight.blocks, weight.data, first, n, out);
    else
        dm_floats_from(weight.data, weight.dtype, first, n, out);
}

static dm_status fail_not_finite(const struct dm_checkpoint *checkpoint, size_t i, size_t element,
                                 float value, dm_error *error) {
    const struct dm_weight_entry *entry = find(checkpoint, checkpoint->parameters.list[i].name);
    const struct dm_named_tensor *tensor = entry->tensor;
    size_t index[DM_TENSOR_MAX_DIM];
    char text[max_shape_text];
    for (size_t k = tensor->n_dim; k-- > 0; element /= tensor->shape[k])
        index[k] = element % tensor->shape[k];
    print_shape(index, tensor->n_dim, text);
    return dm_fail(error, DM_ERROR_NUMBER, "%s: tensor %s is %s at %s", entry->path, tensor->name,
                   dm_not_finite_name(value), text);
}

static dm_status check_weight(const struct dm_checkpoint *checkpoint, size_t layer, size_t index,
                              dm_error *error) {
    enum { PIECE = 1024 };
    float values[PIECE];
    size_t at = dm_parameters_find(&checkpoint->parameters, layer, index);
    struct dm_weight weight = dm_checkpoint_weight(checkpoint, layer, index);
    for (size_t first = 0, n; first < weight.n_element; first += n) {
        n = weight.n_element - first < PIECE ? weight.n_element - first : PIECE;
        dm_weight_to_float(weight, first, n, values);
        size_t i = dm_find_not_finite(values, n);
        if (i < n)
            return fail_not_finite(checkpoint, at, first + i, values[i], error);
    }
    return DM_OK;
}

dm_status dm_checkpoint_check_finite(const struct dm_checkpoint *checkpoint, dm_error *error) {
    dm_status status = check_weight(checkpoint, DM_NO_LAYER, DM_EMBEDDING, error);
    for (size_t layer = 0; layer < checkpoint->config.n_layer && !status; layer++) {
        for (size_t index = 0; index < DM_MAX_PARAMETER && !status; index++)
            status = check_weight(checkpoint, layer, index, error);
        dm_checkpoint_forget_pages(checkpoint);
    }
    if (!status)
        status = check_weight(checkpoint, DM_NO_LAYER, DM_FINAL_NORM, error);
    return status ? status : check_weight(checkpoint, DM_NO_LAYER, DM_HEAD, error);
}
