/* What the matrix products work with: the kernels, the conversions, and room for each thread. */
#ifndef DM_BACKENDS_ONEDNN_CONTEXT_H
#define DM_BACKENDS_ONEDNN_CONTEXT_H

#include "backends/onednn_kernels.h"
#include "ops/convert/convert.h"

/* Scratch memory of a thread while it computes a piece; or what the threads of one call share. */
struct dm_workspace {
    struct dm_workspace *next;
    struct dm_runner runner;
    size_t n_byte;
    unsigned char *bytes;
};

struct dm_workspaces {
    struct dm_workspace *idle;
    size_t n_byte; /* wanted of each */
    size_t n_workspace, n_caller;
};

/* Packed weights, one behind the other in large pages: generating reads all of them for every
 * token. They are freed with the context. */
struct dm_pack_block {
    struct dm_pack_block *next;
    size_t n_byte, used;
    unsigned char *bytes;
};

struct dm_matmul_context {
    struct dm_onednn onednn;
    struct dm_convert convert;
    pthread_mutex_t mutex;                   /* guards what follows */
    struct dm_workspaces workspaces, shared; /* a thread's; a call's */
    struct dm_pack_block *blocks;            /* the latest first */
};

dm_status dm_matmul_context_open(struct dm_matmul_context *context,
                                 const struct dm_convert *convert, dm_error *error);
void dm_matmul_context_close(struct dm_matmul_context *context);

/* From now on a workspace has at least `n_byte`, the idle ones too; else DM_ERROR_MEMORY. */
dm_status dm_matmul_context_need(struct dm_matmul_context *context, size_t n_byte, dm_error *error);
/* See struct dm_matmul_backend. */
dm_status dm_matmul_context_begin(struct dm_matmul_context *context, size_t n_thread,
                                  dm_error *error);
void dm_matmul_context_end(struct dm_matmul_context *context);

/* Zeros for a packed weight; NULL: memory is short. */
unsigned char *dm_matmul_context_pack_room(struct dm_matmul_context *context, size_t n_byte);

/* A workspace of `n_byte` from one of the context's lists; a new one where none is idle. NULL:
 * memory is short. */
struct dm_workspace *dm_workspace_take(struct dm_matmul_context *context,
                                       struct dm_workspaces *workspaces, size_t n_byte);
void dm_workspace_give_back(struct dm_matmul_context *context, struct dm_workspaces *workspaces,
                            struct dm_workspace *workspace);

/* To a multiple of what a cache line holds. */
static inline size_t dm_round_up(size_t n) {
    return (n + 63) / 64 * 64;
}

#endif
