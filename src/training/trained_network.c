#include "training/trained_network.h"

#include "base/memory.h"
#include "training/lora.h"

/* ---- Matrices ---- */

/* A part of a parameter as a product's weight: forwards, and back. */
struct product {
    struct dm_projection part;
    size_t layer;
    struct dm_matrix **forward, **back;
};

static void list_products(const struct dm_trained_network *trained, size_t layer,
                          struct product products[DM_N_PROJECTION]) {
    struct dm_projection list[DM_N_PROJECTION];
    dm_list_projections(&trained->network.config, trained->compute, list);
    for (int i = 0; i < DM_N_PROJECTION; i++)
        products[i] = (struct product){
            list[i],
            layer,
            dm_projection_in(&trained->network.layers[layer].project, &list[i]),
            dm_projection_in(&trained->back[layer], &list[i]),
        };
}

static struct product head_product(struct dm_trained_network *trained) {
    const struct dm_model_config *config = &trained->network.config;
    return (struct product){{config->tied_head ? DM_EMBEDDING : DM_HEAD, 0, config->vocab_size,
                             config->d_model, trained->compute, 0},
                            0,
                            &trained->network.head,
                            &trained->head_back};
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
    const struct dm_matrix_source forward = {values, DM_DTYPE_AUTO, product->part.n_out,
                                             product->part.n_in, false};
    const struct dm_matrix_source back = {values, DM_DTYPE_AUTO, product->part.n_in,
                                          product->part.n_out, true};
    dm_status status =
        set_or_make(matmul, &forward, product->part.compute, product->forward, error);
    return status ? status
                  : set_or_make(matmul, &back, product->part.compute, product->back, error);
}

/* A parameter as the products see it: `merged`, which is filled for a parameter's first part and
 * serves the next ones, or the parameter itself where LoRA does not adapt it. */
struct merged {
    dm_real *values;
    const struct dm_tensor *tensor;
};

static dm_status merge(const struct dm_trained_network *trained, const struct dm_tensor *tensor,
                       size_t n_in, struct merged *merged, const dm_real **values,
                       dm_error *error) {
    *values = tensor->value;
    if (!dm_lora_has(&trained->lora, tensor->parameter))
        return DM_OK;
    if (merged->tensor != tensor) {
        dm_memory_free(merged->values);
        *merged = (struct merged){dm_memory_array(tensor->n, sizeof **values), tensor};
        if (!merged->values)
            return dm_fail_memory(error, "a weight");
        dm_lora_merge(&trained->lora, &trained->tensors, tensor, n_in, merged->values);
    }
    *values = merged->values;
    return DM_OK;
}

static dm_status update_products(const struct dm_trained_network *trained,
                                 const struct product *products, int n, dm_error *error) {
    struct merged merged = {NULL, NULL};
    dm_status status = DM_OK;
    for (int i = 0; i < n && !status; i++) {
        const struct dm_projection *part = &products[i].part;
        const dm_real *values;
        status =
            merge(trained, dm_tensors_find(&trained->tensors, part->parameter, products[i].layer),
                  part->n_in, &merged, &values, error);
        if (!status)
            status = pack(trained, &products[i], values + part->row * part->n_in, error);
    }
    dm_memory_free(merged.values);
    return status;
}

static dm_real *values(const struct dm_trained_network *trained, enum dm_parameter parameter,
                       size_t layer) {
    const struct dm_tensor *tensor = dm_tensors_find(&trained->tensors, parameter, layer);
    return tensor ? tensor->value : NULL;
}

static dm_status make_layer(struct dm_trained_network *trained, size_t layer, dm_error *error) {
    const struct dm_model_config *config = &trained->network.config;
    struct dm_layer *own = &trained->network.layers[layer];
    *own = (struct dm_layer){
        .norm = values(trained, DM_NORM, layer),
        .in_bias = values(trained, DM_IN_PROJ_BIAS, layer),
        .conv_bias = values(trained, DM_CONV_BIAS, layer),
        .dt_bias = values(trained, DM_DT_BIAS, layer),
        .D = values(trained, DM_D, layer),
        .out_bias = values(trained, DM_OUT_PROJ_BIAS, layer),
        .conv_weight = dm_memory_array(config->d_conv * config->d_inner, sizeof(dm_real)),
        .A = dm_memory_array(config->d_state * config->d_inner, sizeof(dm_real)),
    };
    return own->conv_weight && own->A ? DM_OK : dm_fail_memory(error, "a layer");
}

