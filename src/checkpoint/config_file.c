#include "checkpoint/config_file.h"

#include <string.h>

#include "layers/kinds.h"
#include "layers/sizes.h"

static dm_status unsupported(const char *name, const char *what, dm_error *error) {
    return dm_fail(error, DM_ERROR_UNSUPPORTED,
                   "%s: %s: only models of Mamba-1 or Mamba-2 layers can be run", name, what);
}

/* mamba_ssm's class would refuse an argument that it does not know. */
static dm_status check_arguments(const json_t *mixer, const char *name,
                                 const struct dm_layer_kind *kind, dm_error *error) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)mixer, key, value) {
        const char *const *known = kind->official_arguments;
        while (*known && strcmp(*known, key) != 0)
            known++;
        if (!*known && strcmp(key, "layer") != 0)
            return dm_fail(error, DM_ERROR_FORMAT,
                           "%s: \"ssm_cfg\": \"%.60s\" is no argument of %s", name, key,
                           kind->official_layer);
    }
    return DM_OK;
}

/* Refuses state-spaces configs of other models. */
static dm_status check_official(const json_t *object, const json_t *mixer, const char *name,
                                const struct dm_layer_kind **kind, dm_error *error) {
    const char *layer = "Mamba1";
    bool rms_norm = true;
    size_t d_intermediate = 0;
    dm_status status = dm_json_get_text(mixer, "layer", name, &layer, error);
    if (!status)
        status = dm_json_get_bool(object, "rms_norm", name, &rms_norm, error);
    if (!status)
        status = dm_json_get_size(object, "d_intermediate", name, &d_intermediate, error);
    if (status)
        return status;
    *kind = dm_layer_kind_of_official(layer);
    if (!*kind)
        return unsupported(name, layer, error);
    if (!rms_norm)
        return unsupported(name, "LayerNorm (\"rms_norm\": false)", error);
    if (d_intermediate)
        return unsupported(name, "MLP layers (\"d_intermediate\")", error);
    if (json_array_size(json_object_get(object, "attn_layer_idx")))
        return unsupported(name, "attention layers (\"attn_layer_idx\")", error);
    return check_arguments(mixer, name, *kind, error);
}

static dm_status pad_vocabulary(const json_t *object, const char *name,
                                struct dm_model_config *config, dm_error *error) {
    size_t multiple = 8;
    dm_status status = dm_get_size(object, "pad_vocab_size_multiple", name, &multiple, error);
    if (status)
        return status;
    config->vocab_size += (multiple - config->vocab_size % multiple) % multiple;
    if (config->vocab_size >= DM_SIZE_LIMIT)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: the padded vocabulary is too large", name);
    return DM_OK;
}

/* ---- Layers ---- */

/* Adds a sort of layer of this kind, with the sizes in `source`. */
static dm_status add_sort(const struct dm_config_source *source, const struct dm_layer_kind *kind,
                          struct dm_model_config *config, dm_error *error) {
    if (config->n_sort == DM_MAX_SORT)
        return dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: more than %d kinds of layers",
                       source->name, DM_MAX_SORT);
    struct dm_layer_config *sort = &config->sorts[config->n_sort++];
    *sort = (struct dm_layer_config){.kind = kind,
                                     .d_model = config->d_model,
                                     .n_layer = config->n_layer,
                                     .rms_norm_eps = config->rms_norm_eps};
    return kind->configure(source, sort, error);
}

/* The sort of layers of this kind, added if it is new. */
static dm_status find_sort(const struct dm_config_source *source, const json_t *type,
                           struct dm_model_config *config, size_t *sort, dm_error *error) {
    const struct dm_layer_kind *kind =
        json_is_string(type) ? dm_layer_kind_named(json_string_value(type)) : NULL;
    if (!kind)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: \"layer_types\": %s: no layer of this kind "
                       "can be run",
                       source->name, json_is_string(type) ? json_string_value(type) : "not a text");
    for (*sort = 0; *sort < config->n_sort; (*sort)++)
        if (config->sorts[*sort].kind == kind)
            return DM_OK;
    return add_sort(source, kind, config, error);
}

