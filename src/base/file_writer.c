#include "base/file_writer.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum { buffer_size = 1 << 16, most_links = 40 /* as Linux follows */ };

/* A device or a pipe would be replaced by the rename, not written to. */
static bool is_special(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

/* The name that a link at `path`, which readlink gave, stands for. NULL: memory is short. */
static char *beside(const char *path, const char *link) {
    const char *slash = link[0] == '/' ? NULL : strrchr(path, '/');
    size_t n_folder = slash ? (size_t)(slash - path) + 1 : 0, n_link = strlen(link);
    char *name = dm_memory_array(n_folder + n_link + 1, 1);
    if (!name)
        return NULL;
    memcpy(name, path, n_folder);
    memcpy(name + n_folder, link, n_link + 1);
    return name;
}

/* Where symbolic links at `path` lead, be something there or not: the rename is to replace that, not
 * the link. `*target` is allocated. */
static dm_status follow_links(const char *path, char **target, dm_error *error) {
    char link[PATH_MAX], *at = dm_memory_text(path);
    for (int i = 0; at && i < most_links; i++) {
        ssize_t n = readlink(at, link, sizeof link - 1);
        if (n < 0) {
            *target = at;
            return DM_OK;
        }
        link[n] = 0;
        char *next = beside(at, link);
        dm_memory_free(at);
        at = next;
    }
    if (!at)
        return dm_fail_memory(error, "a file's name");
    dm_memory_free(at);
    return dm_fail(error, DM_ERROR_IO, "%s: cannot write: %s", path, strerror(ELOOP));
}

dm_status dm_file_writer_open(struct dm_file_writer *writer, const char *path, dm_error *error) {
    *writer = (struct dm_file_writer){.temporary.descriptor = -1};
    if (is_special(path))
        return dm_fail(error, DM_ERROR_IO, "%s: cannot write: not a regular file", path);
    dm_status status = follow_links(path, &writer->path, error);
    if (!status && !(writer->buffer = dm_memory_array(buffer_size, 1)))
        status = dm_fail_memory(error, "a file's buffer");
    if (!status)
        status = dm_temporary_make(&writer->temporary, writer->path, false, error);
    if (status)
        dm_file_writer_abort(writer);
    return status;
}

static dm_status cannot_write(const struct dm_file_writer *writer, int fault, dm_error *error) {
    return dm_fail(error, DM_ERROR_IO, "%s: cannot write: %s", writer->path, strerror(fault));
}

static dm_status write_all(struct dm_file_writer *writer, const unsigned char *bytes, size_t n_byte,
                           dm_error *error) {
    while (n_byte) {
        ssize_t n = write(writer->temporary.descriptor, bytes, n_byte);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cannot_write(writer, n ? errno : EIO, error);
        bytes += n;
        n_byte -= (size_t)n;
    }
    return DM_OK;
}

static dm_status flush(struct dm_file_writer *writer, dm_error *error) {
    dm_status status = write_all(writer, writer->buffer, writer->n_buffered, error);
    writer->n_buffered = 0;
    return status;
}

dm_status dm_file_writer_write(struct dm_file_writer *writer, const void *bytes, size_t n_byte,
                               dm_error *error) {
    if (!n_byte)
        return DM_OK;
    if (n_byte > buffer_size - writer->n_buffered) {
        dm_status status = flush(writer, error);
        if (status)
            return status;
        if (n_byte >= buffer_size)
            return write_all(writer, bytes, n_byte, error);
    }
    memcpy(writer->buffer + writer->n_buffered, bytes, n_byte);
    writer->n_buffered += n_byte;
    return DM_OK;
}

dm_status dm_file_writer_commit(struct dm_file_writer *writer, dm_error *error) {
    dm_status status = flush(writer, error);
    if (!status && fsync(writer->temporary.descriptor) && errno != EINVAL)
        status = cannot_write(writer, errno, error);
    int fault = status ? 0 : dm_temporary_rename(&writer->temporary, writer->path);
    if (fault)
        status = cannot_write(writer, fault, error);
    dm_file_writer_abort(writer);
    return status;
}

void dm_file_writer_abort(struct dm_file_writer *writer) {
    if (!writer->path && !writer->buffer)
        return; /* never opened: descriptor 0 is not ours */
    dm_temporary_drop(&writer->temporary);
    dm_memory_free(writer->path);
    dm_memory_free(writer->buffer);
    *writer = (struct dm_file_writer){.temporary.descriptor = -1};
}

dm_status dm_file_write(const char *path, const void *bytes, size_t n_byte, dm_error *error) {
    struct dm_file_writer writer;
    dm_status status = dm_file_writer_open(&writer, path, error);
    if (status)
        return status;
    status = dm_file_writer_write(&writer, bytes, n_byte, error);
    if (status) {
        dm_file_writer_abort(&writer);
        return status;
    }
    return dm_file_writer_commit(&writer, error);
}
