/* The program with faults: it is linked with these in the place of the functions by which it reads
 * and changes files (-Wl,--wrap). DM_FAULT="KIND N" says what happens at the N-th call that counts:
 *
 *     KILL, TERM, INT   the process gets the signal; of calls that change something. A write has
 *                       then written half of what it should
 *     CUT, ZERO         the power fails: as KILL, and what no fsync put on the disk is lost. Of each
 *                       file below the folder of the start, what came after its last fsync is cut
 *                       off, or zeros; names are as they were given. One call more counts: the end
 *     FULL              from then on nothing can be written: ENOSPC
 *     EIO               that call fails with EIO, be it reading, mapping or changing
 *     NONE, ALL         nothing happens: NONE counts calls that change something, ALL all of them
 *
 * What removes things fails never, as nothing could be done about it. DM_FAULT_COUNT names a file
 * that receives the number of calls at the end. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* glibc calls those that know files of any length by these names, others by the plain ones. */
#ifdef __GLIBC__
#define __real_fopen __real_fopen64
#define __wrap_fopen __wrap_fopen64
#define __real_fstat __real_fstat64
#define __wrap_fstat __wrap_fstat64
#define __real_mmap __real_mmap64
#define __wrap_mmap __wrap_mmap64
#define __real_open __real_open64
#define __wrap_open __wrap_open64
#define __real_truncate __real_truncate64
#define __wrap_truncate __wrap_truncate64
#endif

enum kind { NOTHING, COUNT_CHANGES, COUNT_ALL, SIGNAL, FULL, INPUT_OUTPUT };
enum call { READS, MAKES, WRITES, REMOVES };
enum loss { NOTHING_LOST, CUT, ZERO };

static enum kind kind;
static enum loss loss;
static int signal_number;
static unsigned long at, count;

/* ---- What a power cut takes away ---- */

int __real_truncate(const char *path, off_t n_byte);

/* How much of a file is on the disk; of one that is not among them, nothing. */
struct synced {
    ino_t file;
    off_t n_byte;
};
static struct synced *synced;
static size_t n_synced;

static struct synced *find_synced(ino_t file) {
    for (size_t i = 0; i < n_synced; i++)
        if (synced[i].file == file)
            return &synced[i];
    return NULL;
}

static void set_synced(ino_t file, off_t n_byte) {
    struct synced *known = find_synced(file);
    if (!known) {
        synced = realloc(synced, (n_synced + 1) * sizeof *synced);
        if (!synced)
            abort();
        known = &synced[n_synced++];
    }
    *known = (struct synced){file, n_byte};
}

static int note_file(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)path, (void)place;
    if (type == FTW_F)
        set_synced(status->st_ino, status->st_size);
    return 0;
}

/* A file that was just made may have the number of one that is gone. */
static void note_opened(int descriptor) {
    struct stat status;
    if (loss && fstat(descriptor, &status) == 0 && status.st_size == 0)
        set_synced(status.st_ino, 0);
}

static int lose_file(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)place;
    if (type != FTW_F)
        return 0;
    const struct synced *known = find_synced(status->st_ino);
    off_t kept = known ? known->n_byte : 0;
    if (status->st_size <= kept)
        return 0;
    if (__real_truncate(path, kept) || (loss == ZERO && __real_truncate(path, status->st_size)))
        abort();
    return 0;
}

static void lose(void) {
    if (nftw(".", lose_file, 16, FTW_PHYS))
        abort();
}

/* ---- When it strikes ---- */

__attribute__((constructor)) static void begin(void) {
    static const struct {
        const char *name;
        enum kind kind;
        int signal_number;
        enum loss loss;
    } kinds[] = {{"KILL", SIGNAL, SIGKILL, NOTHING_LOST}, {"TERM", SIGNAL, SIGTERM, NOTHING_LOST},
                 {"INT", SIGNAL, SIGINT, NOTHING_LOST},   {"CUT", SIGNAL, SIGKILL, CUT},
                 {"ZERO", SIGNAL, SIGKILL, ZERO},         {"FULL", FULL, 0, NOTHING_LOST},
                 {"EIO", INPUT_OUTPUT, 0, NOTHING_LOST},  {"NONE", COUNT_CHANGES, 0, NOTHING_LOST},
                 {"ALL", COUNT_ALL, 0, NOTHING_LOST}};
    const char *fault = getenv("DM_FAULT");
    for (size_t i = 0; fault && i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].name);
        if (strncmp(fault, kinds[i].name, n) != 0)
            continue;
        kind = kinds[i].kind;
        signal_number = kinds[i].signal_number;
        loss = kinds[i].loss;
        at = strtoul(fault + n, NULL, 10);
    }
    if (loss && nftw(".", note_file, 16, FTW_PHYS))
        abort();
}

__attribute__((destructor)) static void end(void) {
    const char *path = kind ? getenv("DM_FAULT_COUNT") : NULL;
    kind = NOTHING; /* what follows is not the program's */
    if (loss && count + 1 == at)
        lose();
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
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
    if (kind == SIGNAL && count == at) {
        if (loss)
            lose();
        kill(getpid(), signal_number);
    }
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
WRAP(int, fflush, (FILE * stream), (stream), WRITES, EOF)
WRAP(int, unlink, (const char *path), (path), REMOVES, -1)
WRAP(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags), REMOVES, -1)
WRAP(int, rmdir, (const char *path), (path), REMOVES, -1)
WRAP(int, remove, (const char *path), (path), REMOVES, -1)
WRAP(int, flock, (int descriptor, int operation), (descriptor, operation), READS, -1)
WRAP(ssize_t, read, (int descriptor, void *bytes, size_t n), (descriptor, bytes, n), READS, -1)
WRAP(int, fstat, (int descriptor, struct stat *status), (descriptor, status), READS, -1)
WRAP(void *, mmap, (void *to, size_t n, int access, int flags, int descriptor, off_t offset),
     (to, n, access, flags, descriptor, offset), READS, MAP_FAILED)

int __real_fsync(int descriptor);
int __wrap_fsync(int descriptor);
int __wrap_fsync(int descriptor) {
    if (strikes(WRITES) || __real_fsync(descriptor))
        return -1;
    struct stat status;
    if (loss && fstat(descriptor, &status) == 0)
        set_synced(status.st_ino, status.st_size);
    return 0;
}

int __wrap_truncate(const char *path, off_t n_byte);
int __wrap_truncate(const char *path, off_t n_byte) {
    if (strikes(WRITES) || __real_truncate(path, n_byte))
        return -1;
    struct stat status;
    const struct synced *known =
        loss && stat(path, &status) == 0 ? find_synced(status.st_ino) : NULL;
    if (known && known->n_byte > n_byte)
        set_synced(status.st_ino, n_byte);
    return 0;
}

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

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (strikes(flags & O_CREAT ? MAKES : READS))
        return -1;
    int descriptor = __real_open(path, flags, mode);
    if (descriptor >= 0 && flags & O_CREAT)
        note_opened(descriptor);
    return descriptor;
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode) {
    if (strikes(strchr(mode, 'r') ? READS : MAKES))
        return NULL;
    FILE *stream = __real_fopen(path, mode);
    if (stream && !strchr(mode, 'r'))
        note_opened(fileno(stream));
    return stream;
}
