#include "paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/path.h"

char *path_join(const char *folder, const char *name) {
    if (name[0] == '/' || !strcmp(folder, "."))
        return strdup(name);
    if (!strcmp(name, "."))
        return strdup(folder);
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s/%s", folder, name);
    return path;
}

char *path_absolute(const char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') /* "link/" fails where "link" leads to a file */
        n--;
    char *trimmed = strndup(path, n), *whole = trimmed ? realpath(trimmed, NULL) : NULL;
    char *folder = trimmed && !whole ? dm_path_folder(trimmed) : NULL;
    char *real = folder ? realpath(folder, NULL) : NULL;
    if (real) {
        const char *slash = strrchr(trimmed, '/');
        whole = path_join(strcmp(real, "/") != 0 ? real : "", slash ? slash + 1 : trimmed);
    }
    free(real);
    dm_memory_free(folder);
    free(trimmed);
    return whole;
}

char *path_title(const char *path) {
    size_t end = strlen(path), start;
    while (end > 1 && path[end - 1] == '/')
        end--;
    for (start = end; start > 0 && path[start - 1] != '/'; start--)
        ;
    return strndup(path + start, end - start);
}

char *path_from(const char *folder, const char *path) {
    size_t shared = 0, i = 0, n_up = 0;
    for (;; i++) { /* `shared`: the length of what they begin with, in whole names */
        bool end_a = !folder[i] || folder[i] == '/', end_b = !path[i] || path[i] == '/';
        if (end_a && end_b)
            shared = i;
        if (!folder[i] || folder[i] != path[i])
            break;
    }
    const char *rest = path + shared + (path[shared] == '/');
    for (const char *c = folder + shared; *c; c++)
        n_up += *c == '/' && c[1];
    if (!shared && folder[0])
        return strdup(path); /* nothing in common */
    size_t size = 3 * n_up + strlen(rest) + 2;
    char *result = malloc(size);
    if (!result)
        return NULL;
    size_t n = 0;
    for (; n_up; n_up--, n += 3)
        memcpy(result + n, "../", 4);
    memcpy(result + n, rest, strlen(rest) + 1);
    if (!*rest) /* "../.." without the last slash */
        snprintf(result + (n ? n - 1 : 0), 2, "%s", n ? "" : ".");
    return result;
}

bool path_make_folder(const char *folder) {
    char *path = strdup(folder);
    bool fine = true;
    if (!path)
        return false;
    for (char *end = path + 1; fine; end++) {
        char before = *end;
        if (before && before != '/')
            continue;
        *end = '\0';
        fine = mkdir(path, 0700) == 0 || errno == EEXIST || errno == EISDIR;
        *end = before;
        if (!before)
            break;
    }
    int fault = errno;
    free(path);
    errno = fault;
    return fine;
}
