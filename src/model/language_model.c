#include "model/language_model.h"

#include "base/first_error.h"
#include "base/half.h"
#include "base/memory.h"
#include "model/walk.h"

/* Enough rows that the products run at full speed, few enough that a layer's activations stay in
 * the processor's caches: measured, see docs/performance.md. */
enum { chunk_tokens = 512 };

/* ---- Loading weights ---- */

static dm_status load_floats(const struct dm_model *model, enum dm_parameter parameter,
                             size_t layer, float **floats, dm_error *error) {
    struct dm_weight weight = dm_checkpoint_weight(model->checkpoint, parameter, layer);
    if (!weight.data)
        return DM_OK; /* this model does not have it */
    *floats = dm_memory_array(weight.n_element, sizeof **floats);
    if (!*floats)
        return dm_fail_memory(error, "the weights");
    dm_weight_to_float(weight, 0, weight.n_element, *floats);
    return DM_OK;
}

/* Rows [row, row + n_out) of a matrix weight, packed. */
static dm_status load_matrix(const struct dm_model *model, enum dm_parameter parameter,
                             size_t layer, size_t row, size_t n_out, size_t n_in, dm_dtype compute,
                             struct dm_matrix **matrix, dm_error *error) {
    struct dm_weight weight = dm_checkpoint_weight(model->checkpoint, parameter, layer);
    const struct dm_matrix_source source = {(const unsigned char *)weight.data +
                                                row * n_in * dm_dtype_size(weight.dtype),
                                            weight.dtype, n_out, n_in, false};
    const struct dm_matmul_backend *matmul = &model->network.ops.matmul;
    return matmul->matrix_new(matmul->state, &source, compute, matrix, error);
}

static dm_status load_vectors(const struct dm_model *model, struct dm_layer *own, size_t layer,
                              dm_error *error) {
    const struct {
        enum dm_parameter parameter;
        float **floats;
    } vectors[] = {
        {DM_NORM, &own->norm},
        {DM_IN_PROJ_BIAS, &own->in_bias},
        {DM_CONV_BIAS, &own->conv_bias},
        {DM_DT_BIAS, &own->dt_bias},
        {DM_D, &own->D},
        {DM_OUT_PROJ_BIAS, &own->out_bias},
    };
    dm_status status = DM_OK;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors && !status; i++)
        status = load_floats(model, vectors[i].parameter, layer, vectors[i].floats, error);
    return status;
}

/* What the operations want in another layout than the checkpoint's. */
static dm_status load_layouts(const struct dm_model *model, struct dm_layer *own, size_t layer,
                              dm_error *error) {
    const struct dm_model_config *config = &model->network.config;
    float *conv1d = NULL, *A_log = NULL;
    dm_status status = load_floats(model, DM_CONV_WEIGHT, layer, &conv1d, error);
    if (!status)
        status = load_floats(model, DM_A_LOG, layer, &A_log, error);
    if (!status) {
        own->conv_weight = dm_memory_array(config->d_conv * config->d_inner, sizeof(float));
        own->A = dm_memory_array(config->d_state * config->d_inner, sizeof(float));
        if (own->conv_weight && own->A)
            dm_layer_lay_out(config, conv1d, A_log, own);
        else
            status = dm_fail_memory(error, "the weights");
    }
    dm_memory_free(conv1d);
    dm_memory_free(A_log);
    return status;
}

static dm_status load_layer(const struct dm_model *model, size_t layer, dm_error *error) {
    struct dm_layer *own = &model->network.layers[layer];
    struct dm_projection list[DM_N_PROJECTION];
    dm_list_projections(&model->network.config, model->compute, list);
    dm_status status = load_vectors(model, own, layer, error);
    if (!status)
        status = load_layouts(model, own, layer, error);
    for (int i = 0; i < DM_N_PROJECTION && !status; i++)
        status =
            load_matrix(model, list[i].parameter, layer, list[i].row, list[i].n_out, list[i].n_in,
                        list[i].compute, dm_projection_in(&own->project, &list[i]), error);
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
    dm_checkpoint_forget_pages(loading->model->checkpoint); /* what is packed is not needed twice */
}

static dm_status load_layers(const struct dm_model *model, dm_error *error) {
    struct loading loading = {.model = model};
    dm_parallel_for(model->network.threads, model->network.config.n_layer, load_one, &loading);
    return dm_first_error_give(&loading.first_error, error);
}

static void count_packed(struct dm_model *model) {
    const struct dm_network *network = &model->network;
    struct dm_projection list[DM_N_PROJECTION];
    dm_list_projections(&network->config, model->compute, list);
    model->packed_bytes = network->ops.matmul.matrix_bytes(network->head);
    for (size_t layer = 0; layer < network->config.n_layer; layer++)
        for (int i = 0; i < DM_N_PROJECTION; i++)
            model->packed_bytes += network->ops.matmul.matrix_bytes(
                *dm_projection_in(&network->layers[layer].project, &list[i]));
}

