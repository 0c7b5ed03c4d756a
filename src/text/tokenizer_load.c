#include <string.h>

#include "base/json.h"
#include "base/mapped_file.h"
#include "base/memory.h"
#include "base/model_folder.h"
#include "base/path.h"
#include "text/gguf_tokenizer.h"
#include "text/loading.h"

static bool decodes_bytes(const struct dm_tokenizer *tokenizer) {
    for (size_t i = 0; i < tokenizer->n_decoder; i++)
        if (tokenizer->decoders[i].decode == dm_decode_byte_level)
            return true;
    return false;
}

/* The parts that a text goes through, to ids and back. */
static dm_status load_parts(struct dm_loading *loading, const json_t *root) {
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    const json_t *pre = json_object_get(root, "pre_tokenizer");
    struct dm_part *made;
    dm_status status = dm_load_decoders(loading, json_object_get(root, "decoder"));
    if (!status)
        status = dm_loading_part(loading, dm_feed_added, &made);
    if (status)
        return status;
    made->added = &tokenizer->raw;
    status = dm_load_normalizers(loading, json_object_get(root, "normalizer"));
    if (!status)
        status = dm_loading_part(loading, dm_feed_added, &made);
    if (status)
        return status;
    made->added = &tokenizer->normal;
    if (dm_loading_is_absent(pre) && decodes_bytes(tokenizer))
        return dm_loading_refuse(loading, "pre_tokenizer", pre,
                                 ", absent, beside the decoder ByteLevel");
    return dm_load_pre_tokenizers(loading, pre);
}

/* Where nothing merges, each character is by itself, and it is all the same where words end. */
static void rest_splits(struct dm_tokenizer *tokenizer) {
    const struct dm_bpe *bpe = &tokenizer->bpe;
    bool apart = bpe->n_merge == 0 && !bpe->ignore_merges && !bpe->fuse_unknown;
    for (size_t i = tokenizer->n_part; apart && i-- > 0;) {
        struct dm_part *part = &tokenizer->parts[i];
        apart = part->feed == dm_feed_alphabet ||
                (part->feed == dm_feed_split && part->behavior != DM_SPLIT_REMOVED);
        part->idle = apart && part->feed == dm_feed_split;
    }
}

static dm_status load_json(struct dm_loading *loading, const json_t *root) {
    const json_t *model = json_object_get(root, "model"),
                 *added = json_object_get(root, "added_tokens");
    if (!json_is_object(root))
        return dm_fail(loading->error, DM_ERROR_FORMAT, "%s: not a JSON object", loading->path);
    dm_status status = load_parts(loading, root);
    if (!status)
        status = dm_load_model_settings(loading, model);
    if (!status)
        status = dm_load_model_count(loading, model);
    if (!status)
        status = dm_load_added_count(loading, added);
    if (!status)
        status = dm_loading_open(loading, json_array_size(json_object_get(model, "merges")));
    if (!status)
        status = dm_load_model(loading, model);
    if (!status)
        status = dm_load_added(loading, added);
    rest_splits(loading->tokenizer);
    return status ? status
                  : dm_load_post_processors(loading, json_object_get(root, "post_processor"));
}

static dm_status read_json(struct dm_loading *loading) {
    json_t *root;
    dm_status status = dm_json_read(loading->path, &root, loading->error);
    if (status)
        return status;
    status = load_json(loading, root);
    json_decref(root);
    return status;
}

/* As transformers finds its eos_token: special_tokens_map.json counts, and goes first, where
 * tokenizer_config.json has no added_tokens_decoder. `end` is what the tokenizer itself says, or -1. */
static dm_status find_end(const char *folder, const json_t *settings,
                          struct dm_tokenizer *tokenizer, dm_error *error) {
    static const char usual[] = "<|endoftext|>", key[] = "eos_token";
    json_t *map = NULL;
    dm_status status = DM_OK;
    int32_t own = tokenizer->end;
    if (!json_object_get(settings, "added_tokens_decoder"))
        status = dm_model_json(folder, "special_tokens_map.json", &map, error);
    tokenizer->end = dm_tokenizer_named(tokenizer, map, key);
    if (tokenizer->end < 0)
        tokenizer->end = dm_tokenizer_named(tokenizer, settings, key);
    if (tokenizer->end < 0)
        tokenizer->end = own >= 0 ? own : dm_tokenizer_id_of(tokenizer, usual, strlen(usual));
    json_decref(map);
    return status;
}

