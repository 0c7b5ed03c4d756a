/* A SentencePiece model of the kind BPE (tokenizer.model), as sentencepiece 0.2.3 applies it. Numbers
 * of fields are those of sentencepiece_model.proto. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "text/loading.h"
#include "text/protobuf.h"

enum { longest_piece = 1024 };
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_USER = 4, TYPE_BYTE = 6 };
enum { MODEL_UNIGRAM = 1, MODEL_BPE = 2 };

static const char mark[] = "\xe2\x96\x81"; /* U+2581, a space */
enum { n_mark = 3 };

struct piece {
    struct dm_text text;
    float score;
    uint64_t type;
    uint32_t rank;
};

struct model {
    struct dm_loading *loading;
    struct piece *pieces;
    size_t n_piece, n_merge;
    uint64_t kind;
    bool byte_fallback, dummy_prefix, fewer_spaces, escape_spaces, mark_after;
    size_t n_rule; /* bytes of normalizing rules */
    struct dm_text bos, eos;
};

static dm_status refuse(const struct model *model, const char *what) {
    return dm_fail(model->loading->error, DM_ERROR_UNSUPPORTED,
                   "%s: a SentencePiece model %s is not supported", model->loading->path, what);
}

static dm_status fail_piece(const struct model *model, size_t id, dm_status status,
                            const char *what) {
    return dm_fail(model->loading->error, status, "%s: piece %zu %s", model->loading->path, id,
                   what);
}

/* ---- The file ---- */

static struct dm_protobuf inside(const struct dm_protobuf_field *field) {
    return (struct dm_protobuf){(const unsigned char *)field->bytes, field->n_byte, false};
}

static bool read_piece(struct dm_protobuf message, struct piece *piece) {
    struct dm_protobuf_field field;
    *piece = (struct piece){.type = TYPE_NORMAL};
    while (dm_protobuf_next(&message, &field))
        if (field.number == 1 && field.bytes)
            piece->text = (struct dm_text){field.bytes, field.n_byte};
        else if (field.number == 2)
            piece->score = field.real;
        else if (field.number == 3)
            piece->type = field.value;
    return !message.broken;
}

static bool read_trainer(struct dm_protobuf message, struct model *model) {
    struct dm_protobuf_field field;
    while (dm_protobuf_next(&message, &field))
        switch (field.number) {
        case 3:
            model->kind = field.value;
            break;
        case 24:
            model->mark_after = field.value;
            break;
        case 35:
            model->byte_fallback = field.value;
            break;
        case 46:
            model->bos = (struct dm_text){field.bytes, field.n_byte};
            break;
        case 47:
            model->eos = (struct dm_text){field.bytes, field.n_byte};
            break;
        default:
            break;
        }
    return !message.broken;
}

static bool read_normalizer(struct dm_protobuf message, struct model *model) {
    struct dm_protobuf_field field;
    while (dm_protobuf_next(&message, &field))
        switch (field.number) {
        case 2:
            model->n_rule += field.n_byte;
            break;
        case 3:
            model->dummy_prefix = field.value;
            break;
        case 4:
            model->fewer_spaces = field.value;
            break;
        case 5:
            model->escape_spaces = field.value;
            break;
        default:
            break;
        }
    return !message.broken;
}

/* Pieces and settings; `pieces` NULL: only counts them. */
static bool read_model(struct dm_protobuf message, struct model *model) {
    struct dm_protobuf_field field;
    bool fine = true;
    model->n_piece = 0;
    while (fine && dm_protobuf_next(&message, &field)) {
        if (field.number == 1) {
            fine = !model->pieces || read_piece(inside(&field), &model->pieces[model->n_piece]);
            model->n_piece++;
        } else if (field.number == 2) {
            fine = read_trainer(inside(&field), model);
        } else if (field.number == 3 && !model->pieces) {
            fine = read_normalizer(inside(&field), model);
        } else if (field.number == 5 && !model->pieces) {
            bool others[] = {model->dummy_prefix, model->fewer_spaces, model->escape_spaces};
            fine = read_normalizer(inside(&field), model); /* the denormalizer: its rules count */
            model->dummy_prefix = others[0];
            model->fewer_spaces = others[1];
            model->escape_spaces = others[2];
        }
    }
    return fine && !message.broken;
}

/* ---- What it says ---- */

