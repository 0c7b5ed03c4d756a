#include "test_support.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"

static void expect(char *made, const char *path) {
    assert_non_null(made);
    assert_string_equal(made, path);
    dm_memory_free(made);
}

static void joins_and_takes_apart(void **state) {
    (void)state;
    expect(dm_path_join("a", "b"), "a/b");
    expect(dm_path_join("a//", "b"), "a/b");
    expect(dm_path_join("/", "b"), "//b");
    expect(dm_path_folder("a/b/c"), "a/b");
    expect(dm_path_folder("/a"), "/");
    expect(dm_path_folder("a"), ".");
}

static void links_lead_elsewhere(void **state) {
    (void)state;
    char file[TEST_MAX_PATH + 8];
    snprintf(file, sizeof file, "%s/file", test_directory);
    assert_int_equal(symlink(file, test_join(test_directory, "absolute")), 0);
    assert_int_equal(symlink("file", test_join(test_directory, "relative")), 0);
    assert_int_equal(symlink("relative", test_join(test_directory, "of_another")), 0);
    assert_int_equal(symlink("round", test_join(test_directory, "round")), 0);
    expect(dm_path_target(file), file);
    expect(dm_path_target(test_join(test_directory, "absolute")), file);
    expect(dm_path_target(test_join(test_directory, "relative")), file);
    expect(dm_path_target(test_join(test_directory, "of_another")), file);
    errno = 0;
    assert_null(dm_path_target(test_join(test_directory, "round")));
    assert_int_equal(errno, ELOOP);
}

static void kinds(void **state) {
    (void)state;
    test_write_text(test_join(test_directory, "file"), "x");
    assert_true(dm_path_exists(test_join(test_directory, "file")));
    assert_false(dm_path_exists(test_join(test_directory, "no file")));
    assert_true(dm_path_is_folder(test_directory));
    assert_false(dm_path_is_folder(test_join(test_directory, "file")));
    assert_true(dm_path_is_special("/dev/null"));
    assert_false(dm_path_is_special(test_directory));
    assert_false(dm_path_is_special(test_join(test_directory, "no file")));
}

static void memory_may_be_short(void **state) {
    (void)state;
    size_t live = dm_memory_live();
    char *(*const calls[])(const char *) = {dm_path_folder, dm_path_target};
    for (int i = 0; i < 2; i++) {
        dm_memory_fail_at(1);
        assert_null(calls[i]("a/b"));
    }
    dm_memory_fail_at(1);
    assert_null(dm_path_join("a", "b"));
    dm_memory_fail_at(0);
    assert_int_equal(dm_memory_live(), live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_and_takes_apart),
        cmocka_unit_test_setup_teardown(links_lead_elsewhere, test_set_up, test_tear_down),
        cmocka_unit_test_setup_teardown(kinds, test_set_up, test_tear_down),
        cmocka_unit_test(memory_may_be_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
