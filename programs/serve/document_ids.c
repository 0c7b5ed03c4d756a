#include "document_ids.h"

#include "base/status.h"

enum { piece_size = 16 << 10 };

bool document_ids_open(struct document_ids *ids, const struct documents *documents,
                       const struct document *document, dm_error *error) {
    json_t *header;
    size_t n_byte;
    ids->file = document_text_open(&documents->folder, document->id, &header, &n_byte);
    json_decref(header);
    dm_status status = ids->file
                           ? dm_encoder_new(documents->served->tokenizer, &ids->encoder, error)
                           : dm_fail(error, DM_ERROR_IO, "its text cannot be read");
    return !status;
}

void document_ids_close(struct document_ids *ids) {
    if (ids->file)
        fclose(ids->file);
    dm_encoder_free(ids->encoder);
}

bool document_ids_next(struct document_ids *ids, const int32_t **list, size_t *n_id, size_t *n_byte,
                       dm_error *error) {
    char piece[piece_size];
    *n_byte = fread(piece, 1, sizeof piece, ids->file);
    dm_status status = ferror(ids->file) ? dm_fail(error, DM_ERROR_IO, "its text cannot be read")
                       : *n_byte ? dm_encoder_push(ids->encoder, piece, *n_byte, list, n_id, error)
                                 : dm_encoder_finish(ids->encoder, list, n_id, error);
    return !status;
}
