/* The first error of several threads that work on one thing. Starts from zeros. */
#ifndef DM_BASE_FIRST_ERROR_H
#define DM_BASE_FIRST_ERROR_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/status.h"

struct dm_first_error {
    atomic_bool is_there; /* some thread failed: what the others do no longer matters */
    dm_error error;
};

static inline void dm_first_error_keep(struct dm_first_error *first, const dm_error *error) {
    if (!atomic_exchange(&first->is_there, true))
        first->error = *error;
}

/* When all have ended: DM_OK, or what one of them said. */
static inline dm_status dm_first_error_give(const struct dm_first_error *first, dm_error *error) {
    if (!first->is_there)
        return DM_OK;
    if (error)
        *error = first->error;
    return first->error.status;
}

#endif
