/* Where the time goes: thread-seconds by operation, where a profile was asked for. */
#ifndef DM_OPS_PROFILE_H
#define DM_OPS_PROFILE_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum dm_operation {
    DM_OPERATION_EMBEDDING,
    DM_OPERATION_NORM,
    DM_OPERATION_ROUNDING, /* of rows for products in bf16 or 8 bits */
    DM_OPERATION_IN_PROJ,
    DM_OPERATION_CONV,
    DM_OPERATION_X_PROJ,
    DM_OPERATION_DT_PROJ,
    DM_OPERATION_SOFTPLUS,
    DM_OPERATION_SCAN,
    DM_OPERATION_OUT_PROJ,
    DM_OPERATION_HEAD,
    DM_N_OPERATION
};

struct dm_profile {
    atomic_uint_fast64_t nanoseconds[DM_N_OPERATION], calls[DM_N_OPERATION];
};

static inline uint64_t dm_profile_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The start, for dm_profile_end; `profile` NULL: not profiled. */
static inline uint64_t dm_profile_begin(const struct dm_profile *profile) {
    return profile ? dm_profile_now() : 0;
}
/* Adds the time since `begin` of `n_thread` threads. */
static inline void dm_profile_end(struct dm_profile *profile, enum dm_operation operation,
                                  uint64_t begin, size_t n_thread) {
    if (!profile)
        return;
    atomic_fetch_add_explicit(&profile->nanoseconds[operation],
                              (dm_profile_now() - begin) * n_thread, memory_order_relaxed);
    atomic_fetch_add_explicit(&profile->calls[operation], 1, memory_order_relaxed);
}

#endif
