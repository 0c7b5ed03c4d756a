#include <string.h>

#include "base/json.h"
#include "base/mapped_file.h"
#include "base/memory.h"
#include "base/model_folder.h"
#include "text/grow.h"
#include "text/load_added.h"
#include "text/loading.h"
#include "text/tokenizer_settings.h"

static dm_status count_vocabulary(struct dm_loading *loading) {
    const char *text;
    size_t n_text;
    json_t *id;
    dm_status status = DM_OK;
    json_object_keylen_foreach(loading->vocab, text, n_text, id) {
        status = dm_loading_count(loading, "model.vocab", id, text, n_text);
        if (status)
            break;
    }
    return status;
}

static dm_status load_vocabulary(struct dm_loading *loading) {
    const char *text;
    size_t n_text;
    json_t *id;
    json_object_keylen_foreach(loading->vocab, text, n_text, id) {
        dm_status status = dm_loading_put(loading, (int32_t)json_integer_value(id), text, n_text);
        if (status)
            return status;
    }
    struct dm_bpe *bpe = &loading->tokenizer->bpe;
    memset(bpe->byte_ids, -1, sizeof bpe->byte_ids);
    for (size_t i = 0; i < loading->tokenizer->n_token; i++) {
        const struct dm_token *token = &loading->tokenizer->tokens[i];
        if (token->byte_level && token->n_byte == 1)
            bpe->byte_ids[(unsigned char)token->bytes[0]] = (int32_t)i;
    }
    return DM_OK;
}

/* `unk_token` stands for bytes outside the vocabulary: fine where text cannot hold one. */
static dm_status check_unknown_token(const struct dm_loading *loading) {
    const char *unknown = NULL;
    dm_status status =
        dm_json_get_text(loading->model, "unk_token", loading->path, &unknown, loading->error);
    if (status || !unknown)
        return status;
    for (int byte = 0; byte < 0xf5; byte++)
        if (loading->tokenizer->bpe.byte_ids[byte] < 0 && byte != 0xc0 && byte != 0xc1)
            return dm_fail(loading->error, DM_ERROR_UNSUPPORTED,
                           "%s: \"model.unk_token\" is not supported: byte 0x%02x is not in the "
                           "vocabulary",
                           loading->path, (unsigned)byte);
    return DM_OK;
}

/* The two halves of a merge: "a b" or ["a", "b"]. */
static bool split_merge(const json_t *merge, const char *half[2], size_t n_half[2]) {
    if (json_is_string(merge)) {
        const char *text = json_string_value(merge);
        size_t n_text = json_string_length(merge);
        const char *space = memchr(text, ' ', n_text);
        if (!space || memchr(space + 1, ' ', n_text - (size_t)(space + 1 - text)))
            return false;
        half[0] = text;
        n_half[0] = (size_t)(space - text);
        half[1] = space + 1;
        n_half[1] = n_text - n_half[0] - 1;
        return true;
    }
    for (size_t i = 0; i < 2; i++) {
        half[i] = json_string_value(json_array_get(merge, i));
        n_half[i] = json_string_length(json_array_get(merge, i));
    }
    return json_array_size(merge) == 2 && half[0] && half[1];
}

static dm_status fail_merge(const struct dm_loading *loading, size_t i, const char *what,
                            const char *text) {
    return dm_fail(loading->error, DM_ERROR_FORMAT, "%s: model.merges[%zu]: %s%s", loading->path, i,
                   what, text);
}

/* `joined` is scratch for the text of the merged token. */
static dm_status load_merge(struct dm_loading *loading, size_t i, struct dm_bytes *joined) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    const char *half[2];
    size_t n_half[2], n_joined;
    if (!split_merge(json_array_get(loading->merges, i), half, n_half))
        return fail_merge(loading, i, "must be \"a b\" or [\"a\", \"b\"]", "");
    int32_t ids[2];
    for (size_t k = 0; k < 2; k++) {
        ids[k] = dm_tokenizer_id_of(tokenizer, half[k], n_half[k]);
        if (ids[k] < 0)
            return fail_merge(loading, i,
                              k ? "its second half is not in the vocabulary: "
                                : "its first half is not in the vocabulary: ",
                              half[k]);
    }
    if (!dm_size_add(n_half[0], n_half[1], &n_joined))
        return dm_loading_fail_memory(loading);
    char *grown = dm_grow(joined->bytes, 0, &joined->capacity, n_joined + 1, 1);
    if (!grown)
        return dm_loading_fail_memory(loading);
    joined->bytes = grown;
    memcpy(grown, half[0], n_half[0]);
    memcpy(grown + n_half[0], half[1], n_half[1] + 1);
    int32_t merged = dm_tokenizer_id_of(tokenizer, grown, n_joined);
    if (merged < 0)
        return fail_merge(loading, i, "what it makes is not in the vocabulary: ", grown);
    dm_bpe_add_merge(
        &tokenizer->bpe,
        (struct dm_merge){.left = ids[0], .right = ids[1], .merged = merged, .rank = (uint32_t)i});
    return DM_OK;
}

static dm_status load_merges(struct dm_loading *loading) {
    struct dm_bytes joined = {0};
    dm_status status = DM_OK;
    for (size_t i = 0; i < json_array_size(loading->merges) && !status; i++)
        status = load_merge(loading, i, &joined);
    dm_memory_free(joined.bytes);
    return status;
}

