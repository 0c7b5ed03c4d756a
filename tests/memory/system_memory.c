#define _GNU_SOURCE
#include "system_memory.h"

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HOOKED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define HOOKED 0
#endif
#endif
#if !defined(HOOKED) && defined(__GLIBC__)
#define HOOKED 1
#endif

#if HOOKED

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* The loader is not among them: its own allocations (for threads) end the process. */
static const char *const libraries[] = {"libjansson.", "libpcre2-8.",  "libzip.",
                                        "libz.",       "libutf8proc.", "libc."};
enum { n_library = sizeof libraries / sizeof *libraries };

static struct { uintptr_t begin, end; } places[n_library];
static size_t n_place;

static atomic_size_t until_failure;
static atomic_bool once, failed;

/* ---- Which allocations are theirs ---- */

static int find(struct dl_phdr_info *info, size_t size, void *user) {
    (void)size, (void)user;
    const char *slash = strrchr(info->dlpi_name, '/'), *name = slash ? slash + 1 : info->dlpi_name;
    for (int i = 0; i < n_library; i++) {
        if (strncmp(name, libraries[i], strlen(libraries[i])) != 0)
            continue;
        for (int k = 0; k < info->dlpi_phnum; k++)
            if (info->dlpi_phdr[k].p_type == PT_LOAD && info->dlpi_phdr[k].p_flags & PF_X) {
                places[n_place].begin = info->dlpi_addr + info->dlpi_phdr[k].p_vaddr;
                places[n_place].end = places[n_place].begin + info->dlpi_phdr[k].p_memsz;
                n_place++;
                break;
            }
    }
    return 0;
}

void system_memory_begin(void) {
    dl_iterate_phdr(find, NULL);
}

static bool is_theirs(const void *caller) {
    for (size_t i = 0; i < n_place; i++)
        if ((uintptr_t)caller >= places[i].begin && (uintptr_t)caller < places[i].end)
            return true;
    return false;
}

static bool must_fail(void) {
    size_t left = atomic_load(&until_failure);
    if (left == 0)
        return false;
    if (left > 1) {
        atomic_store(&until_failure, left - 1);
        return false;
    }
    atomic_store(&failed, true);
    if (atomic_load(&once))
        atomic_store(&until_failure, 0);
    errno = ENOMEM;
    return true;
}

/* ---- In front of the C library's ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void __libc_free(void *pointer);

/* One of theirs has a mark before it, where others have their chunk's size, which is never so. */
enum { n_before = 16 };
static const uint64_t mark = 0xdec1dec1dec1dec1;
static atomic_size_t live;

static uint64_t *mark_of(void *pointer) {
    return (uint64_t *)pointer - 1;
}

static void *marked(void *chunk) {
    if (!chunk)
        return NULL;
    char *pointer = (char *)chunk + n_before;
    *mark_of(pointer) = mark;
    atomic_fetch_add(&live, 1);
    return pointer;
}

void *malloc(size_t size) {
    const void *caller = __builtin_return_address(0);
    if (!is_theirs(caller))
        return __libc_malloc(size);
    return must_fail() || size > SIZE_MAX - n_before ? NULL
                                                     : marked(__libc_malloc(size + n_before));
}

void *calloc(size_t count, size_t size) {
    const void *caller = __builtin_return_address(0);
    size_t n_byte;
    if (!is_theirs(caller))
        return __libc_calloc(count, size);
    return must_fail() || __builtin_mul_overflow(count, size, &n_byte) ||
                   n_byte > SIZE_MAX - n_before
               ? NULL
               : marked(__libc_calloc(1, n_byte + n_before));
}

void *realloc(void *pointer, size_t size) {
    const void *caller = __builtin_return_address(0);
    bool theirs = is_theirs(caller), had_mark = pointer && *mark_of(pointer) == mark;
    if (theirs && must_fail())
        return NULL;
    if (!had_mark)
        return pointer || !theirs ? __libc_realloc(pointer, size)
                                  : marked(__libc_malloc(size + n_before));
    char *moved = __libc_realloc((char *)pointer - n_before, size + n_before);
    return moved ? moved + n_before : NULL;
}

void free(void *pointer) {
    if (pointer && *mark_of(pointer) == mark) {
        *mark_of(pointer) = 0;
        atomic_fetch_sub(&live, 1);
        pointer = (char *)pointer - n_before;
    }
    __libc_free(pointer);
}

bool system_memory_hooked(void) {
    return true;
}

void system_memory_fail(size_t n, bool only_once) {
    atomic_store(&failed, false);
    atomic_store(&once, only_once);
    atomic_store(&until_failure, n);
}

bool system_memory_failed(void) {
    return atomic_load(&failed);
}

size_t system_memory_live(void) {
    return atomic_load(&live);
}

#else

bool system_memory_hooked(void) {
    return false;
}

void system_memory_begin(void) {
}

void system_memory_fail(size_t n, bool only_once) {
    (void)n, (void)only_once;
}

bool system_memory_failed(void) {
    return false;
}

size_t system_memory_live(void) {
    return 0;
}

#endif
