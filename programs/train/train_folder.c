#include "train_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"
#include "cli/fail.h"
#include "cli/options.h"
#include "cli/paths.h"

enum { name_size = 40 };

bool train_folder_open(struct train_folder *folder, const char *path) {
    *folder = (struct train_folder){0};
    if (!output_folder_open(&folder->output, path, "run.json", "a training"))
        return false;
    folder->path = realpath(path, NULL);
    return folder->path || fail("%s: cannot write here: %s", path, strerror(errno));
}

void train_folder_close(struct train_folder *folder) {
    output_folder_close(&folder->output);
    free(folder->path);
    folder->path = NULL;
}

char *train_folder_at(const struct train_folder *folder, const char *name) {
    char *path = path_join(folder->path, name);
    if (!path)
        fail_memory();
    return path;
}

bool train_folder_has(const struct train_folder *folder, const char *name) {
    struct stat status;
    return fstatat(folder->output.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
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
    unlinkat(folder->output.descriptor, temporary, 0);
    if (symlinkat(target, folder->output.descriptor, temporary) == 0 &&
        renameat(folder->output.descriptor, temporary, folder->output.descriptor, name) == 0 &&
        dm_system_sync(folder->output.descriptor) == 0)
        return true;
    complain("%s/%s: cannot make this link: %s", folder->path, name, strerror(errno));
    unlinkat(folder->output.descriptor, temporary, 0);
    return false;
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
            output_folder_remove(&folder->output, entries[i]->d_name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}
