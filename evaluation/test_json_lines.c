/* Objects, one a line, and what is said of damaged ones. */
#include "json_lines.h"

#include <stdio.h>
#include <string.h>

#include "test_support.h"

static char path[TEST_MAX_PATH];

static int set_up(void **state) {
    test_set_up(state);
    snprintf(path, sizeof path, "%s", test_join(test_directory, "lines.jsonl"));
    return 0;
}

/* Reads the file to its end or its fault; gives how many objects there were. */
static dm_status read_all(const char *bytes, size_t n, size_t *n_object, dm_error *error) {
    struct json_lines lines;
    json_t *object = NULL;
    dm_status status;
    test_write_file(path, bytes, n);
    *n_object = 0;
    assert_int_equal(json_lines_open(&lines, path, error), DM_OK);
    while (!(status = json_lines_next(&lines, &object, error)) && object) {
        ++*n_object;
        json_decref(object);
    }
    json_lines_close(&lines);
    return status;
}

static void check_fault(const char *bytes, size_t n, size_t n_before, const char *expected) {
    dm_error error;
    size_t n_object;
    char line[TEST_MAX_PATH + 100];
    assert_int_equal(read_all(bytes, n, &n_object, &error), DM_ERROR_FORMAT);
    assert_int_equal(error.status, DM_ERROR_FORMAT);
    assert_int_equal(n_object, n_before);
    snprintf(line, sizeof line, "%s:%s", path, expected);
    assert_string_equal(error.message, line);
}

static void reads_objects(void **state) {
    (void)state;
    const char *text = "{\"a\": 1}\n\n \t\r\n{\"b\": \"x\\u0000y\"}\r\n{}";
    struct json_lines lines;
    json_t *object;
    dm_error error;
    test_write_text(path, text);
    assert_int_equal(json_lines_open(&lines, path, &error), DM_OK);
    assert_int_equal(json_lines_next(&lines, &object, &error), DM_OK);
    assert_int_equal(json_integer_value(json_object_get(object, "a")), 1);
    assert_int_equal(lines.number, 1);
    json_decref(object);
    assert_int_equal(json_lines_next(&lines, &object, &error), DM_OK);
    assert_int_equal(json_string_length(json_object_get(object, "b")), 3);
    assert_int_equal(lines.number, 4);
    json_decref(object);
    assert_int_equal(json_lines_next(&lines, &object, &error), DM_OK);
    assert_int_equal(json_object_size(object), 0);
    assert_int_equal(lines.number, 5);
    json_decref(object);
    for (int i = 0; i < 2; i++) { /* the end stays the end */
        assert_int_equal(json_lines_next(&lines, &object, &error), DM_OK);
        assert_null(object);
    }
    json_lines_close(&lines);
    size_t n_object;
    assert_int_equal(read_all("", 0, &n_object, &error), DM_OK);
    assert_int_equal(n_object, 0);
}

static void passes_over_a_byte_order_mark(void **state) {
    (void)state;
    dm_error error;
    size_t n_object;
    static const char *const files[] = {"\xef\xbb\xbf{\"a\": 1}\n{}", "\xef\xbb\xbf\n{}\n{}"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(read_all(files[i], strlen(files[i]), &n_object, &error), DM_OK);
        assert_int_equal(n_object, 2);
    }
    check_fault("{}\n\xef\xbb\xbf{}", 8, 1, "2: '[' or '{' expected near '\xef\xbb\xbf'");
    check_fault("\xef\xbb", 2, 0, "1: unable to decode byte 0xef");
}

/* What is no 64-bit integer with a sign, as hashes are, does not keep a line from being read. */
static void reads_large_numbers(void **state) {
    (void)state;
    struct json_lines lines;
    json_t *object;
    double number = 0;
    dm_error error;
    test_write_text(path, "{\"id\": 12345678901234567890, \"n\": 3}");
    assert_int_equal(json_lines_open(&lines, path, &error), DM_OK);
    assert_int_equal(json_lines_next(&lines, &object, &error), DM_OK);
    assert_int_equal(json_lines_number(&lines, object, "n", &number, &error), DM_OK);
    assert_true(number == 3);
    assert_int_equal(json_lines_number(&lines, object, "id", &number, &error), DM_OK);
    assert_true(number == 12345678901234567890.0);
    json_decref(object);
    json_lines_close(&lines);
}

static void reads_standard_input(void **state) {
    (void)state;
    struct json_lines lines;
    json_t *object;
    dm_error error;
    test_write_file(path, "{\"a\": 1}\n[", 10);
    assert_non_null(freopen(path, "rb", stdin));
    assert_int_equal(json_lines_open(&lines, "-", &error), DM_OK);
    assert_int_equal(json_lines_next(&lines, &object, &error), DM_OK);
    json_decref(object);
    assert_int_equal(json_lines_next(&lines, &object, &error), DM_ERROR_FORMAT);
    assert_memory_equal(error.message, "standard input:2: ", 18);
    json_lines_close(&lines);
    assert_int_equal(fgetc(stdin), EOF); /* still open */
    assert_int_equal(ferror(stdin), 0);
}

