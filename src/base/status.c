#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

dm_status dm_fail(dm_error *error, dm_status status, const char *format, ...) {
    if (!error)
        return status;
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    for (char *c = error->message; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return status;
}

dm_status dm_fail_memory(dm_error *error, const char *what) {
    return dm_fail(error, DM_ERROR_MEMORY, "not enough memory for %s", what);
}
