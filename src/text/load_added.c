#include "text/load_added.h"
#include "base/memory.h"
#include "text/normalize.h"

enum {
    longest_added_token = 1024, /* a longer one would make the search for it slow on purpose */
    nfc_expansion = 3           /* NFC makes no UTF-8 text longer than this many times */
};

dm_status dm_loading_count_added(struct dm_loading *loading) {
    for (size_t i = 0; i < json_array_size(loading->added); i++) {
        const json_t *entry = json_array_get(loading->added, i);
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
            dm_loading_count(loading, "added_tokens", json_object_get(entry, "id"),
                             json_string_value(content), (1 + nfc_expansion) * n_text);
        if (status)
            return status;
        loading->n_added_byte += n_text;
    }
    return DM_OK;
}

/* Fills in the token at added_tokens[i], whose id must be that of its text in the vocabulary, or
 * follow on from the ids before: `tokenizers` gives it that one whatever the file says. */
static dm_status load_added_token(struct dm_loading *loading, size_t i, int32_t *n_id) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    const json_t *entry = json_array_get(loading->added, i);
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
        dm_status status = dm_loading_put(loading, id, text, n_text);
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

static dm_status read_flag(const struct dm_loading *loading, size_t i, const char *key,
                           bool *flag) {
    const json_t *value = json_object_get(json_array_get(loading->added, i), key);
    if (!json_is_boolean(value))
        return dm_fail(loading->error, DM_ERROR_FORMAT,
                       "%s: added_tokens[%zu]: \"%s\" must be true or false", loading->path, i,
                       key);
    *flag = json_is_true(value);
    return DM_OK;
}

static dm_status read_flags(const struct dm_loading *loading, size_t i,
                            struct dm_added_token *pattern, bool *normalized, bool *special) {
    dm_status status = read_flag(loading, i, "single_word", &pattern->single_word);
    if (!status)
        status = read_flag(loading, i, "lstrip", &pattern->lstrip);
    if (!status)
        status = read_flag(loading, i, "rstrip", &pattern->rstrip);
    if (!status)
        status = read_flag(loading, i, "normalized", normalized);
    return status ? status : read_flag(loading, i, "special", special);
}

/* Puts the pattern of added_tokens[i] where text is searched for it. A "normalized" one is itself
 * brought to NFC, and decodes to that. */
static dm_status load_pattern(struct dm_loading *loading, size_t i,
                              struct dm_normalizer *normalizer) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    const json_t *entry = json_array_get(loading->added, i);
    const char *text = json_string_value(json_object_get(entry, "content")), *content = text;
    struct dm_added_token pattern = {
        .n_byte = json_string_length(json_object_get(entry, "content")),
        .id = (int32_t)json_integer_value(json_object_get(entry, "id"))};
    struct dm_token *token = &tokenizer->tokens[pattern.id];
    bool normalized = false;
    dm_status status = read_flags(loading, i, &pattern, &normalized, &token->special);
    if (status)
        return status;
    if (normalized && tokenizer->nfc) {
        if (!dm_normalize_nfc(normalizer, text, pattern.n_byte, &content, &pattern.n_byte))
            return dm_loading_fail_memory(loading);
        dm_loading_pool(loading, content, pattern.n_byte, token);
    }
    if (!dm_added_tokens_put(normalized ? &tokenizer->normal : &tokenizer->raw, content, pattern))
        return dm_fail(loading->error, DM_ERROR_FORMAT,
                       "%s: added_tokens[%zu] is the same as another in NFC: \"%s\"", loading->path,
                       i, text);
    return DM_OK;
}

dm_status dm_loading_added(struct dm_loading *loading) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    size_t n_added = json_array_size(loading->added), n_byte = loading->n_added_byte;
    if (!dm_added_tokens_open(&tokenizer->raw, n_added, n_byte) ||
        !dm_added_tokens_open(&tokenizer->normal, n_added, nfc_expansion * n_byte))
        return dm_loading_fail_memory(loading);
    dm_status status = DM_OK;
    int32_t n_id = (int32_t)json_object_size(loading->vocab);
    for (size_t i = 0; i < n_added && !status; i++)
        status = load_added_token(loading, i, &n_id);
    struct dm_normalizer normalizer = {0};
    for (size_t i = 0; i < n_added && !status; i++)
        status = load_pattern(loading, i, &normalizer);
    dm_normalizer_close(&normalizer);
    return status;
}
