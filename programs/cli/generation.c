#include "generation.h"

#include <stdlib.h>

#include "fail.h"
#include "progress.h"
#include "read_tokens.h"

static bool show_text(struct generation *generation, const char *text, size_t n_byte) {
    const char *shown;
    size_t n_shown;
    return stop_strings_push(&generation->stops, text, n_byte, &shown, &n_shown) &&
           (!n_shown || generation->show_text(shown, n_shown, generation->user));
}

static bool show(struct generation *generation, int32_t id) {
    const char *text;
    size_t n_byte;
    dm_error error;
    if (!generation->show_id(id, generation->user))
        return false;
    if (!generation->decoder)
        return true;
    if (dm_decoder_push(generation->decoder, id, &text, &n_byte, &error))
        return fail("%s", error.message);
    return show_text(generation, text, n_byte);
}

/* What the decoder and the stop strings still hold back. */
static bool show_rest(struct generation *generation) {
    const char *text;
    size_t n_byte;
    dm_error error;
    if (!generation->decoder || generation->stops.found)
        return true;
    if (dm_decoder_finish(generation->decoder, &text, &n_byte, &error))
        return fail("%s", error.message);
    if (!show_text(generation, text, n_byte))
        return false;
    if (generation->stops.found) {
        generation->reason = END_STOP_STRING;
        return true;
    }
    stop_strings_finish(&generation->stops, &text, &n_byte);
    return !n_byte || generation->show_text(text, n_byte, generation->user);
}

static bool is_end(const struct generation *generation, int32_t id) {
    for (size_t i = 0; i < generation->n_end; i++)
        if (generation->ends[i] == id)
            return true;
    return false;
}

/* Draws, shows and reads tokens; `logits` are those of the prompt's last token. */
static bool continue_text(struct generation *generation, float *logits) {
    dm_error error;
    generation->reason = END_LENGTH;
    while (generation->n_id < generation->max_tokens) {
        int32_t id;
        if (interrupted()) {
            generation->reason = END_INTERRUPTED;
            break;
        }
        if (dm_sampler_draw(generation->sampler, logits, generation->n_allowed, &id, &error))
            return fail("%s", error.message);
        if (is_end(generation, id)) {
            generation->reason = END_TOKEN;
            break;
        }
        generation->ids[generation->n_id++] = id;
        if (!show(generation, id))
            return false;
        bool last = generation->stops.found || generation->n_id == generation->max_tokens;
        if (dm_sampler_accept(generation->sampler, &id, 1, &error) ||
            dm_session_step(generation->session, id, last ? NULL : logits, &error))
            return fail("%s", error.message);
        if (generation->stops.found) {
            generation->reason = END_STOP_STRING;
            break;
        }
    }
    return show_rest(generation);
}

bool generation_run(struct generation *generation) {
    dm_error error;
    if (!generation->max_tokens) {
        generation->reason = END_LENGTH;
        return true;
    }
    double started = seconds_now();
    float *logits = calloc(generation->vocab_size, sizeof *logits);
    generation->ids = calloc(generation->max_tokens, sizeof *generation->ids);
    bool fine = (logits && generation->ids) || fail_memory();
    if (fine && dm_session_next_logits(generation->session, logits, &error))
        fine = fail("%s", error.message);
    generation->close_seconds = seconds_now() - started;
    fine = fine && continue_text(generation, logits);
    generation->seconds = seconds_now() - started - generation->close_seconds;
    free(logits);
    return fine;
}

void generation_free(struct generation *generation) {
    free(generation->ids);
    stop_strings_free(&generation->stops);
}
