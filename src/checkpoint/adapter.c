#include "checkpoint/adapter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/model_folder.h"
#include "base/path.h"

/* ---- Its config ---- */

static dm_status unsupported(const char *path, const char *key, dm_error *error) {
    return dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: \"%s\": only plain LoRA can be merged", path,
                   key);
}

static bool is_one_of(const char *text, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!strcmp(text, names[i]))
            return true;
    return false;
}
#define IS_ONE_OF(text, names) is_one_of(text, names, sizeof(names) / sizeof *(names))

/* Does the setting ask for more than W + s B A? Any that is true or a non-empty object does, except
 * those for training alone and those that are read below; so do the few others named here. */
static bool asks_for_more(const char *key, const json_t *value) {
    static const char *const harmless[] = {"auto_mapping",   "corda_config",      "eva_config",
                                           "inference_mode", "init_lora_weights", "loftq_config",
                                           "lora_alpha",     "lora_ga_config",    "megatron_config",
                                           "rank_pattern",   "runtime_config",    "use_rslora"};
    static const char *const others[] = {"alora_invocation_tokens", "layer_replication"};
    if (IS_ONE_OF(key, others))
        return !json_is_null(value);
    return (json_is_true(value) || json_object_size(value)) && !IS_ONE_OF(key, harmless);
}

/* Does the initialisation leave the base weights alone? Some ways change them too. */
static bool leaves_base(const json_t *initial) {
    static const char *const ways[] = {"gaussian", "eva", "orthogonal"};
    return !json_is_string(initial) || IS_ONE_OF(json_string_value(initial), ways);
}

static dm_status check_config(json_t *config, const char *path, dm_error *error) {
    const char *type = NULL, *key;
    json_t *value;
    dm_status status = dm_json_get_text(config, "peft_type", path, &type, error);
    if (status)
        return status;
    if (!type || strcmp(type, "LORA") != 0)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: a PEFT adapter of type %s: only LORA can be merged", path,
                       type ? type : "null");
    json_object_foreach(config, key, value) {
        if (asks_for_more(key, value))
            return unsupported(path, key, error);
    }
    return leaves_base(json_object_get(config, "init_lora_weights"))
               ? DM_OK
               : unsupported(path, "init_lora_weights", error);
}

static dm_status read_config(struct dm_adapter *adapter, json_t *config, const char *directory,
                             dm_error *error) {
    char *path = dm_path_join(directory, "adapter_config.json");
    if (!path)
        return dm_fail_memory(error, "a file name");
    adapter->alpha = 8; /* PEFT's default */
    dm_status status = check_config(config, path, error);
    if (!status)
        status = dm_json_get_real(config, "lora_alpha", path, &adapter->alpha, error);
    if (!status)
        status = dm_json_get_bool(config, "use_rslora", path, &adapter->rank_stabilized, error);
    dm_memory_free(path);
    return status;
}

dm_status dm_adapter_open(struct dm_adapter *adapter, const char *directory, bool copy,
                          dm_error *error) {
    json_t *config;
    const char *base;
    *adapter = (struct dm_adapter){0};
    dm_status status = dm_adapter_config_read(directory, &config, &base, error);
    if (!config)
        return status;
    status = read_config(adapter, config, directory, error);
    if (!status && !(adapter->base = dm_memory_text(base)))
        status = dm_fail_memory(error, "a file name");
    if (!status)
        status = dm_weight_files_open_adapter(&adapter->files, directory, copy, error);
    json_decref(config);
    if (status)
        dm_adapter_close(adapter);
    return status;
}

void dm_adapter_close(struct dm_adapter *adapter) {
    dm_weight_files_close(&adapter->files);
    dm_memory_free(adapter->base);
    *adapter = (struct dm_adapter){0};
}

/* ---- Its tensors ---- */

static bool is_embedding(const char *name) {
    return !strcmp(name, dm_network_parameter_name(DM_EMBEDDING));
}

/* The tensor of a weight's product: `side` 'A' or 'B'. Those of x.weight are x.lora_A.weight, and
 * of the embedding x.lora_embedding_A. NULL: there is none. */
static struct dm_weight_entry *find(const struct dm_adapter *adapter, const char *name, char side) {
    static const char weight[] = ".weight";
    char full[DM_MAX_NAME + 32];
    size_t n = strlen(name), n_weight = strlen(weight);
    if (n < n_weight || strcmp(name + n - n_weight, weight) != 0)
        return NULL;
    if (is_embedding(name))
        snprintf(full, sizeof full, "%.*s.lora_embedding_%c", (int)(n - n_weight), name, side);
    else
        snprintf(full, sizeof full, "%.*s.lora_%c.weight", (int)(n - n_weight), name, side);
    return dm_weight_files_find(&adapter->files, full);
}

