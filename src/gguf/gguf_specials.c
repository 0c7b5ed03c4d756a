#include "gguf/gguf_specials.h"

#include <stdio.h>
#include <string.h>

#include "base/mapped_file.h"
#include "base/memory.h"
#include "base/model_folder.h"
#include "base/path.h"
#include "checkpoint/stop_tokens.h"

/* The files that name special tokens; NULL: not there. */
enum { SETTINGS, GENERATION, CONFIG, n_file };
static const char *const names[n_file] = {"tokenizer_config.json", "generation_config.json",
                                          "config.json"};
struct sources {
    const char *directory;
    const struct dm_tokenizer *tokenizer;
    size_t n_row;
    json_t *files[n_file];
};

static dm_status read_files(struct sources *sources, dm_error *error) {
    dm_status status = DM_OK;
    for (size_t i = 0; i < n_file && !status; i++)
        status = dm_model_json(sources->directory, names[i], &sources->files[i], error);
    return status;
}

/* ---- Special tokens ---- */

/* The token that tokenizer_config.json names, if it is an added one, as llama.cpp's converter
 * wants; else the id in one of the other files; -1: none. */
static int32_t find_special(const struct sources *sources, const char *name) {
    char key[32];
    snprintf(key, sizeof key, "%s_token", name);
    int32_t id = dm_tokenizer_named(sources->tokenizer, sources->files[SETTINGS], key);
    if (id >= 0 && sources->tokenizer->tokens[id].added)
        return id;
    snprintf(key, sizeof key, "%s_token_id", name);
    for (size_t i = GENERATION; i <= CONFIG; i++) {
        const json_t *number = json_object_get(sources->files[i], key);
        json_int_t value = json_is_integer(number) ? json_integer_value(number) : -1;
        if (value >= 0 && (size_t)value < sources->n_row)
            return (int32_t)value;
    }
    return -1;
}

/* The tokenizer's own end token comes first, if it is among them: chat templates write it. */
static dm_status put_stops(struct dm_gguf_bytes *keys, const struct sources *sources,
                           dm_error *error) {
    static const char *const places[] = {"tokenizer.ggml.eos_token_id",
                                         "tokenizer.ggml.eot_token_id",
                                         "tokenizer.ggml.eom_token_id"};
    enum { n_place = sizeof places / sizeof *places };
    struct dm_token_list stops;
    size_t n = 0;
    dm_status status =
        dm_stop_tokens_read(sources->directory, sources->tokenizer->end, &stops, error);
    for (int others = 0; others < 2 && !status; others++)
        for (size_t i = 0; i < stops.n; i++) {
            if ((stops.ids[i] != sources->tokenizer->end) != others ||
                (size_t)stops.ids[i] >= sources->n_row)
                continue;
            if (n == n_place)
                return dm_fail(error, DM_ERROR_UNSUPPORTED,
                               "%s: \"eos_token_id\" lists more tokens than the %d that GGUF has "
                               "places for",
                               sources->directory, n_place);
            dm_gguf_key_u32(keys, places[n++], (uint32_t)stops.ids[i]);
        }
    return status;
}

/* What the tokenizer itself says of a special token that no file names, or -1. */
static int32_t own_special(const struct dm_tokenizer *tokenizer, size_t i) {
    if (i == 0)
        return tokenizer->before.n_id == 1 ? tokenizer->before.ids[0] : -1;
    return i == 1 && tokenizer->scores ? tokenizer->bpe.unknown : -1;
}

/* llama.cpp puts the beginning before a text, and the end after it, where the file says so. */
static dm_status put_template(struct dm_gguf_bytes *keys, const struct sources *sources,
                              int32_t bos, dm_error *error) {
    const struct dm_ids *before = &sources->tokenizer->before, *after = &sources->tokenizer->after;
    bool has_bos = before->n_id == 1 && before->ids[0] == bos,
         has_eos = after->n_id == 1 && after->ids[0] == sources->tokenizer->end;
    if ((before->n_id && !has_bos) || (after->n_id && !has_eos))
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: llama.cpp puts no other tokens around a text than one for its "
                       "beginning and one for its end, as \"post_processor\" asks",
                       sources->directory);
    dm_gguf_key_bool(keys, "tokenizer.ggml.add_bos_token", has_bos);
    dm_gguf_key_bool(keys, "tokenizer.ggml.add_eos_token", has_eos);
    return DM_OK;
}

