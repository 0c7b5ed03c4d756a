#include "checkpoint/parameters.h"

#include <stdio.h>

#include "base/memory.h"

static const struct dm_parameter_row network_rows[DM_N_NETWORK_PARAMETER] = {
    [DM_EMBEDDING] = {.name = "backbone.embeddings.weight",
                      .gguf = "token_embd.weight",
                      .is_matrix = true},
    [DM_FINAL_NORM] = {.name = "backbone.norm_f.weight", .gguf = "output_norm.weight"},
    [DM_HEAD] = {.name = "lm_head.weight", .gguf = "output.weight", .is_matrix = true},
};

const char dm_official_embedding[] = "backbone.embedding.weight";

const char *dm_network_parameter_name(enum dm_network_parameter index) {
    return network_rows[index].name;
}

const struct dm_parameter_row *dm_network_parameter_row(enum dm_network_parameter index) {
    return &network_rows[index];
}

struct dm_shape dm_network_parameter_shape(const struct dm_model_config *config,
                                           enum dm_network_parameter index) {
    return index == DM_FINAL_NORM ? dm_vector_shape(config->d_model)
                                  : dm_matrix_shape(config->vocab_size, config->d_model);
}

void dm_parameter_name(const struct dm_layer_config *config, size_t layer, size_t index,
                       char name[DM_MAX_NAME]) {
    snprintf(name, DM_MAX_NAME, "backbone.layers.%zu.%s", layer,
             config->kind->parameters[index].name);
}

/* ---- Listing ---- */

static struct dm_parameter *add(struct dm_parameters *parameters,
                                const struct dm_parameter_row *row, size_t layer, size_t index,
                                struct dm_shape shape) {
    struct dm_parameter *parameter = &parameters->list[parameters->n++];
    *parameter = (struct dm_parameter){.row = row,
                                       .layer = layer,
                                       .index = index,
                                       .shape = shape,
                                       .n_element = dm_shape_n_element(shape)};
    return parameter;
}

static void add_network_parameter(struct dm_parameters *parameters,
                                  const struct dm_model_config *config,
                                  enum dm_network_parameter index) {
    parameters->of_network[index] = DM_NO_PARAMETER;
    if (index == DM_HEAD && config->tie_word_embeddings)
        return;
    parameters->of_network[index] = parameters->n;
    struct dm_parameter *parameter = add(parameters, &network_rows[index], DM_NO_LAYER, index,
                                         dm_network_parameter_shape(config, index));
    snprintf(parameter->name, sizeof parameter->name, "%s", network_rows[index].name);
}

static void add_layer_parameter(struct dm_parameters *parameters,
                                const struct dm_model_config *config, size_t layer, size_t index) {
    const struct dm_layer_config *sort = dm_layer_config_of(config, layer);
    size_t *at = &parameters->of_layer[layer * DM_MAX_PARAMETER + index];
    *at = DM_NO_PARAMETER;
    if (index >= sort->kind->n_parameter || !dm_layer_has(sort, index))
        return;
    *at = parameters->n;
    struct dm_parameter *parameter = add(parameters, &sort->kind->parameters[index], layer, index,
                                         sort->kind->shape(sort, index));
    dm_parameter_name(sort, layer, index, parameter->name);
}

dm_status dm_parameters_new(const struct dm_model_config *config, struct dm_parameters *parameters,
                            dm_error *error) {
    size_t n_layer = config->n_layer, n_max;
    *parameters = (struct dm_parameters){.n_layer = n_layer};
    if (dm_size_mul(n_layer, DM_MAX_PARAMETER, &n_max) &&
        dm_size_add(n_max, DM_N_NETWORK_PARAMETER, &n_max)) {
        parameters->list = dm_memory_array(n_max, sizeof *parameters->list);
        parameters->of_layer = dm_memory_array(n_max, sizeof *parameters->of_layer);
    }
    if (!parameters->list || !parameters->of_layer) {
        dm_parameters_free(parameters);
        return dm_fail_memory(error, "the list of weights");
    }
    add_network_parameter(parameters, config, DM_EMBEDDING);
    for (size_t index = 0; index < DM_MAX_PARAMETER; index++)
        for (size_t layer = 0; layer < n_layer; layer++)
            add_layer_parameter(parameters, config, layer, index);
    add_network_parameter(parameters, config, DM_FINAL_NORM);
    add_network_parameter(parameters, config, DM_HEAD);
    return DM_OK;
}

void dm_parameters_free(struct dm_parameters *parameters) {
    dm_memory_free(parameters->list);
    dm_memory_free(parameters->of_layer);
    *parameters = (struct dm_parameters){0};
}

size_t dm_parameters_find(const struct dm_parameters *parameters, size_t layer, size_t index) {
    return layer == DM_NO_LAYER ? parameters->of_network[index]
                                : parameters->of_layer[layer * DM_MAX_PARAMETER + index];
}

size_t dm_parameters_head(const struct dm_parameters *parameters) {
    size_t head = parameters->of_network[DM_HEAD];
    return head == DM_NO_PARAMETER ? parameters->of_network[DM_EMBEDDING] : head;
}
