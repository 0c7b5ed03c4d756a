#include "base/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"

static bool is_same(const struct stat *a, const struct stat *b) {
    struct timespec then = dm_system_modified(a), now = dm_system_modified(b);
    return a->st_size == b->st_size && then.tv_sec == now.tv_sec && then.tv_nsec == now.tv_nsec;
}

static dm_status changed(const struct dm_mapped_file *file, dm_error *error) {
    return dm_fail(error, DM_ERROR_IO, "%s: the file was changed while it was in use", file->path);
}

static dm_status fill_by_map(struct dm_mapped_file *file, int descriptor, dm_error *error) {
    void *bytes = mmap(NULL, file->n_byte, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (bytes == MAP_FAILED)
        return dm_fail(error, DM_ERROR_IO, "%s: cannot map: %s", file->path, strerror(errno));
    file->bytes = bytes;
    return DM_OK;
}

static dm_status fill_by_read(struct dm_mapped_file *file, int descriptor, dm_error *error) {
    unsigned char *bytes = dm_memory_array(file->n_byte, 1);
    struct stat now;
    if (!bytes)
        return dm_fail_memory(error, file->path);
    file->bytes = bytes;
    file->is_copy = true;
    for (size_t done = 0; done < file->n_byte;) {
        ssize_t n = read(descriptor, bytes + done, file->n_byte - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dm_fail(error, DM_ERROR_IO, "%s: cannot read: %s", file->path, strerror(errno));
        if (n == 0)
            return changed(file, error);
        done += (size_t)n;
    }
    return fstat(descriptor, &now) == 0 && is_same(&now, &file->opened) ? DM_OK
                                                                        : changed(file, error);
}

static dm_status fill(struct dm_mapped_file *file, int descriptor, bool copy, dm_error *error) {
    if (fstat(descriptor, &file->opened))
        return dm_fail(error, DM_ERROR_IO, "%s: %s", file->path, strerror(errno));
    if (!S_ISREG(file->opened.st_mode))
        return dm_fail(error, DM_ERROR_IO, "%s: not a regular file", file->path);
    file->n_byte = (size_t)file->opened.st_size;
    if (!file->n_byte)
        return DM_OK;
    return copy ? fill_by_read(file, descriptor, error) : fill_by_map(file, descriptor, error);
}

static dm_status take(struct dm_mapped_file *file, const char *path, bool copy, dm_error *error) {
    *file = (struct dm_mapped_file){.path = dm_memory_text(path)};
    if (!file->path)
        return dm_fail_memory(error, "a file name");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    dm_status status = descriptor < 0 ? dm_fail(error, DM_ERROR_IO, "%s: %s", path, strerror(errno))
                                      : fill(file, descriptor, copy, error);
    if (descriptor >= 0)
        close(descriptor);
    if (status)
        dm_mapped_file_close(file);
    return status;
}

dm_status dm_mapped_file_open(struct dm_mapped_file *file, const char *path, dm_error *error) {
    return take(file, path, false, error);
}

dm_status dm_mapped_file_read(struct dm_mapped_file *file, const char *path, dm_error *error) {
    return take(file, path, true, error);
}

dm_status dm_mapped_file_borrow(struct dm_mapped_file *file, const void *bytes, size_t n_byte,
                                const char *name, dm_error *error) {
    *file = (struct dm_mapped_file){.bytes = bytes,
                                    .n_byte = n_byte,
                                    .path = dm_memory_text(name),
                                    .is_copy = true,
                                    .is_borrowed = true};
    return file->path ? DM_OK : dm_fail_memory(error, "a file name");
}

dm_status dm_mapped_file_check(const struct dm_mapped_file *file, dm_error *error) {
    struct stat now;
    if (!file->bytes || file->is_copy || stat(file->path, &now) ||
        now.st_dev != file->opened.st_dev || now.st_ino != file->opened.st_ino)
        return DM_OK;
    return is_same(&now, &file->opened) ? DM_OK : changed(file, error);
}

void dm_mapped_file_forget_pages(const struct dm_mapped_file *file) {
    if (file->bytes && !file->is_copy)
        madvise((void *)(uintptr_t)file->bytes, file->n_byte, MADV_DONTNEED);
}

void dm_mapped_file_close(struct dm_mapped_file *file) {
    if (file->is_copy && !file->is_borrowed)
        dm_memory_free((void *)(uintptr_t)file->bytes);
    else if (file->bytes && !file->is_copy)
        munmap((void *)(uintptr_t)file->bytes, file->n_byte);
    dm_memory_free(file->path);
    *file = (struct dm_mapped_file){0};
}
