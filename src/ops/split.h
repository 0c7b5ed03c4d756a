/* Splitting an operation's rows, or channels, over threads. */
#ifndef DM_OPS_SPLIT_H
#define DM_OPS_SPLIT_H

#include "base/threads.h"

enum { DM_CHANNEL_BLOCK = 64 }; /* ranges of channels are multiples of it */

/* Calls run(op, first, n) on ranges of [0, n), multiples of `block` long, with `elements` for each
 * index: less than some thousands of them are not worth a hand-over to another thread. */
void dm_split(struct dm_threads *threads, const void *op,
              void (*run)(const void *op, size_t first, size_t n), size_t n, size_t block,
              size_t elements);

#endif
