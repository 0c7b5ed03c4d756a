#include "base/gguf_settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/token_list.h"

static dm_status fail_memory(const struct dm_gguf_file *gguf, dm_error *error) {
    return dm_fail_memory(error, gguf->file.path);
}

dm_status dm_gguf_json_text(const struct dm_gguf_file *gguf, const char *what,
                            struct dm_gguf_text text, json_t **json, dm_error *error) {
    errno = 0;
    *json = json_stringn(text.bytes, text.n_byte);
    if (*json)
        return DM_OK;
    return errno == ENOMEM
               ? fail_memory(gguf, error)
               : dm_fail(error, DM_ERROR_FORMAT, "%s: %s is not UTF-8", gguf->file.path, what);
}

/* object[name] = the text. */
static dm_status put_text(const struct dm_gguf_file *gguf, const char *what,
                          struct dm_gguf_text text, json_t *object, const char *name,
                          dm_error *error) {
    json_t *json;
    dm_status status = dm_gguf_json_text(gguf, what, text, &json, error);
    if (status)
        return status;
    return json_object_set_new(object, name, json) ? fail_memory(gguf, error) : DM_OK;
}

/* ---- Special tokens ---- */

static dm_status get_id(const struct dm_gguf_file *gguf, const char *key,
                        const struct dm_gguf_value *tokens, int32_t *id, dm_error *error) {
    size_t number = SIZE_MAX;
    dm_status status = dm_gguf_get_size(gguf, key, &number, error);
    bool is_there = !status && tokens && number < tokens->n && number <= INT32_MAX;
    *id = is_there ? (int32_t)number : -1;
    return status;
}

static struct dm_gguf_text token_at(const struct dm_gguf_value *tokens, int32_t id) {
    const unsigned char *at = tokens->bytes;
    for (int32_t i = 0; i < id; i++)
        dm_gguf_next_text(&at);
    return dm_gguf_next_text(&at);
}

static dm_status put_tokens(const struct dm_gguf_file *gguf, json_t *object, dm_error *error) {
    static const char *const specials[][2] = {{"tokenizer.ggml.bos_token_id", "bos_token"},
                                              {"tokenizer.ggml.eos_token_id", "eos_token"},
                                              {"tokenizer.ggml.unknown_token_id", "unk_token"},
                                              {"tokenizer.ggml.padding_token_id", "pad_token"}};
    const struct dm_gguf_value *tokens;
    dm_status status = dm_gguf_get_texts(gguf, "tokenizer.ggml.tokens", &tokens, error);
    for (size_t i = 0; i < sizeof specials / sizeof *specials && !status; i++) {
        int32_t id;
        status = get_id(gguf, specials[i][0], tokens, &id, error);
        if (!status && tokens && id >= 0)
            status =
                put_text(gguf, specials[i][0], token_at(tokens, id), object, specials[i][1], error);
    }
    return status;
}

static dm_status put_switches(const struct dm_gguf_file *gguf, json_t *object, dm_error *error) {
    static const char *const switches[][2] = {{"tokenizer.ggml.add_bos_token", "add_bos_token"},
                                              {"tokenizer.ggml.add_eos_token", "add_eos_token"}};
    dm_status status = DM_OK;
    for (size_t i = 0; i < sizeof switches / sizeof *switches && !status; i++) {
        bool on = false;
        status = dm_gguf_get_bool(gguf, switches[i][0], &on, error);
        if (!status && dm_gguf_find(gguf, switches[i][0]) &&
            json_object_set_new(object, switches[i][1], json_boolean(on)))
            status = fail_memory(gguf, error);
    }
    return status;
}

/* ---- Chat templates ---- */

static const char template_key[] = "tokenizer.chat_template";

/* Appends {"name": .., "template": ..}. */
static dm_status add_template(const struct dm_gguf_file *gguf, struct dm_gguf_text name,
                              const char *key, json_t *list, dm_error *error) {
    struct dm_gguf_text text = {NULL, 0};
    dm_status status = dm_gguf_get_text(gguf, key, &text, error);
    if (status || !text.bytes)
        return status;
    json_t *entry = json_object();
    status = put_text(gguf, "the name of a chat template", name, entry, "name", error);
    if (!status)
        status = put_text(gguf, "a chat template", text, entry, "template", error);
    if (status)
        json_decref(entry);
    else if (json_array_append_new(list, entry))
        status = fail_memory(gguf, error);
    return status;
}

