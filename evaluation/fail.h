/* Errors: each is one line in the caller's dm_error. */
#ifndef DECIMAMBA_EVALUATION_FAIL_H
#define DECIMAMBA_EVALUATION_FAIL_H

#include "decimamba.h"

__attribute__((format(printf, 3, 4))) void task_error_set(dm_error *error, dm_status status,
                                                          const char *format, ...);

/* The same as an expression whose value is `status`, which compilers and checkers then see. */
#define task_fail(error, status, ...) (task_error_set(error, status, __VA_ARGS__), (status))

static inline dm_status fail_memory(dm_error *error, const char *what) {
    return task_fail(error, DM_ERROR_MEMORY, "memory is short for %s", what);
}

#endif