static dm_status put_others(struct dm_gguf_bytes *keys, const struct sources *sources,
                            dm_error *error) {
    static const char *const specials[][2] = {{"bos", "tokenizer.ggml.bos_token_id"},
                                              {"unk", "tokenizer.ggml.unknown_token_id"},
                                              {"pad", "tokenizer.ggml.padding_token_id"}};
    int32_t bos = -1;
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        int32_t id = find_special(sources, specials[i][0]);
        id = id >= 0 ? id : own_special(sources->tokenizer, i);
        bos = i == 0 ? id : bos;
        if (id >= 0)
            dm_gguf_key_u32(keys, specials[i][1], (uint32_t)id);
    }
    return put_template(keys, sources, bos, error);
}

/* ---- Chat templates ---- */

#define TEMPLATE_KEY "tokenizer.chat_template"
static const char default_name[] = "default";
enum { name_size = 64 };

/* The templates of a list of {"name": ..., "template": ...}, by name; of two of a name the later
 * one. NULL: memory is short. */
static json_t *by_name(const json_t *list) {
    json_t *templates = json_object();
    for (size_t i = 0; i < json_array_size(list) && templates; i++) {
        const json_t *entry = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(entry, "name"));
        json_t *text = json_object_get(entry, "template");
        if (name && json_is_string(text) && json_object_set(templates, name, text)) {
            json_decref(templates);
            templates = NULL;
        }
    }
    return templates;
}

/* As llama.cpp's converter makes a name a part of a key. */
static void clean_name(char clean[name_size], const char *name) {
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    snprintf(clean, name_size, "%s", name);
    for (char *c = clean; *c; c++)
        if (!strchr(ok, *c))
            *c = '_';
}

static void put_chat_template(struct dm_gguf_bytes *keys, const char *key, const json_t *text) {
    dm_gguf_key_text(keys, key, json_string_value(text), json_string_length(text));
}

/* "default" is the model's template; others have keys of their own, and a list of their names. */
static dm_status put_list(struct dm_gguf_bytes *keys, const json_t *list, dm_error *error) {
    json_t *templates = by_name(list), *text;
    const char *name;
    char clean[name_size], key[sizeof TEMPLATE_KEY + 1 + name_size];
    if (!templates)
        return dm_fail_memory(error, "the chat templates");
    json_t *usual = json_incref(json_object_get(templates, default_name));
    if (usual)
        put_chat_template(keys, TEMPLATE_KEY, usual);
    json_decref(usual);
    json_object_del(templates, default_name);
    json_object_foreach(templates, name, text) {
        clean_name(clean, name);
        snprintf(key, sizeof key, TEMPLATE_KEY ".%s", clean);
        put_chat_template(keys, key, text);
    }
    if (json_object_size(templates))
        dm_gguf_key_array(keys, "tokenizer.chat_templates", DM_GGUF_TEXT,
                          json_object_size(templates));
    json_object_foreach(templates, name, text) {
        clean_name(clean, name);
        dm_gguf_put_text(keys, clean, strlen(clean));
    }
    json_decref(templates);
    return DM_OK;
}

static dm_status put_file(struct dm_gguf_bytes *keys, const char *path, dm_error *error) {
    struct dm_mapped_file file;
    dm_status status = dm_mapped_file_read(&file, path, error);
    if (status)
        return status;
    dm_gguf_key_text(keys, TEMPLATE_KEY, file.bytes ? (const char *)file.bytes : "", file.n_byte);
    dm_mapped_file_close(&file);
    return DM_OK;
}

static dm_status put_chat(struct dm_gguf_bytes *keys, const struct sources *sources,
                          dm_error *error) {
    char *path = NULL;
    const json_t *said = json_object_get(sources->files[SETTINGS], "chat_template");
    dm_status status = dm_model_file(sources->directory, "chat_template.jinja", &path, error);
    if (status)
        return status;
    if (dm_path_exists(path))
        status = put_file(keys, path, error);
    else if (json_is_string(said))
        put_chat_template(keys, TEMPLATE_KEY, said);
    else
        status = put_list(keys, said, error);
    dm_memory_free(path);
    return status;
}

dm_status dm_gguf_put_specials(struct dm_gguf_bytes *keys, const char *directory,
                               const struct dm_tokenizer *tokenizer, size_t n_row,
                               dm_error *error) {
    struct sources sources = {directory, tokenizer, n_row, {NULL}};
    dm_status status = read_files(&sources, error);
    if (!status)
        status = put_stops(keys, &sources, error);
    if (!status)
        status = put_others(keys, &sources, error);
    if (!status)
        status = put_chat(keys, &sources, error);
    for (size_t i = 0; i < n_file; i++)
        json_decref(sources.files[i]);
    return status;
}