/* All layers are of the one kind, unless "layer_types" names that of each. */
static dm_status read_layers(const struct dm_config_source *source,
                             const struct dm_layer_kind *kind, struct dm_model_config *config,
                             dm_error *error) {
    const json_t *types =
        source->model_type ? json_object_get(source->object, "layer_types") : NULL;
    if (!types || json_is_null(types))
        return add_sort(source, kind, config, error);
    if (json_array_size(types) != config->n_layer || config->n_layer > DM_MAX_MIXED)
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: \"layer_types\" must name the kinds of all %zu layers, of %d at most",
                       source->name, config->n_layer, DM_MAX_MIXED);
    dm_status status = DM_OK;
    for (size_t layer = 0; layer < config->n_layer && !status; layer++) {
        size_t sort;
        status = find_sort(source, json_array_get(types, layer), config, &sort, error);
        if (!status)
            config->sort_of[layer] = (unsigned char)sort;
    }
    return status;
}

/* ---- The dialects ---- */

static dm_status read_official(const json_t *object, const char *name,
                               struct dm_model_config *config, dm_error *error) {
    const json_t *mixer = json_object_get(object, "ssm_cfg");
    if (mixer && !json_is_null(mixer) && !json_is_object(mixer))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"ssm_cfg\" must be an object", name);
    const struct dm_config_source source = {.object = mixer, .name = name};
    const struct dm_layer_kind *kind;
    dm_status status = check_official(object, mixer, name, &kind, error);
    if (!status)
        status = dm_get_size(object, "d_model", name, &config->d_model, error);
    if (!status)
        status = dm_get_size(object, "n_layer", name, &config->n_layer, error);
    if (!status)
        status = dm_get_size(object, "vocab_size", name, &config->vocab_size, error);
    if (!status)
        status = pad_vocabulary(object, name, config, error);
    if (!status)
        status =
            dm_json_get_bool(object, "tie_embeddings", name, &config->tie_word_embeddings, error);
    return status ? status : read_layers(&source, kind, config, error);
}

static dm_status read_transformers(const json_t *object, const char *name, const char *model_type,
                                   struct dm_model_config *config, dm_error *error) {
    const char *activation = "silu";
    const struct dm_config_source source = {object, name, model_type};
    const struct dm_layer_kind *kind = dm_layer_kind_of_type(model_type);
    if (!kind)
        return unsupported(name, model_type, error);
    config->tie_word_embeddings = !kind->untied;
    dm_status status = dm_json_get_text(object, "hidden_act", name, &activation, error);
    if (!status && strcmp(activation, "silu") != 0 && strcmp(activation, "swish") != 0)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: \"hidden_act\" is %s: only silu can be run", name, activation);
    if (!status)
        status = dm_get_size(object, "hidden_size", name, &config->d_model, error);
    if (!status)
        status = dm_get_size(object, "num_hidden_layers", name, &config->n_layer, error);
    if (!status)
        status = dm_get_size(object, "vocab_size", name, &config->vocab_size, error);
    if (!status)
        status = dm_get_epsilon(object, "layer_norm_epsilon", name, &config->rms_norm_eps, error);
    if (!status)
        status = dm_json_get_bool(object, "tie_word_embeddings", name, &config->tie_word_embeddings,
                                  error);
    return status ? status : read_layers(&source, kind, config, error);
}

/* Quantized weights come as tensors of other names; given plain ones, transformers would round
 * them. */
static dm_status check_quantization(const json_t *object, const char *name, dm_error *error) {
    const json_t *quantization = json_object_get(object, "quantization_config");
    const char *method = json_string_value(json_object_get(quantization, "quant_method"));
    if (!quantization || json_is_null(quantization))
        return DM_OK;
    return dm_fail(error, DM_ERROR_UNSUPPORTED,
                   "%s: \"quantization_config\" (%s): quantized models cannot be run; where the "
                   "weights are plain, take it out",
                   name, method ? method : "of no \"quant_method\"");
}

