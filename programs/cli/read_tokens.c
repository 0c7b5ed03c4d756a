#include "read_tokens.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "fail.h"

static volatile sig_atomic_t was_interrupted;
/* What Ctrl-C says; made beforehand, as a signal handler may not print. */
static char notice[160];
static volatile sig_atomic_t notice_size;

static void note_interrupt(int number) {
    int fault = errno;
    was_interrupted = 1;
    if (number == SIGINT && notice_size > 0 &&
        write(STDERR_FILENO, notice, (size_t)notice_size) < 0)
        notice_size = 0; /* nobody is there to read it */
    errno = fault;
}

static void catch_once(int number) {
    struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void catch_interrupt(const char *awaited) {
    notice_size = 0;
    if (awaited && isatty(STDERR_FILENO))
        notice_size =
            snprintf(notice, sizeof notice,
                     "\ndecimamba: waiting for %s; Ctrl-C again ends this at once\n", awaited);
    catch_once(SIGINT);
}

void catch_termination(void) {
    catch_once(SIGTERM);
}

void catch_no_more(void) {
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

bool interrupted(void) {
    return was_interrupted;
}

void forget_interrupt(void) {
    was_interrupted = 0;
    catch_once(SIGINT);
}

static int is_interrupted(size_t n_done, size_t n_total, void *user) {
    (void)n_done, (void)n_total, (void)user;
    return was_interrupted;
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
