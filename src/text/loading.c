#include "text/loading.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "text/byte_alphabet.h"

enum { longest_pattern = 1024 }; /* that is replaced: looking for a longer one is slow on purpose */

dm_status dm_loading_fail_memory(const struct dm_loading *loading) {
    return dm_fail_memory(loading->error, loading->path);
}

static dm_status fail_many(const struct dm_loading *loading) {
    return dm_fail(loading->error, DM_ERROR_UNSUPPORTED, "%s: has more than %d parts in a row",
                   loading->path, DM_MAX_PART);
}

dm_status dm_loading_part(struct dm_loading *loading, dm_part_feed feed, struct dm_part **part) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    if (tokenizer->n_part == DM_MAX_PART)
        return fail_many(loading);
    *part = &tokenizer->parts[tokenizer->n_part++];
    (*part)->feed = feed;
    return DM_OK;
}

dm_status dm_loading_decoder(struct dm_loading *loading, dm_part_decode decode,
                             struct dm_decode_part **part) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    if (tokenizer->n_decoder == DM_MAX_PART)
        return fail_many(loading);
    *part = &tokenizer->decoders[tokenizer->n_decoder++];
    (*part)->decode = decode;
    return DM_OK;
}

dm_status dm_loading_copy(const struct dm_loading *loading, const char *text, size_t n_byte,
                          char **copy, size_t *n_copy) {
    *copy = dm_memory_array(n_byte + 1, 1);
    if (!*copy)
        return dm_loading_fail_memory(loading);
    memcpy(*copy, text, n_byte);
    (*copy)[n_byte] = '\0';
    *n_copy = n_byte;
    return DM_OK;
}

/* ---- Vocabularies ---- */

dm_status dm_loading_count(struct dm_loading *loading, int32_t id, size_t n_text) {
    if ((size_t)id >= loading->tokenizer->n_token)
        loading->tokenizer->n_token = (size_t)id + 1;
    return dm_size_add(loading->n_pool, n_text, &loading->n_pool) ? DM_OK
                                                                  : dm_loading_fail_memory(loading);
}

dm_status dm_loading_count_json(struct dm_loading *loading, const char *key, const json_t *id,
                                const char *text, size_t n_text) {
    if (!json_is_integer(id) || json_integer_value(id) < 0 ||
        json_integer_value(id) >= DM_MAX_VOCABULARY)
        return dm_fail(loading->error, DM_ERROR_FORMAT,
                       "%s: %s: an id must be a whole number from 0 to %d: that of \"%s\"",
                       loading->path, key, DM_MAX_VOCABULARY - 1, text);
    return dm_loading_count(loading, (int32_t)json_integer_value(id), n_text);
}

bool dm_loading_covers_bytes(const struct dm_tokenizer *tokenizer) {
    bool in_alphabet = false;
    for (size_t i = 0; i < tokenizer->n_part; i++)
        in_alphabet = in_alphabet || tokenizer->parts[i].feed == dm_feed_alphabet;
    for (unsigned byte = 0; byte < 0xf5 && in_alphabet; byte++) {
        char character[2];
        size_t n = dm_alphabet_encode((unsigned char)byte, character);
        in_alphabet = byte == 0xc0 || byte == 0xc1 ||
                      dm_string_table_get(&tokenizer->bpe.vocabulary, character, n) >= 0;
    }
    return in_alphabet;
}

dm_status dm_loading_open(struct dm_loading *loading, size_t n_merge) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    tokenizer->tokens = dm_memory_zeroed(tokenizer->n_token, sizeof *tokenizer->tokens);
    tokenizer->pool = dm_memory_array(loading->n_pool, 1);
    return tokenizer->tokens && tokenizer->pool &&
                   dm_string_table_open(&tokenizer->added_only, loading->n_added) &&
                   dm_bpe_open(&tokenizer->bpe, loading->n_vocabulary, n_merge)
               ? DM_OK
               : dm_loading_fail_memory(loading);
}