dm_status dm_model_config_from_json(const json_t *object, const char *name,
                                    struct dm_model_config *config, dm_error *error) {
    struct dm_model_config read = {
        .rms_norm_eps = 1e-5,
        .tie_word_embeddings = true,
    };
    if (!json_is_object(object))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: not a JSON object", name);
    const char *type = NULL;
    dm_status status = dm_json_get_text(object, "model_type", name, &type, error);
    if (status)
        return status;
    if (!type && !json_object_get(object, "d_model"))
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: neither \"model_type\" nor \"d_model\": not the config of a Mamba",
                       name);
    status = check_quantization(object, name, error);
    if (!status)
        status = type ? read_transformers(object, name, type, &read, error)
                      : read_official(object, name, &read, error);
    if (!status) /* transformers' key, accepted in either dialect */
        status = dm_get_epsilon(object, "initializer_range", name, &read.initializer_range, error);
    if (!status)
        status = dm_token_list_get(object, "bos_token_id", name, &read.bos, error);
    if (!status)
        status = dm_token_list_get(object, "eos_token_id", name, &read.eos, error);
    if (!status)
        status = dm_token_list_get(object, "pad_token_id", name, &read.pad, error);
    if (!status)
        *config = read;
    return status;
}

dm_status dm_model_config_read(const char *path, struct dm_model_config *config, dm_error *error) {
    json_t *object = NULL;
    dm_status status = dm_json_read(path, &object, error);
    if (!status)
        status = dm_model_config_from_json(object, path, config, error);
    json_decref(object);
    return status;
}

/* The sizes of every sort, and, where there is more than one, whose layers they are. */
static bool put_layers(json_t *object, const struct dm_model_config *config) {
    bool ok = true;
    for (size_t sort = 0; sort < config->n_sort && ok; sort++)
        ok = config->sorts[sort].kind->describe(&config->sorts[sort], object);
    if (config->n_sort == 1)
        return ok;
    json_t *types = json_array();
    for (size_t layer = 0; layer < config->n_layer; layer++)
        ok &= !json_array_append_new(types,
                                     json_string(dm_layer_config_of(config, layer)->kind->name));
    return !json_object_set_new(object, "layer_types", types) && ok;
}

static bool fill(json_t *object, const struct dm_model_config *config, dm_dtype dtype) {
    struct dm_model_names names = config->sorts[0].kind->names(&config->sorts[0]);
    const char *stored = dtype == DM_DTYPE_BF16  ? "bfloat16"
                         : dtype == DM_DTYPE_F16 ? "float16"
                                                 : "float32";
    return !json_object_set_new(object, "architectures", json_pack("[s]", names.architecture)) &&
           dm_put_text(object, "model_type", names.model_type) &&
           dm_put_text(object, "torch_dtype", stored) &&
           dm_put_size(object, "vocab_size", config->vocab_size) &&
           dm_put_size(object, "hidden_size", config->d_model) &&
           dm_put_size(object, "num_hidden_layers", config->n_layer) &&
           put_layers(object, config) &&
           dm_put_real(object, "layer_norm_epsilon", config->rms_norm_eps) &&
           (!(config->initializer_range > 0) ||
            dm_put_real(object, "initializer_range", config->initializer_range)) &&
           dm_put_bool(object, "tie_word_embeddings", config->tie_word_embeddings) &&
           dm_put_bool(object, "residual_in_fp32", true) &&
           dm_put_text(object, "hidden_act", "silu") &&
           dm_token_list_put(object, "bos_token_id", &config->bos) &&
           dm_token_list_put(object, "eos_token_id", &config->eos) &&
           dm_token_list_put(object, "pad_token_id", &config->pad);
}

json_t *dm_model_config_to_json(const struct dm_model_config *config, dm_dtype dtype) {
    json_t *object = json_object();
    if (object && fill(object, config, dtype))
        return object;
    json_decref(object);
    return NULL;
}
