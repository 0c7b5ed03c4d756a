/* The program with faults: it is linked with these in the place of the functions by which it reads
 * and changes files (-Wl,--wrap). DM_FAULT="KIND N" says what happens at the N-th call that counts:
 *
 *     KILL, TERM, INT   the process gets the signal; of calls that change something. A write has
 *                       then written half of what it should
 *     FULL              from then on nothing can be written: ENOSPC
 *     EIO               that call fails with EIO, be it reading, mapping or changing
 *     NONE, ALL         nothing happens: NONE counts calls that change something, ALL all of them
 *
 * What removes things fails never, as nothing could be done about it. DM_FAULT_COUNT names a file
 * that receives the number of calls at the end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { NOTHING, COUNT_CHANGES, COUNT_ALL, SIGNAL, FULL, INPUT_OUTPUT };
enum call { READS, MAKES, WRITES, REMOVES };

static enum kind kind;
static int signal_number;
static unsigned long at, count;

__attribute__((constructor)) static void begin(void) {
    static const struct {
        const char *name;
        enum kind kind;
        int signal_number;
    } kinds[] = {{"KILL", SIGNAL, SIGKILL}, {"TERM", SIGNAL, SIGTERM}, {"INT", SIGNAL, SIGINT},
                 {"FULL", FULL, 0},         {"EIO", INPUT_OUTPUT, 0},  {"NONE", COUNT_CHANGES, 0},
                 {"ALL", COUNT_ALL, 0}};
    const char *fault = getenv("DM_FAULT");
    for (size_t i = 0; fault && i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].name);
        if (strncmp(fault, kinds[i].name, n) != 0)
            continue;
        kind = kinds[i].kind;
        signal_number = kinds[i].signal_number;
        at = strtoul(fault + n, NULL, 10);
    }
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("DM_FAULT_COUNT");
    FILE *file = path && kind ? fopen(path, "w") : NULL;
    if (file) {
        kind = NOTHING;
        fprintf(file, "%lu\n", count);
        fclose(file);
    }
}

/* Whether the call is to fail, with errno set; a signal is sent here. */
static bool strikes(enum call call) {
    bool all = kind == INPUT_OUTPUT || kind == COUNT_ALL;
    if (kind == NOTHING || (all ? call == REMOVES : call == READS))
        return false;
    count++;
    if (kind == SIGNAL && count == at)
        kill(getpid(), signal_number);
    errno = kind == FULL ? ENOSPC : EIO;
    return (kind == INPUT_OUTPUT && count == at) ||
           (kind == FULL && count >= at && (call == WRITES || call == MAKES));
}

#define WRAP(type, name, parameters, arguments, call, failure)      \
    type __real_##name parameters;                                  \
    type __wrap_##name parameters;                                  \
    type __wrap_##name parameters {                                 \
        return strikes(call) ? (failure) : __real_##name arguments; \
    }

WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), MAKES, -1)
WRAP(char *, mkdtemp, (char *path), (path), MAKES, NULL)
WRAP(int, symlinkat, (const char *to, int folder, const char *path), (to, folder, path), MAKES, -1)
WRAP(int, rename, (const char *from, const char *to), (from, to), MAKES, -1)
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), MAKES, -1)
WRAP(int, fsync, (int descriptor), (descriptor), WRITES, -1)
WRAP(int, fflush, (FILE * stream), (stream), WRITES, EOF)
WRAP(int, unlink, (const char *path), (path), REMOVES, -1)
WRAP(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags), REMOVES, -1)
WRAP(int, rmdir, (const char *path), (path), REMOVES, -1)
WRAP(int, remove, (const char *path), (path), REMOVES, -1)
WRAP(int, flock, (int descriptor, int operation), (descriptor, operation), READS, -1)
WRAP(ssize_t, read, (int descriptor, void *bytes, size_t n), (descriptor, bytes, n), READS, -1)
WRAP(int, fstat64, (int descriptor, struct stat64 *status), (descriptor, status), READS, -1)
WRAP(void *, mmap64, (void *to, size_t n, int access, int flags, int descriptor, off64_t offset),
     (to, n, access, flags, descriptor, offset), READS, MAP_FAILED)

/* Half of it is written before a signal, or before a disk is full. */
ssize_t __real_write(int descriptor, const void *bytes, size_t n);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t n);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t n) {
    bool now = count + 1 == at && (kind == SIGNAL || kind == FULL);
    ssize_t half = now && n > 1 ? __real_write(descriptor, bytes, n / 2) : 0;
    if (strikes(WRITES))
        return half ? half : -1;
    ssize_t rest = __real_write(descriptor, (const char *)bytes + half, n - (size_t)half);
    return rest < 0 ? rest : half + rest;
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return strikes(flags & O_CREAT ? MAKES : READS) ? -1 : __real_open64(path, flags, mode);
}

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode) {
    return strikes(strchr(mode, 'r') ? READS : MAKES) ? NULL : __real_fopen64(path, mode);
}