static void refuses_damaged_lines(void **state) {
    (void)state;
#define FAULT(bytes, n_before, expected) check_fault((bytes), sizeof(bytes) - 1, n_before, expected)
    FAULT("{}\n\n{\"a\": }\n{}", 1, "3: unexpected token near '}'");
    FAULT("[1]\n", 0, "1: a line must be a JSON object");
    FAULT("7\n", 0, "1: '[' or '{' expected near '7'");
    FAULT("{\"a\": 1, \"a\": 2}", 0, "1: duplicate object key near '\"a\"'");
    FAULT("{} {}", 0, "1: end of file expected near '{'");
    FAULT("{}\n{\"a\": 1", 1, "2: '}' expected near end of file");
    FAULT("{}\n{\"a\": \"\xff\"}", 1, "2: unable to decode byte 0xff near '\"'");
    FAULT("{\"\0\": 1}", 0, "1: control character 0x0 near '\"'");
    FAULT("{}\n\0\n", 1, "2: '[' or '{' expected near end of file");
    FAULT("{\"a\": \033[31mx", 0, "1: invalid token near '?'");
#undef FAULT
}

static void says_why_a_file_cannot_be_read(void **state) {
    (void)state;
    struct json_lines lines;
    json_t *object;
    dm_error error;
    assert_int_equal(json_lines_open(&lines, "/nowhere/x.jsonl", &error), DM_ERROR_IO);
    assert_string_equal(error.message, "/nowhere/x.jsonl: cannot read: No such file or directory");
    assert_int_equal(json_lines_open(&lines, "/", &error), DM_OK);
    assert_int_equal(json_lines_next(&lines, &object, &error), DM_ERROR_IO);
    assert_string_equal(error.message, "/: cannot read: Is a directory");
    json_lines_close(&lines);
    char name[1001];
    memset(name, 'n', 1000);
    name[1000] = 0;
    lines = (struct json_lines){.name = name, .number = 7};
    assert_int_equal(json_lines_fail(&lines, DM_ERROR_FORMAT, &error, "the fault %d", 5),
                     DM_ERROR_FORMAT);
    assert_string_equal(strchr(error.message, ':'), ":7: the fault 5");
}

static void demands_members(void **state) {
    (void)state;
    const struct json_lines lines = {.name = "f", .number = 3};
    const json_t *member;
    double number = 0;
    dm_error error;
    json_t *object = json_loads("{\"t\": \"x\", \"i\": 4, \"r\": 0.5, \"l\": [], \"o\": {}, "
                                "\"n\": null, \"b\": true, \"m\": [\"a\", 2], \"s\": [\"a\"]}",
                                0, NULL);
    assert_non_null(object);
    assert_int_equal(json_lines_text(&lines, object, "t", &member, &error), DM_OK);
    assert_string_equal(json_string_value(member), "x");
    assert_int_equal(json_lines_number(&lines, object, "i", &number, &error), DM_OK);
    assert_true(number == 4);
    assert_int_equal(json_lines_number(&lines, object, "r", &number, &error), DM_OK);
    assert_true(number == 0.5);
    assert_int_equal(json_lines_list(&lines, object, "l", &member, &error), DM_OK);
    assert_ptr_equal(member, json_object_get(object, "l"));
    assert_int_equal(json_lines_texts(&lines, object, "s", &member, &error), DM_OK);
    assert_ptr_equal(member, json_object_get(object, "s"));
    const struct {
        const char *key, *fault;
    } faults[] = {
        {"x", "f:3: key 'x' is missing"},
        {"i", "f:3: key 'i' must be a text, not a number"},
        {"r", "f:3: key 'r' must be a text, not a number"},
        {"l", "f:3: key 'l' must be a text, not a list"},
        {"o", "f:3: key 'o' must be a text, not an object"},
        {"n", "f:3: key 'n' must be a text, not null"},
        {"b", "f:3: key 'b' must be a text, not true or false"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        assert_int_equal(json_lines_text(&lines, object, faults[i].key, &member, &error),
                         DM_ERROR_FORMAT);
        assert_string_equal(error.message, faults[i].fault);
    }
    assert_int_equal(json_lines_number(&lines, object, "t", &number, &error), DM_ERROR_FORMAT);
    assert_string_equal(error.message, "f:3: key 't' must be a number, not a text");
    assert_int_equal(json_lines_list(&lines, object, "t", &member, &error), DM_ERROR_FORMAT);
    assert_string_equal(error.message, "f:3: key 't' must be a list, not a text");
    assert_int_equal(json_lines_texts(&lines, object, "l", &member, &error), DM_ERROR_FORMAT);
    assert_string_equal(error.message, "f:3: key 'l' is an empty list");
    assert_int_equal(json_lines_texts(&lines, object, "m", &member, &error), DM_ERROR_FORMAT);
    assert_string_equal(error.message,
                        "f:3: key 'm' must be a list of texts: number 2 is a number");
    json_decref(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_objects),
        cmocka_unit_test(passes_over_a_byte_order_mark),
        cmocka_unit_test(reads_large_numbers),
        cmocka_unit_test(refuses_damaged_lines),
        cmocka_unit_test(says_why_a_file_cannot_be_read),
        cmocka_unit_test(demands_members),
        cmocka_unit_test(reads_standard_input),
    };
    return cmocka_run_group_tests(tests, set_up, test_tear_down);
}
