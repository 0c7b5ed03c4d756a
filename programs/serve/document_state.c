#include "document_state.h"

#include <string.h>

#include "base/memory.h"
#include "cli/fail.h"
#include "cli/json_output.h"

enum { note_version = 1 };

/* ---- Keeping ---- */

static json_t *make_note(const struct documents *documents, const struct document *document,
                         const struct document_mark *mark) {
    char hash[40];
    snprintf(hash, sizeof hash, "%016llx%016llx", (unsigned long long)mark->hash.high64,
             (unsigned long long)mark->hash.low64);
    return json_pack("{si sb ss ss so ss so so}", "version", note_version, "partial", mark->partial,
                     "model", documents->served->hash, "method", document->method->key, "tokens",
                     json_size(mark->n_token), "ids", hash, "seconds", json_real(mark->seconds),
                     "scores", mark->scores ? json_incref(mark->scores) : json_null());
}

/* First the state, then the note: of a note that is whole, the state is. */
bool document_save_state(const struct documents *documents, const struct document *document,
                         const struct document_mark *mark) {
    dm_error error;
    char *path = document_state_path(&documents->folder, document->id);
    json_t *note = make_note(documents, document, mark);
    bool fine = path && (note || fail_memory()) &&
                (!dm_generation_save(mark->session, mark->sampler, path, &error) ||
                 fail("%s", error.message)) &&
                document_write_state_note(&documents->folder, document->id, note);
    json_decref(note);
    dm_memory_free(path);
    return fine;
}

/* ---- Finding ---- */

static bool read_note(const struct documents *documents, const struct document *document,
                      const json_t *note, XXH128_hash_t *hash) {
    const char *model = json_string_value(json_object_get(note, "model"));
    const char *method = json_string_value(json_object_get(note, "method"));
    const char *ids = json_string_value(json_object_get(note, "ids"));
    unsigned long long high, low;
    if (json_integer_value(json_object_get(note, "version")) != note_version || !model || !method ||
        !ids || strcmp(model, documents->served->hash) != 0 ||
        strcmp(method, document->method->key) != 0 || sscanf(ids, "%16llx%16llx", &high, &low) != 2)
        return false;
    hash->high64 = high;
    hash->low64 = low;
    return true;
}

/* Its tokens are counted by the session: a later state may stand beside the note of an earlier one. */
void document_resume(const struct documents *documents, const struct document *document,
                     struct document_mark *mark) {
    json_t *note = document_state_note(&documents->folder, document->id);
    char *path = document_state_path(&documents->folder, document->id);
    dm_session *restored = NULL;
    XXH128_hash_t hash;
    int has_sampler;
    mark->n_token = 0;
    if (note && path && json_is_true(json_object_get(note, "partial")) &&
        read_note(documents, document, note, &hash) &&
        !dm_generation_restore(documents->served->model, path, &restored, mark->sampler,
                               &has_sampler, NULL) &&
        has_sampler && !dm_session_rewind(mark->session, restored, NULL))
        mark->n_token = dm_session_n_token(mark->session);
    if (mark->n_token) {
        mark->seconds = json_number_value(json_object_get(note, "seconds"));
        mark->scores = json_incref(json_object_get(note, "scores"));
    } else {
        document_remove_state(&documents->folder, document->id);
    }
    dm_session_free(restored);
    dm_memory_free(path);
    json_decref(note);
}

void document_find_state(struct documents *documents, struct document *document,
                         struct states *states) {
    json_t *note = document_state_note(&documents->folder, document->id);
    XXH128_hash_t hash;
    size_t n_token = (size_t)json_integer_value(json_object_get(note, "tokens"));
    if (note && n_token && !json_is_true(json_object_get(note, "partial")) &&
        read_note(documents, document, note, &hash))
        document->state =
            states_add(states, document->method->key, hash, n_token, NULL, NULL, document);
    if (document->state)
        documents_note(documents, document, DOCUMENT_READY, document->n_byte, n_token,
                       json_number_value(json_object_get(note, "seconds")), "");
    json_decref(note);
}

bool document_wake_state(struct documents *documents, struct state *state, struct states *states) {
    const struct served_model *served = documents->served;
    const dm_sampler_options options = DM_SAMPLER_OPTIONS_INIT;
    struct document *document = state->document;
    int has_sampler = 0;
    dm_error error;
    if (!state->session) {
        char *path = document_state_path(&documents->folder, document->id);
        snprintf(error.message, sizeof error.message, "memory is short");
        bool fine = path &&
                    !dm_sampler_new(served->info.vocab_size, &options, &state->sampler, &error) &&
                    !dm_generation_restore(served->model, path, &state->session, state->sampler,
                                           &has_sampler, &error);
        dm_memory_free(path);
        if (fine && (!has_sampler || dm_session_n_token(state->session) != state->n_token)) {
            snprintf(error.message, sizeof error.message, "its state is of another text");
            fine = false;
        }
        if (!fine) {
            complain("%s: %s; it is read again", document->id, error.message);
            states_remove(states, state);
            document->state = NULL;
            documents_note(documents, document, DOCUMENT_QUEUED, 0, 0, 0, "");
            return false;
        }
    }
    states_touch(states, state);
    return true;
}

bool document_copy_state(struct documents *documents, const struct document *other,
                         struct states *states, struct document_mark *mark) {
    mark->n_token = 0;
    if (!document_wake_state(documents, other->state, states))
        return true;
    if (dm_session_rewind(mark->session, other->state->session, NULL) ||
        dm_sampler_rewind(mark->sampler, other->state->sampler, NULL))
        return false;
    json_t *note = document_state_note(&documents->folder, other->id);
    mark->n_token = other->state->n_token;
    mark->scores = json_incref(json_object_get(note, "scores"));
    json_decref(note);
    return true;
}
