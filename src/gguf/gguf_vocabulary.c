#include "gguf/gguf_vocabulary.h"

#include <stdio.h>
#include <string.h>

#include "base/gguf_settings.h"
#include "base/memory.h"
#include "base/path.h"
#include "gguf/gguf_specials.h"
#include "gguf/gguf_split.h"
#include "text/tokenizer.h"

enum {
    type_normal = 1,
    type_unknown = 2,
    type_control = 3,
    type_user_defined = 4,
    type_unused = 5,
    type_byte = 6,
};

struct text {
    const char *bytes; /* NULL: no token has this id */
    size_t n_byte;
};

struct vocabulary {
    const struct dm_tokenizer *tokenizer;
    struct text *texts; /* [n_row], by id: the tokens as they are stored */
    size_t n_row;
    const char *split; /* llama.cpp's name for it; NULL: a SentencePiece model */
};

/* llama.cpp's converter does not believe a tokenizer that such a token is a part of the text. */
static bool looks_special(struct text text) {
    static const char *const looks[][2] = {
        {"<|", "|>"},         {"<｜", "｜>"},         {"<unused", ">"},      {"<pad>", "<pad>"},
        {"<mask>", "<mask>"}, {"<2mass>", "<2mass>"}, {"[@BOS@]", "[@BOS@]"}};
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
        const char *begin = looks[i][0], *end = looks[i][1];
        size_t n_begin = strlen(begin), n_end = strlen(end);
        if (text.n_byte >= n_begin && text.n_byte >= n_end && !memcmp(text.bytes, begin, n_begin) &&
            !memcmp(text.bytes + text.n_byte - n_end, end, n_end))
            return true;
    }
    return false;
}

static uint32_t type_of(const struct vocabulary *vocabulary, size_t id) {
    if (!vocabulary->texts[id].bytes)
        return type_unused;
    const struct dm_bpe *bpe = &vocabulary->tokenizer->bpe;
    const struct dm_token *token = &vocabulary->tokenizer->tokens[id];
    if (!vocabulary->split && bpe->unknown == (int32_t)id)
        return type_unknown;
    for (size_t byte = 0; !vocabulary->split && byte < 256; byte++)
        if (bpe->byte_fallback && bpe->byte_ids[byte] == (int32_t)id)
            return type_byte;
    if (!token->added)
        return type_normal;
    return token->special || looks_special(vocabulary->texts[id]) ? type_control
                                                                  : type_user_defined;
}

static void put_tokens(struct dm_gguf_bytes *keys, const struct vocabulary *vocabulary) {
    char unused[32] = "";
    dm_gguf_key_array(keys, "tokenizer.ggml.tokens", DM_GGUF_TEXT, vocabulary->n_row);
    for (size_t id = 0; id < vocabulary->n_row; id++) {
        struct text text = vocabulary->texts[id];
        if (!text.bytes) {
            snprintf(unused, sizeof unused, "[PAD%zu]", id);
            text = (struct text){unused, strlen(unused)};
        }
        dm_gguf_put_text(keys, text.bytes, text.n_byte);
    }
    dm_gguf_key_array(keys, "tokenizer.ggml.token_type", DM_GGUF_I32, vocabulary->n_row);
    for (size_t id = 0; id < vocabulary->n_row; id++)
        dm_gguf_put_u32(keys, type_of(vocabulary, id));
}

/* In the order of their ranks. A pair that tokenizer.json lists twice is there once, with the rank
 * that counts; the array is there even where it is empty, because llama.cpp asks for it. */
