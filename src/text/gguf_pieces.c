/* The pieces of a GGUF file as a SentencePiece model. Numbers of fields are those of
 * sentencepiece_model.proto. */
#include <string.h>

#include "base/memory.h"
#include "text/gguf_tokenizer.h"
#include "text/protobuf.h"

static dm_status fail_memory(const struct dm_gguf_vocabulary *vocabulary, dm_error *error) {
    return dm_fail_memory(error, vocabulary->gguf->file.path);
}

static bool put_piece(struct dm_bytes *model, struct dm_bytes *scratch, struct dm_gguf_text text,
                      float score, enum dm_piece_type type) {
    scratch->n_byte = 0;
    return dm_protobuf_put_bytes(scratch, 1, text.bytes, text.n_byte) &&
           dm_protobuf_put_real(scratch, 2, score) && dm_protobuf_put_whole(scratch, 3, type) &&
           dm_protobuf_put_bytes(model, 1, scratch->bytes, scratch->n_byte);
}

static dm_status put_pieces(const struct dm_gguf_vocabulary *vocabulary, struct dm_bytes *model,
                            struct dm_bytes *scratch, bool *has_bytes, dm_error *error) {
    static const char key[] = "tokenizer.ggml.scores";
    const struct dm_gguf_value *scores;
    const unsigned char *at = vocabulary->texts->bytes;
    dm_status status = dm_gguf_get_floats(vocabulary->gguf, key, &scores, error);
    if (!status && (!scores || scores->n != vocabulary->texts->n))
        status = dm_fail(error, DM_ERROR_FORMAT, "%s: key %s must have a score for each token",
                         vocabulary->gguf->file.path, key);
    for (size_t id = 0; id < vocabulary->n && !status; id++) {
        enum dm_piece_type type = dm_gguf_piece_type(vocabulary, id);
        *has_bytes = *has_bytes || type == DM_PIECE_BYTE;
        if (!put_piece(model, scratch, dm_gguf_next_text(&at), dm_gguf_float(scores, id), type))
            status = fail_memory(vocabulary, error);
    }
    return status;
}

/* The text of the token that a key names; false: none. */
static dm_status find_text(const struct dm_gguf_vocabulary *vocabulary, const char *key,
                           struct dm_gguf_text *text, dm_error *error) {
    size_t id = SIZE_MAX;
    const unsigned char *at = vocabulary->texts->bytes;
    dm_status status = dm_gguf_get_size(vocabulary->gguf, key, &id, error);
    for (size_t i = 0; i <= id && id < vocabulary->n && !status; i++)
        *text = dm_gguf_next_text(&at);
    return status;
}

enum { model_bpe = 2 };

static dm_status put_trainer(const struct dm_gguf_vocabulary *vocabulary, struct dm_bytes *model,
                             struct dm_bytes *scratch, bool has_bytes, dm_error *error) {
    struct dm_gguf_text bos = {"", 0}, eos = {"", 0};
    dm_status status = find_text(vocabulary, "tokenizer.ggml.bos_token_id", &bos, error);
    if (!status)
        status = find_text(vocabulary, "tokenizer.ggml.eos_token_id", &eos, error);
    if (status)
        return status;
    scratch->n_byte = 0;
    return dm_protobuf_put_whole(scratch, 3, model_bpe) &&
                   dm_protobuf_put_whole(scratch, 35, has_bytes) &&
                   dm_protobuf_put_bytes(scratch, 46, bos.bytes, bos.n_byte) &&
                   dm_protobuf_put_bytes(scratch, 47, eos.bytes, eos.n_byte) &&
                   dm_protobuf_put_bytes(model, 2, scratch->bytes, scratch->n_byte)
               ? DM_OK
               : fail_memory(vocabulary, error);
}

static dm_status put_normalizer(const struct dm_gguf_vocabulary *vocabulary, struct dm_bytes *model,
                                struct dm_bytes *scratch, dm_error *error) {
    static const char name[] = "identity";
    bool prefix = true, fewer_spaces = false;
    const struct dm_gguf_file *gguf = vocabulary->gguf;
    dm_status status = dm_gguf_get_bool(gguf, "tokenizer.ggml.add_space_prefix", &prefix, error);
    if (!status)
        status =
            dm_gguf_get_bool(gguf, "tokenizer.ggml.remove_extra_whitespaces", &fewer_spaces, error);
    if (status)
        return status;
    scratch->n_byte = 0;
    return dm_protobuf_put_bytes(scratch, 1, name, strlen(name)) &&
                   dm_protobuf_put_whole(scratch, 3, prefix) &&
                   dm_protobuf_put_whole(scratch, 4, fewer_spaces) &&
                   dm_protobuf_put_whole(scratch, 5, true) &&
                   dm_protobuf_put_bytes(model, 3, scratch->bytes, scratch->n_byte)
               ? DM_OK
               : fail_memory(vocabulary, error);
}

dm_status dm_gguf_write_pieces(const struct dm_gguf_vocabulary *vocabulary, struct dm_bytes *model,
                               dm_error *error) {
    struct dm_bytes scratch = {0};
    bool has_bytes = false;
    dm_status status = put_pieces(vocabulary, model, &scratch, &has_bytes, error);
    if (!status)
        status = put_trainer(vocabulary, model, &scratch, has_bytes, error);
    if (!status)
        status = put_normalizer(vocabulary, model, &scratch, error);
    dm_memory_free(scratch.bytes);
    return status;
}
