#include "fail.h"

#include <stdarg.h>
#include <stdio.h>

dm_status task_fail(dm_error *error, dm_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}
