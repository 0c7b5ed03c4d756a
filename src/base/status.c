#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

void dm_error_set(dm_error *error, dm_status status, const char *format, ...) {
    if (!error)
        return;
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    for (char *c = error->message; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}
