#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "file_lock.h"
#include "paths.h"

static bool is_special(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

bool output_possible(const char *path) {
    struct stat status;
    if (!*path)
        return fail("'': cannot write: the name is empty");
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return fail("%s: cannot write: %s", path, strerror(EISDIR));
    if (is_special(path))
        return access(path, W_OK) == 0 || fail("%s: cannot write: %s", path, strerror(errno));
    char *target = path_target(path), *directory = target ? path_folder(target) : NULL;
    bool fine = directory && access(directory, W_OK) == 0;
    if (!fine)
        complain("%s: cannot write: %s", path, strerror(errno));
    free(directory);
    free(target);
    return fine;
}

static int make_temporary(const char *name) {
    return open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

/* Removes the temporary file of a process that is no more. */
static bool remove_dead(const char *name) {
    int descriptor = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return errno == ENOENT;
    bool fine = file_lock(descriptor, name) && unlink(name) == 0;
    close(descriptor);
    return fine;
}

/* Makes the temporary file, locked; NULL with errno. */
static FILE *open_temporary(const char *name) {
    int descriptor = make_temporary(name);
    if (descriptor < 0 && errno == EEXIST && remove_dead(name))
        descriptor = make_temporary(name);
    if (descriptor >= 0 && !file_lock(descriptor, name)) {
        int fault = errno;
        if (fault != EBUSY) /* it is ours */
            unlink(name);
        close(descriptor);
        errno = fault;
        descriptor = -1;
    }
    return descriptor < 0 ? NULL : fdopen(descriptor, "wb");
}

bool output_open(struct output_file *file, const char *path) {
    *file = (struct output_file){.path = path_target(path)};
    if (!file->path)
        return fail("%s: cannot write: %s", path, strerror(errno));
    if (is_special(path)) {
        file->stream = fopen(path, "wb");
    } else {
        size_t size = strlen(file->path) + sizeof ".tmp";
        file->temporary = malloc(size);
        if (!file->temporary) {
            output_abandon(file);
            return fail_memory();
        }
        snprintf(file->temporary, size, "%s.tmp", file->path);
        file->stream = open_temporary(file->temporary);
    }
    if (file->stream)
        return true;
    if (errno == EBUSY && file->temporary)
        complain("%s: another process writes this file", path);
    else
        complain("%s: cannot write: %s", path, strerror(errno));
    free(file->temporary);
    file->temporary = NULL; /* it is not ours */
    output_abandon(file);
    return false;
}

void output_write(struct output_file *file, const void *bytes, size_t n_byte) {
    if (!file->fault && fwrite(bytes, 1, n_byte, file->stream) != n_byte)
        file->fault = errno;
}

void output_abandon(struct output_file *file) {
    if (file->temporary)
        unlink(file->temporary);
    if (file->stream)
        fclose(file->stream);
    free(file->temporary);
    free(file->path);
    *file = (struct output_file){0};
}

static void note_fault(struct output_file *file, bool fine) {
    if (!file->fault && !fine)
        file->fault = errno;
}

bool output_commit(struct output_file *file) {
    note_fault(file, fflush(file->stream) == 0);
    if (file->temporary) {
        note_fault(file, fsync(fileno(file->stream)) == 0);
        if (!file->fault) /* while it is locked */
            note_fault(file, rename(file->temporary, file->path) == 0);
    } else {
        note_fault(file, fclose(file->stream) == 0);
        file->stream = NULL;
    }
    bool fine = !file->fault || fail("%s: cannot write: %s", file->path, strerror(file->fault));
    if (fine) {
        free(file->temporary);
        file->temporary = NULL;
    }
    output_abandon(file);
    return fine;
}