struct dm_weight_entry *dm_adapter_find(const struct dm_adapter *adapter, const char *name) {
    char inside[2 * DM_MAX_NAME];
    struct dm_weight_entry *entry = dm_weight_files_find(&adapter->files, name);
    const char *last = strrchr(name, '.');
    if (entry || !last)
        return entry;
    snprintf(inside, sizeof inside, "%.*s.base_layer%s", (int)(last - name), name, last);
    return dm_weight_files_find(&adapter->files, inside);
}

bool dm_adapter_has(const struct dm_adapter *adapter, const char *name) {
    return find(adapter, name, 'A') || find(adapter, name, 'B');
}

/* A factor of a product; the embedding's are transposed. */
struct factor {
    float *values;
    size_t row, column; /* from one row, or column, to the next */
};

static dm_status read_factor(struct dm_weight_entry *entry, bool exchanged, struct factor *factor,
                             dm_error *error) {
    const struct dm_named_tensor *tensor = entry->tensor;
    size_t n_column = tensor->shape[1];
    *factor = (struct factor){dm_memory_array(tensor->shape[0] * n_column, sizeof(float)),
                              exchanged ? 1 : n_column, exchanged ? n_column : 1};
    entry->used = true;
    return factor->values ? dm_weight_entry_read(entry, factor->values, error)
                          : dm_fail_memory(error, tensor->name);
}

/* weight[o][i] += scale * (sum over k of left[o][k] right[k][i]) */
static void add_product(const struct factor *left, const struct factor *right, size_t rank,
                        float scale, size_t n_out, size_t n_in, float *weight) {
    for (size_t o = 0; o < n_out; o++)
        for (size_t k = 0; k < rank; k++) {
            float factor = scale * left->values[o * left->row + k * left->column];
            const float *row = right->values + k * right->row;
            for (size_t i = 0; i < n_in; i++)
                weight[o * n_in + i] += factor * row[i * right->column];
        }
}

static bool is_matrix(const struct dm_weight_entry *entry, size_t n_row, size_t n_column) {
    const struct dm_named_tensor *tensor = entry->tensor;
    return tensor->n_dim == 2 && tensor->shape[0] == n_row && tensor->shape[1] == n_column;
}

dm_status dm_adapter_add(struct dm_adapter *adapter, const struct dm_parameter *parameter,
                         float *weight, dm_error *error) {
    struct dm_weight_entry *a = find(adapter, parameter->name, 'A'),
                           *b = find(adapter, parameter->name, 'B');
    if (!a && !b)
        return DM_OK;
    if (!a || !b)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: tensor %s has no lora_%c beside it",
                       adapter->files.path, (a ? a : b)->tensor->name, a ? 'B' : 'A');
    struct dm_shape shape = parameter->shape;
    bool exchanged = is_embedding(parameter->name);
    size_t n_out = shape.size[exchanged ? 1 : 0], n_in = shape.size[exchanged ? 0 : 1],
           rank = a->tensor->n_dim ? a->tensor->shape[0] : 0;
    if (shape.n_dim != 2 || !rank || !is_matrix(a, rank, n_in) || !is_matrix(b, n_out, rank))
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: tensors %s and that of lora_B do not fit their weight, [%zu, %zu]",
                       a->path, a->tensor->name, shape.size[0], shape.size[1]);
    double scale = adapter->alpha / (adapter->rank_stabilized ? sqrt((double)rank) : (double)rank);
    struct factor down = {0}, up = {0};
    dm_status status = read_factor(a, exchanged, &down, error);
    if (!status)
        status = read_factor(b, exchanged, &up, error);
    if (!status)
        add_product(exchanged ? &down : &up, exchanged ? &up : &down, rank, (float)scale,
                    shape.size[0], shape.size[1], weight);
    dm_memory_free(down.values);
    dm_memory_free(up.values);
    return status;
}

dm_status dm_adapter_check_used(const struct dm_adapter *adapter, dm_error *error) {
    for (size_t i = 0; i < adapter->files.n_entry; i++)
        if (!adapter->files.entries[i].used)
            return dm_fail(
                error, DM_ERROR_UNSUPPORTED,
                "%s: tensor %s belongs to no weight of %s that LoRA could be merged into",
                adapter->files.path, adapter->files.entries[i].tensor->name, adapter->base);
    return DM_OK;
}