static dm_status check_settings(const struct model *model) {
    static const char *const kinds[] = {"of no kind", "of the kind Unigram", "", "of the kind Word",
                                        "of the kind Char"};
    if (!model->n_piece)
        return dm_fail(model->loading->error, DM_ERROR_FORMAT,
                       "%s: not a SentencePiece model: it has no pieces", model->loading->path);
    if (model->kind != MODEL_BPE)
        return refuse(model, kinds[model->kind < 5 ? model->kind : 0]);
    if (model->n_rule)
        return refuse(model, "with rules to normalize text");
    if (model->fewer_spaces)
        return refuse(model, "that removes extra white space");
    if (model->mark_after)
        return refuse(model, "that treats white space as a suffix");
    if (model->n_piece > DM_MAX_VOCABULARY)
        return refuse(model, "of more than a million pieces");
    return DM_OK;
}

static dm_status check_piece(struct model *model, size_t id) {
    const struct piece *piece = &model->pieces[id];
    if (!piece->text.n_byte || piece->text.n_byte > longest_piece)
        return fail_piece(model, id, DM_ERROR_FORMAT, "has no text, or more than 1024 bytes of it");
    if (dm_utf8_valid_prefix(piece->text.bytes, piece->text.n_byte) < piece->text.n_byte)
        return fail_piece(model, id, DM_ERROR_FORMAT, "is not UTF-8");
    if (isnan(piece->score))
        return fail_piece(model, id, DM_ERROR_FORMAT, "has the score NaN");
    if (piece->type < TYPE_NORMAL || piece->type > TYPE_BYTE || piece->type == 5)
        return fail_piece(model, id, DM_ERROR_UNSUPPORTED,
                          piece->type == 5 ? "is of the type Unused, which is not supported"
                                           : "is of a type that is not known");
    if (piece->type == TYPE_NORMAL)
        model->n_merge += piece->text.n_byte - 1;
    return dm_loading_count(model->loading, (int32_t)id, piece->text.n_byte);
}

/* Special tokens, and those that are found in the text as they are. */
static dm_status put_piece(struct model *model, size_t id) {
    struct dm_loading *loading = model->loading;
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    const struct piece *piece = &model->pieces[id];
    struct dm_string_table *table = &tokenizer->bpe.vocabulary;
    struct dm_added_token pattern = {.n_byte = piece->text.n_byte, .id = (int32_t)id};
    if (dm_string_table_get(table, piece->text.bytes, piece->text.n_byte) >= 0)
        return fail_piece(model, id, DM_ERROR_FORMAT, "is there twice");
    dm_status status =
        dm_loading_put(loading, table, (int32_t)id, piece->text.bytes, piece->text.n_byte);
    if (status)
        return status;
    struct dm_token *token = &tokenizer->tokens[id];
    token->special = piece->type == TYPE_CONTROL;
    token->added = token->special || piece->type == TYPE_USER;
    tokenizer->scores[id] = piece->score;
    if (piece->type == TYPE_USER)
        dm_added_tokens_put(&tokenizer->normal, token->text, pattern);
    if (piece->type != TYPE_UNKNOWN)
        return DM_OK;
    if (tokenizer->bpe.unknown >= 0)
        return fail_piece(model, id, DM_ERROR_FORMAT, "is of the type Unknown, as another was");
    static const char surface[] = " \xe2\x81\x87 ";
    tokenizer->bpe.unknown = (int32_t)id;
    status = dm_loading_copy(loading, surface, strlen(surface), &token->own, &token->n_byte);
    token->text = token->own;
    return status;
}

static dm_status put_pieces(struct model *model) {
    struct dm_tokenizer *tokenizer = model->loading->tokenizer;
    struct dm_bpe *bpe = &tokenizer->bpe;
    dm_status status = DM_OK;
    bpe->unknown = -1;
    for (size_t id = 0; id < model->n_piece && !status; id++)
        status = put_piece(model, id);
    if (status)
        return status;
    if (bpe->unknown < 0)
        return refuse(model, "without a piece for the unknown");
    bpe->byte_fallback = model->byte_fallback;
    bpe->fuse_unknown = true;
    dm_bpe_index(bpe);
    return model->byte_fallback && !bpe->complete_fallback
               ? refuse(model, "of byte fallback that lacks a byte")
               : DM_OK;
}

/* ---- Merges ---- */

