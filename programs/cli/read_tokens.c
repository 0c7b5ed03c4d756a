#include "read_tokens.h"

#include <stdio.h>

#include "fail.h"

static int is_interrupted(size_t n_done, size_t n_total, void *user) {
    (void)n_done, (void)n_total, (void)user;
    return interrupted();
}

void cancel_by_interrupt(void) {
    dm_set_progress(is_interrupted, NULL);
}

void reading_start(struct progress *progress, const struct token_source *source) {
    progress_start(progress, "reading", source->input.n_byte);
    progress->unit = "bytes";
}

void reading_update(struct progress *progress, const struct token_source *source, size_t n_read) {
    snprintf(progress->detail, sizeof progress->detail, "%zu tokens  %.0f/s", n_read,
             (double)n_read / (seconds_now() - progress->started));
    progress_update(progress, source->input.n_read);
}

bool read_tokens(dm_session *session, dm_sampler *sampler, struct token_source *source) {
    struct progress progress;
    const int32_t *ids;
    size_t n_id, n_read = 0;
    dm_error error;
    dm_status status = DM_OK;
    reading_start(&progress, source);
    while (!interrupted() && !(status = token_source_next(source, &ids, &n_id, &error)) && n_id) {
        if (sampler)
            status = dm_sampler_accept(sampler, ids, n_id, &error);
        for (size_t i = 0, n; i < n_id && !status && !interrupted(); i += n) {
            n = n_id - i < tokens_per_piece ? n_id - i : tokens_per_piece;
            status = dm_session_append(session, ids + i, n, &error);
            n_read += n;
            reading_update(&progress, source, n_read);
        }
        if (status)
            break;
    }
    progress_clear(&progress);
    return !status || status == DM_CANCELLED || fail("%s", error.message);
}
