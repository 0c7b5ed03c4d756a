/* Writing a weight's elements to a file, in the type that the file stores them in. */
#ifndef DM_CHECKPOINT_WEIGHT_WRITER_H
#define DM_CHECKPOINT_WEIGHT_WRITER_H

#include "base/file_writer.h"
#include "checkpoint/parameters.h"

/* Gives elements [first, first + n) of a weight. Of each weight, all are asked for in order. */
struct dm_weight_source {
    void (*read)(void *context, const struct dm_parameter *parameter, size_t first, size_t n,
                 float *out);
    void *context;
};

/* A weight as a file stores it. */
struct dm_stored_weight {
    const struct dm_parameter *parameter;
    dm_dtype dtype;         /* not DM_DTYPE_AUTO */
    char name[DM_MAX_NAME]; /* in the file */
};

enum { DM_WEIGHT_BLOCK = 1 << 14 }; /* elements converted at a time */

struct dm_weight_blocks { /* scratch of one caller */
    float wide[DM_WEIGHT_BLOCK];
    uint16_t narrow[DM_WEIGHT_BLOCK];
};

/* A finite element that the type cannot hold is DM_ERROR_UNSUPPORTED, naming the weight. */
dm_status dm_weight_write(struct dm_file_writer *writer, const struct dm_stored_weight *weight,
                          const struct dm_weight_source *source, struct dm_weight_blocks *blocks,
                          dm_error *error);

#endif