static void find_longest(struct dm_tokenizer *tokenizer) {
    for (size_t i = 0; i < tokenizer->n_token; i++)
        if (tokenizer->tokens[i].n_byte > tokenizer->longest)
            tokenizer->longest = tokenizer->tokens[i].n_byte;
}

/* Finds the words that BPE makes into one id: most of the words of a text. */
static dm_status find_words(struct dm_loading *loading) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    struct dm_bpe_scratch scratch = {0};
    struct dm_ids ids = {0};
    bool fine = dm_string_table_open(&tokenizer->bpe.words, json_object_size(loading->vocab));
    for (size_t i = 0; i < tokenizer->n_token && fine; i++) {
        const struct dm_token *token = &tokenizer->tokens[i];
        if (!token->byte_level || !token->n_byte)
            continue;
        ids.n_id = 0;
        fine = dm_bpe_merge_word(&tokenizer->bpe, &scratch, token->bytes, token->n_byte, &ids);
        if (fine && ids.n_id == 1 && ids.ids[0] == (int32_t)i)
            dm_string_table_put(&tokenizer->bpe.words, token->bytes, token->n_byte, (int32_t)i);
    }
    dm_bpe_scratch_close(&scratch);
    dm_memory_free(ids.ids);
    return fine ? DM_OK : dm_loading_fail_memory(loading);
}

/* Vocabulary, merges and added tokens, once the settings are read. */
static dm_status load(struct dm_loading *loading) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    if (!json_is_object(loading->vocab) || !json_is_array(loading->merges))
        return dm_fail(loading->error, DM_ERROR_FORMAT, "%s: \"model.%s\" must be %s",
                       loading->path, json_is_object(loading->vocab) ? "merges" : "vocab",
                       json_is_object(loading->vocab) ? "an array" : "an object");
    if (loading->added && !json_is_array(loading->added))
        return dm_fail(loading->error, DM_ERROR_FORMAT, "%s: \"added_tokens\" must be an array",
                       loading->path);
    dm_status status = count_vocabulary(loading);
    if (!status)
        status = dm_loading_count_added(loading);
    if (status)
        return status;
    tokenizer->tokens = dm_memory_zeroed(tokenizer->n_token, sizeof *tokenizer->tokens);
    tokenizer->pool = dm_memory_array(loading->n_pool, 1);
    if (!tokenizer->tokens || !tokenizer->pool ||
        !dm_string_table_open(&tokenizer->by_text,
                              json_object_size(loading->vocab) + json_array_size(loading->added)) ||
        !dm_bpe_open(&tokenizer->bpe, json_array_size(loading->merges)))
        return dm_loading_fail_memory(loading);
    status = load_vocabulary(loading);
    if (!status)
        status = check_unknown_token(loading);
    if (!status)
        status = load_merges(loading);
    if (!status)
        status = find_words(loading);
    if (!status)
        status = dm_loading_added(loading);
    if (!status)
        find_longest(tokenizer);
    return status;
}

static dm_status read_file(const char *path, struct dm_tokenizer *tokenizer, dm_error *error) {
    json_t *root;
    dm_status status = dm_json_read(path, &root, error);
    if (status)
        return status;
    status = dm_tokenizer_read_settings(root, path, tokenizer, error);
    if (!status && tokenizer->split_words)
        status = dm_pretokenizer_open(&tokenizer->pretokenizer, error);
    if (!status) {
        json_t *model = json_object_get(root, "model");
        struct dm_loading loading = {.path = path,
                                     .tokenizer = tokenizer,
                                     .model = model,
                                     .vocab = json_object_get(model, "vocab"),
                                     .merges = json_object_get(model, "merges"),
                                     .added = json_object_get(root, "added_tokens"),
                                     .error = error};
        status = load(&loading);
    }
    json_decref(root);
    return status;
}

/* As transformers finds its eos_token: special_tokens_map.json counts, and goes first, where
 * tokenizer_config.json has no added_tokens_decoder. */
static dm_status find_end(const char *folder, struct dm_tokenizer *tokenizer, dm_error *error) {
    static const char usual[] = "<|endoftext|>", key[] = "eos_token";
    json_t *settings = NULL, *map = NULL;
    dm_status status = dm_model_json(folder, "tokenizer_config.json", &settings, error);
    if (!status && !json_object_get(settings, "added_tokens_decoder"))
        status = dm_model_json(folder, "special_tokens_map.json", &map, error);
    tokenizer->end = dm_tokenizer_named(tokenizer, map, key);
    if (tokenizer->end < 0)
        tokenizer->end = dm_tokenizer_named(tokenizer, settings, key);
    if (tokenizer->end < 0)
        tokenizer->end = dm_tokenizer_id_of(tokenizer, usual, strlen(usual));
    json_decref(settings);
    json_decref(map);
    return status;
}

dm_status dm_tokenizer_read(const char *path, struct dm_tokenizer **tokenizer, dm_error *error) {
    char *folder, *file;
    dm_status status = dm_model_place(path, "tokenizer.json", &folder, &file, error);
    if (status)
        return status;
    struct dm_tokenizer *made = dm_memory_zeroed(1, sizeof *made);
    status = made ? read_file(file, made, error) : dm_fail_memory(error, path);
    if (!status)
        status = find_end(folder, made, error);
    dm_memory_free(folder);
    dm_memory_free(file);
    if (status)
        dm_tokenizer_release(made);
    else
        *tokenizer = made;
    return status;
}
