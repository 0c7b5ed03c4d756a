/* The error of running out of memory. */
#ifndef DECIMAMBA_ANALYSIS_MEMORY_ERROR_H
#define DECIMAMBA_ANALYSIS_MEMORY_ERROR_H

#include <stdio.h>

#include "decimamba.h"

static inline dm_status fail_memory(dm_error *error) {
    if (error) {
        error->status = DM_ERROR_MEMORY;
        snprintf(error->message, sizeof error->message, "memory is short for the analysis");
    }
    return DM_ERROR_MEMORY;
}

#endif
