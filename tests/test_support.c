#define _XOPEN_SOURCE 700
#include "test_support.h"

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

const char *test_join(const char *directory, const char *name) {
    static char paths[4][TEST_MAX_PATH];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    assert_true(snprintf(path, TEST_MAX_PATH, "%s/%s", directory, name) < TEST_MAX_PATH);
    return path;
}

const char *test_source(const char *name) {
    const char *root = getenv("DM_SOURCE_ROOT");
    assert_non_null(root);
    return test_join(root, name);
}

const char *test_data(const char *name) {
    char path[TEST_MAX_PATH];
    assert_true(snprintf(path, sizeof path, "tests/data/%s", name) < TEST_MAX_PATH);
    return test_source(path);
}

void test_make_directory(char *path) {
    const char *parent = getenv("TMPDIR");
    snprintf(path, TEST_MAX_PATH, "%s/decimamba-test-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status, (void)kind, (void)place;
    return remove(path);
}

void test_remove_directory(const char *path) {
    assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

char test_directory[TEST_MAX_PATH];

int test_set_up(void **state) {
    (void)state;
    test_make_directory(test_directory);
    return 0;
}

int test_tear_down(void **state) {
    (void)state;
    test_remove_directory(test_directory);
    return 0;
}

unsigned char *test_read_file(const char *path, size_t *n_byte) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *n_byte = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*n_byte + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *n_byte, file), *n_byte);
    fclose(file);
    bytes[*n_byte] = 0;
    return bytes;
}

void test_write_file(const char *path, const void *bytes, size_t n_byte) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n_byte, file), n_byte);
    assert_int_equal(fclose(file), 0);
}

void test_write_text(const char *path, const char *text) {
    test_write_file(path, text, strlen(text));
}

void test_copy_file(const char *from, const char *to) {
    size_t n_byte;
    unsigned char *bytes = test_read_file(from, &n_byte);
    test_write_file(to, bytes, n_byte);
    free(bytes);
}

void test_replace(const char *path, const char *from, const char *to) {
    size_t n, n_from = strlen(from), i = 0;
    unsigned char *bytes = test_read_file(path, &n);
    while (i + n_from <= n && memcmp(bytes + i, from, n_from) != 0)
        i++;
    if (i + n_from > n)
        fail_msg("%s does not hold %s", path, from);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(bytes, 1, i, file);
    fputs(to, file);
    fwrite(bytes + i + n_from, 1, n - i - n_from, file);
    assert_int_equal(fclose(file), 0);
    free(bytes);
}

size_t test_count_entries(const char *path) {
    DIR *directory = opendir(path);
    assert_non_null(directory);
    size_t n = 0;
    while (readdir(directory))
        n++;
    closedir(directory);
    return n - 2; /* . and .. */
}

static struct rlimit old_limit;

void test_limit_file_size(size_t n_byte) {
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    struct rlimit limit = old_limit;
    limit.rlim_cur = n_byte;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

void test_lift_file_size_limit(void) {
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    signal(SIGXFSZ, SIG_DFL);
}

void test_expect_error(const dm_error *error, dm_status status, const char *part) {
    if (error->status != status || !strstr(error->message, part))
        fail_msg("status %d, \"%s\"; expected status %d and \"%s\"", error->status, error->message,
                 status, part);
}

void require(dm_status status, const dm_error *error) {
    if (status)
        fail_msg("status %d: %s", status, error->message);
}

void *some(size_t n, size_t size) {
    void *pointer = calloc(n ? n : 1, size);
    assert_non_null(pointer);
    return pointer;
}
