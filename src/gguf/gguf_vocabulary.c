#include "gguf/gguf_vocabulary.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mapped_file.h"
#include "base/memory.h"
#include "text/tokenizer.h"

enum { type_normal = 1, type_control = 3, type_user_defined = 4, type_unused = 5 };

struct text {
    const char *bytes; /* NULL: no token has this id */
    size_t n_byte;
};

struct vocabulary {
    const struct dm_tokenizer *tokenizer;
    struct text *texts; /* [n_row], by id: the tokens as they are stored */
    size_t n_row;
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
    const struct dm_token *token = &vocabulary->tokenizer->tokens[id];
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

/* A special token's id: what tokenizer_config.json names, as a string or as an object with its
 * "content", else the number in config.json; -1: neither. */
static int32_t find_special(const struct vocabulary *vocabulary, const json_t *settings,
                            const json_t *config, const char *name) {
    char key[32];
    snprintf(key, sizeof key, "%s_token", name);
    const json_t *named = json_object_get(settings, key);
    if (json_is_object(named))
        named = json_object_get(named, "content");
    if (json_is_string(named)) {
        int32_t id = dm_tokenizer_id_of(vocabulary->tokenizer, json_string_value(named),
                                        json_string_length(named));
        if (id >= 0 && vocabulary->tokenizer->tokens[id].added)
            return id;
    }
    snprintf(key, sizeof key, "%s_token_id", name);
    const json_t *number = json_object_get(config, key);
    json_int_t id = json_is_integer(number) ? json_integer_value(number) : -1;
    return id >= 0 && (size_t)id < vocabulary->n_row ? (int32_t)id : -1;
}

static void put_specials(struct dm_gguf_bytes *keys, const struct vocabulary *vocabulary,
                         const json_t *settings, const json_t *config) {
    static const char *const specials[][2] = {{"bos", "tokenizer.ggml.bos_token_id"},
                                              {"eos", "tokenizer.ggml.eos_token_id"},
                                              {"unk", "tokenizer.ggml.unknown_token_id"},
                                              {"pad", "tokenizer.ggml.padding_token_id"}};
    static const char end_of_text[] = "<|endoftext|>";
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        int32_t id = find_special(vocabulary, settings, config, specials[i][0]);
        if (id < 0 && !strcmp(specials[i][0], "eos"))
            id = dm_tokenizer_id_of(vocabulary->tokenizer, end_of_text, strlen(end_of_text));
        if (id >= 0)
            dm_gguf_key_u32(keys, specials[i][1], (uint32_t)id);
    }
    dm_gguf_key_bool(keys, "tokenizer.ggml.add_bos_token", false); /* nor do we */
    dm_gguf_key_bool(keys, "tokenizer.ggml.add_eos_token", false);
    const json_t *template = json_object_get(settings, "chat_template");
    if (json_is_string(template))
        dm_gguf_key_text(keys, "tokenizer.chat_template", json_string_value(template),
                         json_string_length(template));
}

/* A JSON file of the directory; NULL where it does not exist. */
static dm_status read_json(const char *directory, const char *name, json_t **value,
                           dm_error *error) {
    char *path = dm_path_join(directory, name);
    *value = NULL;
    dm_status status = DM_OK;
    if (!path)
        status = dm_fail_memory(error, "a file name");
    else if (dm_path_exists(path))
        status = dm_json_read(path, value, error);
    dm_memory_free(path);
    return status;
}

static dm_status check(const struct vocabulary *vocabulary, const char *directory,
                       dm_error *error) {
    const struct dm_tokenizer *tokenizer = vocabulary->tokenizer;
    if (tokenizer->add_prefix_space || !tokenizer->split_words)
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s/tokenizer.json: llama.cpp does not split text so: \"%s\"", directory,
                       tokenizer->add_prefix_space ? "add_prefix_space\": true"
                                                   : "use_regex\": false");
    if (tokenizer->n_token > vocabulary->n_row)
        return dm_fail(error, DM_ERROR_MISMATCH,
                       "%s/tokenizer.json: has ids up to %zu, but the model's vocabulary has %zu",
                       directory, tokenizer->n_token - 1, vocabulary->n_row);
    return DM_OK;
}

static dm_status put_all(struct dm_gguf_bytes *keys, struct vocabulary *vocabulary,
                         const char *directory, dm_error *error) {
    const struct dm_string_table *by_text = &vocabulary->tokenizer->by_text;
    json_t *settings = NULL, *config = NULL;
    vocabulary->texts = dm_memory_zeroed(vocabulary->n_row, sizeof *vocabulary->texts);
    if (!vocabulary->texts)
        return dm_fail_memory(error, "the tokenizer's texts");
    for (size_t i = 0; i < by_text->n_slot; i++)
        if (by_text->slots[i].key)
            vocabulary->texts[by_text->slots[i].id] =
                (struct text){by_text->slots[i].key, by_text->slots[i].n_byte};
    /* The name under which llama.cpp knows GPT-NeoX's way to split words, which is GPT-2's. */
    dm_gguf_key_text(keys, "tokenizer.ggml.model", "gpt2", strlen("gpt2"));
    dm_gguf_key_text(keys, "tokenizer.ggml.pre", "olmo", strlen("olmo"));
    put_tokens(keys, vocabulary);
    dm_status status = put_merges(keys, vocabulary, error);
    if (!status)
        status = read_json(directory, "tokenizer_config.json", &settings, error);
    if (!status)
        status = read_json(directory, "config.json", &config, error);
    if (!status)
        put_specials(keys, vocabulary, settings, config);
    json_decref(settings);
    json_decref(config);
    dm_memory_free(vocabulary->texts);
    return status;
}

static dm_status has_tokenizer(const char *directory, bool *has, dm_error *error) {
    char *path = dm_path_join(directory, "tokenizer.json");
    if (!path)
        return dm_fail_memory(error, "a file name");
    *has = dm_path_exists(path);
    dm_memory_free(path);
    return DM_OK;
}

dm_status dm_gguf_put_vocabulary(struct dm_gguf_bytes *keys, const char *directory, size_t n_row,
                                 dm_error *error) {
    bool has = false;
    dm_status status = has_tokenizer(directory, &has, error);
    if (status)
        return status;
    if (!has) {
        dm_gguf_key_text(keys, "tokenizer.ggml.model", "none", strlen("none"));
        dm_gguf_key_u32(keys, "mamba.vocab_size", (uint32_t)n_row);
        return DM_OK;
    }
    struct dm_tokenizer *tokenizer = NULL;
    status = dm_tokenizer_read(directory, &tokenizer, error);
    if (status)
        return status;
    struct vocabulary vocabulary = {.tokenizer = tokenizer, .n_row = n_row};
    status = check(&vocabulary, directory, error);
    if (!status)
        status = put_all(keys, &vocabulary, directory, error);
    dm_tokenizer_release(tokenizer);
    return status;
}
