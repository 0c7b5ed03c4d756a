#include "model/language_model.h"

#include <string.h>

#include "base/first_error.h"
#include "base/half.h"
#include "base/memory.h"
#include "layers/weights.h"
#include "model/run.h"

/* Enough rows that the products run at full speed, few enough that a layer's activations stay in
 * the processor's caches: measured, see docs/performance.md. */
enum { chunk_tokens = 512 };

/* ---- Loading weights ---- */

static dm_status load_floats(const struct dm_model *model, size_t layer, size_t index,
                             float **floats, dm_error *error) {
    struct dm_weight weight = dm_checkpoint_weight(model->checkpoint, layer, index);
    if (!weight.data)
        return DM_OK; /* this model does not have it */
    *floats = dm_memory_array(weight.n_element, sizeof **floats);
    if (!*floats)
        return dm_fail_memory(error, "the weights");
    dm_weight_to_float(weight, 0, weight.n_element, *floats);
    return DM_OK;
}

/* Rows [row, row + n_out) of a matrix weight, packed. */
static dm_status load_matrix(const struct dm_model *model, struct dm_weight weight, size_t row,
                             size_t n_out, size_t n_in, bool exact, struct dm_matrix **matrix,
                             dm_error *error) {
    size_t row_bytes =
        weight.blocks ? dm_blocks_bytes(weight.blocks, n_in) : n_in * dm_dtype_size(weight.dtype);
    const struct dm_matrix_source source = {.data = (const unsigned char *)weight.data +
                                                    row * row_bytes,
                                            .dtype = weight.dtype,
                                            .n_out = n_out,
                                            .n_in = n_in,
                                            .blocks = weight.blocks};
    bool as_stored = model->compute == DM_DTYPE_AUTO && weight.blocks; /* else float32 */
    dm_dtype compute =
        exact || (model->compute == DM_DTYPE_AUTO && !as_stored) ? DM_DTYPE_F32 : model->compute;
    const struct dm_matmul_backend *matmul = &model->network.ops.matmul;
    return matmul->matrix_new(matmul->state, &source, compute, matrix, error);
}

/* A parameter in the layout that the operations want. */
static dm_status load_arranged(const struct dm_model *model, size_t layer,
                               const struct dm_weight_row *row, float **arranged, dm_error *error) {
    float *stored = NULL;
    dm_status status = load_floats(model, layer, row->parameter, &stored, error);
    if (status || !stored)
        return status;
    const struct dm_layer_config *config = model->network.layers[layer].config;
    *arranged = dm_memory_array(dm_weight_n_element(config, row), sizeof **arranged);
    if (*arranged)
        row->arrange(config, stored, *arranged);
    dm_memory_free(stored);
    return *arranged ? DM_OK : dm_fail_memory(error, "the weights");
}

static dm_status load_weight(const struct dm_model *model, size_t layer,
                             const struct dm_weight_row *row, dm_error *error) {
    void *weights = model->network.layers[layer].weights;
    switch (row->use) {
    case DM_WEIGHT_VECTOR:
        return load_floats(model, layer, row->parameter, dm_weight_reals(weights, row), error);
    case DM_WEIGHT_ARRANGED:
        return load_arranged(model, layer, row, dm_weight_reals(weights, row), error);
    default:
        return load_matrix(model, dm_checkpoint_weight(model->checkpoint, layer, row->parameter),
                           row->row, row->n_out, row->n_in, row->exact,
                           dm_weight_matrix(weights, row), error);
    }
}

static dm_status load_layer(const struct dm_model *model, size_t layer, dm_error *error) {
    struct dm_layer *own = &model->network.layers[layer];
    struct dm_weight_row rows[DM_MAX_WEIGHT];
    size_t n = own->config->kind->weights(own->config, rows);
    own->weights = dm_memory_zeroed(1, own->config->kind->weights_size);
    dm_status status = own->weights ? load_floats(model, layer, 0, &own->norm, error)
                                    : dm_fail_memory(error, "the weights");
    for (size_t i = 0; i < n && !status; i++)
        status = load_weight(model, layer, &rows[i], error);
    return status;
}

/* Layers in parallel: packing takes longer than reading. */
struct loading {
    const struct dm_model *model;
    struct dm_first_error first_error;
};

