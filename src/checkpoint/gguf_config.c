/* The sizes of a model from the keys of a GGUF file. */
#include <stdio.h>
#include <string.h>

#include "checkpoint/config_file.h"
#include "checkpoint/gguf_weights.h"
#include "layers/kinds.h"
#include "layers/sizes.h"

enum { key_size = 128 };

static dm_status fail_missing(const struct dm_gguf_file *gguf, const char *key, dm_error *error) {
    return dm_fail(error, DM_ERROR_FORMAT, "%s: key %s is missing", gguf->file.path, key);
}

/* The kind of layer that an architecture has, by its name. */
static dm_status find_kind(const struct dm_gguf_file *gguf, const struct dm_layer_kind **kind,
                           dm_error *error) {
    static const char key[] = "general.architecture";
    struct dm_gguf_text text = {NULL, 0};
    char name[key_size / 2];
    dm_status status = dm_gguf_get_text(gguf, key, &text, error);
    if (status)
        return status;
    if (!text.bytes)
        return fail_missing(gguf, key, error);
    snprintf(name, sizeof name, "%.*s", (int)(text.n_byte < key_size ? text.n_byte : key_size),
             text.bytes);
    *kind = dm_layer_kind_named(name);
    if (*kind && (*kind)->fill_from_gguf && dm_gguf_text_is(text, (*kind)->name))
        return DM_OK;
    return dm_fail(error, DM_ERROR_UNSUPPORTED, "%s: models of the architecture %s cannot be run",
                   gguf->file.path, name);
}

/* The number under architecture.name, in [1, 2^31). */
static dm_status get_size(const struct dm_gguf_file *gguf, const char *architecture,
                          const char *name, size_t *size, dm_error *error) {
    char key[key_size];
    snprintf(key, sizeof key, "%s.%s", architecture, name);
    if (!dm_gguf_find(gguf, key))
        return fail_missing(gguf, key, error);
    dm_status status = dm_gguf_get_size(gguf, key, size, error);
    if (!status && (!*size || *size >= DM_SIZE_LIMIT))
        status = dm_fail(error, DM_ERROR_FORMAT, "%s: key %s must be in 1 .. 2^31 - 1",
                         gguf->file.path, key);
    return status;
}

static dm_status get_switch(const struct dm_gguf_file *gguf, const char *architecture,
                            const char *name, size_t *on, dm_error *error) {
    char key[key_size];
    bool value = false;
    snprintf(key, sizeof key, "%s.%s", architecture, name);
    dm_status status = dm_gguf_get_bool(gguf, key, &value, error);
    *on = value;
    return status;
}

static dm_status read_layer(const struct dm_gguf_file *gguf, struct dm_layer_config *layer,
                            dm_error *error) {
    const struct dm_layer_kind *kind = layer->kind;
    dm_status status = DM_OK;
    for (size_t i = 0; i < kind->n_size && !status; i++) {
        const struct dm_size_row *row = &kind->sizes[i];
        if (row->gguf)
            status = row->is_switch
                         ? get_switch(gguf, kind->name, row->gguf, &layer->size[i], error)
                         : get_size(gguf, kind->name, row->gguf, &layer->size[i], error);
    }
    if (!status)
        kind->fill_from_gguf(layer);
    return status;
}

static dm_status get_token(const struct dm_gguf_file *gguf, const char *key,
                           struct dm_token_list *tokens, dm_error *error) {
    size_t id = DM_SIZE_LIMIT; /* llama.cpp takes the largest numbers for none */
    dm_status status = dm_gguf_get_size(gguf, key, &id, error);
    if (!status && id < DM_SIZE_LIMIT)
        tokens->ids[tokens->n++] = (int32_t)id;
    return status;
}

static dm_status read_keys(const struct dm_gguf_file *gguf, const struct dm_layer_kind *kind,
                           struct dm_model_config *config, dm_error *error) {
    char key[key_size];
    snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", kind->name);
    dm_status status = get_size(gguf, kind->name, "block_count", &config->n_layer, error);
    if (!status)
        status = get_size(gguf, kind->name, "embedding_length", &config->d_model, error);
    if (!status && !dm_gguf_find(gguf, key))
        status = fail_missing(gguf, key, error);
    if (!status)
        status = dm_gguf_get_real(gguf, key, &config->rms_norm_eps, error);
    if (!status)
        status = get_token(gguf, "tokenizer.ggml.bos_token_id", &config->bos, error);
    if (!status)
        status = get_token(gguf, "tokenizer.ggml.eos_token_id", &config->eos, error);
    if (!status)
        status = get_token(gguf, "tokenizer.ggml.padding_token_id", &config->pad, error);
    if (status)
        return status;
    config->n_sort = 1;
    config->sorts[0] = (struct dm_layer_config){.kind = kind,
                                                .d_model = config->d_model,
                                                .n_layer = config->n_layer,
                                                .rms_norm_eps = config->rms_norm_eps};
    return read_layer(gguf, &config->sorts[0], error);
}

dm_status dm_gguf_config(const struct dm_gguf_file *gguf, const struct dm_gguf_entry *embedding,
                         bool has_head, struct dm_model_config *config, dm_error *error) {
    const struct dm_layer_kind *kind;
    struct dm_model_config read = {.tie_word_embeddings = !has_head};
    dm_status status = find_kind(gguf, &kind, error);
    if (!status)
        status = read_keys(gguf, kind, &read, error);
    if (!status && (!embedding || embedding->n_dim != 2 || !embedding->shape[0]))
        status = dm_fail(error, DM_ERROR_FORMAT, "%s: tensor token_embd.weight is %s",
                         gguf->file.path, embedding ? "no matrix" : "missing");
    if (status)
        return status;
    read.vocab_size = embedding->shape[0];
    /* What config.json says of these sizes goes through the checks that every config.json does. */
    json_t *object = dm_model_config_to_json(&read, DM_DTYPE_F32);
    status = object ? dm_model_config_from_json(object, gguf->file.path, config, error)
                    : dm_fail_memory(error, gguf->file.path);
    json_decref(object);
    return status;
}
