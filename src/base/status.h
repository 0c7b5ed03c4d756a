/* Filling a caller's dm_error. */
#ifndef DM_BASE_STATUS_H
#define DM_BASE_STATUS_H

#include "decimamba.h"

/* Writes `status` and the formatted line into `error` (may be NULL); returns `status`. Control
 * characters (an untrusted name may hold any) are shown as '?', an over-long line is cut. */
dm_status dm_fail(dm_error *error, dm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The line for a failed allocation of `n_byte` bytes for `what`. */
dm_status dm_fail_memory(dm_error *error, const char *what);

#endif
