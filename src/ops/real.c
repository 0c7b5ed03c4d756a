#include "ops/real.h"

#include <string.h>

#include "base/half.h"

enum { PIECE = 256 };

void dm_reals_from(const void *data, dm_dtype dtype, size_t first, size_t n, dm_real *out) {
    float floats[PIECE];
    if (dtype == DM_DTYPE_AUTO) {
        memcpy(out, (const dm_real *)data + first, n * sizeof *out);
        return;
    }
    for (size_t i = 0, piece; i < n; i += piece) {
        piece = n - i < PIECE ? n - i : PIECE;
        dm_floats_from(data, dtype, first + i, piece, floats);
        for (size_t j = 0; j < piece; j++)
            out[i + j] = floats[j];
    }
}

void dm_reals_from_blocks(const void *data, const struct dm_block_kind *kind, size_t first,
                          size_t n, dm_real *out) {
    float floats[PIECE];
    for (size_t i = 0, piece; i < n; i += piece) {
        piece = n - i < PIECE ? n - i : PIECE;
        dm_blocks_to_floats(kind, data, first + i, piece, floats);
        for (size_t j = 0; j < piece; j++)
            out[i + j] = floats[j];
    }
}
