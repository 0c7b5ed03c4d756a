/* Filling a caller's dm_error, and telling its warnings. */
#ifndef DM_BASE_STATUS_H
#define DM_BASE_STATUS_H

#include "decimamba.h"

/* Writes `status` and the formatted line into `error` (may be NULL). Control characters (an
 * untrusted name may hold any) are shown as '?', an over-long line is cut. */
void dm_error_set(dm_error *error, dm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same as an expression whose value is `status`, which compilers and checkers then see. */
#define dm_fail(error, status, ...) (dm_error_set(error, status, __VA_ARGS__), (status))

/* Tells this thread's caller, if it listens, of what is taken as harmless; a line as of an error. */
void dm_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void dm_warning_set(dm_warning tell, void *user); /* dm_set_warning of decimamba.h */

/* The line for a failed allocation for `what`. */
static inline dm_status dm_fail_memory(dm_error *error, const char *what) {
    return dm_fail(error, DM_ERROR_MEMORY, "memory is short for %s", what);
}

#endif
