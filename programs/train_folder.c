#define _XOPEN_SOURCE 700 /* nftw */
#include "train_folder.h"

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
#include "options.h"
#include "paths.h"

enum { name_size = 40 };

/* false also where the folder holds nothing. */
static bool holds_anything(const char *path) {
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, NULL);
    for (int i = 0; i < n; i++)
        free(entries[i]);
    if (n > 0)
        free(entries);
    return n > 2; /* "." and ".." */
}

static bool make(struct train_folder *folder, const char *path) {
    folder->is_new = mkdir(path, 0777) == 0;
    if (!folder->is_new && errno != EEXIST)
        return fail("%s: cannot make this folder: %s", path, strerror(errno));
    folder->descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    folder->path = folder->descriptor < 0 ? NULL : realpath(path, NULL);
    return folder->path || fail("%s: cannot write here: %s", path, strerror(errno));
}

bool train_folder_open(struct train_folder *folder, const char *path) {
    *folder = (struct train_folder){.descriptor = -1};
    if (!make(folder, path))
        return false;
    /* where the file system has no locks, it is on the user */
    if (flock(folder->descriptor, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
        return fail("%s: another training writes here", path);
    if (access(path, W_OK | X_OK))
        return fail("%s: cannot write here: %s", path, strerror(errno));
    return !holds_anything(path) || train_folder_has(folder, "run.json") ||
           fail("%s: not empty, and no training's folder (it has no run.json)", path);
}

void train_folder_close(struct train_folder *folder, bool abandoned) {
    if (abandoned && folder->is_new && folder->path)
        rmdir(folder->path);
    if (folder->descriptor >= 0)
        close(folder->descriptor);
    free(folder->path);
    *folder = (struct train_folder){.descriptor = -1};
}

char *train_folder_at(const struct train_folder *folder, const char *name) {
    char *path = path_join(folder->path, name);
    if (!path)
        fail_memory();
    return path;
}

bool train_folder_has(const struct train_folder *folder, const char *name) {
    struct stat status;
    return fstatat(folder->descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static void name_step(char name[name_size], size_t step) {
    snprintf(name, name_size, "step-%08zu", step);
}

char *train_folder_step(const struct train_folder *folder, size_t step) {
    char name[name_size];
    name_step(name, step);
    return train_folder_at(folder, name);
}

bool train_folder_link(const struct train_folder *folder, const char *name, size_t step) {
    char target[name_size], temporary[name_size];
    name_step(target, step);
    snprintf(temporary, sizeof temporary, "%s.tmp", name);
    unlinkat(folder->descriptor, temporary, 0);
    return (symlinkat(target, folder->descriptor, temporary) == 0 &&
            renameat(folder->descriptor, temporary, folder->descriptor, name) == 0 &&
            fsync(folder->descriptor) == 0) ||
           fail("%s/%s: cannot make this link: %s", folder->path, name, strerror(errno));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status, (void)type, (void)place;
    return remove(path);
}

bool train_folder_remove(const struct train_folder *folder, const char *name) {
    char *path = train_folder_at(folder, name);
    bool fine = path && (!train_folder_has(folder, name) ||
                         nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0 ||
                         fail("%s: cannot remove this: %s", path, strerror(errno)));
    free(path);
    return fine;
}

/* Whether the name is a checkpoint's, and of which step. */
static bool is_step(const char *name, size_t *step) {
    uint64_t number;
    if (strncmp(name, "step-", 5) != 0 || strlen(name) < 13 ||
        !read_whole(name + 5, strlen(name + 5), &number))
        return false;
    *step = (size_t)number;
    return true;
}

void train_folder_prune(const struct train_folder *folder, size_t keep, size_t step,
                        size_t best_step) {
    struct dirent **entries;
    size_t number, n_newer = 0;
    int n = scandir(folder->path, &entries, NULL, alphasort);
    for (int i = n - 1; i >= 0; i--) { /* from the newest */
        if (is_step(entries[i]->d_name, &number) && number <= step && n_newer++ >= keep &&
            number != best_step)
            train_folder_remove(folder, entries[i]->d_name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

bool train_folder_clean(const struct train_folder *folder) {
    struct dirent **entries;
    bool fine = train_folder_remove(folder, "start");
    int n = fine ? scandir(folder->path, &entries, NULL, NULL) : -1;
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name, *ending = strrchr(name, '.');
        if (fine && ending && !strcmp(ending, ".tmp"))
            fine = train_folder_remove(folder, name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return fine;
}