static void count_weights(struct dm_model *model) {
    for (int p = 0; p < DM_N_PARAMETER; p++) {
        size_t n_layer = dm_parameter_is_per_layer(p) ? model->network.config.n_layer : 1;
        for (size_t layer = 0; layer < n_layer; layer++) {
            if (!dm_parameter_exists(p, &model->network.config))
                continue;
            struct dm_weight weight = dm_checkpoint_weight(model->checkpoint, p, layer);
            model->n_parameter += weight.n_element;
            model->weight_bytes += weight.n_element * dm_dtype_size(weight.dtype);
        }
    }
}

static dm_status load_weights(struct dm_model *model, dm_error *error) {
    const struct dm_model_config *config = &model->network.config;
    model->network.layers = dm_memory_zeroed(config->n_layer, sizeof *model->network.layers);
    if (!model->network.layers)
        return dm_fail_memory(error, "the layers");
    dm_status status = load_layers(model, error);
    if (!status)
        status = load_floats(model, DM_FINAL_NORM, 0, &model->network.final_norm, error);
    if (!status)
        status =
            load_matrix(model, config->tied_head ? DM_EMBEDDING : DM_HEAD, 0, 0, config->vocab_size,
                        config->d_model, model->compute, &model->network.head, error);
    dm_checkpoint_forget_pages(model->checkpoint);
    return status;
}

/* ---- The model ---- */

static dm_status choose_compute(struct dm_model *model, dm_dtype asked, dm_error *error) {
    const struct dm_network *network = &model->network;
    bool has_bf16 = network->ops.matmul.has(network->ops.matmul.state, DM_DTYPE_BF16);
    bool is_bf16 = network->embedding_dtype == DM_DTYPE_BF16;
    model->compute = asked != DM_DTYPE_AUTO ? asked
                     : has_bf16 && is_bf16  ? DM_DTYPE_BF16
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
    dm_status status = dm_cpu_ops(options->cpu, &model->network.ops, error);
    if (!status && options->profile &&
        !(model->network.clocks = dm_memory_zeroed(1, sizeof(struct dm_clocks))))
        status = dm_fail_memory(error, "the clocks");
    if (!status)
        status = dm_threads_new(options->n_thread, &model->network.threads, error);
    if (!status)
        status = model->no_map ? dm_checkpoint_read(directory, &model->checkpoint, error)
                               : dm_checkpoint_open(directory, &model->checkpoint, error);
    if (!status && model->check)
        status = dm_checkpoint_check_finite(model->checkpoint, error);
    if (!status) {
        model->network.config = *dm_checkpoint_config(model->checkpoint);
        struct dm_weight embedding = dm_checkpoint_weight(model->checkpoint, DM_EMBEDDING, 0);
        model->network.embedding = embedding.data;
        model->network.embedding_dtype = embedding.dtype;
        status = choose_compute(model, options->dtype, error);
    }
    if (!status)
        status = dm_calibration_find(directory, options->settings, model->network.config.n_layer,
                                     model->network.config.d_inner, &model->calibration, error);
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
    dm_walk_plan(&model->network);
    *result = model;
    return DM_OK;
}

static void free_layer(const struct dm_model *model, struct dm_layer *own) {
    float *const floats[] = {own->norm,    own->in_bias, own->conv_weight, own->conv_bias,
                             own->dt_bias, own->A,       own->D,           own->out_bias};
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
        dm_memory_free(floats[i]);
    struct dm_projection list[DM_N_PROJECTION];
    dm_list_projections(&model->network.config, model->compute, list);
    for (int i = 0; i < DM_N_PROJECTION; i++)
        model->network.ops.matmul.matrix_free(*dm_projection_in(&own->project, &list[i]));
}

void dm_language_model_free(struct dm_model *model) {
    if (!model)
        return;
    for (size_t i = 0; i < model->network.config.n_layer && model->network.layers; i++)
        free_layer(model, &model->network.layers[i]);
    if (model->network.head)
        model->network.ops.matmul.matrix_free(model->network.head);
    while (model->free_activations) {
        struct dm_activations *activations = model->free_activations;
        model->free_activations = activations->next;
        dm_activations_free(activations);
    }
    dm_memory_free(model->network.layers);
    dm_memory_free(model->network.final_norm);
    dm_memory_free(model->network.clocks);
    dm_calibration_free(model->calibration);
    dm_checkpoint_close(model->checkpoint);
    dm_threads_free(model->network.threads);
    dm_cpu_ops_free(&model->network.ops);
    pthread_mutex_destroy(&model->mutex);
    dm_memory_free(model);
}

dm_status dm_model_take_activations(const struct dm_model *model, struct dm_activations **result,
                                    dm_error *error) {
    struct dm_model *shared = (struct dm_model *)(uintptr_t)model; /* the mutex guards the list */
    pthread_mutex_lock(&shared->mutex);
    struct dm_activations *activations = shared->free_activations;
    if (activations)
        shared->free_activations = activations->next;
    pthread_mutex_unlock(&shared->mutex);
    if (!activations)
        return dm_activations_new(&model->network.config, &model->network.walk, model->chunk,
                                  result, error);
    *result = activations;
    return DM_OK;
}

void dm_model_give_back_activations(const struct dm_model *model,
                                    struct dm_activations *activations) {
    struct dm_model *shared = (struct dm_model *)(uintptr_t)model;
    pthread_mutex_lock(&shared->mutex);
    activations->next = shared->free_activations;
    shared->free_activations = activations;
    pthread_mutex_unlock(&shared->mutex);
}
