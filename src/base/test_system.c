#include "test_support.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/system.h"

static void counts_processors(void **state) {
    (void)state;
    size_t n = dm_system_processors();
    assert_in_range(n, 1, (size_t)sysconf(_SC_NPROCESSORS_CONF));
}

/* What was touched is counted, and stays so when it is gone. */
static void knows_the_peak(void **state) {
    (void)state;
    enum { n_byte = 1 << 26 };
    double before = dm_system_peak_memory();
    unsigned char *pages = dm_memory_large(n_byte);
    assert_non_null(pages);
    memset(pages, 1, n_byte);
    double with = dm_system_peak_memory();
    dm_memory_large_free(pages, n_byte);
    assert_true(before > 1e5 && with >= n_byte && with < 1e11);
    assert_true(dm_system_peak_memory() >= with);
}

static void finds_the_program(void **state) {
    (void)state;
    char path[PATH_MAX], shorter[PATH_MAX];
    dm_system_program(path, sizeof path);
    assert_int_equal(path[0], '/');
    assert_string_equal(strrchr(path, '/'), "/test_system");
    assert_int_equal(access(path, X_OK), 0);
    dm_system_program(shorter, strlen(path) + 1);
    assert_string_equal(shorter, path);
    dm_system_program(shorter, strlen(path));
    assert_string_equal(shorter, "");
}

/* A descriptor of a new file. */
static int new_file(void) {
    int descriptor =
        open(test_join(test_directory, "file"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    assert_true(descriptor >= 0);
    return descriptor;
}

static void says_when_a_file_changed(void **state) {
    (void)state;
    int descriptor = new_file();
    const struct timespec times[] = {{5, 6000}, {1234567890, 123456000}};
    assert_int_equal(futimens(descriptor, times), 0);
    struct stat file;
    assert_int_equal(fstat(descriptor, &file), 0);
    assert_int_equal(dm_system_modified(&file).tv_sec, 1234567890);
    assert_int_equal(dm_system_modified(&file).tv_nsec, 123456000);
    close(descriptor);
}

static void syncs_files(void **state) {
    (void)state;
    int descriptor = new_file();
    assert_int_equal(dm_system_sync(descriptor), 0);
    close(descriptor);
    errno = 0;
    assert_int_equal(dm_system_sync(descriptor), -1);
    assert_int_equal(errno, EBADF);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_processors), cmocka_unit_test(knows_the_peak),
        cmocka_unit_test(finds_the_program), cmocka_unit_test(says_when_a_file_changed),
        cmocka_unit_test(syncs_files),
    };
    return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}
