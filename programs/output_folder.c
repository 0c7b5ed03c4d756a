#include "output_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"

/* What a process that was killed left half-written does not count. */
static int counts(const struct dirent *entry) {
    const char *name = entry->d_name, *ending = strrchr(name, '.');
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           !(ending && !strcmp(ending, ".tmp"));
}

static bool holds_anything(const char *path) {
    struct dirent **entries;
    int n = scandir(path, &entries, counts, NULL);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    if (n >= 0)
        free(entries);
    return n > 0;
}

static bool make(struct output_folder *folder) {
    folder->is_new = mkdir(folder->path, 0777) == 0;
    if (!folder->is_new && errno != EEXIST)
        return fail("%s: cannot make this folder: %s", folder->path, strerror(errno));
    folder->descriptor = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder->descriptor >= 0 ||
           fail("%s: cannot write here: %s", folder->path, strerror(errno));
}

bool output_folder_open(struct output_folder *folder, const char *path, const char *mark,
                        const char *work) {
    *folder = (struct output_folder){.path = strdup(path), .descriptor = -1};
    if (!folder->path)
        return fail_memory();
    if (!make(folder))
        return false;
    /* where the file system has no locks, it is on the user */
    if (flock(folder->descriptor, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return fail("%s: another process writes here", path);
    if (access(path, W_OK | X_OK))
        return fail("%s: cannot write here: %s", path, strerror(errno));
    struct stat status;
    return !holds_anything(path) ||
           fstatat(folder->descriptor, mark, &status, AT_SYMLINK_NOFOLLOW) == 0 ||
           fail("%s: not empty, and no folder of %s (it has no %s)", path, work, mark);
}

void output_folder_close(struct output_folder *folder) {
    if (!folder->path)
        return;
    if (folder->is_new)
        rmdir(folder->path);
    if (folder->descriptor >= 0)
        close(folder->descriptor);
    free(folder->path);
    *folder = (struct output_folder){0};
}
