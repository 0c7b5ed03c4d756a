#include "generation.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fail.h"
#include "model_flags.h"
#include "progress.h"
#include "read_tokens.h"

const char *end_reason_name(enum end_reason reason) {
    static const char *const names[] = {"length", "end_token", "stop_string", "interrupted"};
    return names[reason];
}

bool generation_open_with(struct generation *generation, const int32_t *ends, size_t n_end,
                          const dm_model_info *info, const dm_tokenizer *tokenizer,
                          const struct sampling_flags *flags) {
    dm_error error;
    *generation = (struct generation){.vocab_size = info->vocab_size,
                                      .n_allowed = shared_vocabulary(tokenizer, info),
                                      .max_tokens = flags->max_tokens};
    if (!flags->ignore_end) {
        generation->ends = ends;
        generation->n_end = n_end;
    }
    stop_strings_init(&generation->stops, &flags->stops);
    if (dm_sampler_new(info->vocab_size, &flags->sampler, &generation->sampler, &error) ||
        (tokenizer && dm_decoder_new(tokenizer, 0, &generation->decoder, &error)))
        return fail("%s", error.message);
    return true;
}

bool generation_open(struct generation *generation, const char *directory,
                     const dm_model_info *info, const dm_tokenizer *tokenizer,
                     const struct sampling_flags *flags) {
    dm_error error;
    if (!generation_open_with(generation, NULL, 0, info, tokenizer, flags))
        return false;
    if (!flags->ignore_end && dm_checkpoint_stop_tokens(directory, tokenizer, &generation->own_ends,
                                                        &generation->n_end, &error))
        return fail("%s", error.message);
    generation->ends = generation->own_ends;
    return true;
}

void generation_free(struct generation *generation) {
    dm_sampler_free(generation->sampler);
    dm_decoder_free(generation->decoder);
    dm_free(generation->own_ends);
    stop_strings_free(&generation->stops);
    free(generation->ids);
}

/* ---- Showing ---- */

/* What the decoder makes certain, up to a stop string. */
static bool take_text(struct generation *generation, const char *text, size_t n_byte,
                      struct shown_token *token) {
    return stop_strings_push(&generation->stops, text, n_byte, &token->text, &token->n_byte);
}

static bool show(struct generation *generation, int32_t id, const float *logits) {
    struct shown_token token = {id, logits, "", 0};
    const char *text;
    size_t n_byte;
    dm_error error;
    if (generation->decoder && dm_decoder_push(generation->decoder, id, &text, &n_byte, &error))
        return fail("%s", error.message);
    return (!generation->decoder || take_text(generation, text, n_byte, &token)) &&
           generation->show(&token, generation->user);
}

static bool show_rest(struct generation *generation, struct shown_token *token) {
    return !token->n_byte || generation->show(token, generation->user);
}

bool generation_finish(struct generation *generation) {
    struct shown_token token = {-1, NULL, "", 0};
    const char *text;
    size_t n_byte;
    dm_error error;
    if (!generation->decoder || generation->stops.found)
        return true;
    if (dm_decoder_finish(generation->decoder, &text, &n_byte, &error))
        return fail("%s", error.message);
    if (!take_text(generation, text, n_byte, &token) || !show_rest(generation, &token))
        return false;
    if (generation->stops.found) {
        generation->reason = END_STOP_STRING;
        return true;
    }
    stop_strings_finish(&generation->stops, &token.text, &token.n_byte);
    return show_rest(generation, &token);
}

/* ---- Drawing ---- */

static bool is_end(const struct generation *generation, int32_t id) {
    for (size_t i = 0; i < generation->n_end; i++)
        if (generation->ends[i] == id)
            return true;
    return false;
}

static void end(struct generation *generation, enum end_reason reason) {
    generation->reason = reason;
    generation->ended = true;
}

bool generation_begin(struct generation *generation) {
    generation->reason = END_LENGTH;
    generation->ended = !generation->max_tokens;
    generation->ids = calloc(generation->max_tokens + 1, sizeof *generation->ids);
    return generation->ids || fail_memory();
}

bool generation_turn(struct generation *generation, const float *logits, int32_t *id) {
    int32_t drawn;
    dm_error error;
    *id = -1;
    if (interrupted()) {
        end(generation, END_INTERRUPTED);
        return true;
    }
    if (dm_sampler_draw(generation->sampler, logits, generation->n_allowed, &drawn, &error))
        return fail("%s", error.message);
    if (is_end(generation, drawn)) {
        end(generation, END_TOKEN);
        return true;
    }
    generation->ids[generation->n_id++] = drawn;
    if (!show(generation, drawn, logits))
        return false;
    if (dm_sampler_accept(generation->sampler, &drawn, 1, &error))
        return fail("%s", error.message);
    if (generation->stops.found)
        end(generation, END_STOP_STRING);
    else if (generation->n_id == generation->max_tokens)
        end(generation, END_LENGTH);
    *id = drawn;
    return true;
}

/* Draws, shows and reads tokens; `logits` are those of the prompt's last token. */
static bool continue_text(struct generation *generation, float *logits) {
    dm_error error;
    while (!generation->ended) {
        int32_t id;
        if (!generation_turn(generation, logits, &id))
            return false;
        if (id >= 0 &&
            dm_session_step(generation->session, id, generation->ended ? NULL : logits, &error))
            return fail("%s", error.message);
    }
    return generation_finish(generation);
}

bool generation_run(struct generation *generation) {
    dm_error error;
    if (!generation_begin(generation))
        return false;
    if (generation->ended)
        return true;
    double started = seconds_now();
    float *logits = calloc(generation->vocab_size, sizeof *logits);
    dm_status status = logits ? dm_session_next_logits(generation->session, logits, &error) : DM_OK;
    generation->close_seconds = seconds_now() - started;
    bool fine = logits || fail_memory();
    if (status == DM_CANCELLED)
        end(generation, END_INTERRUPTED);
    else if (status)
        fine = fail("%s", error.message);
    fine = fine && continue_text(generation, logits);
    generation->seconds = seconds_now() - started - generation->close_seconds;
    free(logits);
    return fine;
}

void tell_speed(size_t n_read, double read_seconds, size_t n_generated, double seconds) {
    char read[64] = "", generated[64] = "";
    if (!isatty(STDERR_FILENO) || (!n_read && !n_generated))
        return;
    if (n_read)
        snprintf(read, sizeof read, "%zu tokens read, %.0f/s%s", n_read,
                 (double)n_read / read_seconds, n_generated ? "; " : "");
    if (n_generated)
        snprintf(generated, sizeof generated, "%zu generated, %.1f/s", n_generated,
                 (double)n_generated / seconds);
    complain("%s%s", read, generated);
}
