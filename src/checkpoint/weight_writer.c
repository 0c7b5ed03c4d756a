#include "checkpoint/weight_writer.h"

#include <math.h>

#include "base/half.h"

/* To 16 bits; false: a finite value became infinite. */
static bool narrow(const float *values, size_t n, dm_dtype dtype, uint16_t *out) {
    bool fits = true;
    for (size_t i = 0; i < n; i++) {
        bool is_bf16 = dtype == DM_DTYPE_BF16;
        out[i] = is_bf16 ? dm_bf16_from_float(values[i]) : dm_f16_from_float(values[i]);
        if (isfinite(values[i]) &&
            !isfinite(is_bf16 ? dm_bf16_to_float(out[i]) : dm_f16_to_float(out[i])))
            fits = false;
    }
    return fits;
}

dm_status dm_weight_write(struct dm_file_writer *writer, const struct dm_stored_weight *weight,
                          const struct dm_weight_source *source, struct dm_weight_blocks *blocks,
                          dm_error *error) {
    size_t size = dm_dtype_size(weight->dtype), n_element = weight->parameter->n_element;
    for (size_t first = 0, n; first < n_element; first += n) {
        n = n_element - first < DM_WEIGHT_BLOCK ? n_element - first : DM_WEIGHT_BLOCK;
        source->read(source->context, weight->parameter, first, n, blocks->wide);
        const void *bytes = blocks->wide;
        if (weight->dtype != DM_DTYPE_F32) {
            if (!narrow(blocks->wide, n, weight->dtype, blocks->narrow))
                return dm_fail(error, DM_ERROR_UNSUPPORTED,
                               "%s: tensor %s has values beyond the range of %s", writer->path,
                               weight->name, dm_dtype_name(weight->dtype));
            bytes = blocks->narrow;
        }
        dm_status status = dm_file_writer_write(writer, bytes, n * size, error);
        if (status)
            return status;
    }
    return DM_OK;
}
