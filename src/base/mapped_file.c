#include "base/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

static dm_status map(int descriptor, struct dm_mapped_file *file, dm_error *error) {
    struct stat status;
    if (fstat(descriptor, &status))
        return dm_fail(error, DM_ERROR_IO, "%s: %s", file->path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return dm_fail(error, DM_ERROR_IO, "%s: not a regular file", file->path);
    file->n_byte = (size_t)status.st_size;
    if (!file->n_byte)
        return DM_OK;
    void *bytes = mmap(NULL, file->n_byte, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (bytes == MAP_FAILED)
        return dm_fail(error, DM_ERROR_IO, "%s: cannot map: %s", file->path, strerror(errno));
    file->bytes = bytes;
    return DM_OK;
}

dm_status dm_mapped_file_open(struct dm_mapped_file *file, const char *path, dm_error *error) {
    *file = (struct dm_mapped_file){.path = dm_memory_text(path)};
    if (!file->path)
        return dm_fail_memory(error, "a file name");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    dm_status status = descriptor < 0 ? dm_fail(error, DM_ERROR_IO, "%s: %s", path, strerror(errno))
                                      : map(descriptor, file, error);
    if (descriptor >= 0)
        close(descriptor);
    if (status)
        dm_mapped_file_close(file);
    return status;
}

void dm_mapped_file_forget_pages(const struct dm_mapped_file *file) {
    if (file->bytes)
        madvise((void *)(uintptr_t)file->bytes, file->n_byte, MADV_DONTNEED);
}

void dm_mapped_file_close(struct dm_mapped_file *file) {
    if (file->bytes)
        munmap((void *)(uintptr_t)file->bytes, file->n_byte);
    dm_memory_free(file->path);
    *file = (struct dm_mapped_file){0};
}

char *dm_path_join(const char *directory, const char *name) {
    size_t n_directory = strlen(directory), n_name = strlen(name);
    while (n_directory > 1 && directory[n_directory - 1] == '/')
        n_directory--;
    char *path = dm_memory_array(n_directory + n_name + 2, 1);
    if (!path)
        return NULL;
    memcpy(path, directory, n_directory + 1);
    path[n_directory] = '/';
    memcpy(path + n_directory + 1, name, n_name + 1);
    return path;
}

int dm_path_exists(const char *path) {
    return access(path, F_OK) == 0;
}
