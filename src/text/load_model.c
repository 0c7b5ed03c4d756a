/* The section "model" of a tokenizer.json: settings, vocabulary and merges. */
#include <string.h>

#include "base/memory.h"
#include "text/loading.h"

dm_status dm_load_model_settings(struct dm_loading *loading, const json_t *model) {
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    struct dm_bpe *bpe = &loading->tokenizer->bpe;
    const char *type = dm_loading_type(model), *path = loading->path;
    if (!json_is_object(model))
        return dm_fail(loading->error, DM_ERROR_FORMAT, "%s: \"model\" must be an object", path);
    /* Files of before the type was written have merges, as no other model has. */
    if (type ? strcmp(type, "BPE") != 0 : !json_object_get(model, "merges"))
        return dm_loading_refuse(loading, "model.type", model, ": it must be BPE");
    const json_t *dropout = json_object_get(model, "dropout");
    if (!dm_loading_is_absent(dropout) && json_number_value(dropout) != 0.0)
        return dm_fail(loading->error, DM_ERROR_UNSUPPORTED,
                       "%s: \"model.dropout\" is not supported unless it is null", path);
    for (size_t i = 0; i < sizeof affixes / sizeof *affixes; i++) {
        const char *affix = "";
        dm_status status = dm_json_get_text(model, affixes[i], path, &affix, loading->error);
        if (status)
            return status;
        if (*affix)
            return dm_fail(loading->error, DM_ERROR_UNSUPPORTED,
                           "%s: \"%s\" is not supported unless it is null", path, affixes[i]);
    }
    dm_status status =
        dm_json_get_bool(model, "byte_fallback", path, &bpe->byte_fallback, loading->error);
    if (!status)
        status = dm_json_get_bool(model, "fuse_unk", path, &bpe->fuse_unknown, loading->error);
    return status ? status
                  : dm_json_get_bool(model, "ignore_merges", path, &bpe->ignore_merges,
                                     loading->error);
}

dm_status dm_load_model_count(struct dm_loading *loading, const json_t *model) {
    json_t *vocab = json_object_get(model, "vocab"), *id;
    bool is_object = json_is_object(vocab);
    const char *text;
    size_t n_text;
    if (!is_object || !json_is_array(json_object_get(model, "merges")))
        return dm_fail(loading->error, DM_ERROR_FORMAT, "%s: \"model.%s\" must be %s",
                       loading->path, is_object ? "merges" : "vocab",
                       is_object ? "an array" : "an object");
    loading->n_vocabulary = json_object_size(vocab);
    json_object_keylen_foreach(vocab, text, n_text, id) {
        dm_status status = dm_loading_count_json(loading, "model.vocab", id, text, n_text);
        if (status)
            return status;
    }
    return DM_OK;
}

/* `unk_token` stands for what is outside the vocabulary: it must be in it, but where no text holds
 * such, as all is bytes that the vocabulary has. */
static dm_status load_unknown(struct dm_loading *loading, const json_t *model) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    const char *text = NULL;
    tokenizer->bpe.unknown = -1;
    dm_status status = dm_json_get_text(model, "unk_token", loading->path, &text, loading->error);
    if (status || !text)
        return status;
    tokenizer->bpe.unknown = dm_string_table_get(&tokenizer->bpe.vocabulary, text, strlen(text));
    if (tokenizer->bpe.unknown >= 0 || dm_loading_covers_bytes(tokenizer))
        return DM_OK;
    return dm_fail(loading->error, DM_ERROR_FORMAT,
                   "%s: \"model.unk_token\" is not in the vocabulary: %s", loading->path, text);
}

static dm_status load_vocabulary(struct dm_loading *loading, const json_t *model) {
    struct dm_bpe *bpe = &loading->tokenizer->bpe;
    json_t *vocab = json_object_get(model, "vocab"), *id;
    const char *text;
    size_t n_text;
    json_object_keylen_foreach(vocab, text, n_text, id) {
        dm_status status = dm_loading_put(loading, &bpe->vocabulary,
                                          (int32_t)json_integer_value(id), text, n_text);
        if (status)
            return status;
    }
    dm_bpe_index(bpe);
    return load_unknown(loading, model);
}

/* The two halves of a merge: "a b" or ["a", "b"]. */
static bool split_merge(const json_t *merge, struct dm_text half[2]) {
    if (json_is_string(merge)) {
        const char *text = json_string_value(merge);
        size_t n_text = json_string_length(merge);
        const char *space = memchr(text, ' ', n_text);
        if (!space || memchr(space + 1, ' ', n_text - (size_t)(space + 1 - text)))
            return false;
        half[0] = (struct dm_text){text, (size_t)(space - text)};
        half[1] = (struct dm_text){space + 1, n_text - half[0].n_byte - 1};
        return true;
    }
    for (size_t i = 0; i < 2; i++) {
        half[i].bytes = json_string_value(json_array_get(merge, i));
        half[i].n_byte = json_string_length(json_array_get(merge, i));
    }
    return json_array_size(merge) == 2 && half[0].bytes && half[1].bytes;
}

static dm_status fail_merge(const struct dm_loading *loading, size_t i, const char *what,
                            const char *text) {
    return dm_fail(loading->error, DM_ERROR_FORMAT, "%s: model.merges[%zu]: %s%s", loading->path, i,
                   what, text);
}

/* `joined` is scratch for the text of the merged token. */
static dm_status load_merge(struct dm_loading *loading, size_t i, const json_t *merge,
                            struct dm_bytes *joined) {
    struct dm_bpe *bpe = &loading->tokenizer->bpe;
    struct dm_text half[2];
    int32_t ids[2];
    if (!split_merge(merge, half))
        return fail_merge(loading, i, "must be \"a b\" or [\"a\", \"b\"]", "");
    for (size_t k = 0; k < 2; k++) {
        ids[k] = dm_string_table_get(&bpe->vocabulary, half[k].bytes, half[k].n_byte);
        if (ids[k] < 0)
            return fail_merge(loading, i,
                              k ? "its second half is not in the vocabulary: "
                                : "its first half is not in the vocabulary: ",
                              half[k].bytes);
    }
    joined->n_byte = 0;
    if (!dm_bytes_append(joined, half[0].bytes, half[0].n_byte) ||
        !dm_bytes_append(joined, half[1].bytes, half[1].n_byte) || !dm_bytes_append(joined, "", 1))
        return dm_loading_fail_memory(loading);
    int32_t merged = dm_string_table_get(&bpe->vocabulary, joined->bytes, joined->n_byte - 1);
    if (merged < 0)
        return fail_merge(loading, i, "what it makes is not in the vocabulary: ", joined->bytes);
    dm_bpe_add_merge(
        bpe,
        (struct dm_merge){.left = ids[0], .right = ids[1], .merged = merged, .rank = (uint32_t)i},
        half[0], half[1]);
    return DM_OK;
}

static dm_status load_merges(struct dm_loading *loading, const json_t *model) {
    const json_t *merges = json_object_get(model, "merges");
    struct dm_bytes joined = {0};
    dm_status status = DM_OK;
    for (size_t i = 0; i < json_array_size(merges) && !status; i++)
        status = load_merge(loading, i, json_array_get(merges, i), &joined);
    dm_memory_free(joined.bytes);
    return status;
}

dm_status dm_load_model(struct dm_loading *loading, const json_t *model) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    dm_status status = load_vocabulary(loading, model);
    if (!status)
        status = load_merges(loading, model);
    if (!status && !dm_bpe_find_words(&tokenizer->bpe, tokenizer->n_token))
        status = dm_loading_fail_memory(loading);
    return status;
}
