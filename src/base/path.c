#include "base/path.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

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

char *dm_path_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = dm_memory_text(slash ? path : ".");
    if (folder && slash)
        folder[slash == path ? 1 : slash - path] = 0;
    return folder;
}

/* The name that a link at `path`, which readlink gave, stands for. */
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

char *dm_path_target(const char *path) {
    enum { max_links = 40 }; /* as Linux follows */
    char link[PATH_MAX], *at = dm_memory_text(path);
    for (int i = 0; at && i < max_links; i++) {
        ssize_t n = readlink(at, link, sizeof link - 1);
        if (n < 0)
            return at;
        link[n] = 0;
        char *next = beside(at, link);
        dm_memory_free(at);
        at = next;
    }
    errno = at ? ELOOP : ENOMEM;
    dm_memory_free(at);
    return NULL;
}

bool dm_path_exists(const char *path) {
    return access(path, F_OK) == 0;
}

bool dm_path_is_folder(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

bool dm_path_is_special(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode);
}
