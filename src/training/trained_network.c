#include "training/trained_network.h"

#include "base/memory.h"
#include "layers/weights.h"
#include "training/lora.h"

/* ---- Matrices ---- */

/* Rows [row, row + n_out) of a tensor as a product's weight: forwards, and transposed. */
struct product {
    const struct dm_tensor *tensor;
    size_t row, n_out, n_in;
    dm_dtype compute;
    struct dm_matrix **forward, **transposed;
};

static struct product layer_product(const struct dm_trained_network *trained, size_t layer,
                                    const struct dm_weight_row *row) {
    return (struct product){
        .tensor = dm_tensors_find(&trained->tensors, layer, row->parameter),
        .row = row->row,
        .n_out = row->n_out,
        .n_in = row->n_in,
        .compute = row->exact ? DM_DTYPE_F32 : trained->compute,
        .forward = dm_weight_matrix(trained->network.layers[layer].weights, row),
        .transposed = dm_weight_matrix(trained->transposed[layer], row),
    };
}

static struct product head_product(struct dm_trained_network *trained) {
    return (struct product){.tensor = dm_trained_network_head(trained),
                            .n_out = trained->network.config.vocab_size,
                            .n_in = trained->network.config.d_model,
                            .compute = trained->compute,
                            .forward = &trained->network.head,
                            .transposed = &trained->head_transposed};
}

static dm_status set_or_make(const struct dm_matmul_backend *matmul,
                             const struct dm_matrix_source *source, dm_dtype compute,
                             struct dm_matrix **matrix, dm_error *error) {
    return *matrix ? matmul->matrix_set(*matrix, source, error)
                   : matmul->matrix_new(matmul->state, source, compute, matrix, error);
}

/* Packs a product's matrices from `values` [n_out, n_in]. */
static dm_status pack(const struct dm_trained_network *trained, const struct product *product,
                      const dm_real *values, dm_error *error) {
    const struct dm_matmul_backend *matmul = &trained->network.ops.matmul;
    const struct dm_matrix_source forward = {values,        DM_DTYPE_AUTO, product->n_out,
                                             product->n_in, false,         NULL};
    const struct dm_matrix_source transposed = {values,         DM_DTYPE_AUTO, product->n_in,
                                                product->n_out, true,          NULL};
    dm_status status = set_or_make(matmul, &forward, product->compute, product->forward, error);
    return status ? status
                  : set_or_make(matmul, &transposed, product->compute, product->transposed, error);
}

/* A parameter as the products see it: `merged`, which is filled for a parameter's first part and
 * serves the next ones, or the parameter itself where LoRA does not adapt it. */
struct merged {
    dm_real *values;
    const struct dm_tensor *tensor;
};

static dm_status merge(const struct dm_trained_network *trained, const struct dm_tensor *tensor,
                       struct merged *merged, const dm_real **values, dm_error *error) {
    *values = tensor->value;
    if (!dm_lora_has(&trained->lora, tensor))
        return DM_OK;
    if (merged->tensor != tensor) {
        dm_memory_free(merged->values);
        *merged = (struct merged){dm_memory_array(tensor->n, sizeof **values), tensor};
        if (!merged->values)
            return dm_fail_memory(error, "a weight");
        dm_lora_merge(&trained->lora, &trained->tensors, tensor, merged->values);
    }
    *values = merged->values;
    return DM_OK;
}

static dm_status update_product(const struct dm_trained_network *trained,
                                const struct product *product, struct merged *merged,
                                dm_error *error) {
    const dm_real *values;
    dm_status status = merge(trained, product->tensor, merged, &values, error);
    return status ? status : pack(trained, product, values + product->row * product->n_in, error);
}

/* ---- Layers ---- */

static dm_real *values(const struct dm_trained_network *trained, size_t layer, size_t place) {
    const struct dm_tensor *tensor = dm_tensors_find(&trained->tensors, layer, place);
    return tensor ? tensor->value : NULL;
}

static dm_status make_layer(struct dm_trained_network *trained, size_t layer, dm_error *error) {
    struct dm_layer *own = &trained->network.layers[layer];
    struct dm_weight_row rows[DM_MAX_WEIGHT];
    own->config = dm_layer_config_of(&trained->network.config, layer);
    own->norm = values(trained, layer, 0);
    own->weights = dm_memory_zeroed(1, own->config->kind->weights_size);
    trained->transposed[layer] = dm_memory_zeroed(1, own->config->kind->weights_size);
    bool fine = own->weights && trained->transposed[layer];
    size_t n = own->config->kind->weights(own->config, rows);
    for (size_t i = 0; i < n && fine; i++) {
        dm_real **reals = dm_weight_reals(own->weights, &rows[i]);
        size_t n_element = dm_weight_n_element(own->config, &rows[i]);
        if (rows[i].use == DM_WEIGHT_VECTOR)
            *reals = values(trained, layer, rows[i].parameter);
        else if (rows[i].use == DM_WEIGHT_ARRANGED && n_element)
            fine = (*reals = dm_memory_array(n_element, sizeof **reals)) != NULL;
    }
    return fine ? DM_OK : dm_fail_memory(error, "a layer");
}

/* ---- The network ---- */

struct refresh {
    const struct dm_trained_network *trained;
    dm_status *status; /* [n_layer] */
    dm_error *errors;
};