static dm_status put_merges(struct dm_gguf_bytes *keys, const struct vocabulary *vocabulary,
                            dm_error *error) {
    const struct dm_bpe *bpe = &vocabulary->tokenizer->bpe;
    const struct dm_merge **by_rank = dm_memory_zeroed(bpe->n_slot, sizeof *by_rank);
    size_t n_merge = 0;
    if (!by_rank)
        return dm_fail_memory(error, "the tokenizer's merges");
    for (size_t i = 0; i < bpe->n_slot; i++)
        if (bpe->merges[i].left >= 0) {
            by_rank[bpe->merges[i].rank] = &bpe->merges[i]; /* below half of n_slot */
            n_merge++;
        }
    dm_gguf_key_array(keys, "tokenizer.ggml.merges", DM_GGUF_TEXT, n_merge);
    for (size_t rank = 0; rank < bpe->n_slot; rank++)
        if (by_rank[rank]) {
            struct text left = vocabulary->texts[by_rank[rank]->left],
                        right = vocabulary->texts[by_rank[rank]->right];
            dm_gguf_put_u64(keys, left.n_byte + 1 + right.n_byte);
            dm_gguf_put(keys, left.bytes, left.n_byte);
            dm_gguf_put(keys, " ", 1);
            dm_gguf_put(keys, right.bytes, right.n_byte);
        }
    dm_memory_free(by_rank);
    return DM_OK;
}

/* llama.cpp finds added tokens as they are written: it knows no flags of where they may stand. */
static dm_status check_added(const struct dm_tokenizer *tokenizer, const char *path,
                             dm_error *error) {
    const struct dm_added_tokens *both[] = {&tokenizer->raw, &tokenizer->normal};
    for (size_t i = 0; i < 2; i++)
        for (size_t t = 0; t < both[i]->n_token; t++) {
            const struct dm_added_token *added = &both[i]->tokens[t];
            const struct dm_token *token = &tokenizer->tokens[added->id];
            const char *flag = added->lstrip        ? "lstrip"
                               : added->rstrip      ? "rstrip"
                               : added->single_word ? "single_word"
                                                    : NULL;
            if (flag)
                return dm_fail(error, DM_ERROR_UNSUPPORTED,
                               "%s: llama.cpp has no place for \"%s\": true of the added token "
                               "%d, %.*s",
                               path, flag, (int)added->id, (int)added->n_byte, token->text);
        }
    return DM_OK;
}

/* llama.cpp takes bytes for granted, and looks for user-defined pieces before spaces are marked. */
static dm_status check_pieces(const struct dm_tokenizer *tokenizer, const char *path,
                              dm_error *error) {
    static const char mark[] = "\xe2\x96\x81";
    if (!tokenizer->bpe.byte_fallback)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: llama.cpp wants a piece for each byte, and there are none", path);
    for (size_t t = 0; t < tokenizer->normal.n_token; t++) {
        const struct dm_added_token *added = &tokenizer->normal.tokens[t];
        const char *text = tokenizer->tokens[added->id].text;
        if (dm_bytes_find(text, added->n_byte, mark, strlen(mark)))
            return dm_fail(error, DM_ERROR_UNSUPPORTED,
                           "%s: llama.cpp does not find the user-defined piece %d in text: it has "
                           "spaces, %.*s",
                           path, (int)added->id, (int)added->n_byte, text);
    }
    if (tokenizer->normal.n_token)
        dm_warn("%s: llama.cpp puts a space after user-defined pieces: text with such gets other "
                "tokens there",
                path);
    return DM_OK;
}

static dm_status check(struct vocabulary *vocabulary, const char *path, dm_error *error) {
    const struct dm_tokenizer *tokenizer = vocabulary->tokenizer;
    dm_status status = tokenizer->scores
                           ? check_pieces(tokenizer, path, error)
                           : dm_gguf_split_name(tokenizer, path, &vocabulary->split, error);
    if (status)
        return status;
    if (tokenizer->n_token > vocabulary->n_row)
        return dm_fail(error, DM_ERROR_MISMATCH,
                       "%s: has ids up to %zu, but the model's vocabulary has %zu", path,
                       tokenizer->n_token - 1, vocabulary->n_row);
    status = check_added(tokenizer, path, error);
    if (!status && tokenizer->n_normalizer && tokenizer->parts[1].feed == dm_feed_nfc)
        dm_warn(
            "%s: llama.cpp does not bring text to NFC: text that is not gets other tokens there",
            path);
    return status;
}

