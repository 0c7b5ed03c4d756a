#include "text/gguf_tokenizer.h"

#include <stdio.h>
#include <string.h>

#include "base/gguf_settings.h"
#include "base/memory.h"
#include "text/gguf_splits.h"
#include "text/tokenizer.h"

static dm_status fail_memory(const struct dm_gguf_vocabulary *vocabulary, dm_error *error) {
    return dm_fail_memory(error, vocabulary->gguf->file.path);
}

static dm_status find_tokens(struct dm_gguf_vocabulary *vocabulary, dm_error *error) {
    static const char texts[] = "tokenizer.ggml.tokens", types[] = "tokenizer.ggml.token_type";
    const struct dm_gguf_file *gguf = vocabulary->gguf;
    dm_status status = dm_gguf_get_texts(gguf, texts, &vocabulary->texts, error);
    if (!status)
        status = dm_gguf_get_wholes(gguf, types, &vocabulary->types, error);
    if (status)
        return status;
    if (!vocabulary->texts)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: key %s is missing", gguf->file.path, texts);
    if (vocabulary->types && vocabulary->types->n != vocabulary->texts->n)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: key %s must have a type for each token",
                       gguf->file.path, types);
    vocabulary->n = vocabulary->texts->n;
    while (vocabulary->n && dm_gguf_piece_type(vocabulary, vocabulary->n - 1) == DM_PIECE_UNUSED)
        vocabulary->n--;
    return DM_OK;
}

/* ---- BPE: the sections of a tokenizer.json, each NULL where memory is short ---- */

static json_t *byte_level(bool words) {
    return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                     "trim_offsets", 1, "use_regex", words);
}

static json_t *split_part(const struct dm_gguf_step *step) {
    bool isolated = step->behavior == DM_SPLIT_ISOLATED;
    const char *behavior = isolated ? "Isolated" : "Contiguous";
    if (step->pattern == dm_gguf_numeric)
        return json_pack("{s:s, s:b}", "type", "Digits", "individual_digits", isolated);
    if (step->pattern == dm_gguf_punctuation)
        return json_pack("{s:s, s:s}", "type", "Punctuation", "behavior", behavior);
    return json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex", step->pattern,
                     "behavior", behavior, "invert", 0);
}

/* GPT-2's pattern before the byte alphabet is one part with it. */
static json_t *pre_tokenizer(const struct dm_gguf_split *split) {
    json_t *parts = json_array();
    for (size_t i = 0; i < split->n_step; i++) {
        const struct dm_gguf_step *step = &split->steps[i];
        bool words = step->pattern == dm_pattern_gpt2 && i + 1 < split->n_step && !step[1].pattern;
        json_t *part = words || !step->pattern ? byte_level(words) : split_part(step);
        if (json_array_append_new(parts, part)) {
            json_decref(parts);
            return NULL;
        }
        i += words;
    }
    return json_pack("{s:s, s:o}", "type", "Sequence", "pretokenizers", parts);
}

static json_t *special_item(const char *text) {
    return json_pack("{s:{s:s, s:i}}", "SpecialToken", "id", text, "type_id", 0);
}

/* The tokens `bos` and `eos`, where not -1, around a text. */
static json_t *post_processor(int64_t bos, int64_t eos) {
    static const char first[] = "beginning", last[] = "end";
    if (bos < 0 && eos < 0)
        return byte_level(true);
    json_t *single = json_array(), *specials = json_object();
    bool fine = single && specials;
    if (bos >= 0)
        fine &= !json_array_append_new(single, special_item(first)) &&
                !json_object_set_new(specials, first,
                                     json_pack("{s:s, s:[I], s:[s]}", "id", first, "ids",
                                               (json_int_t)bos, "tokens", first));
    fine &= !json_array_append_new(
        single, json_pack("{s:{s:s, s:i}}", "Sequence", "id", "A", "type_id", 0));
    if (eos >= 0)
        fine &= !json_array_append_new(single, special_item(last)) &&
                !json_object_set_new(specials, last,
                                     json_pack("{s:s, s:[I], s:[s]}", "id", last, "ids",
                                               (json_int_t)eos, "tokens", last));
    if (fine)
        return json_pack("{s:s, s:o, s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}], s:o}", "type",
                         "TemplateProcessing", "single", single, "pair", "Sequence", "id", "A",
                         "type_id", 0, "Sequence", "id", "B", "type_id", 1, "special_tokens",
                         specials);
    json_decref(single);
    json_decref(specials);
    return NULL;
}