static int by_score(const void *a, const void *b) {
    float left = (*(struct piece *const *)a)->score, right = (*(struct piece *const *)b)->score;
    return (left < right) - (left > right);
}

/* The best score has the lowest rank; where scores are equal, so are the ranks. */
static dm_status rank_pieces(struct model *model) {
    struct piece **sorted = dm_memory_array(model->n_piece, sizeof *sorted);
    if (!sorted)
        return dm_loading_fail_memory(model->loading);
    for (size_t i = 0; i < model->n_piece; i++)
        sorted[i] = &model->pieces[i];
    qsort(sorted, model->n_piece, sizeof *sorted, by_score);
    for (size_t i = 1; i < model->n_piece; i++)
        sorted[i]->rank = sorted[i - 1]->rank + (by_score(&sorted[i - 1], &sorted[i]) != 0);
    dm_memory_free(sorted);
    return DM_OK;
}

static bool is_character(struct dm_text text) {
    size_t length;
    dm_utf8_decode(text.bytes, &length);
    return length == text.n_byte;
}

/* The id of half a piece, -1: no merge makes it. */
static int32_t half_id(const struct model *model, struct dm_text half) {
    int32_t id =
        dm_string_table_get(&model->loading->tokenizer->bpe.vocabulary, half.bytes, half.n_byte);
    bool can_be = id >= 0 && (model->pieces[id].type == TYPE_NORMAL || is_character(half));
    return can_be ? id : -1;
}

/* A piece is made of any two that it is one after the other of. */
static dm_status put_merges(struct model *model, size_t id) {
    const struct piece *piece = &model->pieces[id];
    size_t length;
    for (size_t at = 0; at < piece->text.n_byte; at += length) {
        struct dm_text left = {piece->text.bytes, at},
                       right = {piece->text.bytes + at, piece->text.n_byte - at};
        dm_utf8_decode(right.bytes, &length);
        if (dm_string_table_get(&model->loading->tokenizer->bpe.vocabulary, right.bytes, length) <
            0)
            return fail_piece(model, id, DM_ERROR_UNSUPPORTED,
                              "has a character that is no piece, which is not supported");
        int32_t ids[2] = {at ? half_id(model, left) : -1, half_id(model, right)};
        if (ids[0] >= 0 && ids[1] >= 0)
            dm_bpe_add_merge(&model->loading->tokenizer->bpe,
                             (struct dm_merge){ids[0], ids[1], (int32_t)id, piece->rank}, left,
                             right);
    }
    return DM_OK;
}

/* ---- Parts ---- */

static dm_status add_text_part(struct model *model, dm_part_feed feed, const char *text,
                               const char *other) {
    struct dm_part *made;
    dm_status status = dm_loading_part(model->loading, feed, &made);
    if (!status)
        status = dm_loading_copy(model->loading, text, strlen(text), &made->text, &made->n_text);
    return status || !other ? status
                            : dm_loading_copy(model->loading, other, strlen(other), &made->other,
                                              &made->n_other);
}

static dm_status add_decoders(struct model *model) {
    struct dm_loading *loading = model->loading;
    struct dm_decode_part *made;
    dm_status status = DM_OK;
    if (model->dummy_prefix) {
        status = dm_loading_decoder(loading, dm_decode_strip, &made);
        if (status)
            return status;
        made->n_start = 1;
        made->first_only = true;
        status = dm_loading_copy(loading, mark, n_mark, &made->text, &made->n_text);
    }
    if (!status)
        status = dm_loading_decoder(loading, dm_decode_replace, &made);
    if (!status)
        status = dm_loading_copy(loading, mark, n_mark, &made->text, &made->n_text);
    if (!status)
        status = dm_loading_copy(loading, " ", 1, &made->other, &made->n_other);
    if (!status)
        status = dm_loading_decoder(loading, dm_decode_byte_fallback, &made);
    if (status)
        return status;
    made->by_character = true;
    return dm_loading_decoder(loading, dm_decode_fuse, &made);
}

static dm_status add_parts(struct model *model) {
    struct dm_tokenizer *tokenizer = model->loading->tokenizer;
    struct dm_part *made;
    dm_status status = dm_loading_part(model->loading, dm_feed_added, &made);
    if (status)
        return status;
    made->added = &tokenizer->raw;
    if (model->dummy_prefix)
        status = add_text_part(model, dm_feed_prepend, model->escape_spaces ? mark : " ", NULL);
    if (!status && model->escape_spaces)
        status = add_text_part(model, dm_feed_replace, " ", mark);
    tokenizer->n_normalizer = tokenizer->n_part - 1;
    if (!status)
        status = dm_loading_part(model->loading, dm_feed_added, &made);
    if (status)
        return status;
    made->added = &tokenizer->normal;
    return add_decoders(model);
}

