/* What the benchmarks have in common. */
#ifndef DM_BENCHMARKS_BENCH_H
#define DM_BENCHMARKS_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/system.h"
#include "decimamba.h"

/* By the clock; with DM_PROCESSOR_TIME, of all threads together: for one thread, where others use the
 * processor too. */
static inline double seconds(void) {
    struct timespec now;
    clock_gettime(getenv("DM_PROCESSOR_TIME") ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline double peak_megabytes(void) {
    return dm_system_peak_memory() / (1 << 20);
}

static inline void check(dm_status status, const dm_error *error) {
    if (!status)
        return;
    fprintf(stderr, "benchmark: %s\n", error->message);
    exit(1);
}

static inline dm_dtype dtype_named(const char *name) {
    return strcmp(name, "q4") == 0       ? DM_DTYPE_Q4
           : strcmp(name, "int8") == 0   ? DM_DTYPE_INT8
           : strcmp(name, "bf16x3") == 0 ? DM_DTYPE_BF16X3
           : strcmp(name, "bf16") == 0   ? DM_DTYPE_BF16
                                         : DM_DTYPE_F32;
}

/* A number from the environment. */
static inline size_t setting(const char *name, size_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : otherwise;
}

#endif
