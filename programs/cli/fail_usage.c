#include <stdarg.h>
#include <stdio.h>

#include "fail.h"

static _Thread_local bool failed; /* of main's: nobody else has a command line */

bool fail_usage(const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    complain("%s", line);
    failed = true;
    return false;
}

bool failed_by_usage(void) {
    return failed;
}