/* ---- The network ---- */

struct refresh {
    const struct dm_trained_network *trained;
    dm_status *status; /* [n_layer] */
    dm_error *errors;
};

static dm_status update_layer(const struct dm_trained_network *trained, size_t layer,
                              dm_error *error) {
    struct product products[DM_N_PROJECTION];
    dm_layer_lay_out(&trained->network.config, values(trained, DM_CONV_WEIGHT, layer),
                     values(trained, DM_A_LOG, layer), &trained->network.layers[layer]);
    list_products(trained, layer, products);
    return update_products(trained, products, DM_N_PROJECTION, error);
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
    dm_status status = refresh_layers(trained, error);
    return status ? status : update_products(trained, &head, 1, error);
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
    trained->back = dm_memory_zeroed(config->n_layer, sizeof *trained->back);
    dm_status status =
        network->layers && trained->back ? DM_OK : dm_fail_memory(error, "the layers");
    network->embedding = values(trained, DM_EMBEDDING, 0);
    network->embedding_dtype = DM_DTYPE_AUTO;
    network->final_norm = values(trained, DM_FINAL_NORM, 0);
    for (size_t layer = 0; layer < config->n_layer && !status; layer++)
        status = make_layer(trained, layer, error);
    if (!status)
        status = dm_trained_network_refresh(trained, error);
    if (status)
        dm_trained_network_free(trained);
    return status;
}

void dm_trained_network_free(struct dm_trained_network *trained) {
    const struct dm_matmul_backend *matmul = &trained->network.ops.matmul;
    struct product products[DM_N_PROJECTION];
    bool whole = trained->network.layers && trained->back;
    for (size_t layer = 0; layer < trained->network.config.n_layer && whole; layer++) {
        list_products(trained, layer, products);
        for (int i = 0; i < DM_N_PROJECTION; i++) {
            matmul->matrix_free(*products[i].forward);
            matmul->matrix_free(*products[i].back);
        }
        dm_memory_free(trained->network.layers[layer].conv_weight);
        dm_memory_free(trained->network.layers[layer].A);
    }
    if (matmul->matrix_free) {
        matmul->matrix_free(trained->network.head);
        matmul->matrix_free(trained->head_back);
    }
    dm_memory_free(trained->network.layers);
    dm_memory_free(trained->back);
    dm_tensors_free(&trained->tensors);
    *trained = (struct dm_trained_network){0};
}

struct dm_tensor *dm_trained_network_head(const struct dm_trained_network *trained) {
    bool tied = trained->network.config.tied_head;
    return dm_tensors_find(&trained->tensors, tied ? DM_EMBEDDING : DM_HEAD, 0);
}

size_t dm_trained_network_first_layer(const struct dm_trained_network *trained) {
    size_t first = trained->network.config.n_layer;
    for (size_t i = 0; i < trained->tensors.n_model; i++) {
        const struct dm_tensor *tensor = &trained->tensors.list[i];
        bool below = tensor->parameter == DM_EMBEDDING;
        if (!tensor->gradient || !(below || dm_parameter_is_per_layer(tensor->parameter)))
            continue;
        if (below || tensor->layer < first)
            first = below ? 0 : tensor->layer;
    }
    return first;
}

size_t dm_trained_network_packed_bytes(const struct dm_trained_network *trained) {
    const struct dm_matmul_backend *matmul = &trained->network.ops.matmul;
    struct product products[DM_N_PROJECTION];
    size_t n_byte = matmul->matrix_bytes(trained->network.head);
    n_byte += matmul->matrix_bytes(trained->head_back);
    for (size_t layer = 0; layer < trained->network.config.n_layer; layer++) {
        list_products(trained, layer, products);
        for (int i = 0; i < DM_N_PROJECTION; i++) {
            n_byte += matmul->matrix_bytes(*products[i].forward);
            n_byte += matmul->matrix_bytes(*products[i].back);
        }
    }
    return n_byte;
}
