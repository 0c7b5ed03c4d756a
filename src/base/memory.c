#include "base/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/system.h"

enum { alignment = 64, large_page = 1 << 21 };

static atomic_size_t live;
static atomic_size_t until_failure; /* 0: never; 1: from now on */
static atomic_bool once, failed;

void dm_memory_fail_at(size_t n) {
    atomic_store(&failed, false);
    atomic_store(&once, false);
    atomic_store(&until_failure, n);
}

void dm_memory_fail_once(size_t n) {
    dm_memory_fail_at(n);
    atomic_store(&once, true);
}

bool dm_memory_failed(void) {
    return atomic_load(&failed);
}

size_t dm_memory_live(void) {
    return atomic_load(&live);
}

/* Counts down in one step, as several threads may allocate at once. */
static bool must_fail(void) {
    size_t left = atomic_load_explicit(&until_failure, memory_order_relaxed), next;
    do {
        if (left == 0)
            return false;
        next = left > 1 ? left - 1 : !atomic_load(&once);
    } while (!atomic_compare_exchange_weak(&until_failure, &left, next));
    if (left > 1)
        return false;
    atomic_store(&failed, true);
    return true;
}

void *dm_memory_array(size_t count, size_t size) {
    size_t n_byte, padded;
    if (must_fail() || !dm_size_mul(count, size, &n_byte) ||
        !dm_size_add(n_byte, alignment - 1, &padded))
        return NULL;
    padded -= padded % alignment;
    void *pointer = aligned_alloc(alignment, padded ? padded : alignment);
    if (pointer)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return pointer;
}

void *dm_memory_zeroed(size_t count, size_t size) {
    void *pointer = dm_memory_array(count, size);
    if (pointer)
        memset(pointer, 0, count * size);
    return pointer;
}

void *dm_memory_resize(void *pointer, size_t old_count, size_t count, size_t size) {
    void *moved = dm_memory_array(count, size);
    if (!moved)
        return NULL;
    if (pointer)
        memcpy(moved, pointer, (old_count < count ? old_count : count) * size);
    dm_memory_free(pointer);
    return moved;
}

static bool round_to_pages(size_t n_byte, size_t *rounded) {
    bool fits = dm_size_add(n_byte, large_page - 1, rounded);
    *rounded -= *rounded % large_page;
    return fits;
}

static void *map(size_t n_byte) {
    return mmap(NULL, n_byte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void *dm_memory_large(size_t n_byte) {
    size_t size, mapped;
    if (must_fail() || !n_byte || !round_to_pages(n_byte, &size) ||
        !dm_size_add(size, large_page, &mapped))
        return NULL;
    unsigned char *all = map(mapped);
    if (all == MAP_FAILED)
        return NULL;
    size_t before = (large_page - (uintptr_t)all % large_page) % large_page;
    if (before)
        munmap(all, before);
    munmap(all + before + size, large_page - before);
    dm_system_want_large_pages(all + before, size);
    atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return all + before;
}

void dm_memory_large_free(void *pointer, size_t n_byte) {
    size_t size;
    if (!pointer || !round_to_pages(n_byte, &size))
        return;
    munmap(pointer, size);
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
}

char *dm_memory_text(const char *text) {
    size_t n_byte = strlen(text) + 1;
    char *copy = dm_memory_array(n_byte, 1);
    return copy ? memcpy(copy, text, n_byte) : NULL;
}

void dm_memory_free(void *pointer) {
    if (!pointer)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(pointer);
}
