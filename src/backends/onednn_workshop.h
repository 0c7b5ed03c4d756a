/* What the matrix products work with: the kernels, the conversions, and room for each thread. */
#ifndef DM_BACKENDS_ONEDNN_WORKSHOP_H
#define DM_BACKENDS_ONEDNN_WORKSHOP_H

#include "backends/onednn_kernels.h"
#include "ops/convert/convert.h"

/* What a thread needs while it computes a piece; or, as a table, what the threads of one call
 * share. */
struct dm_bench {
    struct dm_bench *next;
    struct dm_runner runner;
    size_t n_byte;
    unsigned char *bytes;
};

struct dm_benches {
    struct dm_bench *idle;
    size_t n_byte; /* wanted of each */
    size_t n_bench, n_caller;
};

/* Packed weights, one behind the other in large pages: generating reads all of them for every token.
 * They are released with the workshop. */
struct dm_pack_block {
    struct dm_pack_block *next;
    size_t n_byte, used;
    unsigned char *bytes;
};

struct dm_workshop {
    struct dm_onednn onednn;
    struct dm_convert convert;
    pthread_mutex_t mutex; /* guards what follows */
    struct dm_benches benches, tables;
    struct dm_pack_block *blocks; /* the latest first */
};

dm_status dm_workshop_open(struct dm_workshop *workshop, const struct dm_convert *convert,
                           dm_error *error);
void dm_workshop_close(struct dm_workshop *workshop);

/* From now on a bench has room for `n_byte` at least: those that are idle too, or
 * DM_ERROR_MEMORY. */
dm_status dm_workshop_need(struct dm_workshop *workshop, size_t n_byte, dm_error *error);
/* See struct dm_matmul_backend. */
dm_status dm_workshop_begin(struct dm_workshop *workshop, size_t n_thread, dm_error *error);
void dm_workshop_end(struct dm_workshop *workshop);

/* Zeros for a packed weight; NULL: memory is short. */
unsigned char *dm_workshop_pack_room(struct dm_workshop *workshop, size_t n_byte);

/* A bench (or a table) of `n_byte`; a new one where none that is large enough is idle. NULL: memory
 * is short. */
struct dm_bench *dm_workshop_take(struct dm_workshop *workshop, struct dm_benches *benches,
                                  size_t n_byte);
void dm_workshop_give_back(struct dm_workshop *workshop, struct dm_benches *benches,
                           struct dm_bench *bench);

/* To a multiple of what a cache line holds. */
static inline size_t dm_round_up(size_t n) {
    return (n + 63) / 64 * 64;
}

#endif
