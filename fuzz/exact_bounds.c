/* Under AddressSanitizer, what lies behind the end of a mapped file (to the end of its page) and of
 * the library's allocations (padded to whole cache lines) is out of bounds. The linker replaces
 * the functions of these names (--wrap). */
#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"

enum { page_size = 4096, line_size = 64 };

void *__real_mmap64(void *, size_t, int, int, int, off_t);
int __real_munmap(void *, size_t);
void *__real_dm_memory_array(size_t, size_t);
void *__real_dm_memory_zeroed(size_t, size_t);
char *__real_dm_memory_text(const char *);

void *__wrap_mmap64(void *, size_t, int, int, int, off_t);
int __wrap_munmap(void *, size_t);
void *__wrap_dm_memory_array(size_t, size_t);
void *__wrap_dm_memory_zeroed(size_t, size_t);
void *__wrap_dm_memory_resize(void *, size_t, size_t, size_t);
char *__wrap_dm_memory_text(const char *);

static size_t padding(size_t n_byte, size_t unit) {
    return (unit - n_byte % unit) % unit;
}

void *__wrap_mmap64(void *at, size_t n_byte, int protection, int flags, int file, off_t offset) {
    char *bytes = __real_mmap64(at, n_byte, protection, flags, file, offset);
    if (bytes != MAP_FAILED && file >= 0)
        ASAN_POISON_MEMORY_REGION(bytes + n_byte, padding(n_byte, page_size));
    return bytes;
}

int __wrap_munmap(void *bytes, size_t n_byte) {
    ASAN_UNPOISON_MEMORY_REGION(bytes, n_byte + padding(n_byte, page_size));
    return __real_munmap(bytes, n_byte);
}

static void *bound(void *pointer, size_t n_byte) {
    if (pointer)
        ASAN_POISON_MEMORY_REGION((char *)pointer + n_byte,
                                  n_byte ? padding(n_byte, line_size) : line_size);
    return pointer;
}

void *__wrap_dm_memory_array(size_t count, size_t size) {
    void *pointer = __real_dm_memory_array(count, size);
    return bound(pointer, pointer ? count * size : 0);
}

void *__wrap_dm_memory_zeroed(size_t count, size_t size) {
    void *pointer = __real_dm_memory_zeroed(count, size);
    return bound(pointer, pointer ? count * size : 0);
}

void *__wrap_dm_memory_resize(void *pointer, size_t old_count, size_t count, size_t size) {
    void *moved = __wrap_dm_memory_array(count, size);
    if (moved && pointer) {
        memcpy(moved, pointer, (old_count < count ? old_count : count) * size);
        dm_memory_free(pointer);
    }
    return moved;
}

char *__wrap_dm_memory_text(const char *text) {
    return bound(__real_dm_memory_text(text), strlen(text) + 1);
}