static void find_longest(struct dm_tokenizer *tokenizer) {
    for (size_t i = 0; i < tokenizer->n_token; i++)
        if (tokenizer->tokens[i].n_byte > tokenizer->longest)
            tokenizer->longest = tokenizer->tokens[i].n_byte;
}

bool dm_tokenizer_is_model(const char *file) {
    const char *slash = strrchr(file, '/');
    return strstr(slash ? slash : file, ".model") != NULL;
}

static dm_status read_pieces(struct dm_loading *loading, const json_t *settings) {
    struct dm_mapped_file file;
    dm_status status = dm_mapped_file_read(&file, loading->path, loading->error);
    if (status)
        return status;
    status = dm_load_sentencepiece(loading, file.bytes, file.n_byte, settings);
    dm_mapped_file_close(&file);
    return status;
}

static dm_status read_gguf(struct dm_loading *loading, const json_t *settings) {
    struct dm_gguf_file gguf;
    struct dm_gguf_tokenizer found;
    dm_status status = dm_gguf_open(&gguf, loading->path, false, loading->error);
    if (status)
        return status;
    status = dm_gguf_tokenizer_read(&gguf, &found, loading->error);
    dm_gguf_close(&gguf);
    if (status)
        return status;
    if (found.json)
        status = load_json(loading, found.json);
    else if (found.pieces.bytes)
        status = dm_load_sentencepiece(loading, found.pieces.bytes, found.pieces.n_byte, settings);
    else
        status =
            dm_fail(loading->error, DM_ERROR_UNSUPPORTED, "%s: holds no tokenizer", loading->path);
    dm_gguf_tokenizer_close(&found);
    return status;
}

static dm_status read_files(const char *folder, const char *file, struct dm_tokenizer *tokenizer,
                            dm_error *error) {
    struct dm_loading loading = {.path = file, .tokenizer = tokenizer, .error = error};
    json_t *settings = NULL;
    tokenizer->end = -1;
    dm_status status = dm_model_json(folder, "tokenizer_config.json", &settings, error);
    if (!status)
        status = dm_gguf_is_file(file)         ? read_gguf(&loading, settings)
                 : dm_tokenizer_is_model(file) ? read_pieces(&loading, settings)
                                               : read_json(&loading);
    if (!status)
        status = find_end(folder, settings, tokenizer, error);
    if (!status)
        find_longest(tokenizer);
    json_decref(settings);
    return status;
}

/* A GGUF file has its settings in itself, too. */
static dm_status place_gguf(const char *path, char **folder, char **file, dm_error *error) {
    *folder = dm_memory_text(path);
    *file = dm_memory_text(path);
    if (*folder && *file)
        return DM_OK;
    dm_memory_free(*folder);
    dm_memory_free(*file);
    *folder = *file = NULL;
    return dm_fail_memory(error, "a file name");
}

dm_status dm_tokenizer_place(const char *path, char **folder, char **file, dm_error *error) {
    char *other;
    if (dm_gguf_is_file(path))
        return place_gguf(path, folder, file, error);
    dm_status status = dm_model_place(path, "tokenizer.json", folder, file, error);
    if (status || strcmp(*file, path) == 0 || dm_path_exists(*file))
        return status;
    status = dm_model_file(*folder, "tokenizer.model", &other, error);
    if (status) {
        dm_memory_free(*folder);
        dm_memory_free(*file);
        *folder = *file = NULL;
    } else if (dm_path_exists(other)) {
        dm_memory_free(*file);
        *file = other;
    } else {
        dm_memory_free(other);
    }
    return status;
}

dm_status dm_tokenizer_read(const char *path, struct dm_tokenizer **tokenizer, dm_error *error) {
    char *folder, *file;
    dm_status status = dm_tokenizer_place(path, &folder, &file, error);
    if (status)
        return status;
    struct dm_tokenizer *made = dm_memory_zeroed(1, sizeof *made);
    status = made ? read_files(folder, file, made, error) : dm_fail_memory(error, path);
    dm_memory_free(folder);
    dm_memory_free(file);
    if (status)
        dm_tokenizer_release(made);
    else
        *tokenizer = made;
    return status;
}
