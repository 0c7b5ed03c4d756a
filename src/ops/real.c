#include "ops/real.h"

#include <string.h>

#include "base/half.h"

void dm_reals_from(const void *data, dm_dtype dtype, size_t first, size_t n, dm_real *out) {
    enum { PIECE = 256 };
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
