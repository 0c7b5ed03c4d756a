#include "inspection.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "cli/fail.h"
#include "cli/json_output.h"
#include "document_state.h"

struct inspection *inspection_new(struct documents *documents, struct document *document,
                                  struct reply *reply) {
    struct inspection *inspection = calloc(1, sizeof *inspection);
    if (!inspection) {
        documents_give_back(documents, document);
        return NULL;
    }
    inspection->documents = documents;
    inspection->document = document;
    inspection->reply = reply_share(reply);
    return inspection;
}

void inspection_free(struct inspection *inspection) {
    document_ids_close(&inspection->text);
    dm_decoder_free(inspection->decoder);
    json_decref(inspection->list);
    free(inspection->layers);
    free(inspection->tokens);
    free(inspection->depths);
    documents_give_back(inspection->documents, inspection->document);
    reply_release(inspection->reply);
    free(inspection);
}

/* ---- What was kept ---- */

static int ascending(const void *a, const void *b) {
    size_t first = *(const size_t *)a, second = *(const size_t *)b;
    return first < second ? -1 : first > second;
}

/* The lowest layer's tokens are positions in the text; those of each next one, positions in what the one
 * before kept. */
static dm_status note_layer(struct inspection *inspection, const dm_session *session, size_t i,
                            size_t **before, size_t n_before, dm_error *error) {
    struct kept_layer *layer = &inspection->layers[i];
    const size_t *positions;
    dm_status status = dm_session_kept(session, layer->layer, &positions, &layer->n_kept, error);
    if (status)
        return status;
    layer->n = i ? n_before : dm_session_n_token(session);
    size_t *own = calloc(layer->n_kept + 1, sizeof *own);
    if (!own)
        return dm_fail(error, DM_ERROR_MEMORY, "memory is short");
    for (size_t k = 0; k < layer->n_kept; k++) {
        own[k] = i ? (*before)[positions[k]] : k; /* its place in the lowest layer's list */
        inspection->depths[own[k]]++;
    }
    free(*before);
    *before = own;
    return DM_OK;
}

static dm_status note_lowest(struct inspection *inspection, const dm_session *session,
                             dm_error *error) {
    const size_t *positions;
    size_t n;
    dm_status status = dm_session_kept(session, inspection->layers[0].layer, &positions, &n, error);
    if (status)
        return status;
    inspection->tokens = calloc(n + 1, sizeof *inspection->tokens);
    inspection->depths = calloc(n + 1, sizeof *inspection->depths);
    if (!inspection->tokens || !inspection->depths)
        return dm_fail(error, DM_ERROR_MEMORY, "memory is short");
    memcpy(inspection->tokens, positions, n * sizeof *positions);
    inspection->n_kept = n;
    return DM_OK;
}

static dm_status note_kept(struct inspection *inspection, const dm_session *session,
                           dm_error *error) {
    size_t *before = NULL;
    dm_status status = note_lowest(inspection, session, error);
    for (size_t i = 0; i < inspection->n_layer && !status; i++)
        status = note_layer(inspection, session, i, &before,
                            i ? inspection->layers[i - 1].n_kept : 0, error);
    free(before);
    return status;
}

/* Finishes a copy of the state, and takes note. */
static dm_status finish(struct inspection *inspection, dm_error *error) {
    const struct served_model *served = inspection->documents->served;
    float *logits = calloc(served->info.vocab_size, sizeof *logits);
    dm_session *copy = NULL;
    dm_status status = DM_ERROR_MEMORY;
    snprintf(error->message, sizeof error->message, "memory is short");
    if (logits)
        status = dm_session_fork(inspection->document->state->session, &copy, error);
    if (!status)
        status = dm_session_next_logits(copy, logits, error);
    if (!status)
        status = note_kept(inspection, copy, error);
    dm_session_free(copy);
    free(logits);
    return status;
}

static bool list_layers(struct inspection *inspection) {
    const dm_method_options *method = &inspection->document->method->options;
    size_t sorted[list_capacity];
    inspection->n_layer = dm_method_drops_tokens(method->kind) ? method->n_layer : 0;
    inspection->layers = calloc(inspection->n_layer + 1, sizeof *inspection->layers);
    inspection->list = json_array();
    if (!inspection->layers || !inspection->list || inspection->n_layer > list_capacity)
        return false;
    if (inspection->n_layer)
        memcpy(sorted, method->layers, inspection->n_layer * sizeof *sorted);
    qsort(sorted, inspection->n_layer, sizeof *sorted, ascending);
    for (size_t i = 0; i < inspection->n_layer; i++)
        inspection->layers[i].layer = sorted[i];
    return true;
}

