#include "file_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "paths.h"

static bool has_ending(const char *name, const char *ending) {
    size_t n = strlen(name), n_ending = strlen(ending);
    return name[0] != '.' && n > n_ending && !strcmp(name + n - n_ending, ending);
}

static bool visit_in_folder(const char *folder, const char *name, file_visitor *visit, void *user) {
    char *path = path_join(folder, name);
    bool fine = path ? visit(path, user) : fail_memory();
    free(path);
    return fine;
}

bool file_list_walk(const char *path, const char *ending, file_visitor *visit, void *user) {
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0)
        return errno == ENOTDIR ? visit(path, user)
                                : fail("%s: cannot read: %s", path, strerror(errno));
    bool fine = true, any = false;
    for (int i = 0; i < n; i++) {
        if (fine && has_ending(entries[i]->d_name, ending)) {
            any = true;
            fine = visit_in_folder(path, entries[i]->d_name, visit, user);
        }
        free(entries[i]);
    }
    free(entries);
    return fine && (any || fail("%s: this folder holds no %s file", path, ending));
}
