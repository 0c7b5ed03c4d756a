#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"

static bool is_special(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

bool output_possible(const char *path) {
    struct stat status;
    if (!*path)
        return fail("the name of the file to write is empty");
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return fail("%s: cannot write: %s", path, strerror(EISDIR));
    if (is_special(path))
        return access(path, W_OK) == 0 || fail("%s: cannot write: %s", path, strerror(errno));
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!directory)
        return fail_memory();
    bool fine = access(directory, W_OK) == 0 || fail("%s: cannot write: %s", path, strerror(errno));
    free(directory);
    return fine;
}

bool output_open(struct output_file *file, const char *path) {
    *file = (struct output_file){.path = path};
    if (is_special(path)) {
        file->stream = fopen(path, "wb");
    } else {
        size_t size = strlen(path) + 32;
        file->temporary = malloc(size);
        if (!file->temporary)
            return fail_memory();
        snprintf(file->temporary, size, "%s.%ld.tmp", path, (long)getpid());
        int descriptor = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        file->stream = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
    }
    if (file->stream)
        return true;
    complain("%s: cannot write: %s", path, strerror(errno));
    free(file->temporary);
    file->temporary = NULL;
    return false;
}

void output_write(struct output_file *file, const void *bytes, size_t n_byte) {
    if (!file->fault && fwrite(bytes, 1, n_byte, file->stream) != n_byte)
        file->fault = errno;
}

void output_abandon(struct output_file *file) {
    if (file->stream)
        fclose(file->stream);
    if (file->temporary)
        unlink(file->temporary);
    free(file->temporary);
    *file = (struct output_file){0};
}

static void note_fault(struct output_file *file, bool fine) {
    if (!file->fault && !fine)
        file->fault = errno;
}

bool output_commit(struct output_file *file) {
    note_fault(file, fflush(file->stream) == 0);
    if (file->temporary)
        note_fault(file, fsync(fileno(file->stream)) == 0);
    note_fault(file, fclose(file->stream) == 0);
    file->stream = NULL;
    if (file->temporary && !file->fault)
        note_fault(file, rename(file->temporary, file->path) == 0);
    bool fine = !file->fault || fail("%s: cannot write: %s", file->path, strerror(file->fault));
    if (fine) {
        free(file->temporary);
        file->temporary = NULL;
    }
    output_abandon(file);
    return fine;
}
