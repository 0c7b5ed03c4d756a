#ifdef __linux__
#define _GNU_SOURCE
#endif
#include "base/system.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#elif defined(__APPLE__)
#include <fcntl.h>
#include <mach-o/dyld.h>
#include <sys/sysctl.h>
#endif

size_t dm_system_processors(void) {
#ifdef __linux__
    cpu_set_t set;
    long n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
#else
    long n = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return n > 0 ? (size_t)n : 1;
}

/* Numbers are those of Linux's arch_prctl. */
bool dm_system_grants_tiles(void) {
#if defined(__linux__) && defined(__x86_64__)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0;
#else
    return false;
#endif
}

bool dm_system_has_dot_product(void) {
#if defined(__linux__) && defined(__aarch64__)
    enum { ASIMDDP = 20 }; /* HWCAP_ASIMDDP */
    return getauxval(AT_HWCAP) >> ASIMDDP & 1;
#elif defined(__APPLE__)
    int has = 0;
    size_t size = sizeof has;
    return sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &size, NULL, 0) == 0 && has;
#else
    return false;
#endif
}

void dm_system_want_large_pages(void *start, size_t n_byte) {
#ifdef MADV_HUGEPAGE
    madvise(start, n_byte, MADV_HUGEPAGE);
#else
    (void)start, (void)n_byte;
#endif
}

struct timespec dm_system_modified(const struct stat *file) {
#ifdef __APPLE__
    return file->st_mtimespec;
#else
    return file->st_mtim;
#endif
}

int dm_system_sync(int descriptor) {
#ifdef F_FULLFSYNC /* fsync leaves it in the disk's own memory; not every disk can do more */
    if (fcntl(descriptor, F_FULLFSYNC) == 0)
        return 0;
#endif
    return fsync(descriptor);
}

double dm_system_peak_memory(void) {
#ifdef __APPLE__
    const double unit = 1;
#else
    const double unit = 1024;
#endif
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) ? 0 : unit * (double)usage.ru_maxrss;
}

void dm_system_program(char *path, size_t size) {
#if defined(__linux__)
    ssize_t n = readlink("/proc/self/exe", path, size);
    path[n > 0 && (size_t)n < size ? n : 0] = 0;
#elif defined(__APPLE__)
    char named[PATH_MAX], real[PATH_MAX];
    uint32_t n_named = sizeof named;
    bool found = _NSGetExecutablePath(named, &n_named) == 0 && realpath(named, real);
    size_t n = found ? strlen(real) : 0;
    n = n < size ? n : 0;
    memcpy(path, real, n);
    path[n] = 0;
#else
    (void)size;
    path[0] = 0;
#endif
}
