#include "checkpoint/model_config.h"

#include <math.h>
#include <string.h>

/* Sizes stay below 2^31, so that products of two fit. */
#define SIZE_LIMIT ((size_t)1 << 31)

static dm_status missing(const char *name, const char *key, dm_error *error) {
    return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" is missing", name, key);
}

/* object[key], which must be in [1, 2^31). `*size` holds the default, 0: there is none. */
static dm_status get_size(const json_t *object, const char *key, const char *name, size_t *size,
                          dm_error *error) {
    size_t value = *size;
    dm_status status = dm_json_get_size(object, key, name, &value, error);
    if (status)
        return status;
    if (!value && !*size && !json_object_get(object, key))
        return missing(name, key, error);
    if (!value || value >= SIZE_LIMIT)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be in 1 .. 2^31 - 1", name, key);
    *size = value;
    return DM_OK;
}

/* A rank in figures, or "auto". */
static dm_status get_rank(const json_t *object, const char *key, const char *name,
                          struct dm_model_config *config, dm_error *error) {
    config->dt_rank = (config->d_model + 15) / 16;
    const json_t *rank = json_object_get(object, key);
    if (json_is_string(rank) && !strcmp(json_string_value(rank), "auto"))
        return DM_OK;
    return get_size(object, key, name, &config->dt_rank, error);
}

/* d_inner = expand * d_model; `expand` need not be whole. */
static dm_status get_expand(const json_t *object, const char *name, struct dm_model_config *config,
                            dm_error *error) {
    double expand = 2;
    dm_status status = dm_json_get_real(object, "expand", name, &expand, error);
    if (status)
        return status;
    double d_inner = floor(expand * (double)config->d_model);
    if (!(d_inner >= 1 && d_inner < (double)SIZE_LIMIT))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"expand\" gives an inner width of %g", name,
                       d_inner);
    config->d_inner = (size_t)d_inner;
    return DM_OK;
}

static dm_status get_epsilon(const json_t *object, const char *key, const char *name,
                             double *epsilon, dm_error *error) {
    dm_status status = dm_json_get_real(object, key, name, epsilon, error);
    if (!status && !(*epsilon >= 0 && *epsilon < 1))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"%s\" must be in [0, 1)", name, key);
    return status;
}

static dm_status unsupported(const char *name, const char *what, dm_error *error) {
    return dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: %s: only Mamba-1 models can be run", name,
                   what);
}

/* What a state-spaces config may say that makes it another model. */
static dm_status check_official(const json_t *object, const json_t *mixer, const char *name,
                                dm_error *error) {
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
    if (strcmp(layer, "Mamba1") != 0)
        return unsupported(name, layer, error);
    if (!rms_norm)
        return unsupported(name, "LayerNorm (\"rms_norm\": false)", error);
    if (d_intermediate)
        return unsupported(name, "MLP layers (\"d_intermediate\")", error);
    if (json_array_size(json_object_get(object, "attn_layer_idx")))
        return unsupported(name, "attention layers (\"attn_layer_idx\")", error);
    return DM_OK;
}

static dm_status pad_vocabulary(const json_t *object, const char *name,
                                struct dm_model_config *config, dm_error *error) {
    size_t multiple = 8;
    dm_status status = get_size(object, "pad_vocab_size_multiple", name, &multiple, error);
    if (status)
        return status;
    config->vocab_size += (multiple - config->vocab_size % multiple) % multiple;
    if (config->vocab_size >= SIZE_LIMIT)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: the padded vocabulary is too large", name);
    return DM_OK;
}

