#include "scratch_folder.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "fail.h"

const char *scratch_place(void) {
    const char *named = getenv("TMPDIR");
    return named && *named ? named : "/tmp";
}

FILE *scratch_file(void) {
    char path[4096];
    snprintf(path, sizeof path, "%s/decimamba-scratch-XXXXXX", scratch_place());
    int file = mkstemp(path);
    if (file < 0)
        return NULL;
    unlink(path);
    FILE *stream = fdopen(file, "w+b");
    if (!stream)
        close(file);
    return stream;
}

bool scratch_folder_open(struct dm_temporary *folder) {
    char *path = dm_path_join(scratch_place(), "decimamba-scratch");
    bool made = path && !dm_temporary_make(folder, path, true, NULL);
    if (!path)
        return fail_memory();
    dm_memory_free(path);
    if (made && chmod(folder->name, 0700) == 0)
        return true;
    if (made)
        scratch_folder_close(folder);
    return fail("%s: cannot make a folder there", scratch_place());
}

void scratch_folder_close(struct dm_temporary *folder) {
    dm_temporary_drop(folder);
}
