#include "complaints.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/fail.h"

static size_t n_complaint;

void complain(const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    MUST(n > 0 && *line);
    n_complaint += strncmp(line, "warning: ", strlen("warning: ")) != 0;
}

bool flush_output(void) {
    return true;
}

void fuzz_check_complaints(bool ok) {
    MUST(n_complaint == !ok);
    n_complaint = 0;
}
