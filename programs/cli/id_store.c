#include "id_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "fail.h"
#include "scratch_folder.h"

enum { max_recent = 1 << 20 };

static dm_status fail_file(dm_error *error, const char *reason) {
    return dm_fail(error, DM_ERROR_IO, "%.300s: cannot keep a text's ids here: %s", scratch_place(),
                   reason);
}

/* Moves the recent ones to the file. */
static dm_status spill(struct id_store *store, dm_error *error) {
    if (!store->file && !(store->file = scratch_file()))
        return fail_file(error, strerror(errno));
    if (fwrite(store->recent, sizeof *store->recent, store->n_recent, store->file) !=
            store->n_recent ||
        fflush(store->file))
        return fail_file(error, strerror(errno));
    store->n_recent = 0;
    return DM_OK;
}

static dm_status append(struct id_store *store, const int32_t *ids, size_t n, dm_error *error) {
    while (n) {
        size_t room = max_recent - store->n_recent, n_now = n < room ? n : room;
        if (!room) {
            dm_status status = spill(store, error);
            if (status)
                return status;
            continue;
        }
        memcpy(store->recent + store->n_recent, ids, n_now * sizeof *ids);
        store->n_recent += n_now;
        store->n_id += n_now;
        ids += n_now;
        n -= n_now;
    }
    return DM_OK;
}

dm_status id_store_fill(struct id_store *store, struct token_source *source, dm_error *error) {
    const int32_t *ids;
    size_t n;
    *store = (struct id_store){.recent = malloc(max_recent * sizeof *store->recent)};
    if (!store->recent) {
        return dm_fail_memory(error, "the text");
    }
    dm_status status = DM_OK;
    while (!status && !(status = token_source_next(source, &ids, &n, error)) && n)
        status = append(store, ids, n, error);
    return status;
}

void id_store_free(struct id_store *store) {
    if (store->file)
        fclose(store->file);
    free(store->recent);
    *store = (struct id_store){0};
}

/* From the file. */
static dm_status read_file(FILE *file, size_t first, size_t n, int32_t *ids, dm_error *error) {
    char *room = (char *)ids;
    size_t n_byte = n * sizeof *ids, done = 0;
    while (done < n_byte) {
        ssize_t got =
            pread(fileno(file), room + done, n_byte - done, (off_t)(first * sizeof *ids + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return fail_file(error, got ? strerror(errno) : "their file is cut");
        done += (size_t)got;
    }
    return DM_OK;
}

static dm_status read_store(const void *user, size_t first, size_t n, int32_t *ids,
                            dm_error *error) {
    const struct id_store *store = user;
    size_t n_filed = store->n_id - store->n_recent, n_from_file = 0;
    if (first < n_filed) {
        n_from_file = n < n_filed - first ? n : n_filed - first;
        dm_status status = read_file(store->file, first, n_from_file, ids, error);
        if (status)
            return status;
    }
    if (n > n_from_file)
        memcpy(ids + n_from_file, store->recent + (first + n_from_file - n_filed),
               (n - n_from_file) * sizeof *ids);
    return DM_OK;
}

struct token_text id_store_text(const struct id_store *store) {
    return (struct token_text){store->n_id, read_store, store};
}

int32_t *id_store_take(const struct id_store *store, size_t first, size_t n) {
    dm_error error;
    int32_t *ids = calloc(n ? n : 1, sizeof *ids);
    if (!ids) {
        fail_memory();
        return NULL;
    }
    if (read_store(store, first, n, ids, &error)) {
        complain("%s", error.message);
        free(ids);
        return NULL;
    }
    return ids;
}
