#include "base/progress.h"

static _Thread_local struct {
    dm_progress tell; /* NULL: nobody listens */
    void *user;
} listener;

void dm_progress_set(dm_progress tell, void *user) {
    listener.tell = tell;
    listener.user = user;
}

dm_status dm_progress_tell(size_t n_done, size_t n_total, dm_error *error) {
    if (!listener.tell || !listener.tell(n_done, n_total, listener.user))
        return DM_OK;
    return dm_fail(error, DM_CANCELLED, "cancelled");
}

static int tell_part(size_t n_done, size_t n_total, void *user) {
    const struct dm_progress_part *part = user;
    (void)n_total;
    if (!part->n_part)
        return 0;
    n_done = n_done < part->n_part ? n_done : part->n_part;
    return part->tell(part->n_before + n_done, part->n_total, part->user);
}

void dm_progress_enter(struct dm_progress_part *part, size_t n_before, size_t n_part,
                       size_t n_total) {
    *part = (struct dm_progress_part){listener.tell, listener.user, n_before, n_part, n_total};
    if (part->tell)
        dm_progress_set(tell_part, part);
}

void dm_progress_leave(const struct dm_progress_part *part) {
    dm_progress_set(part->tell, part->user);
}
