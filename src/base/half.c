#include "base/half.h"

size_t dm_dtype_size(dm_dtype dtype) {
    return dtype == DM_DTYPE_F32 ? sizeof(float) : sizeof(uint16_t);
}

const char *dm_dtype_name(dm_dtype dtype) {
    static const char *const names[] = {"auto", "f32", "bf16", "f16", "int8", "q4", "bf16x3"};
    return names[dtype];
}

void dm_floats_from(const void *data, dm_dtype dtype, size_t first, size_t n, float *out) {
    const unsigned char *bytes = (const unsigned char *)data + first * dm_dtype_size(dtype);
    if (dtype == DM_DTYPE_F32) {
        memcpy(out, bytes, n * sizeof(float));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, bytes + i * sizeof half, sizeof half);
        out[i] = dtype == DM_DTYPE_BF16 ? dm_bf16_to_float(half) : dm_f16_to_float(half);
    }
}
