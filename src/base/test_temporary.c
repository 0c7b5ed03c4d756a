#include "test_support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file_writer.h"
#include "base/memory.h"
#include "base/path.h"

static const char *inside(const char *name) {
    return test_join(test_directory, name);
}

static void removes_what_nobody_holds(void **state) {
    static const char *const dead[] = {"out.123-0.tmp", "out.99999999-18.tmp"};
    static const char *const others[] = {"out",           "out.tmp",         "out.1-.tmp",
                                         "out.-1.tmp",    "out.a-1.tmp",     "out.1-1.tmp.old",
                                         "out.1-1x.tmp",  "outer.1-1.tmp",   "ou.1-1.tmp",
                                         "out.1-2-3.tmp", "out.1-1.safe.tmp"};
    enum { n_other = sizeof others / sizeof *others };
    for (size_t i = 0; i < 2; i++)
        test_write_file(inside(dead[i]), "half", 4);
    for (size_t i = 0; i < n_other; i++)
        test_write_file(inside(others[i]), "mine", 4);
    assert_int_equal(mkdir(inside("out.7-7.tmp"), 0777), 0);
    test_write_file(inside("out.7-7.tmp/model.8-8.tmp"), "half", 4);
    struct dm_temporary made;
    assert_int_equal(dm_temporary_make(&made, inside("out"), false, NULL), DM_OK);
    assert_int_equal(test_count_entries(test_directory), n_other + 1);
    for (size_t i = 0; i < n_other; i++)
        assert_true(dm_path_exists(inside(others[i])));
    assert_int_equal(dm_temporary_rename(&made, inside("out")), 0);
    assert_int_equal(test_count_entries(test_directory), n_other);
    dm_temporary_drop(&made);
    assert_int_equal(test_count_entries(test_directory), n_other);
    (void)state;
}

/* In the working directory, where a path has no slash. */
static void cleans_the_working_directory(void **state) {
    int before = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(chdir(test_directory), 0);
    test_write_file("out.1-1.tmp", "half", 4);
    struct dm_temporary made;
    dm_status status = dm_temporary_make(&made, "out", true, NULL);
    bool removed = !dm_path_exists("out.1-1.tmp");
    if (!status)
        dm_temporary_drop(&made);
    assert_int_equal(fchdir(before), 0);
    close(before);
    assert_int_equal(status, DM_OK);
    assert_true(removed);
    assert_int_equal(test_count_entries(test_directory), 0);
    (void)state;
}

/* Another process makes one, tells, and waits to be killed. */
static pid_t start_writer(bool is_directory) {
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        struct dm_temporary made;
        alarm(20); /* should the test fail before it comes to the kill */
        if (!dm_temporary_make(&made, inside("out"), is_directory, NULL) &&
            write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return process;
}

static void end_writer(pid_t process) {
    int status;
    assert_int_equal(kill(process, SIGKILL), 0);
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFSIGNALED(status));
}

static void leaves_what_is_being_written(void **state) {
    for (int is_directory = 0; is_directory < 2; is_directory++) {
        struct dm_temporary made, again;
        pid_t process = start_writer(is_directory);
        assert_int_equal(dm_temporary_make(&made, inside("out"), is_directory, NULL), DM_OK);
        assert_int_equal(dm_temporary_make(&again, inside("out"), is_directory, NULL), DM_OK);
        assert_int_equal(test_count_entries(test_directory), 3);
        dm_temporary_drop(&again);
        end_writer(process);
        assert_int_equal(test_count_entries(test_directory), 2);
        assert_int_equal(dm_temporary_make(&again, inside("out"), is_directory, NULL), DM_OK);
        assert_int_equal(test_count_entries(test_directory), 2);
        dm_temporary_drop(&again);
        dm_temporary_drop(&made);
        assert_int_equal(test_count_entries(test_directory), 0);
    }
    (void)state;
}

enum { n_process = 4, n_write = 40, n_byte = 200000 };

/* Writes a file full of `letter`, again and again. */
static int write_often(char letter) {
    char *bytes = dm_memory_array(n_byte, 1);
    dm_status status = DM_OK;
    memset(bytes, letter, n_byte);
    for (int i = 0; i < n_write && !status; i++)
        status = dm_file_write(inside("out"), bytes, n_byte - (size_t)(letter - 'a'), NULL);
    dm_memory_free(bytes);
    return status ? 1 : 0;
}

static void expect_one_whole(void) {
    size_t n;
    unsigned char *bytes = test_read_file(inside("out"), &n);
    assert_int_equal(n, n_byte - (size_t)(bytes[0] - 'a'));
    for (size_t i = 1; i < n; i++)
        assert_int_equal(bytes[i], bytes[0]);
    free(bytes);
}

/* Processes that write one file at the same time take nothing from each other, and whoever reads
 * sees one of them, whole. */
static void several_write_one_file(void **state) {
    pid_t processes[n_process];
    assert_int_equal(write_often('a'), 0);
    for (int i = 0; i < n_process; i++) {
        processes[i] = fork();
        assert_true(processes[i] >= 0);
        if (processes[i] == 0)
            _exit(write_often((char)('a' + i)));
    }
    for (int i = 0; i < n_write; i++)
        expect_one_whole();
    for (int i = 0; i < n_process; i++) {
        int status;
        assert_int_equal(waitpid(processes[i], &status, 0), processes[i]);
        assert_int_equal(status, 0);
    }
    expect_one_whole();
    assert_int_equal(test_count_entries(test_directory), 1);
    (void)state;
}

static void names_the_path_that_fails(void **state) {
    struct dm_temporary made;
    dm_error error;
    size_t live = dm_memory_live();
    for (int is_directory = 0; is_directory < 2; is_directory++) {
        assert_int_equal(dm_temporary_make(&made, inside("no/out"), is_directory, &error),
                         DM_ERROR_IO);
        test_expect_error(&error, DM_ERROR_IO, "no/out: cannot write: No such file");
        assert_null(made.name);
    }
    assert_int_equal(dm_temporary_make(&made, inside("out"), false, NULL), DM_OK);
    assert_int_equal(mkdir(inside("out"), 0777), 0);
    assert_int_not_equal(dm_temporary_rename(&made, inside("out")), 0);
    assert_int_equal(test_count_entries(test_directory), 2); /* it is still there */
    dm_temporary_drop(&made);
    assert_int_equal(test_count_entries(test_directory), 1);
    assert_int_equal(dm_memory_live(), live);
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(removes_what_nobody_holds),    TEST(cleans_the_working_directory),
        TEST(leaves_what_is_being_written), TEST(several_write_one_file),
        TEST(names_the_path_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
