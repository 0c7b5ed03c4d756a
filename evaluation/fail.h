/* Errors: each is one line in the caller's dm_error. */
#ifndef DECIMAMBA_EVALUATION_FAIL_H
#define DECIMAMBA_EVALUATION_FAIL_H

#include "decimamba.h"

/* Fills `error`; gives `status`. */
__attribute__((format(printf, 3, 4))) dm_status task_fail(dm_error *error, dm_status status,
                                                          const char *format, ...);

static inline dm_status fail_memory(dm_error *error, const char *what) {
    return task_fail(error, DM_ERROR_MEMORY, "memory is short for %s", what);
}

#endif