static dm_status read_official(const json_t *object, const char *name,
                               struct dm_model_config *config, dm_error *error) {
    const json_t *mixer = json_object_get(object, "ssm_cfg");
    if (mixer && !json_is_null(mixer) && !json_is_object(mixer))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: \"ssm_cfg\" must be an object", name);
    config->d_state = 16;
    config->d_conv = 4;
    config->norm_epsilon = 1e-5;
    dm_status status = check_official(object, mixer, name, error);
    if (!status)
        status = get_size(object, "d_model", name, &config->d_model, error);
    if (!status)
        status = get_size(object, "n_layer", name, &config->n_layer, error);
    if (!status)
        status = get_size(object, "vocab_size", name, &config->vocab_size, error);
    if (!status)
        status = pad_vocabulary(object, name, config, error);
    if (!status)
        status = dm_json_get_bool(object, "tie_embeddings", name, &config->tied_head, error);
    if (!status)
        status = get_size(mixer, "d_state", name, &config->d_state, error);
    if (!status)
        status = get_size(mixer, "d_conv", name, &config->d_conv, error);
    if (!status)
        status = get_expand(mixer, name, config, error);
    if (!status)
        status = get_rank(mixer, "dt_rank", name, config, error);
    if (!status)
        status = dm_json_get_bool(mixer, "conv_bias", name, &config->conv_bias, error);
    if (!status)
        status = dm_json_get_bool(mixer, "bias", name, &config->projection_bias, error);
    return status;
}

/* intermediate_size counts where it is given: falcon-mamba's "expand" is wrong. */
static dm_status get_inner(const json_t *object, const char *name, struct dm_model_config *config,
                           dm_error *error) {
    const json_t *inner = json_object_get(object, "intermediate_size");
    return inner && !json_is_null(inner)
               ? get_size(object, "intermediate_size", name, &config->d_inner, error)
               : get_expand(object, name, config, error);
}

static dm_status read_transformers(const json_t *object, const char *name,
                                   struct dm_model_config *config, dm_error *error) {
    const char *activation = "silu";
    const json_t *use_bias = json_object_get(object, "use_bias");
    config->d_state = 16;
    config->d_conv = 4;
    config->norm_epsilon = 1e-5;
    config->projection_bias_unsaid = !use_bias || json_is_null(use_bias);
    dm_status status = dm_json_get_text(object, "hidden_act", name, &activation, error);
    if (!status && strcmp(activation, "silu") != 0 && strcmp(activation, "swish") != 0)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: \"hidden_act\" is %s: only silu can be run", name, activation);
    if (!status)
        status = get_size(object, "hidden_size", name, &config->d_model, error);
    if (!status)
        status = get_size(object, "num_hidden_layers", name, &config->n_layer, error);
    if (!status)
        status = get_size(object, "vocab_size", name, &config->vocab_size, error);
    if (!status)
        status = get_size(object, "state_size", name, &config->d_state, error);
    if (!status)
        status = get_size(object, "conv_kernel", name, &config->d_conv, error);
    if (!status)
        status = get_inner(object, name, config, error);
    if (!status)
        status = get_rank(object, "time_step_rank", name, config, error);
    if (!status)
        status = get_epsilon(object, "layer_norm_epsilon", name, &config->norm_epsilon, error);
    if (!status)
        status = dm_json_get_bool(object, "use_bias", name, &config->projection_bias, error);
    if (!status)
        status = dm_json_get_bool(object, "use_conv_bias", name, &config->conv_bias, error);
    if (!status)
        status = dm_json_get_bool(object, "tie_word_embeddings", name, &config->tied_head, error);
    if (!status && config->mixer_norms)
        status = get_epsilon(object, "mixer_rms_eps", name, &config->mixer_norm_epsilon, error);
    return status;
}