static json_t *added_token(json_t *text, size_t id, bool special) {
    return json_pack("{s:I, s:O, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)id, "content", text,
                     "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special",
                     special);
}

/* Into the vocabulary, and, of control and user-defined tokens, the list of added ones. */
static dm_status put_token(const struct dm_gguf_vocabulary *vocabulary, size_t id,
                           struct dm_gguf_text text, json_t *vocab, json_t *added,
                           dm_error *error) {
    enum dm_piece_type type = dm_gguf_piece_type(vocabulary, id);
    bool is_control = type == DM_PIECE_CONTROL;
    json_t *json;
    char what[32];
    if (type == DM_PIECE_UNUSED)
        return DM_OK;
    if (text.n_byte && memchr(text.bytes, 0, text.n_byte))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: token %zu holds the character 0",
                       vocabulary->gguf->file.path, id);
    if (json_object_getn(vocab, text.bytes, text.n_byte))
        return dm_fail(error, DM_ERROR_FORMAT, "%s: token %zu has the text of another: %.*s",
                       vocabulary->gguf->file.path, id, (int)(text.n_byte < 64 ? text.n_byte : 64),
                       text.bytes);
    snprintf(what, sizeof what, "token %zu", id);
    dm_status status = dm_gguf_json_text(vocabulary->gguf, what, text, &json, error);
    if (status)
        return status;
    bool fine =
        !json_object_setn_new_nocheck(vocab, text.bytes, text.n_byte, json_integer((json_int_t)id));
    if (fine && (is_control || type == DM_PIECE_USER))
        fine = !json_array_append_new(added, added_token(json, id, is_control));
    json_decref(json);
    return fine ? DM_OK : fail_memory(vocabulary, error);
}

static dm_status put_merges(const struct dm_gguf_vocabulary *vocabulary, json_t *list,
                            dm_error *error) {
    static const char key[] = "tokenizer.ggml.merges";
    const struct dm_gguf_value *merges;
    dm_status status = dm_gguf_get_texts(vocabulary->gguf, key, &merges, error);
    if (!status && !merges)
        return dm_fail(error, DM_ERROR_FORMAT, "%s: key %s is missing", vocabulary->gguf->file.path,
                       key);
    const unsigned char *at = merges ? merges->bytes : NULL;
    for (size_t i = 0; !status && i < merges->n; i++) {
        json_t *json;
        char what[32];
        snprintf(what, sizeof what, "merge %zu", i);
        status = dm_gguf_json_text(vocabulary->gguf, what, dm_gguf_next_text(&at), &json, error);
        if (!status && json_array_append_new(list, json))
            status = fail_memory(vocabulary, error);
    }
    return status;
}

/* The id under a key, where the switch is on; -1: none. */
static dm_status get_end(const struct dm_gguf_vocabulary *vocabulary, const char *key,
                         const char *switch_key, bool on, int64_t *id, dm_error *error) {
    size_t number = SIZE_MAX;
    dm_status status = dm_gguf_get_bool(vocabulary->gguf, switch_key, &on, error);
    if (!status)
        status = dm_gguf_get_size(vocabulary->gguf, key, &number, error);
    *id = on && number < vocabulary->n ? (int64_t)number : -1;
    return status;
}

static dm_status get_split(const struct dm_gguf_file *gguf, const struct dm_gguf_split **split,
                           dm_error *error) {
    static const char key[] = "tokenizer.ggml.pre";
    struct dm_gguf_text name = {NULL, 0}, usual = {"default", 7};
    dm_status status = dm_gguf_get_text(gguf, key, &name, error);
    if (status)
        return status;
    if (!name.bytes)
        dm_warn("%s: key %s is missing: text is split as llama.cpp does it then, which may not be "
                "as the model was trained",
                gguf->file.path, key);
    *split = dm_gguf_split_named(name.bytes ? name : usual);
    return *split ? DM_OK
                  : dm_fail(error, DM_ERROR_UNSUPPORTED,
                            "%s: key %s: %.*s is no known way to split text", gguf->file.path, key,
                            (int)(name.n_byte < 64 ? name.n_byte : 64), name.bytes);
}

