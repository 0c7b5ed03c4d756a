/* Scratch folders of several processes at once, which take each other's for those of dead ones. */
#include "scratch_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_support.h"

/* Instead of fail.c: nothing is to be complained of. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    abort();
}

static void several_make_theirs_at_once(void **state) {
    (void)state;
    enum { n_process = 4, n_folder = 100 };
    pid_t processes[n_process];
    assert_int_equal(setenv("TMPDIR", test_directory, 1), 0);
    for (int i = 0; i < n_process; i++) {
        processes[i] = fork();
        assert_true(processes[i] >= 0);
        for (int k = 0; !processes[i] && k < n_folder; k++) {
            struct dm_temporary folder;
            if (!scratch_folder_open(&folder) || access(folder.name, W_OK))
                _exit(1);
            scratch_folder_close(&folder);
        }
        if (!processes[i])
            _exit(0);
    }
    for (int i = 0; i < n_process; i++) {
        int status;
        assert_int_equal(waitpid(processes[i], &status, 0), processes[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(test_count_entries(test_directory), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(several_make_theirs_at_once)};
    return cmocka_run_group_tests(tests, test_set_up, test_tear_down);
}
