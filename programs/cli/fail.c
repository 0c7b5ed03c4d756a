#include "fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "interrupt.h"

static _Thread_local char *caught;
static _Thread_local size_t caught_size;

void catch_complaints(char *line, size_t size) {
    caught = line;
    caught_size = size;
}

void complain(const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    if (caught)
        snprintf(caught, caught_size, "%s", line);
    else
        fprintf(stderr, "decimamba: %s\n", line);
}

bool flush_output(void) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    if (errno == EINTR && interrupted()) { /* Ctrl-C, which ends what is written here */
        clearerr(stdout);
        return true;
    }
    return errno ? fail("standard output: cannot write: %s", strerror(errno))
                 : fail("standard output: cannot write all of it"); /* the reason went by unseen */
}