/* As transformers and llama.cpp take such a model: a text begins with the beginning, if nothing else is
 * said. */
static dm_status add_template(struct model *model, const json_t *settings) {
    struct dm_tokenizer *tokenizer = model->loading->tokenizer;
    int32_t bos = dm_tokenizer_id_of(tokenizer, model->bos.bytes, model->bos.n_byte);
    int32_t eos = dm_tokenizer_id_of(tokenizer, model->eos.bytes, model->eos.n_byte);
    bool begin = true, end = false;
    dm_status status = dm_json_get_bool(settings, "add_bos_token", "tokenizer_config.json", &begin,
                                        model->loading->error);
    if (!status)
        status = dm_json_get_bool(settings, "add_eos_token", "tokenizer_config.json", &end,
                                  model->loading->error);
    if (status)
        return status;
    begin = begin && bos >= 0 && tokenizer->tokens[bos].special;
    tokenizer->end = eos >= 0 && tokenizer->tokens[eos].special ? eos : -1;
    end = end && tokenizer->end >= 0;
    return (!begin || dm_ids_append(&tokenizer->before, bos)) &&
                   (!end || dm_ids_append(&tokenizer->after, eos))
               ? DM_OK
               : dm_loading_fail_memory(model->loading);
}

static dm_status load_pieces(struct model *model) {
    struct dm_loading *loading = model->loading;
    struct dm_tokenizer *tokenizer = loading->tokenizer;
    dm_status status = DM_OK;
    for (size_t id = 0; id < model->n_piece && !status; id++)
        status = check_piece(model, id);
    loading->n_vocabulary = model->n_piece;
    if (!status)
        status = dm_loading_open(loading, model->n_merge);
    if (status)
        return status;
    tokenizer->scores = dm_memory_array(model->n_piece, sizeof *tokenizer->scores);
    if (!tokenizer->scores || !dm_added_tokens_open(&tokenizer->raw, 0, 0) ||
        !dm_added_tokens_open(&tokenizer->normal, model->n_piece, loading->n_pool))
        return dm_loading_fail_memory(loading);
    status = put_pieces(model);
    if (!status)
        status = rank_pieces(model);
    for (size_t id = 0; id < model->n_piece && !status; id++)
        if (model->pieces[id].type == TYPE_NORMAL)
            status = put_merges(model, id);
    if (!status && !dm_bpe_find_words(&tokenizer->bpe, tokenizer->n_token))
        status = dm_loading_fail_memory(loading);
    return status;
}

static dm_status load_message(struct model *model, const void *bytes, size_t n_byte) {
    const struct dm_protobuf message = {bytes, n_byte, false};
    bool sound = read_model(message, model);
    if (!sound)
        return dm_fail(model->loading->error, DM_ERROR_FORMAT, "%s: not a SentencePiece model",
                       model->loading->path);
    dm_status status = check_settings(model);
    if (status)
        return status;
    model->pieces = dm_memory_array(model->n_piece, sizeof *model->pieces);
    if (!model->pieces)
        return dm_loading_fail_memory(model->loading);
    if (!read_model(message, model))
        return dm_fail(model->loading->error, DM_ERROR_FORMAT, "%s: a piece is broken",
                       model->loading->path);
    status = add_parts(model);
    return status ? status : load_pieces(model);
}

dm_status dm_load_sentencepiece(struct dm_loading *loading, const void *bytes, size_t n_byte,
                                const json_t *settings) {
    static const char bos[] = "<s>", eos[] = "</s>";
    struct model model = {.loading = loading,
                          .kind = MODEL_UNIGRAM,
                          .dummy_prefix = true,
                          .fewer_spaces = true,
                          .escape_spaces = true,
                          .bos = {bos, sizeof bos - 1},
                          .eos = {eos, sizeof eos - 1}};
    dm_status status = load_message(&model, bytes, n_byte);
    if (!status)
        status = add_template(&model, settings);
    dm_memory_free(model.pieces);
    return status;
}
