/* A few threads that share one loop at a time.
 *
 * The loop's pieces never depend on how many threads there are, so neither does any result. When
 * the pool is busy with another caller's loop, a caller runs its own alone instead of waiting. */
#ifndef DM_BASE_THREADS_H
#define DM_BASE_THREADS_H

#include "base/status.h"

struct dm_threads;

/* `n_thread` counts the caller; 0: as many as the process may run on, and no more than the CPU quota
 * of its control group has (dm_cpu_quota). */
dm_status dm_threads_new(size_t n_thread, struct dm_threads **threads, dm_error *error);
void dm_threads_free(struct dm_threads *threads);
size_t dm_threads_count(const struct dm_threads *threads); /* NULL: 1 */

/* Calls body(context, i) for every i in [0, n), in any order, on any thread; returns when all are
 * done. `threads` NULL: on the caller's thread. */
void dm_parallel_for(struct dm_threads *threads, size_t n, void (*body)(void *context, size_t i),
                     void *context);

#endif
