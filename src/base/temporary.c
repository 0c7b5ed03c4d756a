#include "base/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum { n_attempt = 100, n_suffix = 48 };

/* ---- Locks ---- */

/* Whether `name`, in the directory, still is what the descriptor has open. */
static bool is_named(int directory, const char *name, int descriptor) {
    struct stat a, b;
    return fstatat(directory, name, &a, AT_SYMLINK_NOFOLLOW) == 0 && fstat(descriptor, &b) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Locks what was just made. false: somebody takes it for a dead process's, and removes it. */
static bool hold(int descriptor, const char *name) {
    bool taken = flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    return !taken && is_named(AT_FDCWD, name, descriptor);
}

/* ---- What dead processes left ---- */

static DIR *open_directory(int parent, const char *name) {
    int descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    if (!directory && descriptor >= 0)
        close(descriptor);
    return directory;
}

static void remove_files(DIR *directory) {
    const struct dirent *entry;
    rewinddir(directory);
    while ((entry = readdir(directory)))
        unlinkat(dirfd(directory), entry->d_name, 0); /* "." and ".." stay */
}

/* Removes an entry of a directory, and the files in it; nothing can be done where that fails. */
static void remove_entry(int parent, const char *name) {
    if (unlinkat(parent, name, 0) == 0)
        return;
    DIR *directory = open_directory(parent, name);
    if (directory) {
        remove_files(directory);
        closedir(directory);
    }
    unlinkat(parent, name, AT_REMOVEDIR);
}

/* Whether an entry is `base`.PROCESS-N.tmp. */
static bool is_temporary_of(const char *entry, const char *base) {
    static const char digits[] = "0123456789";
    size_t n = strlen(base);
    if (strncmp(entry, base, n) != 0 || entry[n] != '.')
        return false;
    const char *process = entry + n + 1, *serial = process + strspn(process, digits);
    if (serial == process || *serial++ != '-')
        return false;
    const char *ending = serial + strspn(serial, digits);
    return ending != serial && !strcmp(ending, ".tmp");
}

static void remove_if_dead(int parent, const char *name) {
    int descriptor = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return;
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0 && is_named(parent, name, descriptor))
        remove_entry(parent, name);
    close(descriptor);
}

/* `path` is cut while this works, and whole again at the end. */
static void remove_dead(char *path) {
    char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    DIR *directory;
    if (slash && slash != path) {
        *slash = 0;
        directory = opendir(path);
        *slash = '/';
    } else {
        directory = opendir(slash ? "/" : ".");
    }
    const struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (is_temporary_of(entry->d_name, base))
            remove_if_dead(dirfd(directory), entry->d_name);
    if (directory)
        closedir(directory);
}

/* ---- Making one ---- */

static int make(const char *name, bool is_directory) {
    if (!is_directory)
        return open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (mkdir(name, 0777))
        return -1;
    int descriptor = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fault = errno;
    if (descriptor < 0)
        rmdir(name);
    errno = fault == ENOENT ? EEXIST : fault; /* already taken for a dead process's, and removed */
    return descriptor;
}

/* Tries names until one is free; leaves errno. */
static void try_names(struct dm_temporary *temporary, size_t n_path, bool is_directory) {
    static atomic_uint serial;
    for (int attempt = 0; attempt < n_attempt; attempt++) {
        snprintf(temporary->name + n_path, n_suffix, ".%ld-%u.tmp", (long)getpid(),
                 atomic_fetch_add(&serial, 1));
        int descriptor = make(temporary->name, is_directory);
        if (descriptor < 0 && errno != EEXIST)
            return;
        if (descriptor >= 0 && hold(descriptor, temporary->name)) {
            temporary->descriptor = descriptor;
            return;
        }
        if (descriptor >= 0) {
            remove_entry(AT_FDCWD, temporary->name); /* should it still be there */
            close(descriptor);
        }
        errno = EEXIST;
    }
}

static void let_go(struct dm_temporary *temporary) {
    if (temporary->entries)
        closedir(temporary->entries);
    if (temporary->descriptor >= 0)
        close(temporary->descriptor);
    dm_memory_free(temporary->name);
    *temporary = (struct dm_temporary){NULL, -1, NULL};
}

dm_status dm_temporary_make(struct dm_temporary *temporary, const char *path, bool is_directory,
                            dm_error *error) {
    size_t n_path = strlen(path);
    *temporary = (struct dm_temporary){dm_memory_array(n_path + n_suffix, 1), -1, NULL};
    if (!temporary->name)
        return dm_fail_memory(error, "a file's name");
    memcpy(temporary->name, path, n_path + 1);
    remove_dead(temporary->name);
    try_names(temporary, n_path, is_directory);
    bool made = temporary->descriptor >= 0;
    if (made && is_directory)
        temporary->entries = open_directory(AT_FDCWD, temporary->name);
    if (made && (!is_directory || temporary->entries))
        return DM_OK;
    int fault = errno;
    if (made)
        unlinkat(AT_FDCWD, temporary->name, AT_REMOVEDIR); /* nothing is in it yet */
    let_go(temporary);
    return dm_fail(error, fault == ENOMEM ? DM_ERROR_MEMORY : DM_ERROR_IO, "%s: cannot write: %s",
                   path, strerror(fault));
}

/* ---- Ending ---- */

int dm_temporary_rename(struct dm_temporary *temporary, const char *path) {
    if (rename(temporary->name, path))
        return errno;
    let_go(temporary); /* not before: without its lock it looks dead */
    return 0;
}

void dm_temporary_drop(struct dm_temporary *temporary) {
    if (temporary->entries) {
        remove_files(temporary->entries);
        rmdir(temporary->name);
    } else if (temporary->name) {
        unlink(temporary->name);
    }
    let_go(temporary);
}