/* The model's template, and those that have names. */
static dm_status list_templates(const struct dm_gguf_file *gguf, json_t *list, dm_error *error) {
    static const struct dm_gguf_text usual = {"default", 7};
    const struct dm_gguf_value *names;
    dm_status status = dm_gguf_get_texts(gguf, "tokenizer.chat_templates", &names, error);
    if (!status)
        status = add_template(gguf, usual, template_key, list, error);
    const unsigned char *at = names ? names->bytes : NULL;
    for (size_t i = 0; names && i < names->n && !status; i++) {
        struct dm_gguf_text name = dm_gguf_next_text(&at);
        char key[sizeof template_key + 128];
        snprintf(key, sizeof key, "%s.%.*s", template_key,
                 (int)(name.n_byte < 128 ? name.n_byte : 128), name.bytes);
        status = add_template(gguf, name, key, list, error);
    }
    return status;
}

/* A text, where there is no other than the model's own, or a list. */
static dm_status put_templates(const struct dm_gguf_file *gguf, json_t *object, dm_error *error) {
    json_t *list = json_array();
    dm_status status = list ? list_templates(gguf, list, error) : fail_memory(gguf, error);
    if (!status && json_array_size(list)) {
        const json_t *first = json_array_get(list, 0);
        bool is_one = json_array_size(list) == 1 && dm_gguf_find(gguf, template_key);
        json_t *value = is_one ? json_object_get(first, "template") : list;
        if (json_object_set(object, "chat_template", value))
            status = fail_memory(gguf, error);
    }
    json_decref(list);
    return status;
}

/* ---- The files ---- */

dm_status dm_gguf_has_tokenizer(const char *path, bool *has, dm_error *error) {
    struct dm_gguf_file gguf;
    struct dm_gguf_text model = {NULL, 0};
    dm_status status = dm_gguf_open(&gguf, path, false, error);
    if (!status)
        status = dm_gguf_get_text(&gguf, "tokenizer.ggml.model", &model, error);
    *has = model.bytes && !dm_gguf_text_is(model, "none");
    dm_gguf_close(&gguf);
    return status;
}

static dm_status tokenizer_config(const struct dm_gguf_file *gguf, json_t *object,
                                  dm_error *error) {
    struct dm_gguf_text model = {NULL, 0};
    dm_status status = dm_gguf_get_text(gguf, "tokenizer.ggml.model", &model, error);
    const char *class = model.bytes && dm_gguf_text_is(model, "llama") ? "LlamaTokenizer"
                                                                       : "PreTrainedTokenizerFast";
    if (!status && json_object_set_new(object, "tokenizer_class", json_string(class)))
        status = fail_memory(gguf, error);
    if (!status)
        status = put_tokens(gguf, object, error);
    if (!status)
        status = put_switches(gguf, object, error);
    return status ? status : put_templates(gguf, object, error);
}

static void add_id(struct dm_token_list *list, int32_t id) {
    for (size_t i = 0; i < list->n; i++)
        if (list->ids[i] == id)
            return;
    if (id >= 0)
        list->ids[list->n++] = id;
}

/* The ends of a text, of a turn and of a message are all tokens to stop at. */
static dm_status generation_config(const struct dm_gguf_file *gguf, json_t *object,
                                   dm_error *error) {
    enum { BOS, PAD, EOS, n_name };
    static const char *const names[n_name] = {"bos_token_id", "pad_token_id", "eos_token_id"};
    static const struct {
        const char *key;
        int list;
    } places[] = {{"tokenizer.ggml.bos_token_id", BOS},
                  {"tokenizer.ggml.padding_token_id", PAD},
                  {"tokenizer.ggml.eos_token_id", EOS},
                  {"tokenizer.ggml.eot_token_id", EOS},
                  {"tokenizer.ggml.eom_token_id", EOS}};
    struct dm_token_list lists[n_name] = {{0, {0}}, {0, {0}}, {0, {0}}};
    const struct dm_gguf_value *tokens;
    dm_status status = dm_gguf_get_texts(gguf, "tokenizer.ggml.tokens", &tokens, error);
    for (size_t i = 0; i < sizeof places / sizeof *places && !status; i++) {
        int32_t id;
        status = get_id(gguf, places[i].key, tokens, &id, error);
        if (!status)
            add_id(&lists[places[i].list], id);
    }
    for (size_t i = 0; i < n_name && !status; i++)
        if (!dm_token_list_put(object, names[i], &lists[i]))
            status = fail_memory(gguf, error);
    return status;
}

dm_status dm_gguf_settings(const struct dm_gguf_file *gguf, const char *name, json_t **object,
                           dm_error *error) {
    static const struct {
        const char *name;
        dm_status (*fill)(const struct dm_gguf_file *gguf, json_t *object, dm_error *error);
    } files[] = {{"tokenizer_config.json", tokenizer_config},
                 {"generation_config.json", generation_config}};
    *object = NULL;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(name, files[i].name) != 0)
            continue;
        json_t *filled = json_object();
        dm_status status = filled ? files[i].fill(gguf, filled, error) : fail_memory(gguf, error);
        if (status)
            json_decref(filled);
        else
            *object = filled;
        return status;
    }
    return DM_OK;
}
