/* The section "added_tokens" of a tokenizer.json. */
#include "base/memory.h"
#include "text/encoder.h"
#include "text/loading.h"

enum { longest_added_token = 1024 }; /* a longer one would make the search for it slow on purpose */

dm_status dm_load_added_count(struct dm_loading *loading, const json_t *added) {
    if (added && !json_is_array(added))
        return dm_fail(loading->error, DM_ERROR_FORMAT, "%s: \"added_tokens\" must be an array",
                       loading->path);
    loading->n_added = json_array_size(added);
    for (size_t i = 0; i < loading->n_added; i++) {
        const json_t *entry = json_array_get(added, i);
        const json_t *content = json_object_get(entry, "content");
        size_t n_text = json_string_length(content);
        if (!n_text)
            return dm_fail(loading->error, DM_ERROR_FORMAT,
                           "%s: added_tokens[%zu]: \"content\" must be a string, not empty",
                           loading->path, i);
        if (n_text > longest_added_token)
            return dm_fail(loading->error, DM_ERROR_UNSUPPORTED,
                           "%s: added_tokens[%zu]: \"content\" has %zu bytes, more than %d",
                           loading->path, i, n_text, longest_added_token);
        dm_status status =
            dm_loading_count_json(loading, "added_tokens", json_object_get(entry, "id"),
                                  json_string_value(content), n_text);
        if (status)
            return status;
    }
    return DM_OK;
}

/* Fills in the token at added_tokens[i], whose id must be that of its text in the vocabulary, or
 * follow on from the ids before: `tokenizers` gives it that one whatever the file says. */
static dm_status load_added_token(struct dm_loading *loading, size_t i, const json_t *entry,
                                  int32_t *n_id) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    const json_t *content = json_object_get(entry, "content");
    const char *text = json_string_value(content);
    size_t n_text = json_string_length(content);
    int32_t id = (int32_t)json_integer_value(json_object_get(entry, "id"));
    int32_t known = dm_tokenizer_id_of(tokenizer, text, n_text);
    int32_t expected = known >= 0 ? known : *n_id;
    if (id != expected)
        return dm_fail(loading->error, DM_ERROR_FORMAT,
                       "%s: added_tokens[%zu]: the id is %d, but must be %d: that of \"%s\"",
                       loading->path, i, (int)id, (int)expected, text);
    if (known < 0) {
        dm_status status = dm_loading_put(loading, &tokenizer->added_only, id, text, n_text);
        if (status)
            return status;
    }
    struct dm_token *token = &tokenizer->tokens[id];
    if (token->added)
        return dm_fail(loading->error, DM_ERROR_FORMAT,
                       "%s: added_tokens[%zu] is there twice: "
                       "\"%s\"",
                       loading->path, i, text);
    token->added = true;
    if (id >= *n_id)
        *n_id = id + 1;
    return DM_OK;
}

static dm_status read_flag(const struct dm_loading *loading, size_t i, const json_t *entry,
                           const char *key, bool *flag) {
    const json_t *value = json_object_get(entry, key);
    if (!json_is_boolean(value))
        return dm_fail(loading->error, DM_ERROR_FORMAT,
                       "%s: added_tokens[%zu]: \"%s\" must be true or false", loading->path, i,
                       key);
    *flag = json_is_true(value);
    return DM_OK;
}

static dm_status read_flags(const struct dm_loading *loading, size_t i, const json_t *entry,
                            struct dm_added_token *pattern, bool *normalized, bool *special) {
    dm_status status = read_flag(loading, i, entry, "single_word", &pattern->single_word);
    if (!status)
        status = read_flag(loading, i, entry, "lstrip", &pattern->lstrip);
    if (!status)
        status = read_flag(loading, i, entry, "rstrip", &pattern->rstrip);
    if (!status)
        status = read_flag(loading, i, entry, "normalized", normalized);
    return status ? status : read_flag(loading, i, entry, "special", special);
}

/* A "normalized" token is itself normalized, and decodes to that. Counts the bytes of the patterns. */
static dm_status normalize_token(struct dm_loading *loading, size_t i, const json_t *entry,
                                 size_t n_pattern[2]) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    const json_t *content = json_object_get(entry, "content");
    struct dm_token *token = &tokenizer->tokens[json_integer_value(json_object_get(entry, "id"))];
    if (!json_is_true(json_object_get(entry, "normalized"))) {
        n_pattern[0] += token->n_byte;
        return DM_OK;
    }
    if (tokenizer->n_normalizer) {
        dm_status status =
            dm_encoder_normalize(tokenizer, json_string_value(content), json_string_length(content),
                                 &token->own, &token->n_byte, loading->error);
        if (status)
            return status;
        token->text = token->own;
    }
    if (!token->n_byte)
        return dm_fail(loading->error, DM_ERROR_UNSUPPORTED,
                       "%s: added_tokens[%zu]: nothing is left of \"%s\", normalized",
                       loading->path, i, json_string_value(content));
    n_pattern[1] += token->n_byte;
    return DM_OK;
}

/* Puts the pattern of added_tokens[i] where text is searched for it. */
static dm_status load_pattern(struct dm_loading *loading, size_t i, const json_t *entry) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    const json_t *content = json_object_get(entry, "content");
    struct dm_added_token pattern = {.id =
                                         (int32_t)json_integer_value(json_object_get(entry, "id"))};
    struct dm_token *token = &tokenizer->tokens[pattern.id];
    bool normalized = false;
    dm_status status = read_flags(loading, i, entry, &pattern, &normalized, &token->special);
    if (status)
        return status;
    pattern.n_byte = normalized ? token->n_byte : json_string_length(content);
    if (!dm_added_tokens_put(normalized ? &tokenizer->normal : &tokenizer->raw,
                             normalized ? token->text : json_string_value(content), pattern))
        return dm_fail(loading->error, DM_ERROR_FORMAT,
                       "%s: added_tokens[%zu] is the same as another in %s: \"%s\"", loading->path,
                       i, tokenizer->parts[1].feed == dm_feed_nfc ? "NFC" : "normal form",
                       json_string_value(content));
    return DM_OK;
}

dm_status dm_load_added(struct dm_loading *loading, const json_t *added) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    size_t n_pattern[2] = {0}; /* bytes, of those of raw and of normal text */
    dm_status status = DM_OK;
    int32_t n_id = (int32_t)loading->n_vocabulary;
    for (size_t i = 0; i < loading->n_added && !status; i++)
        status = load_added_token(loading, i, json_array_get(added, i), &n_id);
    for (size_t i = 0; i < loading->n_added && !status; i++)
        status = normalize_token(loading, i, json_array_get(added, i), n_pattern);
    if (!status && (!dm_added_tokens_open(&tokenizer->raw, loading->n_added, n_pattern[0]) ||
                    !dm_added_tokens_open(&tokenizer->normal, loading->n_added, n_pattern[1])))
        status = dm_loading_fail_memory(loading);
    for (size_t i = 0; i < loading->n_added && !status; i++)
        status = load_pattern(loading, i, json_array_get(added, i));
    return status;
}
