/* Telling this thread's caller how far a long call has come, and asking whether it is to go on. */
#ifndef DM_BASE_PROGRESS_H
#define DM_BASE_PROGRESS_H

#include "base/status.h"

void dm_progress_set(dm_progress tell, void *user); /* dm_set_progress of decimamba.h */
/* Before each piece of the work: DM_CANCELLED where the caller wants no more of it. */
dm_status dm_progress_tell(size_t n_done, size_t n_total, dm_error *error);

/* A call inside a longer one, of which it is n_part of n_total pieces, after n_before others: what it
 * tells is told as of the longer one, between enter and leave; nothing where n_part is 0. */
struct dm_progress_part {
    dm_progress tell; /* the caller's */
    void *user;
    size_t n_before, n_part, n_total;
};
void dm_progress_enter(struct dm_progress_part *part, size_t n_before, size_t n_part,
                       size_t n_total);
void dm_progress_leave(const struct dm_progress_part *part);

#endif
