/* Saying what went wrong: one line on standard error. */
#ifndef DECIMAMBA_CLI_FAIL_H
#define DECIMAMBA_CLI_FAIL_H

#include <stdbool.h>
#include <stddef.h>

/* Prints "decimamba: " and the line, with control characters shown as '?'. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on this thread's lines go to `line` [size], the latest alone, instead of being printed; NULL:
 * they are printed again. */
void catch_complaints(char *line, size_t size);

/* The same as an expression that is false, so that a function that has failed can say
 * `return fail(...)`. */
#define fail(...) (complain(__VA_ARGS__), false)

/* The same where the command line itself is wrong: the program then ends with status 2, as other programs
 * do, so that scripts can tell it from a fault of files. */
bool fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whether fail_usage was called. */
bool failed_by_usage(void);
enum { EXIT_USAGE = 2 };

/* The line for memory that ran out; false. */
static inline bool fail_memory(void) {
    return fail("memory is short");
}

/* Flushes standard output; fails when anything written to it was lost (a full disk, or a closed pipe
 * where somebody had SIGPIPE ignored). */
bool flush_output(void);

#endif
