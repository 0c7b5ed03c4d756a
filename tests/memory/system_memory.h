/* Allocations of the libraries below this one, and of the C library's own functions: malloc and its
 * kin are put in front of the C library's, and look who calls. Where a sanitizer is there before,
 * they are left alone: system_memory_hooked says so. */
#ifndef DM_TESTS_SYSTEM_MEMORY_H
#define DM_TESTS_SYSTEM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

bool system_memory_hooked(void);
/* Finds where the libraries lie; before the others, once. */
void system_memory_begin(void);

/* The n-th allocation from now on fails (1 = the next), `once` or with all after it; 0 = none. */
void system_memory_fail(size_t n, bool once);
/* Whether one has failed so since. */
bool system_memory_failed(void);
/* Allocations of theirs that are not freed. */
size_t system_memory_live(void);

#endif