static dm_status update_layer(const struct dm_trained_network *trained, size_t layer,
                              dm_error *error) {
    const struct dm_layer *own = &trained->network.layers[layer];
    struct dm_weight_row rows[DM_MAX_WEIGHT];
    struct merged merged = {NULL, NULL};
    size_t n = own->config->kind->weights(own->config, rows);
    dm_status status = DM_OK;
    for (size_t i = 0; i < n && !status; i++) {
        const dm_real *stored = values(trained, layer, rows[i].parameter);
        if (rows[i].use == DM_WEIGHT_ARRANGED && stored)
            rows[i].arrange(own->config, stored, *dm_weight_reals(own->weights, &rows[i]));
        if (rows[i].use != DM_WEIGHT_MATRIX)
            continue;
        const struct product product = layer_product(trained, layer, &rows[i]);
        status = update_product(trained, &product, &merged, error);
    }
    dm_memory_free(merged.values);
    return status;
}

static void refresh_layer(void *context, size_t layer) {
    const struct refresh *refresh = context;
    refresh->status[layer] = update_layer(refresh->trained, layer, &refresh->errors[layer]);
}

static dm_status refresh_layers(const struct dm_trained_network *trained, dm_error *error) {
    size_t n_layer = trained->network.config.n_layer;
    struct refresh refresh = {trained, dm_memory_zeroed(n_layer, sizeof *refresh.status),
                              dm_memory_zeroed(n_layer, sizeof *refresh.errors)};
    dm_status status = DM_OK;
    if (!refresh.status || !refresh.errors)
        status = dm_fail_memory(error, "the layers");
    else
        dm_parallel_for(trained->network.threads, n_layer, refresh_layer, &refresh);
    for (size_t i = 0; i < n_layer && !status; i++)
        if ((status = refresh.status[i]) != DM_OK && error)
            *error = refresh.errors[i];
    dm_memory_free(refresh.status);
    dm_memory_free(refresh.errors);
    return status;
}

dm_status dm_trained_network_refresh(struct dm_trained_network *trained, dm_error *error) {
    const struct product head = head_product(trained);
    struct merged none = {NULL, NULL};
    dm_status status = refresh_layers(trained, error);
    return status ? status : update_product(trained, &head, &none, error);
}

dm_status dm_trained_network_new(const struct dm_model_config *config, const struct dm_ops *ops,
                                 struct dm_threads *threads, dm_dtype compute,
                                 const struct dm_lora *lora, struct dm_tensors *tensors,
                                 struct dm_trained_network *trained, dm_error *error) {
    *trained = (struct dm_trained_network){
        .network = {.config = *config, .ops = *ops, .threads = threads},
        .tensors = *tensors,
        .lora = *lora,
        .compute = compute,
    };
    *tensors = (struct dm_tensors){0};
    struct dm_network *network = &trained->network;
    network->layers = dm_memory_zeroed(config->n_layer, sizeof *network->layers);
    trained->transposed = dm_memory_zeroed(config->n_layer, sizeof *trained->transposed);
    dm_status status =
        network->layers && trained->transposed ? DM_OK : dm_fail_memory(error, "the layers");
    network->embedding = values(trained, DM_NO_LAYER, DM_EMBEDDING);
    network->embedding_dtype = DM_DTYPE_AUTO;
    network->final_norm = values(trained, DM_NO_LAYER, DM_FINAL_NORM);
    for (size_t layer = 0; layer < config->n_layer && !status; layer++)
        status = make_layer(trained, layer, error);
    if (!status)
        status = dm_trained_network_refresh(trained, error);
    if (status)
        dm_trained_network_free(trained);
    return status;
}

void dm_trained_network_free(struct dm_trained_network *trained) {
    const struct dm_network *network = &trained->network;
    const struct dm_matmul_backend *matmul = &network->ops.matmul;
    bool whole = network->layers && trained->transposed;
    for (size_t layer = 0; layer < network->config.n_layer && whole; layer++) {
        const struct dm_layer_config *config = network->layers[layer].config;
        dm_weights_free(config, network->layers[layer].weights, matmul, 1u << DM_WEIGHT_ARRANGED);
        dm_weights_free(config, trained->transposed[layer], matmul, 0);
    }
    if (matmul->matrix_free) {
        matmul->matrix_free(network->head);
        matmul->matrix_free(trained->head_transposed);
    }
    dm_memory_free(trained->network.layers);
    dm_memory_free(trained->transposed);
    dm_tensors_free(&trained->tensors);
    *trained = (struct dm_trained_network){0};
}

struct dm_tensor *dm_trained_network_head(const struct dm_trained_network *trained) {
    return &trained->tensors.list[dm_parameters_head(&trained->tensors.parameters)];
}

size_t dm_trained_network_first_layer(const struct dm_trained_network *trained) {
    size_t first = trained->network.config.n_layer;
    for (size_t i = 0; i < trained->tensors.n_model; i++) {
        const struct dm_tensor *tensor = &trained->tensors.list[i];
        if (!tensor->gradient)
            continue;
        if (tensor->parameter->layer < first)
            first = tensor->parameter->layer;
        if (i == trained->tensors.parameters.of_network[DM_EMBEDDING])
            return 0;
    }
    return first;
}

size_t dm_trained_network_packed_bytes(const struct dm_trained_network *trained) {
    const struct dm_network *network = &trained->network;
    const struct dm_matmul_backend *matmul = &network->ops.matmul;
    size_t n_byte = matmul->matrix_bytes(network->head);
    n_byte += matmul->matrix_bytes(trained->head_transposed);
    for (size_t layer = 0; layer < network->config.n_layer; layer++) {
        const struct dm_layer_config *config = network->layers[layer].config;
        n_byte += dm_weights_packed_bytes(config, network->layers[layer].weights, matmul);
        n_byte += dm_weights_packed_bytes(config, trained->transposed[layer], matmul);
    }
    return n_byte;
}
