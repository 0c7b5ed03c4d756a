#include "session/row_ring.h"

#include <string.h>

#include "base/memory.h"

dm_status dm_row_ring_new(struct dm_row_ring *ring, size_t width, size_t capacity,
                          dm_error *error) {
    size_t row_bytes;
    *ring = (struct dm_row_ring){.width = width, .capacity = capacity};
    if (dm_size_mul(width, sizeof(float), &row_bytes))
        ring->rows = dm_memory_array(capacity, row_bytes);
    return ring->rows ? DM_OK : dm_fail_memory(error, "the tail of a text");
}

void dm_row_ring_free(struct dm_row_ring *ring) {
    dm_memory_free(ring->rows);
    *ring = (struct dm_row_ring){0};
}

void dm_row_ring_clear(struct dm_row_ring *ring) {
    ring->n = ring->next = 0;
}

void dm_row_ring_copy(struct dm_row_ring *ring, const struct dm_row_ring *from) {
    ring->n = from->n;
    ring->next = from->next;
    memcpy(ring->rows, from->rows, from->n * from->width * sizeof *from->rows);
}

void dm_row_ring_push(struct dm_row_ring *ring, const float *rows, size_t n) {
    if (n > ring->capacity) { /* only the last ones matter */
        rows += (n - ring->capacity) * ring->width;
        n = ring->capacity;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(ring->rows + ring->next * ring->width, rows + i * ring->width,
               ring->width * sizeof(float));
        ring->next = (ring->next + 1) % ring->capacity;
        ring->n += ring->n < ring->capacity;
    }
}

void dm_row_ring_range(const struct dm_row_ring *ring, size_t back, size_t n, float *rows) {
    size_t at = (ring->next + ring->capacity - back) % ring->capacity;
    for (size_t i = 0; i < n; i++) {
        memcpy(rows + i * ring->width, ring->rows + at * ring->width, ring->width * sizeof(float));
        at = (at + 1) % ring->capacity;
    }
}