static void load_one(void *context, size_t layer) {
    struct loading *loading = context;
    dm_error error;
    if (atomic_load(&loading->first_error.is_there))
        return;
    if (load_layer(loading->model, layer, &error))
        dm_first_error_keep(&loading->first_error, &error);
    dm_checkpoint_forget_pages(loading->model->checkpoint); /* what is packed is not read again */
}

static dm_status load_layers(const struct dm_model *model, dm_error *error) {
    struct loading loading = {.model = model};
    dm_parallel_for(model->network.threads, model->network.config.n_layer, load_one, &loading);
    return dm_first_error_give(&loading.first_error, error);
}

static void count_packed(struct dm_model *model) {
    const struct dm_network *network = &model->network;
    const struct dm_matmul_backend *matmul = &network->ops.matmul;
    model->packed_bytes = matmul->matrix_bytes(network->head);
    for (size_t layer = 0; layer < network->config.n_layer; layer++)
        model->packed_bytes += dm_weights_packed_bytes(network->layers[layer].config,
                                                       network->layers[layer].weights, matmul);
}

/* How many weights are of each type that was seen. */
struct type_count {
    const char *name;
    size_t n_element;
};

static const char *type_name(struct dm_weight weight) {
    return weight.blocks ? weight.blocks->name : dm_dtype_name(weight.dtype);
}

/* Counts the weight to its type; gives that if it has the most now, else `most`. */
static const struct type_count *count_type(struct type_count *types, struct dm_weight weight,
                                           const struct type_count *most) {
    const char *name = type_name(weight);
    while (types->name && strcmp(types->name, name) != 0)
        types++;
    types->name = name;
    types->n_element += weight.n_element;
    return types->n_element > most->n_element ? types : most;
}

static void count_weights(struct dm_model *model) {
    enum { MAX_TYPE = 16 }; /* more than there are */
    struct type_count types[MAX_TYPE] = {{NULL, 0}};
    const struct type_count *most = types;
    const struct dm_parameters *parameters = dm_checkpoint_parameters(model->checkpoint);
    for (size_t i = 0; i < parameters->n; i++) {
        struct dm_weight weight = dm_checkpoint_weight(model->checkpoint, parameters->list[i].layer,
                                                       parameters->list[i].index);
        model->n_parameter += weight.n_element;
        model->weight_bytes += dm_weight_bytes(weight);
        most = count_type(types, weight, most);
    }
    model->stored_type = most->name;
}

static dm_status load_weights(struct dm_model *model, dm_error *error) {
    const struct dm_model_config *config = &model->network.config;
    struct dm_layer *layers = dm_memory_zeroed(config->n_layer, sizeof *layers);
    model->network.layers = layers;
    if (!layers)
        return dm_fail_memory(error, "the layers");
    for (size_t layer = 0; layer < config->n_layer; layer++)
        layers[layer].config = dm_layer_config_of(config, layer);
    dm_status status = load_layers(model, error);
    if (!status)
        status = load_floats(model, DM_NO_LAYER, DM_FINAL_NORM, &model->network.final_norm, error);
    if (!status) {
        enum dm_network_parameter head = config->tie_word_embeddings ? DM_EMBEDDING : DM_HEAD;
        status =
            load_matrix(model, dm_checkpoint_weight(model->checkpoint, DM_NO_LAYER, head), 0,
                        config->vocab_size, config->d_model, false, &model->network.head, error);
    }
    dm_checkpoint_forget_pages(model->checkpoint);
    return status;
}

/* ---- The model ---- */

static bool has_blocks(const struct dm_checkpoint *checkpoint) {
    const struct dm_parameters *parameters = dm_checkpoint_parameters(checkpoint);
    for (size_t i = 0; i < parameters->n; i++)
        if (dm_checkpoint_weight(checkpoint, parameters->list[i].layer, parameters->list[i].index)
                .blocks)
            return true;
    return false;
}

static dm_status choose_compute(struct dm_model *model, dm_dtype asked, dm_error *error) {
    const struct dm_network *network = &model->network;
    bool has_bf16 = network->ops.matmul.has(network->ops.matmul.state, DM_DTYPE_BF16);
    bool is_bf16 = network->embedding_dtype == DM_DTYPE_BF16;
    model->compute = asked != DM_DTYPE_AUTO          ? asked
                     : has_blocks(model->checkpoint) ? DM_DTYPE_AUTO
                     : has_bf16 && is_bf16           ? DM_DTYPE_BF16
                                                     : DM_DTYPE_F32;
    return dm_cpu_check_dtype(&network->ops, asked, error);
}

