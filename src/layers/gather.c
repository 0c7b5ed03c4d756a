#include "layers/gather.h"

#include <string.h>

#include "ops/split.h"

struct rows {
    const dm_real *from;
    const size_t *index;
    size_t n, width;
    dm_real *to;
};

static void gather(const void *context, size_t first, size_t n) {
    const struct rows *rows = context;
    for (size_t i = first; i < first + n; i++)
        memcpy(rows->to + i * rows->width, rows->from + rows->index[i] * rows->width,
               rows->width * sizeof *rows->to);
}

static void scatter_add(const void *context, size_t first, size_t n) {
    const struct rows *rows = context;
    for (size_t i = first; i < first + n; i++) {
        const dm_real *from = rows->from + i * rows->width;
        dm_real *to = rows->to + rows->index[i] * rows->width;
        for (size_t j = 0; j < rows->width; j++)
            to[j] += from[j];
    }
}

static void sum(const void *context, size_t first, size_t n) {
    const struct rows *rows = context;
    for (size_t t = 0; t < rows->n; t++)
        for (size_t i = first; i < first + n; i++)
            rows->to[i] += rows->from[t * rows->width + i];
}

void dm_rows_gather(struct dm_threads *threads, const dm_real *from, const size_t *index, size_t n,
                    size_t width, dm_real *to) {
    const struct rows rows = {.from = from, .index = index, .n = n, .width = width, .to = to};
    dm_split(threads, &rows, gather, n, 1, width);
}

void dm_rows_scatter_add(struct dm_threads *threads, const dm_real *from, const size_t *index,
                         size_t n, size_t width, dm_real *to) {
    const struct rows rows = {.from = from, .index = index, .n = n, .width = width, .to = to};
    dm_split(threads, &rows, scatter_add, n, 1, width);
}

void dm_rows_clear(dm_real *to, size_t n, size_t width) {
    memset(to, 0, n * width * sizeof *to);
}

void dm_rows_sum(struct dm_threads *threads, const dm_real *x, size_t n, size_t width,
                 dm_real *sums) {
    const struct rows rows = {.from = x, .n = n, .width = width, .to = sums};
    dm_split(threads, &rows, sum, width, DM_CHANNEL_BLOCK, n);
}