dm_status dm_loading_put(struct dm_loading *loading, struct dm_string_table *table, int32_t id,
                         const char *text, size_t n_text) {
    struct dm_token *token = &loading->tokenizer->tokens[id];
    if (token->text)
        return dm_fail(loading->error, DM_ERROR_FORMAT, "%s: two tokens have the id %d: \"%.*s\"",
                       loading->path, (int)id, (int)n_text, text);
    char *pooled = loading->tokenizer->pool + loading->n_pooled;
    loading->n_pooled += n_text;
    memcpy(pooled, text, n_text);
    token->text = pooled;
    token->n_byte = n_text;
    dm_string_table_put(table, pooled, n_text, id);
    return DM_OK;
}

/* ---- Sections ---- */

const char *dm_loading_type(const json_t *part) {
    return json_string_value(json_object_get(part, "type"));
}

bool dm_loading_is_absent(const json_t *value) {
    return !value || json_is_null(value);
}

dm_status dm_loading_refuse(const struct dm_loading *loading, const char *section,
                            const json_t *part, const char *why) {
    const char *type = dm_loading_type(part);
    return dm_fail(loading->error, DM_ERROR_UNSUPPORTED, "%s: \"%s\" is not supported as %s%s%s%s",
                   loading->path, section, type ? "\"" : "it is", type ? type : "",
                   type ? "\"" : "", why);
}

static dm_status load_one(struct dm_loading *loading, const json_t *part, const char *section,
                          const struct dm_part_kind *kinds, size_t n_kind) {
    const char *type = dm_loading_type(part);
    for (size_t i = 0; i < n_kind; i++)
        if (type && strcmp(type, kinds[i].type) == 0)
            return kinds[i].load(loading, part);
    return dm_loading_refuse(loading, section, part, "");
}

dm_status dm_loading_section(struct dm_loading *loading, const json_t *part, const char *section,
                             const char *key, const struct dm_part_kind *kinds, size_t n_kind) {
    const char *type = dm_loading_type(part);
    if (!type || strcmp(type, "Sequence") != 0)
        return load_one(loading, part, section, kinds, n_kind);
    const json_t *parts = json_object_get(part, key);
    if (!json_is_array(parts))
        return dm_loading_refuse(loading, section, part, " without a list of parts");
    dm_status status = DM_OK;
    for (size_t i = 0; i < json_array_size(parts) && !status; i++)
        status = dm_loading_section(loading, json_array_get(parts, i), section, key, kinds, n_kind);
    return status;
}

static dm_status copy_text(const struct dm_loading *loading, const char *section,
                           const json_t *part, const json_t *text, const char *why, char **copy,
                           size_t *n_copy) {
    if (!json_string_length(text) || json_string_length(text) > longest_pattern)
        return dm_loading_refuse(loading, section, part, why);
    return dm_loading_copy(loading, json_string_value(text), json_string_length(text), copy,
                           n_copy);
}

dm_status dm_loading_text(const struct dm_loading *loading, const char *section, const json_t *part,
                          const char *key, char **text, size_t *n_text) {
    char why[80];
    snprintf(why, sizeof why, " without a \"%s\" of 1 to %d bytes", key, longest_pattern);
    return copy_text(loading, section, part, json_object_get(part, key), why, text, n_text);
}

dm_status dm_loading_literal(const struct dm_loading *loading, const char *section,
                             const json_t *part, char **text, size_t *n_text) {
    const json_t *literal = json_object_get(json_object_get(part, "pattern"), "String");
    return copy_text(loading, section, part, literal,
                     " with a \"pattern\" that is no \"String\" of 1 to 1024 bytes", text, n_text);
}

dm_status dm_loading_content(const struct dm_loading *loading, const char *section,
                             const json_t *part, char **text, size_t *n_text) {
    const json_t *content = json_object_get(part, "content");
    if (!json_is_string(content) || json_string_length(content) > longest_pattern)
        return dm_loading_refuse(loading, section, part, " without a \"content\"");
    return dm_loading_copy(loading, json_string_value(content), json_string_length(content), text,
                           n_text);
}
