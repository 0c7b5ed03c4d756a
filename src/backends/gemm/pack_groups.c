#include "backends/gemm/groups.h"
#include "backends/gemm/pack.h"
#include "base/memory.h"

int32_t dm_group_zero(const struct dm_block_kind *kind, const struct dm_gemm_kernel *kernel) {
    return kernel->takes_signed ? 0 : -kind->least;
}

/* The units of a group, side by side. */
static void put_steps(const struct dm_group *group, size_t unit, int zero, uint32_t *units,
                      size_t columns) {
    for (size_t i = 0; i < DM_GROUP; i += unit) {
        uint32_t bits = 0;
        for (size_t j = 0; j < unit; j++) {
            uint32_t steps = (uint32_t)(group->steps[i + j] + zero);
            bits |= unit == 4 ? (steps & 255) << 8 * j : steps << (8 * (j % 4) + j / 4 * 4);
        }
        units[i / unit * columns] = bits;
    }
}

/* The scales of a group lie in 16 bits a column: halves, or first all lower bytes, then the higher. */
static void put_scale(const struct dm_block_kind *kind, uint16_t scale, uint16_t *scales,
                      size_t columns, size_t column) {
    unsigned char *bytes = (unsigned char *)scales;
    if (kind->form == DM_SCALE_HALF) {
        scales[column] = scale;
    } else {
        bytes[column] = (unsigned char)(scale & 255);
        bytes[columns + column] = (unsigned char)(scale >> 8);
    }
}

/* A row of blocks, as a column of the panels. */
static void pack_row(const struct dm_packing *packing, const struct dm_block_kind *kind,
                     const void *row, size_t n_group, size_t column) {
    size_t columns = packing->kernel->columns, unit = packing->kernel->unit;
    int zero = dm_group_zero(kind, packing->kernel);
    uint32_t *panel = packing->panels + column / columns * packing->panel_step + column % columns;
    uint16_t *scales = packing->scales + column / columns * packing->scale_step;
    for (size_t g = 0; g < n_group; g++) {
        uint16_t *super = scales + g / DM_SUPER_GROUPS * DM_SUPER_SCALES * columns;
        struct dm_group group = {0};
        dm_blocks_read(kind, row, g, &group);
        put_steps(&group, unit, zero, panel + g * (DM_GROUP / unit) * columns, columns);
        super[column % columns] = group.d;
        super[columns + column % columns] = group.d_min;
        put_scale(kind, group.scale, super + (2 + g % DM_SUPER_GROUPS) * columns, columns,
                  column % columns);
    }
}

/* Rounds each row first. */
static dm_status pack_rounded(const struct dm_packing *packing, const struct dm_block_kind *kind,
                              const struct dm_matrix_source *source, dm_error *error) {
    size_t n_in = source->n_in, n_group = (n_in + DM_GROUP - 1) / DM_GROUP;
    float *floats = dm_memory_array(n_in, sizeof *floats);
    unsigned char *row = dm_memory_array(dm_blocks_bytes(kind, n_in), 1);
    dm_status status = floats && row ? DM_OK : dm_fail_memory(error, "a weight");
    for (size_t i = 0; i < source->n_out && !status; i++) {
        dm_source_reals(source, i, 0, n_in, floats);
        if (!dm_blocks_from_floats(kind, floats, n_in, row))
            status = dm_fail(error, DM_ERROR_UNSUPPORTED,
                             "a weight has values beyond the range of %s", kind->name);
        else
            pack_row(packing, kind, row, n_group, i);
    }
    dm_memory_free(floats);
    dm_memory_free(row);
    return status;
}

dm_status dm_pack_groups(const struct dm_packing *packing, const struct dm_block_kind *kind,
                         const struct dm_matrix_source *source, dm_error *error) {
    if (source->blocks != kind)
        return pack_rounded(packing, kind, source, error);
    size_t n_group = (source->n_in + DM_GROUP - 1) / DM_GROUP;
    size_t row_bytes = dm_blocks_bytes(kind, source->n_in);
    for (size_t i = 0; i < source->n_out; i++)
        pack_row(packing, kind, (const unsigned char *)source->data + i * row_bytes, n_group, i);
    return DM_OK;
}