/* ---- Where they are ---- */

static bool open_text(struct inspection *inspection, dm_error *error) {
    const struct documents *documents = inspection->documents;
    return document_ids_open(&inspection->text, documents, inspection->document, error) &&
           !dm_decoder_new(documents->served->tokenizer, 0, &inspection->decoder, error);
}

/* Tokens of the text as they come: those that were kept are listed. */
static bool list_tokens(struct inspection *inspection, const int32_t *ids, size_t n_id,
                        dm_error *error) {
    for (size_t i = 0; i < n_id; i++, inspection->n_token++) {
        const char *text;
        size_t n_byte, n = inspection->n_listed;
        if (dm_decoder_push(inspection->decoder, ids[i], &text, &n_byte, error))
            return false;
        if (n < inspection->n_kept && inspection->tokens[n] == inspection->n_token) {
            json_array_append_new(inspection->list, json_pack("{so so so so}", "token",
                                                              json_size(inspection->n_token),
                                                              "byte", json_size(inspection->n_byte),
                                                              "bytes", json_size(n_byte), "layers",
                                                              json_size(inspection->depths[n])));
            inspection->n_listed++;
        }
        inspection->n_byte += n_byte;
    }
    return true;
}

static bool encode_some(struct inspection *inspection, bool *ended, dm_error *error) {
    const int32_t *ids;
    size_t n_id, n_byte;
    if (!document_ids_next(&inspection->text, &ids, &n_id, &n_byte, error))
        return false;
    *ended = n_byte == 0;
    return list_tokens(inspection, ids, n_id, error);
}

/* ---- What is told ---- */

static void tell(struct inspection *inspection) {
    struct document *document = inspection->document;
    json_t *layers = json_array(), *note, *scores;
    for (size_t i = 0; i < inspection->n_layer; i++) {
        const struct kept_layer *layer = &inspection->layers[i];
        json_array_append_new(layers,
                              json_pack("{so so so}", "layer", json_size(layer->layer), "tokens",
                                        json_size(layer->n), "kept", json_size(layer->n_kept)));
    }
    note = document_state_note(&inspection->documents->folder, document->id);
    scores = json_incref(json_object_get(note, "scores"));
    json_decref(note);
    reply_send_json(inspection->reply, 200,
                    json_pack("{ss ss so so sO so sO so}", "id", document->id, "object",
                              "document.kept", "tokens", json_size(document->state->n_token),
                              "bytes", json_size(document->n_byte), "method",
                              document->method->json, "layers", layers, "kept", inspection->list,
                              "scores", scores ? scores : json_null()));
}

static void fault(struct inspection *inspection, const dm_error *error) {
    struct api_error told;
    complain("%s: %s", inspection->document->id, error->message);
    refuse_as(&told, 500, "what was kept could not be found");
    reply_error(inspection->reply, &told);
}

/* Its state, in memory; else it is told why not. */
static bool wake(struct inspection *inspection, struct states *states) {
    struct document *document = inspection->document;
    struct api_error error;
    if (document->state && document_wake_state(inspection->documents, document->state, states))
        return true;
    refuse_as(&error, 409, "the document has not been read yet");
    reply_error(inspection->reply, &error);
    return false;
}

bool inspection_go_on(struct inspection *inspection, struct states *states) {
    dm_error error;
    bool ended = false;
    if (reply_is_gone(inspection->reply))
        return false;
    if (!inspection->begun) {
        if (!wake(inspection, states))
            return false;
        inspection->begun = true;
        snprintf(error.message, sizeof error.message, "memory is short");
        if (!list_layers(inspection) || (inspection->n_layer && finish(inspection, &error)) ||
            !open_text(inspection, &error)) {
            fault(inspection, &error);
            return false;
        }
        const struct served_model *served = inspection->documents->served;
        ended = !inspection->n_layer;
        if (!ended && list_tokens(inspection, served->before, served->n_before, &error))
            return true;
    }
    if (!ended && !encode_some(inspection, &ended, &error)) {
        fault(inspection, &error);
        return false;
    }
    if (ended && inspection->document->state)
        tell(inspection);
    else if (ended)
        wake(inspection, states);
    return !ended;
}