/* Quantized weights have tensors of their own; over plain ones, transformers would round them. */
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
        .tied_head = true,
        .conv_bias = true,
        .mixer_norm_epsilon = 1e-6,
    };
    if (!json_is_object(object))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: not a JSON object", name);
    const char *type = NULL;
    dm_status status = dm_json_get_text(object, "model_type", name, &type, error);
    if (status)
        return status;
    if (type && !strcmp(type, "falcon_mamba"))
        read.mixer_norms = true;
    else if (type && strcmp(type, "mamba") != 0)
        return unsupported(name, type, error);
    if (!type && !json_object_get(object, "d_model"))
        return dm_fail(error, DM_ERROR_FORMAT,
                       "%s: neither \"model_type\" nor \"d_model\": not the config of a Mamba",
                       name);
    status = check_quantization(object, name, error);
    if (!status)
        status = type ? read_transformers(object, name, &read, error)
                      : read_official(object, name, &read, error);
    if (!status) /* transformers' key, for either dialect */
        status = get_epsilon(object, "initializer_range", name, &read.initializer_range, error);
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

/* Each call takes the new value over; false: memory is short. */
static bool set_size(json_t *object, const char *key, size_t value) {
    return !json_object_set_new(object, key, json_integer((json_int_t)value));
}

static bool set_bool(json_t *object, const char *key, bool value) {
    return !json_object_set_new(object, key, json_boolean(value));
}

static bool set_real(json_t *object, const char *key, double value) {
    return !json_object_set_new(object, key, json_real(value));
}

static bool set_text(json_t *object, const char *key, const char *value) {
    return !json_object_set_new(object, key, json_string(value));
}

/* One token as a number, as everyone reads it. */
static bool set_tokens(json_t *object, const char *key, const struct dm_token_list *tokens) {
    if (!tokens->n)
        return true;
    if (tokens->n == 1)
        return !json_object_set_new(object, key, json_integer(tokens->ids[0]));
    json_t *list = json_array();
    for (size_t i = 0; i < tokens->n; i++)
        if (json_array_append_new(list, json_integer(tokens->ids[i]))) {
            json_decref(list);
            return false;
        }
    return !json_object_set_new(object, key, list);
}

static bool fill(json_t *object, const struct dm_model_config *config, dm_dtype dtype) {
    const char *type = config->mixer_norms ? "falcon_mamba" : "mamba",
               *class = config->mixer_norms ? "FalconMambaForCausalLM" : "MambaForCausalLM",
               *stored = dtype == DM_DTYPE_BF16  ? "bfloat16"
                         : dtype == DM_DTYPE_F16 ? "float16"
                                                 : "float32";
    size_t expand = config->d_inner / config->d_model; /* must be whole; intermediate_size rules */
    return !json_object_set_new(object, "architectures", json_pack("[s]", class)) &&
           set_text(object, "model_type", type) && set_text(object, "torch_dtype", stored) &&
           set_size(object, "vocab_size", config->vocab_size) &&
           set_size(object, "hidden_size", config->d_model) &&
           set_size(object, "num_hidden_layers", config->n_layer) &&
           set_size(object, "intermediate_size", config->d_inner) &&
           set_size(object, "expand", expand ? expand : 1) &&
           set_size(object, "state_size", config->d_state) &&
           set_size(object, "conv_kernel", config->d_conv) &&
           set_size(object, "time_step_rank", config->dt_rank) &&
           set_real(object, "layer_norm_epsilon", config->norm_epsilon) &&
           (!config->mixer_norms ||
            set_real(object, "mixer_rms_eps", config->mixer_norm_epsilon)) &&
           (!(config->initializer_range > 0) ||
            set_real(object, "initializer_range", config->initializer_range)) &&
           set_bool(object, "use_bias", config->projection_bias) &&
           set_bool(object, "use_conv_bias", config->conv_bias) &&
           set_bool(object, "tie_word_embeddings", config->tied_head) &&
           set_bool(object, "residual_in_fp32", true) && set_text(object, "hidden_act", "silu") &&
           set_tokens(object, "bos_token_id", &config->bos) &&
           set_tokens(object, "eos_token_id", &config->eos) &&
           set_tokens(object, "pad_token_id", &config->pad);
}

json_t *dm_model_config_to_json(const struct dm_model_config *config, dm_dtype dtype) {
    json_t *object = json_object();
    if (object && fill(object, config, dtype))
        return object;
    json_decref(object);
    return NULL;
}
