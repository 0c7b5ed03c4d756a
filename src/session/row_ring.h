/* The last rows of a stream. */
#ifndef DM_SESSION_ROW_RING_H
#define DM_SESSION_ROW_RING_H

#include "base/status.h"

struct dm_row_ring {
    size_t width, capacity, n, next;
    float *rows; /* [capacity, width] */
};

dm_status dm_row_ring_new(struct dm_row_ring *ring, size_t width, size_t capacity, dm_error *error);
void dm_row_ring_free(struct dm_row_ring *ring);
void dm_row_ring_clear(struct dm_row_ring *ring);
/* Holds the rows that `from`, of the same sizes, holds. */
void dm_row_ring_copy(struct dm_row_ring *ring, const struct dm_row_ring *from);
void dm_row_ring_push(struct dm_row_ring *ring, const float *rows, size_t n);
/* n rows beginning with the one that is `back` from the end (n <= back <= ring->n), oldest first.
 */
void dm_row_ring_range(const struct dm_row_ring *ring, size_t back, size_t n, float *rows);

#endif