/* llama.cpp merges by the scores themselves. */
static void put_scores(struct dm_gguf_bytes *keys, const struct vocabulary *vocabulary) {
    const struct dm_tokenizer *tokenizer = vocabulary->tokenizer;
    dm_gguf_key_array(keys, "tokenizer.ggml.scores", DM_GGUF_F32, vocabulary->n_row);
    for (size_t id = 0; id < vocabulary->n_row; id++) {
        uint32_t bits;
        float score = id < tokenizer->n_token ? tokenizer->scores[id] : -10000;
        memcpy(&bits, &score, sizeof bits);
        dm_gguf_put_u32(keys, bits);
    }
    dm_gguf_key_bool(keys, "tokenizer.ggml.add_space_prefix",
                     tokenizer->parts[1].feed == dm_feed_prepend);
}

static void find_texts(struct vocabulary *vocabulary, const struct dm_string_table *table) {
    for (size_t i = 0; i < table->n_slot; i++)
        if (table->slots[i].key)
            vocabulary->texts[table->slots[i].id] =
                (struct text){table->slots[i].key, table->slots[i].n_byte};
}

static dm_status put_all(struct dm_gguf_bytes *keys, struct vocabulary *vocabulary,
                         const char *directory, dm_error *error) {
    const struct dm_tokenizer *tokenizer = vocabulary->tokenizer;
    const char *model = vocabulary->split ? "gpt2" : "llama",
               *split = vocabulary->split ? vocabulary->split : "default";
    vocabulary->texts = dm_memory_zeroed(vocabulary->n_row, sizeof *vocabulary->texts);
    if (!vocabulary->texts)
        return dm_fail_memory(error, "the tokenizer's texts");
    find_texts(vocabulary, &tokenizer->bpe.vocabulary);
    find_texts(vocabulary, &tokenizer->added_only);
    dm_gguf_key_text(keys, "tokenizer.ggml.model", model, strlen(model));
    dm_gguf_key_text(keys, "tokenizer.ggml.pre", split, strlen(split));
    put_tokens(keys, vocabulary);
    dm_status status = vocabulary->split ? put_merges(keys, vocabulary, error) : DM_OK;
    if (!vocabulary->split)
        put_scores(keys, vocabulary);
    if (!status)
        status = dm_gguf_put_specials(keys, directory, tokenizer, vocabulary->n_row, error);
    dm_memory_free(vocabulary->texts);
    return status;
}

static dm_status put_tokenizer(struct dm_gguf_bytes *keys, const char *directory, const char *path,
                               size_t n_row, dm_error *error) {
    struct dm_tokenizer *tokenizer = NULL;
    dm_status status = dm_tokenizer_read(path, &tokenizer, error);
    if (status)
        return status;
    struct vocabulary vocabulary = {.tokenizer = tokenizer, .n_row = n_row};
    status = check(&vocabulary, path, error);
    if (!status)
        status = put_all(keys, &vocabulary, directory, error);
    dm_tokenizer_release(tokenizer);
    return status;
}

dm_status dm_gguf_put_vocabulary(struct dm_gguf_bytes *keys, const char *directory,
                                 const char *architecture, size_t n_row, dm_error *error) {
    char *folder, *path;
    dm_status status = dm_tokenizer_place(directory, &folder, &path, error);
    if (status)
        return status;
    bool found = dm_path_exists(path);
    if (dm_gguf_is_file(path))
        status = dm_gguf_has_tokenizer(path, &found, error);
    if (!status && found)
        status = put_tokenizer(keys, directory, path, n_row, error);
    dm_memory_free(folder);
    dm_memory_free(path);
    if (status)
        return status;
    if (!found) {
        dm_gguf_key_text(keys, "tokenizer.ggml.model", "none", strlen("none"));
        char key[64];
        snprintf(key, sizeof key, "%s.vocab_size", architecture);
        dm_gguf_key_u32(keys, key, (uint32_t)n_row);
    }
    return DM_OK;
}
