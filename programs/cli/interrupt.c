#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

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
