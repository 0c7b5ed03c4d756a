/* Weights in blocks, byte for byte as GGUF files have them (github.com/ggml-org/ggml, ggml-common.h:
 * block_q4_0, block_q8_0, block_q4_K, block_q5_K, block_q6_K). A row of weights is whole blocks of 32 or
 * 256; each 32 of its weights are a group here. */
#ifndef DM_BASE_BLOCKS_H
#define DM_BASE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DM_GROUP = 32, DM_SUPER_GROUPS = 8 }; /* weights of a group; groups that share d and d_min */

/* What a group's weights are, of whole numbers `steps`: */
enum dm_scale_form {
    DM_SCALE_HALF,    /* half(scale) * steps */
    DM_SCALE_MINIMUM, /* d * (lower byte of scale) * steps - d_min * (higher byte) */
    DM_SCALE_TWO /* d * (signed lower byte) * steps for the first 16, higher byte for the others */
};

struct dm_group {
    uint16_t d, d_min, scale; /* d and d_min are f16, and the same for DM_SUPER_GROUPS groups */
    int8_t steps[DM_GROUP];
};

struct dm_block_kind {
    const char *name;
    uint32_t number; /* enum ggml_type */
    size_t n_weight, n_byte;
    enum dm_scale_form form;
    int least, most; /* of steps: four bits hold them, or eight */
    /* Group `index` of a block. */
    void (*read)(const unsigned char *block, size_t index, struct dm_group *group);
    /* A block of `n_weight` numbers; false: finite ones lie beyond its range. NULL: nobody needs it. One
     * that is not finite makes NaN of the block. */
    bool (*write)(const float *x, unsigned char *block);
};

extern const struct dm_block_kind dm_blocks_q4_0, dm_blocks_q8_0, dm_blocks_q4_k, dm_blocks_q5_k,
    dm_blocks_q6_k;

static inline bool dm_blocks_are_narrow(const struct dm_block_kind *kind) { /* in four bits */
    return kind->most - kind->least < 16;
}
/* Of a row of n weights. */
static inline size_t dm_blocks_bytes(const struct dm_block_kind *kind, size_t n) {
    return (n + kind->n_weight - 1) / kind->n_weight * kind->n_byte;
}

/* Group `index` of a row. */
void dm_blocks_read(const struct dm_block_kind *kind, const void *row, size_t index,
                    struct dm_group *group);
/* Weights [first, first + n) of a row, each rounded once. */
void dm_blocks_to_floats(const struct dm_block_kind *kind, const void *row, size_t first, size_t n,
                         float *out);
/* A row of n numbers, filled up with zeros; false: see `write`. */
bool dm_blocks_from_floats(const struct dm_block_kind *kind, const float *x, size_t n, void *row);

#endif
