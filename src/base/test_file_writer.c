#include "test_support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_writer.h"
#include "base/mapped_file.h"
#include "base/memory.h"
#include "base/path.h"

static const char *inside(const char *name) {
    return test_join(test_directory, name);
}

static void expect_content(const char *path, const char *text) {
    struct dm_mapped_file file;
    assert_int_equal(dm_mapped_file_open(&file, path, NULL), DM_OK);
    assert_int_equal(file.n_byte, strlen(text));
    assert_true(!file.n_byte || !memcmp(file.bytes, text, file.n_byte));
    dm_mapped_file_close(&file);
}

static void replaces_a_file_whole(void **state) {
    struct dm_file_writer writer;
    assert_int_equal(dm_file_write(inside("file"), "old", 3, NULL), DM_OK);
    assert_int_equal(dm_file_writer_open(&writer, inside("file"), NULL), DM_OK);
    assert_int_equal(dm_file_writer_write(&writer, "new", 3, NULL), DM_OK);
    assert_int_equal(dm_file_writer_write(&writer, NULL, 0, NULL), DM_OK);
    assert_int_equal(dm_file_writer_write(&writer, "er", 2, NULL), DM_OK);
    expect_content(inside("file"), "old"); /* until the commit */
    assert_int_equal(test_count_entries(test_directory), 2);
    assert_int_equal(dm_file_writer_commit(&writer, NULL), DM_OK);
    dm_file_writer_abort(&writer);
    expect_content(inside("file"), "newer");
    assert_int_equal(test_count_entries(test_directory), 1);
    assert_int_equal(dm_file_write(inside("empty"), NULL, 0, NULL), DM_OK);
    expect_content(inside("empty"), "");
    (void)state;
}

