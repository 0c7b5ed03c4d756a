/* Saying what went wrong: one line on standard error. */
#ifndef DECIMAMBA_CLI_FAIL_H
#define DECIMAMBA_CLI_FAIL_H

#include <stdbool.h>
#include <stddef.h>

/* Prints "decimamba: " and the line, with control characters shown as '?'. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same as an expression that is false, so that a function that has failed can say
 * `return fail(...)`. */
#define fail(...) (complain(__VA_ARGS__), false)

/* The line for memory that ran out; false. */
static inline bool fail_memory(void) {
    return fail("memory is short");
}

/* Flushes standard output; fails when anything written to it was lost (a full disk, or a closed pipe
 * where somebody had SIGPIPE ignored). */
bool flush_output(void);

#endif
