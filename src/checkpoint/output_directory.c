#include "checkpoint/output_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mapped_file.h"
#include "base/memory.h"

static dm_status cannot_write(const struct dm_output_directory *output, dm_error *error) {
    return dm_fail(error, DM_ERROR_IO, "%s: cannot write: %s", output->path, strerror(errno));
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
        return errno == ENOENT ? DM_OK : cannot_write(output, error);
    bool is_empty = !next_entry(directory);
    closedir(directory);
    return is_empty
               ? DM_OK
               : dm_fail(error, DM_ERROR_IO, "%s: already exists and is not empty", output->path);
}

static dm_status make_temporary(struct dm_output_directory *output, dm_error *error) {
    size_t size = strlen(output->path) + 48;
    char *name = dm_memory_array(size, 1);
    if (!name)
        return dm_fail_memory(error, output->path);
    int result = -1;
    for (int attempt = 0; attempt < 100; attempt++) {
        snprintf(name, size, "%s.%ld-%d.tmp", output->path, (long)getpid(), attempt);
        result = mkdir(name, 0777);
        if (!result || errno != EEXIST)
            break;
    }
    if (result) {
        dm_memory_free(name);
        return cannot_write(output, error);
    }
    output->temporary = name;
    return DM_OK;
}

dm_status dm_output_directory_open(struct dm_output_directory *output, const char *path,
                                   dm_error *error) {
    *output = (struct dm_output_directory){.path = dm_memory_text(path)};
    if (!output->path)
        return dm_fail_memory(error, path);
    for (size_t n = strlen(path); n > 1 && output->path[n - 1] == '/'; n--)
        output->path[n - 1] = 0;
    dm_status status = check_free(output, error);
    if (!status)
        status = make_temporary(output, error);
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
    sync_names(output->temporary);
    if (rename(output->temporary, output->path)) {
        status = cannot_write(output, error);
    } else {
        sync_parent(output->path);
        dm_memory_free(output->temporary);
        output->temporary = NULL;
    }
    dm_output_directory_abort(output);
    return status;
}

/* Removes the temporary directory and the files in it. Nothing can be done where that fails. */
static void remove_temporary(const char *path) {
    DIR *directory = opendir(path);
    const struct dirent *entry;
    while (directory && (entry = next_entry(directory)))
        unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
    rmdir(path);
}

void dm_output_directory_abort(struct dm_output_directory *output) {
    if (output->temporary)
        remove_temporary(output->temporary);
    dm_memory_free(output->temporary);
    dm_memory_free(output->path);
    *output = (struct dm_output_directory){0};
}