/* A whole tokenizer.json, which shares vocab, merges and added. */
static json_t *pack_all(const struct dm_gguf_split *split, json_t *vocab, json_t *merges,
                        json_t *added, int64_t bos, int64_t eos) {
    return json_pack("{s:s, s:n, s:n, s:O, s:n, s:o, s:o, s:o, s:{s:s, s:n, s:n, s:n, s:n, s:b, "
                     "s:b, s:b, s:O, s:O}}",
                     "version", "1.0", "truncation", "padding", "added_tokens", added, "normalizer",
                     "pre_tokenizer", pre_tokenizer(split), "post_processor",
                     post_processor(bos, eos), "decoder", byte_level(true), "model", "type", "BPE",
                     "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                     "fuse_unk", 0, "byte_fallback", 0, "ignore_merges", split->ignore_merges,
                     "vocab", vocab, "merges", merges);
}

static dm_status read_bpe(const struct dm_gguf_vocabulary *vocabulary, json_t **root,
                          dm_error *error) {
    const struct dm_gguf_split *split = NULL;
    int64_t bos = -1, eos = -1;
    json_t *vocab = json_object(), *merges = json_array(), *added = json_array();
    dm_status status = vocab && merges && added ? DM_OK : fail_memory(vocabulary, error);
    if (!status)
        status = get_split(vocabulary->gguf, &split, error);
    if (!status)
        status = get_end(vocabulary, "tokenizer.ggml.bos_token_id", "tokenizer.ggml.add_bos_token",
                         split->begins, &bos, error);
    if (!status)
        status = get_end(vocabulary, "tokenizer.ggml.eos_token_id", "tokenizer.ggml.add_eos_token",
                         false, &eos, error);
    const unsigned char *at = vocabulary->texts->bytes;
    for (size_t id = 0; id < vocabulary->n && !status; id++)
        status = put_token(vocabulary, id, dm_gguf_next_text(&at), vocab, added, error);
    if (!status)
        status = put_merges(vocabulary, merges, error);
    if (!status && !(*root = pack_all(split, vocab, merges, added, bos, eos)))
        status = fail_memory(vocabulary, error);
    json_decref(vocab);
    json_decref(merges);
    json_decref(added);
    return status;
}

/* ---- The file ---- */

dm_status dm_gguf_tokenizer_read(const struct dm_gguf_file *gguf,
                                 struct dm_gguf_tokenizer *tokenizer, dm_error *error) {
    static const char key[] = "tokenizer.ggml.model";
    struct dm_gguf_text model = {NULL, 0};
    struct dm_gguf_vocabulary vocabulary = {.gguf = gguf};
    *tokenizer = (struct dm_gguf_tokenizer){0};
    dm_status status = dm_gguf_get_text(gguf, key, &model, error);
    if (status || !model.bytes || dm_gguf_text_is(model, "none"))
        return status;
    bool is_bpe = dm_gguf_text_is(model, "gpt2");
    if (!is_bpe && !dm_gguf_text_is(model, "llama"))
        return dm_fail(error, DM_ERROR_UNSUPPORTED,
                       "%s: key %s: tokenizers of the kind %.*s are not supported, but gpt2 and "
                       "llama are",
                       gguf->file.path, key, (int)(model.n_byte < 64 ? model.n_byte : 64),
                       model.bytes);
    status = find_tokens(&vocabulary, error);
    if (!status)
        status = is_bpe ? read_bpe(&vocabulary, &tokenizer->json, error)
                        : dm_gguf_write_pieces(&vocabulary, &tokenizer->pieces, error);
    if (status)
        dm_gguf_tokenizer_close(tokenizer);
    return status;
}

void dm_gguf_tokenizer_close(struct dm_gguf_tokenizer *tokenizer) {
    json_decref(tokenizer->json);
    dm_memory_free(tokenizer->pieces.bytes);
    *tokenizer = (struct dm_gguf_tokenizer){0};
}
