/* Splitting an operation's rows, or channels, over threads. */
#ifndef DM_OPS_SPLIT_H
#define DM_OPS_SPLIT_H

#include "base/threads.h"

enum { DM_CHANNEL_BLOCK = 64 }; /* ranges of channels are multiples of it */

/* Calls run(op, first, n) on ranges of [0, n) whose lengths are multiples of `block`. An index has
 * `elements` of work: a range of less than some thousands is not worth waking a thread. */
void dm_split(struct dm_threads *threads, const void *op,
              void (*run)(const void *op, size_t first, size_t n), size_t n, size_t block,
              size_t elements);

#endif
