#include "output_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "fail.h"

bool output_possible(const char *path) {
    if (!*path)
        return fail("'': cannot write: the name is empty");
    if (dm_path_is_folder(path))
        return fail("%s: cannot write: %s", path, strerror(EISDIR));
    if (dm_path_is_special(path))
        return access(path, W_OK) == 0 || fail("%s: cannot write: %s", path, strerror(errno));
    char *target = dm_path_target(path), *folder = target ? dm_path_folder(target) : NULL;
    bool fine = folder && access(folder, W_OK) == 0;
    if (!fine)
        complain("%s: cannot write: %s", path, strerror(errno));
    dm_memory_free(folder);
    dm_memory_free(target);
    return fine;
}

bool output_open(struct output_file *file, const char *path) {
    file->fault.status = DM_OK;
    return !dm_file_writer_open_any(&file->writer, path, &file->fault) ||
           fail("%s", file->fault.message);
}

void output_write(struct output_file *file, const void *bytes, size_t n_byte) {
    if (!file->fault.status)
        (void)dm_file_writer_write(&file->writer, bytes, n_byte, &file->fault);
}

void output_abandon(struct output_file *file) {
    dm_file_writer_abort(&file->writer);
}

bool output_commit(struct output_file *file) {
    if (!file->fault.status)
        (void)dm_file_writer_commit(&file->writer, &file->fault);
    output_abandon(file);
    return !file->fault.status || fail("%s", file->fault.message);
}
