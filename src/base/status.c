#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local struct {
    dm_warning tell; /* NULL: nobody listens */
    void *user;
} listener;

static void print_line(char *line, size_t size, const char *format, va_list arguments) {
    vsnprintf(line, size, format, arguments);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}

void dm_error_set(dm_error *error, dm_status status, const char *format, ...) {
    if (!error)
        return;
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    print_line(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
}

void dm_warning_set(dm_warning tell, void *user) {
    listener.tell = tell;
    listener.user = user;
}

void dm_warn(const char *format, ...) {
    char line[sizeof((dm_error *)0)->message];
    if (!listener.tell)
        return;
    va_list arguments;
    va_start(arguments, format);
    print_line(line, sizeof line, format, arguments);
    va_end(arguments);
    listener.tell(line, listener.user);
}
