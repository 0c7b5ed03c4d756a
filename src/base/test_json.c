#include "test_support.h"

#include <string.h>

#include "base/json.h"

static const char text[] = "{\"size\": 7, \"real\": -2.5, \"whole\": 3, \"yes\": true, "
                           "\"name\": \"x\", \"null\": null, \"less\": -1, \"list\": [1]}";

static json_t *parse(const char *json) {
    json_t *value = NULL;
    assert_int_equal(dm_json_parse_python(json, strlen(json), "f.json", &value, NULL), DM_OK);
    return value;
}

static void gets_values(void **state) {
    json_t *object = parse(text);
    size_t size = 1;
    double real = 1;
    bool yes = false;
    const char *name = "before";
    assert_int_equal(dm_json_get_size(object, "size", "f", &size, NULL), DM_OK);
    assert_int_equal(size, 7);
    assert_int_equal(dm_json_get_real(object, "real", "f", &real, NULL), DM_OK);
    assert_true(real == -2.5);
    assert_int_equal(dm_json_get_real(object, "whole", "f", &real, NULL), DM_OK);
    assert_true(real == 3);
    assert_int_equal(dm_json_get_bool(object, "yes", "f", &yes, NULL), DM_OK);
    assert_true(yes);
    assert_int_equal(dm_json_get_text(object, "name", "f", &name, NULL), DM_OK);
    assert_string_equal(name, "x");
    json_decref(object);
    (void)state;
}

static void leaves_defaults(void **state) {
    json_t *object = parse(text);
    static const char *const keys[] = {"none", "null"};
    for (size_t i = 0; i < 2; i++) {
        size_t size = 5;
        double real = 5;
        bool yes = true;
        const char *name = "before";
        assert_int_equal(dm_json_get_size(object, keys[i], "f", &size, NULL), DM_OK);
        assert_int_equal(dm_json_get_real(object, keys[i], "f", &real, NULL), DM_OK);
        assert_int_equal(dm_json_get_bool(object, keys[i], "f", &yes, NULL), DM_OK);
        assert_int_equal(dm_json_get_text(object, keys[i], "f", &name, NULL), DM_OK);
        assert_true(size == 5 && real == 5 && yes);
        assert_string_equal(name, "before");
    }
    json_decref(object);
    (void)state;
}

static void refuses_other_types(void **state) {
    json_t *object = parse(text);
    static const char *const no_size[] = {"real", "yes", "name", "less", "list"},
                             *const no_real[] = {"yes", "name", "list"},
                             *const no_bool[] = {"size", "name", "list"},
                             *const no_text[] = {"size", "yes", "list"};
    dm_error error;
    size_t size = 5;
    double real = 5;
    bool yes = true;
    const char *name = "before";
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(dm_json_get_size(object, no_size[i], "f.json", &size, &error),
                         DM_ERROR_FORMAT);
        test_expect_error(&error, DM_ERROR_FORMAT, no_size[i]);
        test_expect_error(&error, DM_ERROR_FORMAT, "f.json");
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(dm_json_get_real(object, no_real[i], "f", &real, &error), DM_ERROR_FORMAT);
        test_expect_error(&error, DM_ERROR_FORMAT, no_real[i]);
        assert_int_equal(dm_json_get_bool(object, no_bool[i], "f", &yes, &error), DM_ERROR_FORMAT);
        test_expect_error(&error, DM_ERROR_FORMAT, no_bool[i]);
        assert_int_equal(dm_json_get_text(object, no_text[i], "f", &name, &error), DM_ERROR_FORMAT);
        test_expect_error(&error, DM_ERROR_FORMAT, no_text[i]);
    }
    assert_true(size == 5 && real == 5 && yes);
    assert_string_equal(name, "before");
    json_decref(object);
    (void)state;
}

