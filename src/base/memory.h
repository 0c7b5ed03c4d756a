/* Allocation with overflow-checked sizes, and a hook that lets tests fail the n-th one. */
#ifndef DM_BASE_MEMORY_H
#define DM_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* a * b and a + b; false when the result does not fit. */
static inline bool dm_size_mul(size_t a, size_t b, size_t *result) {
    return !__builtin_mul_overflow(a, b, result);
}
static inline bool dm_size_add(size_t a, size_t b, size_t *result) {
    return !__builtin_add_overflow(a, b, result);
}

/* `count` elements of `size` bytes, aligned to 64 bytes; NULL when the size overflows or memory is
 * short. A count of 0 gives a valid pointer. All are released by dm_memory_free. */
void *dm_memory_array(size_t count, size_t size);
void *dm_memory_zeroed(size_t count, size_t size);
/* Grows or shrinks, keeping the first elements: `old_count` of them are copied where it moves. On
 * failure NULL, and `pointer` stays valid. */
void *dm_memory_resize(void *pointer, size_t old_count, size_t count, size_t size);
char *dm_memory_text(const char *text); /* a copy of the string */
void dm_memory_free(void *pointer);

/* Zeros in large pages, where the system gives them to who asks (2 MB on x86): for what is read from
 * end to end again and again, as a table of small pages is walked too often then. Memory is taken as
 * it is written to. Released by dm_memory_large_free, with the same size. */
void *dm_memory_large(size_t n_byte);
void dm_memory_large_free(void *pointer, size_t n_byte);

/* Tests: the n-th allocation from now on fails (1 = the next), and all after it while n stays
 * reached; 0 = none. */
void dm_memory_fail_at(size_t n);
/* The same for the n-th alone: those after it succeed. */
void dm_memory_fail_once(size_t n);
/* Whether one has failed so since the last of these calls. */
bool dm_memory_failed(void);
/* Allocations not yet freed. */
size_t dm_memory_live(void);

#endif
