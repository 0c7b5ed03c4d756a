#include "base/file_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/system.h"

enum { buffer_size = 1 << 16 };

static dm_status cannot_open(const char *path, int fault, dm_error *error) {
    return fault == ENOMEM
               ? dm_fail_memory(error, "a file's name")
               : dm_fail(error, DM_ERROR_IO, "%s: cannot write: %s", path, strerror(fault));
}

static dm_status open_special(struct dm_file_writer *writer, const char *path, dm_error *error) {
    writer->path = dm_memory_text(path);
    if (!writer->path)
        return cannot_open(path, ENOMEM, error);
    writer->temporary.descriptor = open(path, O_WRONLY | O_CLOEXEC);
    return writer->temporary.descriptor < 0 ? cannot_open(path, errno, error) : DM_OK;
}

/* The rename is to replace what links lead to, not the link. */
static dm_status open_temporary(struct dm_file_writer *writer, const char *path, dm_error *error) {
    if (!(writer->path = dm_path_target(path)))
        return cannot_open(path, errno, error);
    return dm_temporary_make(&writer->temporary, writer->path, false, error);
}

dm_status dm_file_writer_open_any(struct dm_file_writer *writer, const char *path,
                                  dm_error *error) {
    *writer = (struct dm_file_writer){.temporary.descriptor = -1};
    writer->buffer = dm_memory_array(buffer_size, 1);
    writer->capacity = buffer_size;
    dm_status status = !writer->buffer            ? dm_fail_memory(error, "a file's buffer")
                       : dm_path_is_special(path) ? open_special(writer, path, error)
                                                  : open_temporary(writer, path, error);
    if (status)
        dm_file_writer_abort(writer);
    return status;
}

dm_status dm_file_writer_open(struct dm_file_writer *writer, const char *path, dm_error *error) {
    *writer = (struct dm_file_writer){.temporary.descriptor = -1};
    if (dm_path_is_special(path))
        return dm_fail(error, DM_ERROR_IO, "%s: cannot write: not a regular file", path);
    return dm_file_writer_open_any(writer, path, error);
}

dm_status dm_file_writer_open_memory(struct dm_file_writer *writer, const char *name,
                                     dm_error *error) {
    *writer = (struct dm_file_writer){.temporary.descriptor = -1, .in_memory = true};
    writer->path = dm_memory_text(name);
    return writer->path ? DM_OK : dm_fail_memory(error, name);
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

/* Room for n_byte more, which a writer into memory makes by half as much again at a time. */
static dm_status make_room(struct dm_file_writer *writer, size_t n_byte, dm_error *error) {
    if (!writer->in_memory)
        return flush(writer, error);
    size_t need, larger = writer->capacity + writer->capacity / 2;
    unsigned char *buffer = NULL;
    if (dm_size_add(writer->n_buffered, n_byte, &need)) {
        need = need > larger ? need : larger;
        buffer = dm_memory_resize(writer->buffer, writer->n_buffered, need, 1);
    }
    if (!buffer)
        return dm_fail_memory(error, writer->path);
    writer->buffer = buffer;
    writer->capacity = need;
    return DM_OK;
}

dm_status dm_file_writer_write(struct dm_file_writer *writer, const void *bytes, size_t n_byte,
                               dm_error *error) {
    if (!n_byte)
        return DM_OK;
    if (n_byte > writer->capacity - writer->n_buffered) {
        dm_status status = make_room(writer, n_byte, error);
        if (status)
            return status;
        if (n_byte > writer->capacity)
            return write_all(writer, bytes, n_byte, error);
    }
    memcpy(writer->buffer + writer->n_buffered, bytes, n_byte);
    writer->n_buffered += n_byte;
    return DM_OK;
}

dm_status dm_file_writer_commit(struct dm_file_writer *writer, dm_error *error) {
    dm_status status = flush(writer, error);
    if (!status && dm_system_sync(writer->temporary.descriptor) && errno != EINVAL)
        status = cannot_write(writer, errno, error);
    bool renamed = !status && writer->temporary.name;
    int fault = renamed ? dm_temporary_rename(&writer->temporary, writer->path) : 0;
    if (fault)
        status = cannot_write(writer, fault, error);
    dm_file_writer_abort(writer);
    return status;
}

void dm_file_writer_take(struct dm_file_writer *writer, void **bytes, size_t *n_byte) {
    *bytes = writer->buffer;
    *n_byte = writer->n_buffered;
    writer->buffer = NULL;
    dm_file_writer_abort(writer);
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
