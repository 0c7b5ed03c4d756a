#include "read_tokens.h"

#include <signal.h>

#include "fail.h"

static volatile sig_atomic_t was_interrupted;

static void note_interrupt(int number) {
    (void)number;
    was_interrupted = 1;
}

static void catch_once(int number) {
    struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void catch_interrupt(void) {
    catch_once(SIGINT);
}

void catch_termination(void) {
    catch_once(SIGTERM);
}

bool interrupted(void) {
    return was_interrupted;
}

bool read_tokens(dm_session *session, const int32_t *ids, size_t n_id, struct progress *progress,
                 size_t done) {
    dm_error error;
    for (size_t i = 0; i < n_id && !interrupted(); i += tokens_per_piece) {
        size_t n = n_id - i < tokens_per_piece ? n_id - i : tokens_per_piece;
        if (dm_session_append(session, ids + i, n, &error)) {
            progress_clear(progress);
            return fail("%s", error.message);
        }
        progress_update(progress, done + i + n);
    }
    return true;
}
