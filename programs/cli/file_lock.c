#include "file_lock.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>

bool file_lock(int descriptor, const char *name) {
    struct stat a, b;
    bool held = flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!held && fstat(descriptor, &a))
        return false;
    if (!held && lstat(name, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        return true;
    errno = EBUSY;
    return false;
}