static void writes_into_memory(void **state) {
    enum { n_large = 300000 };
    struct dm_file_writer writer;
    char *large = malloc(n_large);
    void *bytes;
    size_t n_byte, live = dm_memory_live();
    assert_non_null(large);
    memset(large, 'x', n_large);
    assert_int_equal(dm_file_writer_open_memory(&writer, "a buffer", NULL), DM_OK);
    assert_int_equal(dm_file_writer_write(&writer, NULL, 0, NULL), DM_OK);
    assert_int_equal(dm_file_writer_write(&writer, "a", 1, NULL), DM_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(dm_file_writer_write(&writer, large, n_large, NULL), DM_OK);
    assert_int_equal(dm_file_writer_write(&writer, "z", 1, NULL), DM_OK);
    dm_file_writer_take(&writer, &bytes, &n_byte);
    assert_int_equal(n_byte, 3 * n_large + 2);
    assert_memory_equal(bytes, "a", 1);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal((char *)bytes + 1 + i * n_large, large, n_large);
    assert_memory_equal((char *)bytes + n_byte - 1, "z", 1);
    dm_memory_free(bytes);
    assert_int_equal(dm_file_writer_open_memory(&writer, "a buffer", NULL), DM_OK);
    assert_int_equal(dm_file_writer_write(&writer, "a", 1, NULL), DM_OK);
    dm_file_writer_abort(&writer);
    assert_int_equal(dm_memory_live(), live);
    free(large);
    (void)state;
}

static void writes_what_links_lead_to(void **state) {
    dm_error error;
    assert_int_equal(mkdir(inside("folder"), 0777), 0);
    assert_int_equal(symlink("folder/file", inside("link")), 0);
    assert_int_equal(symlink(inside("link"), inside("absolute")), 0);
    assert_int_equal(symlink("ring", inside("ring")), 0);
    assert_int_equal(dm_file_write(inside("link"), "first", 5, NULL),
                     DM_OK); /* none is there yet */
    expect_content(inside("folder/file"), "first");
    assert_int_equal(dm_file_write(inside("absolute"), "second", 6, NULL), DM_OK);
    expect_content(inside("folder/file"), "second");
    assert_int_equal(test_count_entries(inside("folder")), 1);
    for (int i = 0; i < 3; i++) {
        static const char *const links[] = {"link", "absolute", "ring"};
        struct stat status;
        assert_int_equal(lstat(inside(links[i]), &status), 0);
        assert_true(S_ISLNK(status.st_mode));
    }
    assert_int_equal(dm_file_write(inside("ring"), "x", 1, &error), DM_ERROR_IO);
    test_expect_error(&error, DM_ERROR_IO, "ring: cannot write: ");
    (void)state;
}

static void abort_leaves_nothing(void **state) {
    struct dm_file_writer writer, other;
    assert_int_equal(dm_file_writer_open(&writer, inside("file"), NULL), DM_OK);
    assert_int_equal(dm_file_writer_open(&other, inside("file"), NULL), DM_OK);
    assert_int_equal(dm_file_writer_write(&writer, "text", 4, NULL), DM_OK);
    dm_file_writer_abort(&writer);
    dm_file_writer_abort(&writer);
    dm_file_writer_abort(&other);
    assert_int_equal(test_count_entries(test_directory), 0);
    writer = (struct dm_file_writer){0};
    dm_file_writer_abort(&writer); /* must not close descriptor 0 */
    (void)state;
}

/* Pieces around the size of the buffer come out in order. */
static void keeps_the_order_of_pieces(void **state) {
    static const size_t sizes[] = {1, 65535, 1, 65536, 65537, 3, 200000, 65533, 0, 7};
    unsigned char *bytes = malloc(500000);
    size_t n = 0, n_read;
    for (size_t i = 0; i < 500000; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    struct dm_file_writer writer;
    assert_int_equal(dm_file_writer_open(&writer, inside("file"), NULL), DM_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; n += sizes[i++])
        assert_int_equal(dm_file_writer_write(&writer, bytes + n, sizes[i], NULL), DM_OK);
    assert_int_equal(dm_file_writer_commit(&writer, NULL), DM_OK);
    unsigned char *read = test_read_file(inside("file"), &n_read);
    assert_int_equal(n_read, n);
    assert_memory_equal(read, bytes, n);
    free(read);
    free(bytes);
    (void)state;
}

static void expect_failure(const char *path, const char *part) {
    dm_error error = {0};
    size_t live = dm_memory_live();
    dm_file_write(path, "text", 4, &error);
    test_expect_error(&error, DM_ERROR_IO, part);
    assert_int_equal(dm_memory_live(), live);
}

static void names_the_file_that_fails(void **state) {
    expect_failure(inside("missing/file"), "missing/file: cannot write: No such file");
    mkdir(inside("folder"), 0777);
    expect_failure(inside("folder"), "folder: cannot write: Is a directory");
    expect_failure("/proc/file", "/proc/file: cannot write");
    assert_int_equal(test_count_entries(test_directory), 1);
    (void)state;
    expect_failure("/dev/null", "not a regular file");
}

/* A pipe is written to as it is, where the caller takes one. */
static void writes_into_a_pipe(void **state) {
    (void)state;
    struct dm_file_writer writer;
    char got[8] = "";
    assert_int_equal(mkfifo(inside("pipe"), 0600), 0);
    int pipe = open(inside("pipe"), O_RDWR); /* so that neither end waits */
    assert_int_equal(dm_file_writer_open_any(&writer, inside("pipe"), NULL), DM_OK);
    assert_int_equal(dm_file_writer_write(&writer, "text", 4, NULL), DM_OK);
    assert_int_equal(dm_file_writer_commit(&writer, NULL), DM_OK);
    assert_int_equal(read(pipe, got, sizeof got), 4);
    assert_string_equal(got, "text");
    close(pipe);
    assert_int_equal(test_count_entries(test_directory), 1);
    dm_error error;
    assert_int_equal(dm_file_writer_open_any(&writer, "/dev/full", &error), DM_OK);
    assert_int_equal(dm_file_writer_write(&writer, "text", 4, &error), DM_OK);
    assert_int_equal(dm_file_writer_commit(&writer, &error), DM_ERROR_IO);
    test_expect_error(&error, DM_ERROR_IO, "/dev/full: cannot write: No space left");
}

static void survives_a_full_disk(void **state) {
    dm_error error = {0};
    assert_int_equal(dm_file_write(inside("file"), "old", 3, NULL), DM_OK);
    test_limit_file_size(100000);
    char *bytes = calloc(150000, 1);
    for (size_t n = 100001; n <= 150000; n += 49999) {
        assert_int_equal(dm_file_write(inside("file"), bytes, n, &error), DM_ERROR_IO);
        test_expect_error(&error, DM_ERROR_IO, "file: cannot write");
        assert_int_equal(test_count_entries(test_directory), 1);
    }
    test_lift_file_size_limit();
    expect_content(inside("file"), "old");
    free(bytes);
    (void)state;
}

static void survives_short_memory(void **state) {
    size_t live = dm_memory_live();
    for (size_t n = 1; n <= 3; n++) {
        dm_memory_fail_at(n);
        dm_status status = dm_file_write(inside("file"), "x", 1, NULL);
        dm_memory_fail_at(0);
        assert_int_not_equal(status, DM_OK);
        assert_int_equal(test_count_entries(test_directory), 0);
        assert_int_equal(dm_memory_live(), live);
    }
    (void)state;
}

static void maps_only_files(void **state) {
    struct dm_mapped_file file;
    dm_error error = {0};
    size_t live = dm_memory_live();
    assert_int_equal(dm_mapped_file_open(&file, test_directory, &error), DM_ERROR_IO);
    test_expect_error(&error, DM_ERROR_IO, "not a regular file");
    assert_int_equal(dm_mapped_file_open(&file, inside("none"), &error), DM_ERROR_IO);
    test_expect_error(&error, DM_ERROR_IO, "none: No such file");
    assert_int_equal(mkfifo(inside("pipe"), 0666), 0);
    assert_int_equal(dm_mapped_file_open(&file, inside("pipe"), &error), DM_ERROR_IO);
    test_write_file(inside("file"), "abc", 3);
    assert_int_equal(dm_mapped_file_open(&file, inside("file"), NULL), DM_OK);
    dm_mapped_file_forget_pages(&file);
    assert_memory_equal(file.bytes, "abc", 3); /* still readable */
    dm_mapped_file_close(&file);
    dm_mapped_file_close(&file);
    char *path = dm_path_join("a//", "b");
    assert_string_equal(path, "a/b");
    dm_memory_free(path);
    assert_int_equal(dm_memory_live(), live);
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(replaces_a_file_whole),     TEST(abort_leaves_nothing),
        TEST(keeps_the_order_of_pieces), TEST(names_the_file_that_fails),
        TEST(writes_into_a_pipe),        TEST(survives_a_full_disk),
        TEST(survives_short_memory),     TEST(maps_only_files),
        TEST(writes_what_links_lead_to), TEST(writes_into_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