dm_status dm_language_model_load(const char *directory, const dm_model_options *options,
                                 struct dm_model **result, dm_error *error) {
    struct dm_model *model = dm_memory_zeroed(1, sizeof *model);
    if (!model)
        return dm_fail_memory(error, "a model");
    pthread_mutex_init(&model->mutex, NULL);
    model->chunk = chunk_tokens;
    model->check = options->check;
    model->no_map = options->no_map;
    model->network.limits_steps = options->limit_steps;
    dm_status status = dm_cpu_ops(options->cpu, &model->network.ops, error);
    if (!status && options->profile &&
        !(model->network.profile = dm_memory_zeroed(1, sizeof(struct dm_profile))))
        status = dm_fail_memory(error, "the profile");
    if (!status)
        status = dm_threads_new(options->n_thread, &model->network.threads, error);
    if (!status)
        status = model->no_map ? dm_checkpoint_read(directory, &model->checkpoint, error)
                               : dm_checkpoint_open(directory, &model->checkpoint, error);
    if (!status && model->check)
        status = dm_checkpoint_check_finite(model->checkpoint, error);
    if (!status) {
        model->network.config = *dm_checkpoint_config(model->checkpoint);
        struct dm_weight embedding =
            dm_checkpoint_weight(model->checkpoint, DM_NO_LAYER, DM_EMBEDDING);
        model->network.embedding = embedding.data;
        model->network.embedding_dtype = embedding.dtype;
        model->network.embedding_blocks = embedding.blocks;
        status = choose_compute(model, options->dtype, error);
    }
    if (!status)
        status = dm_calibration_find(directory, options->settings, model->network.config.n_layer,
                                     dm_model_n_step(&model->network.config), &model->calibration,
                                     error);
    if (!status)
        status = load_weights(model, error);
    if (!status)
        status = dm_checkpoint_check(model->checkpoint, error);
    if (status) {
        dm_language_model_free(model);
        return status;
    }
    count_weights(model);
    count_packed(model);
    dm_plan_slices(&model->network);
    *result = model;
    return DM_OK;
}

static void free_layer(const struct dm_model *model, struct dm_layer *own) {
    dm_memory_free(own->norm);
    dm_weights_free(own->config, own->weights, &model->network.ops.matmul,
                    1u << DM_WEIGHT_VECTOR | 1u << DM_WEIGHT_ARRANGED);
}

void dm_language_model_free(struct dm_model *model) {
    if (!model)
        return;
    for (size_t i = 0; i < model->network.config.n_layer && model->network.layers; i++)
        free_layer(model, &model->network.layers[i]);
    if (model->network.head)
        model->network.ops.matmul.matrix_free(model->network.head);
    while (model->free_buffers) {
        struct dm_buffers *buffers = model->free_buffers;
        model->free_buffers = buffers->next;
        dm_buffers_free(buffers);
    }
    dm_memory_free(model->network.layers);
    dm_memory_free(model->network.final_norm);
    dm_memory_free(model->network.profile);
    dm_calibration_free(model->calibration);
    dm_checkpoint_close(model->checkpoint);
    dm_threads_free(model->network.threads);
    dm_cpu_ops_free(&model->network.ops);
    pthread_mutex_destroy(&model->mutex);
    dm_memory_free(model);
}

dm_status dm_model_take_buffers(const struct dm_model *model, struct dm_buffers **result,
                                dm_error *error) {
    struct dm_model *shared = (struct dm_model *)(uintptr_t)model; /* the mutex guards the list */
    pthread_mutex_lock(&shared->mutex);
    struct dm_buffers *buffers = shared->free_buffers;
    if (buffers)
        shared->free_buffers = buffers->next;
    pthread_mutex_unlock(&shared->mutex);
    if (!buffers)
        return dm_buffers_new(&model->network.config, &model->network.slices, model->chunk, result,
                              error);
    *result = buffers;
    return DM_OK;
}

void dm_model_give_back_buffers(const struct dm_model *model, struct dm_buffers *buffers) {
    struct dm_model *shared = (struct dm_model *)(uintptr_t)model;
    pthread_mutex_lock(&shared->mutex);
    buffers->next = shared->free_buffers;
    shared->free_buffers = buffers;
    pthread_mutex_unlock(&shared->mutex);
}
