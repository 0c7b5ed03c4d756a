#define _XOPEN_SOURCE 700 /* nftw */
#include "output_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "paths.h"

static bool is_temporary(const char *name) {
    const char *ending = strrchr(name, '.');
    return ending && !strcmp(ending, ".tmp");
}

/* What a process that was killed left half-written does not count. */
static int counts(const struct dirent *entry) {
    const char *name = entry->d_name;
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !is_temporary(name);
}

static int is_left(const struct dirent *entry) {
    return is_temporary(entry->d_name);
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

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status, (void)type, (void)place;
    return remove(path) && errno != ENOENT;
}

bool output_folder_remove(const struct output_folder *folder, const char *name) {
    struct stat status;
    if (fstatat(folder->descriptor, name, &status, AT_SYMLINK_NOFOLLOW))
        return true;
    char *path = path_join(folder->path, name);
    if (!path)
        return fail_memory();
    /* what another process removes meanwhile, as a dead one's, is gone all the same */
    bool fine = nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT ||
                fail("%s: cannot remove this: %s", path, strerror(errno));
    free(path);
    return fine;
}

/* Removes what a process that was killed left half-written. */
static bool clean(const struct output_folder *folder) {
    struct dirent **entries;
    bool fine = true;
    int n = scandir(folder->path, &entries, is_left, NULL);
    for (int i = 0; i < n; i++) {
        fine = fine && output_folder_remove(folder, entries[i]->d_name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return fine;
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
    if (holds_anything(path) &&
        fstatat(folder->descriptor, mark, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return fail("%s: not empty, and no folder of %s (it has no %s)", path, work, mark);
    return clean(folder);
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
