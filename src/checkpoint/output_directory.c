#include "checkpoint/output_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

static dm_status cannot_write(const struct dm_output_directory *output, int code, dm_error *error) {
    return dm_fail(error, code == ENOMEM ? DM_ERROR_MEMORY : DM_ERROR_IO, "%s: cannot write: %s",
                   output->path, strerror(code));
}

static dm_status not_free(const struct dm_output_directory *output, dm_error *error) {
    return dm_fail(error, DM_ERROR_IO, "%s: already exists and is not empty", output->path);
}

/* The next entry that is not the directory itself or its parent. */
static const struct dirent *next_entry(DIR *directory) {
    const struct dirent *entry = readdir(directory);
    while (entry && (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")))
        entry = readdir(directory);
    return entry;
}

static dm_status check_free(const struct dm_output_directory *output, dm_error *error) {
    DIR *directory = opendir(output->path);
    if (!directory)
        return errno == ENOENT ? DM_OK : cannot_write(output, errno, error);
    bool is_empty = !next_entry(directory);
    closedir(directory);
    return is_empty ? DM_OK : not_free(output, error);
}

dm_status dm_output_directory_open(struct dm_output_directory *output, const char *path,
                                   dm_error *error) {
    *output = (struct dm_output_directory){dm_memory_text(path), {NULL, -1, NULL}};
    if (!output->path)
        return dm_fail_memory(error, path);
    for (size_t n = strlen(path); n > 1 && output->path[n - 1] == '/'; n--)
        output->path[n - 1] = 0;
    dm_status status = check_free(output, error);
    if (!status)
        status = dm_temporary_make(&output->temporary, output->path, true, error);
    if (status)
        dm_output_directory_abort(output);
    return status;
}

/* Puts the names in a directory on the disk, so that what is removed after the rename is not gone
 * without it when the power fails. Not every file system can: nothing is lost by trying. */
static void sync_names(const char *path) {
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    fsync(descriptor);
    close(descriptor);
}

/* The same for the directory that `path` is in. `path` is put together again. */
static void sync_parent(char *path) {
    char *slash = strrchr(path, '/');
    if (!slash || slash == path) {
        sync_names(slash ? "/" : ".");
        return;
    }
    *slash = 0;
    sync_names(path);
    *slash = '/';
}

dm_status dm_output_directory_commit(struct dm_output_directory *output, dm_error *error) {
    dm_status status = DM_OK;
    sync_names(output->temporary.name);
    int code = dm_temporary_rename(&output->temporary, output->path);
    if (code)
        status = code == ENOTEMPTY || code == EEXIST ? not_free(output, error)
                                                     : cannot_write(output, code, error);
    else
        sync_parent(output->path);
    dm_output_directory_abort(output);
    return status;
}

void dm_output_directory_abort(struct dm_output_directory *output) {
    if (!output->path)
        return; /* never opened: descriptor 0 is not ours */
    dm_temporary_drop(&output->temporary);
    dm_memory_free(output->path);
    *output = (struct dm_output_directory){NULL, {NULL, -1, NULL}};
}
