/* Memory that the products work with: packed weights in large pages, and room for each thread. */
#ifndef DM_BACKENDS_GEMM_WORKSPACE_H
#define DM_BACKENDS_GEMM_WORKSPACE_H

#include <pthread.h>

#include "base/status.h"

/* To a multiple of what a cache line holds. */
static inline size_t dm_round_up(size_t n) {
    return (n + 63) / 64 * 64;
}

/* What a thread needs while it computes a piece; or what the threads of one call share. */
struct dm_workspace {
    struct dm_workspace *next;
    size_t n_byte;
    unsigned char *bytes;
};

struct dm_workspaces {
    struct dm_workspace *idle;
    size_t n_byte; /* wanted of each */
    size_t n_workspace, n_caller;
};

/* Packed weights, one behind the other: generating reads all of them for every token. They are
 * released with the pool. */
struct dm_weight_pages {
    struct dm_weight_pages *next;
    size_t n_byte, used;
    unsigned char *bytes;
};

struct dm_gemm_memory {
    pthread_mutex_t mutex; /* guards what follows */
    struct dm_workspaces of_threads, of_calls;
    struct dm_weight_pages *pages; /* the latest first */
};

void dm_gemm_memory_open(struct dm_gemm_memory *memory);
void dm_gemm_memory_close(struct dm_gemm_memory *memory);

/* From now on a thread's workspace has room for `n_byte` at least: those that are idle too, or
 * DM_ERROR_MEMORY. */
dm_status dm_workspaces_need(struct dm_gemm_memory *memory, size_t n_byte, dm_error *error);
/* See struct dm_matmul_backend. */
dm_status dm_workspaces_begin(struct dm_gemm_memory *memory, size_t n_thread, dm_error *error);
void dm_workspaces_end(struct dm_gemm_memory *memory);

/* One of `n_byte` at least; a new one where none is idle. NULL: memory is short. */
struct dm_workspace *dm_workspace_take(struct dm_gemm_memory *memory,
                                       struct dm_workspaces *workspaces, size_t n_byte);
void dm_workspace_give_back(struct dm_gemm_memory *memory, struct dm_workspaces *workspaces,
                            struct dm_workspace *workspace);

/* Zeros for a packed weight; NULL: memory is short. */
void *dm_weight_room(struct dm_gemm_memory *memory, size_t n_byte);

#endif
