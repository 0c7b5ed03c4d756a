/* The lock by which a process shows that it still works on a file or folder. */
#ifndef DECIMAMBA_CLI_FILE_LOCK_H
#define DECIMAMBA_CLI_FILE_LOCK_H

#include <stdbool.h>

/* Locks what a descriptor has open under `name`, until that is closed. false: it cannot be told, or,
 * with EBUSY, another process holds it, or it no longer has this name. Where there are no locks,
 * nobody holds any. */
bool file_lock(int descriptor, const char *name);

#endif