static void refuses_what_is_no_json(void **state) {
    static const char *const cases[] = {"",    "{",        "{} {}", "{\"a\":1,\"a\":2}", "NaN",
                                        "[1,", "Infinity", "1e999", "\"\xff\"",          "'a'"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *value = NULL;
        dm_error error;
        assert_int_equal(dm_json_parse(cases[i], strlen(cases[i]), "f.json", &value, &error),
                         DM_ERROR_FORMAT);
        test_expect_error(&error, DM_ERROR_FORMAT, "f.json:1: not valid JSON");
        assert_null(value);
    }
    (void)state;
}

/* What Python's json.dumps writes and JSON has not; transformers 5.24 writes objects for it. */
static void reads_what_python_writes(void **state) {
    json_t *object =
               parse("{\"limit\": [0.0, Infinity, -Infinity,NaN],\n"
                     "\"text\": \"a: NaN, \\\"[Infinity\", \"real\":NaN,"
                     "\"long\": 1000000000000000019884624838656, \"less\":-9223372036854775808,"
                     "\"most\": 9223372036854775807, \"size\": {\"__float__\": \"Infinity\"}}"),
           *expected =
               parse("{\"limit\": [0.0, {\"__float__\": \"Infinity\"}, {\"__float__\": "
                     "\"-Infinity\"}, {\"__float__\": \"NaN\"}], \"text\": \"a: NaN, "
                     "\\\"[Infinity\", \"real\": {\"__float__\": \"NaN\"}, \"long\": "
                     "1.000000000000000019884624838656e30, \"less\": -9223372036854775808.0,"
                     "\"most\": 9223372036854775807, \"size\": {\"__float__\": "
                     "\"Infinity\"}}");
    assert_true(json_equal(object, expected));
    double real = 5;
    size_t size = 5;
    dm_error error;
    assert_int_equal(dm_json_get_real(object, "real", "f", &real, &error), DM_ERROR_FORMAT);
    test_expect_error(&error, DM_ERROR_FORMAT, "f: \"real\" must be a finite number, not NaN");
    assert_int_equal(dm_json_get_real(object, "size", "f", &real, &error), DM_ERROR_FORMAT);
    test_expect_error(&error, DM_ERROR_FORMAT, "\"size\" must be a finite number, not Infinity");
    assert_int_equal(dm_json_get_size(object, "size", "f", &size, &error), DM_ERROR_FORMAT);
    test_expect_error(&error, DM_ERROR_FORMAT, "\"size\"");
    assert_true(real == 5 && size == 5);
    json_decref(object);
    json_decref(expected);
    static const char *const cases[] = {"[NaNs]",  "[Inf]",    "[\n-NaN]",
                                        "[1 NaN]", "{NaN: 1}", "[\"a\\"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *value = NULL;
        assert_int_equal(dm_json_parse_python(cases[i], strlen(cases[i]), "f.json", &value, &error),
                         DM_ERROR_FORMAT);
        test_expect_error(&error, DM_ERROR_FORMAT, i == 2 ? "f.json:2: not" : "f.json:1: not");
    }
    (void)state;
}

static void writes_and_reads_files(void **state) {
    char directory[TEST_MAX_PATH];
    test_make_directory(directory);
    const char *path = test_join(directory, "f.json");
    json_t *object = parse(text), *again = NULL;
    dm_error error;
    assert_int_equal(dm_json_write(path, object, NULL), DM_OK);
    assert_int_equal(dm_json_read(path, &again, NULL), DM_OK);
    assert_true(json_equal(object, again));
    json_decref(again);
    assert_int_equal(dm_json_write(test_join(directory, "none/f"), object, &error), DM_ERROR_IO);
    assert_int_equal(dm_json_read(test_join(directory, "none"), &again, &error), DM_ERROR_IO);
    test_write_file(path, "", 0);
    assert_int_equal(dm_json_read(path, &again, &error), DM_ERROR_FORMAT);
    json_decref(object);
    test_remove_directory(directory);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_values),
        cmocka_unit_test(leaves_defaults),
        cmocka_unit_test(refuses_other_types),
        cmocka_unit_test(refuses_what_is_no_json),
        cmocka_unit_test(reads_what_python_writes),
        cmocka_unit_test(writes_and_reads_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
