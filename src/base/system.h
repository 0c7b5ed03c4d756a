/* What systems do each in a way of their own: all of what is not POSIX, but for the control groups of
 * Linux (cpu_quota.h). Linux and macOS are known; elsewhere what is only a wish does nothing. */
#ifndef DM_BASE_SYSTEM_H
#define DM_BASE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

/* Processors that the process may run on, 1 at least. */
size_t dm_system_processors(void);

/* Whether the system keeps the tiles of AMX for this process: it must be asked once. */
bool dm_system_grants_tiles(void);
/* Whether a 64-bit ARM processor multiplies vectors of 8 bits (dot product). */
bool dm_system_has_dot_product(void);

/* Asks for large pages for a mapping. */
void dm_system_want_large_pages(void *start, size_t n_byte);

/* When a file's bytes last changed. */
struct timespec dm_system_modified(const struct stat *file);

/* What was written is on the disk; 0, or -1 and errno, as fsync. */
int dm_system_sync(int descriptor);

/* The most memory that the process has had, in bytes. */
double dm_system_peak_memory(void);

/* The path of the running program, links followed; "" where the system does not tell, or where it is
 * longer. */
void dm_system_program(char *path, size_t size);

#endif
