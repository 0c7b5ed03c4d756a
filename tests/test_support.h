/* What several tests need: files of the project, and a directory of their own. */
#ifndef DM_TEST_SUPPORT_H
#define DM_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decimamba.h"

enum { TEST_MAX_PATH = 1024 };

/* "<project>/<name>", and "<project>/tests/data/<name>", valid until the next but three of these
 * and of test_join. */
const char *test_source(const char *name);
const char *test_data(const char *name);
/* A new empty directory; `path` has room for TEST_MAX_PATH. */
void test_make_directory(char *path);
/* Removes a directory with all that is in it. */
void test_remove_directory(const char *path);
/* A fixture: test_directory is made before, and removed after, a test or a group of them. */
extern char test_directory[TEST_MAX_PATH];
int test_set_up(void **state);
int test_tear_down(void **state);
/* directory/name, valid as those of test_source. */
const char *test_join(const char *directory, const char *name);
/* The whole file and a 0 after it, from malloc. */
unsigned char *test_read_file(const char *path, size_t *n_byte);
void test_write_file(const char *path, const void *bytes, size_t n_byte);
void test_write_text(const char *path, const char *text);
void test_copy_file(const char *from, const char *to);
/* Replaces the first `from` in a file by `to`. */
void test_replace(const char *path, const char *from, const char *to);
/* The number of entries in a directory. */
size_t test_count_entries(const char *path);

/* No file may grow beyond this: a stand-in for a full disk. */
void test_limit_file_size(size_t n_byte);
void test_lift_file_size_limit(void);

/* The status and a part of the message are as expected. */
void test_expect_error(const dm_error *error, dm_status status, const char *part);
/* The call succeeded. */
void require(dm_status status, const dm_error *error);
/* Zeroed memory, from calloc; `n` may be 0. */
void *some(size_t n, size_t size);

#endif
