#include "scratch_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "file_lock.h"
#include "paths.h"

enum { n_attempt = 10 };
static const char pattern[] = "decimamba-scratch-XXXXXX";

static int is_scratch(const struct dirent *entry) {
    size_t n = sizeof pattern - 1;
    return strlen(entry->d_name) == n && !strncmp(entry->d_name, pattern, n - 6);
}

static void remove_if_dead(const struct output_folder *parent, const char *name) {
    char *path = path_join(parent->path, name);
    int descriptor = path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (descriptor >= 0 && file_lock(descriptor, path))
        output_folder_remove(parent, name);
    if (descriptor >= 0)
        close(descriptor);
    free(path);
}

/* Other users' folders cannot be opened, and stay. */
static void remove_dead(char *path) {
    struct output_folder parent = {path, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), false};
    struct dirent **entries;
    int n = scandir(path, &entries, is_scratch, NULL);
    for (int i = 0; i < n; i++) {
        remove_if_dead(&parent, entries[i]->d_name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    if (parent.descriptor >= 0)
        close(parent.descriptor);
}

/* Makes one and locks it; false: somebody took it for a dead process's. */
static bool make(struct output_folder *folder, const char *parent) {
    folder->path = path_join(parent, pattern);
    folder->is_new = folder->path && mkdtemp(folder->path);
    folder->descriptor =
        folder->is_new ? open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    return folder->descriptor >= 0 && file_lock(folder->descriptor, folder->path);
}

bool scratch_folder_open(struct output_folder *folder) {
    char *parent = getenv("TMPDIR");
    parent = strdup(parent && *parent ? parent : "/tmp");
    *folder = (struct output_folder){.descriptor = -1};
    if (!parent)
        return fail_memory();
    remove_dead(parent);
    bool made = false;
    for (int attempt = 0; attempt < n_attempt && !made; attempt++) {
        scratch_folder_close(folder);
        made = make(folder, parent);
    }
    if (!made) {
        complain("%s: cannot make a folder there", parent);
        scratch_folder_close(folder);
    }
    free(parent);
    return made;
}

void scratch_folder_close(struct output_folder *folder) {
    if (folder->is_new)
        output_folder_remove(folder, ".");
    output_folder_close(folder);
}
