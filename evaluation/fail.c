#include "fail.h"

#include <stdarg.h>
#include <stdio.h>

void task_error_set(dm_error *error, dm_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
}
