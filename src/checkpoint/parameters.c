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

const char *dm_network_parameter_name(enum dm_network_parameter place) {
    return network_rows[place].name;
}

void dm_parameter_name(const struct dm_layer_config *config, size_t layer, size_t place,
                       char name[DM_MAX_NAME]) {
    snprintf(name, DM_MAX_NAME, "backbone.layers.%zu.%s", layer,
             config->kind->parameters[place].name);
}

/* ---- Listing ---- */

static struct dm_parameter *add(struct dm_parameters *parameters,
                                const struct dm_parameter_row *row, size_t layer, size_t place,
                                struct dm_shape shape) {
    struct dm_parameter *parameter = &parameters->list[parameters->n++];
    *parameter = (struct dm_parameter){.row = row,
                                       .layer = layer,
                                       .place = place,
                                       .shape = shape,
                                       .n_element = dm_shape_n_element(shape)};
    return parameter;
}

static void add_own(struct dm_parameters *parameters, const struct dm_model_config *config,
                    enum dm_network_parameter place) {
    struct dm_shape shape = place == DM_FINAL_NORM
                                ? dm_vector_shape(config->d_model)
                                : dm_matrix_shape(config->vocab_size, config->d_model);
    parameters->of_network[place] = DM_NO_PARAMETER;
    if (place == DM_HEAD && config->tie_word_embeddings)
        return;
    parameters->of_network[place] = parameters->n;
    struct dm_parameter *parameter =
        add(parameters, &network_rows[place], DM_NO_LAYER, place, shape);
    snprintf(parameter->name, sizeof parameter->name, "%s", network_rows[place].name);
}

static void add_of_layer(struct dm_parameters *parameters, const struct dm_model_config *config,
                         size_t layer, size_t place) {
    const struct dm_layer_config *own = dm_layer_config_of(config, layer);
    size_t *at = &parameters->of_layer[layer * DM_MAX_PARAMETER + place];
    *at = DM_NO_PARAMETER;
    if (place >= own->kind->n_parameter || !dm_layer_has(own, place))
        return;
    *at = parameters->n;
    struct dm_parameter *parameter =
        add(parameters, &own->kind->parameters[place], layer, place, own->kind->shape(own, place));
    dm_parameter_name(own, layer, place, parameter->name);
}

dm_status dm_parameters_new(const struct dm_model_config *config, struct dm_parameters *parameters,
                            dm_error *error) {
    size_t n_layer = config->n_layer, most;
    *parameters = (struct dm_parameters){.n_layer = n_layer};
    if (dm_size_mul(n_layer, DM_MAX_PARAMETER, &most) &&
        dm_size_add(most, DM_N_NETWORK_PARAMETER, &most)) {
        parameters->list = dm_memory_array(most, sizeof *parameters->list);
        parameters->of_layer = dm_memory_array(most, sizeof *parameters->of_layer);
    }
    if (!parameters->list || !parameters->of_layer) {
        dm_parameters_free(parameters);
        return dm_fail_memory(error, "the list of weights");
    }
    add_own(parameters, config, DM_EMBEDDING);
    for (size_t place = 0; place < DM_MAX_PARAMETER; place++)
        for (size_t layer = 0; layer < n_layer; layer++)
            add_of_layer(parameters, config, layer, place);
    add_own(parameters, config, DM_FINAL_NORM);
    add_own(parameters, config, DM_HEAD);
    return DM_OK;
}

void dm_parameters_free(struct dm_parameters *parameters) {
    dm_memory_free(parameters->list);
    dm_memory_free(parameters->of_layer);
    *parameters = (struct dm_parameters){0};
}

size_t dm_parameters_find(const struct dm_parameters *parameters, size_t layer, size_t place) {
    return layer == DM_NO_LAYER ? parameters->of_network[place]
                                : parameters->of_layer[layer * DM_MAX_PARAMETER + place];
}

size_t dm_parameters_head(const struct dm_parameters *parameters) {
    size_t head = parameters->of_network[DM_HEAD];
    return head == DM_NO_PARAMETER ? parameters->of_network[DM_EMBEDDING] : head;
}
