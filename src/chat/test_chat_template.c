/* The chat template renderer against Jinja as transformers sets it up: cases and what it gave for them
 * are in tests/data/chat, made by scripts/make_chat_cases.py. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "chat/chat_template.h"
#include "test_support.h"

static json_t *cases;

static void load(void) {
    dm_error error;
    if (!cases)
        assert_int_equal(dm_json_read(test_data("chat/cases.json"), &cases, &error), DM_OK);
}

/* What a case gives: its text, or the error's line; allocated. */
static char *run(const json_t *row, dm_status *status) {
    struct dm_chat_template *chat = NULL;
    dm_error error = {0};
    char *text = NULL;
    size_t n_byte = 0;
    const json_t *source = json_object_get(row, "template");
    *status = dm_chat_template_parse(json_string_value(source), json_string_length(source), "case",
                                     json_object_get(row, "tokens"), &chat, &error);
    if (!*status)
        *status = dm_chat_template_run(chat, json_object_get(row, "messages"),
                                       json_is_true(json_object_get(row, "generation")), &text,
                                       &n_byte, &error);
    dm_chat_template_release(chat);
    if (*status)
        return strdup(error.message);
    assert_int_equal(strlen(text), n_byte);
    char *copy = strdup(text);
    dm_memory_free(text);
    return copy;
}

static void gives_what_jinja_gives(void **state) {
    (void)state;
    size_t n_ok = 0, n_wrong = 0, n_list = 0;
    load();
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *row = json_array_get(cases, i);
        const char *expected = json_string_value(json_object_get(row, "expected"));
        dm_status status;
        char *text = run(row, &status);
        if (status == DM_ERROR_UNSUPPORTED && strstr(text, "printing a list"))
            n_list++; /* which only random expressions do */
        else if (expected ? status != DM_OK || strcmp(text, expected) != 0 : status == DM_OK) {
            print_message("case %zu: %s\n  gives    '%s'\n  expected '%s'\n", i,
                          json_string_value(json_object_get(row, "template")), text,
                          expected ? expected : "an error");
            n_wrong++;
        }
        n_ok += expected != NULL;
        free(text);
    }
    assert_int_equal(n_wrong, 0);
    assert_true(n_ok > 900 && n_list < 40);
}

static void run_all(const char *source, dm_status expected, const char *line) {
    json_t *row = json_pack("{ss so so}", "template", source, "tokens", json_object(), "messages",
                            json_pack("[{ss ss}]", "role", "user", "content", "x"));
    dm_status status;
    char *text = run(row, &status);
    if (status != expected || !strstr(text, line))
        print_message("'%s' gives %d: %s\n", source, status, text);
    assert_int_equal(status, expected);
    assert_non_null(strstr(text, line));
    free(text);
    json_decref(row);
}

static void refuses_by_name(void **state) {
    (void)state;
    run_all("{% macro f() %}{% endmacro %}", DM_ERROR_UNSUPPORTED,
            "case: chat template, line 1: a statement that is not supported: 'macro'");
    run_all("a\nb{{ x | rot13 }}", DM_ERROR_UNSUPPORTED, "line 2: the filter 'rot13'");
    run_all("{{ 'x' is prime }}", DM_ERROR_UNSUPPORTED, "the test 'prime'");
    run_all("{{ 'x'.format(1) }}", DM_ERROR_UNSUPPORTED, "the method 'format'");
    run_all("{{ lipsum() }}", DM_ERROR_UNSUPPORTED, "the function 'lipsum'");
    run_all("{{ 1 < 2 < 3 }}", DM_ERROR_UNSUPPORTED, "comparisons in a row");
    run_all("{{ messages }}", DM_ERROR_UNSUPPORTED, "printing a list");
    run_all("{{ '\xc3\xa9' | upper }}", DM_ERROR_UNSUPPORTED, "letters beyond ASCII");
    run_all("{{ raise_exception('Roles must alternate') }}", DM_ERROR_ARGUMENT,
            "case: chat template, line 1: Roles must alternate");
    run_all("{% if x %}", DM_ERROR_FORMAT, "a statement is not closed");
    run_all("{% endif %}", DM_ERROR_UNSUPPORTED, "'endif'");
    run_all("{{ 'x }}", DM_ERROR_FORMAT, "a string does not end");
    run_all("{{ x", DM_ERROR_FORMAT, "a tag does not end");
    run_all("{# x", DM_ERROR_FORMAT, "a comment does not end");
    run_all("{{ x y }}", DM_ERROR_FORMAT, "unexpected 'y'");
    run_all("{{ x['a']['b'] }}", DM_ERROR_FORMAT, "something undefined");
    run_all("{% for i in range(100000) %}{% for j in range(100000) %}{{ '' }}{% endfor %}"
            "{% endfor %}",
            DM_ERROR_UNSUPPORTED, "too many steps");
    run_all("{% set x = 'a' * 1.5 %}", DM_ERROR_FORMAT, "an operator does not fit");
    run_all("{% set ns = namespace() %}{% set ns.a = ns %}{{ ns.a is mapping }}", DM_OK, "True");
}

/* Of nesting and of length, neither of which may take the stack. */
static void bounds_depth(void **state) {
    (void)state;
    enum { n = 100000 };
    static const struct {
        const char *first, *again, *last;
    } deep[] = {{"{{ ", "(", "x }}"},
                {"{{ x", ".a", " }}"},
                {"{{ x", "|trim", " }}"},
                {"{{ 1", "+1", " }}"},
                {"{{ ", "not ", "x }}"},
                {"{{ ", "-", "1 }}"},
                {"{{ ", "[", "1 }}"},
                {"", "{% if x %}", ""},
                {"{% if x %}", "{% elif x %}", "{% endif %}"},
                {"{{ x", "(x", " }}"},
                {"{{ 1", " if x else 1", " }}"}};
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
        size_t step = strlen(deep[i].again), at = strlen(deep[i].first);
        char *source = malloc(at + n * step + strlen(deep[i].last) + 1);
        memcpy(source, deep[i].first, at);
        for (size_t k = 0; k < n; k++, at += step)
            memcpy(source + at, deep[i].again, step);
        memcpy(source + at, deep[i].last, strlen(deep[i].last) + 1);
        json_t *row = json_pack("{so so so}", "template", json_string(source), "tokens",
                                json_object(), "messages", json_array());
        dm_status status;
        char *text = run(row, &status);
        assert_int_not_equal(status, DM_OK);
        free(text);
        free(source);
        json_decref(row);
    }
}

/* The files of a model, and what the library's function checks. */
static void loads_a_model(void **state) {
    (void)state;
    static const dm_chat_message messages[] = {{"user", "a b"}, {"assistant", "c"}};
    dm_chat_template *chat = NULL;
    dm_error error;
    char *text;
    size_t n_byte;
    assert_int_equal(dm_chat_template_load(test_data("chat/model"), &chat, &error), DM_OK);
    assert_int_equal(dm_chat_template_render(chat, messages, 2, 0, &text, &n_byte, &error), DM_OK);
    assert_non_null(strstr(text, "<s><|head|>user<|/head|>\n\na b<|eot|>"));
    assert_non_null(strstr(text, "1a-b"));
    assert_int_equal(strlen(text), n_byte);
    dm_free(text);
    const dm_chat_message bad = {"user", "\xff"};
    assert_int_equal(dm_chat_template_render(chat, &bad, 1, 0, &text, &n_byte, &error),
                     DM_ERROR_FORMAT);
    assert_string_equal(error.message, "message 0 is not UTF-8");
    dm_chat_template_free(chat);
    assert_int_equal(dm_chat_template_load(test_data("golden/tiny-a"), &chat, &error),
                     DM_ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "tiny-a: has no chat template"));
}

static int end(void **state) {
    (void)state;
    json_decref(cases);
    return dm_memory_live() != 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_jinja_gives),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(bounds_depth),
        cmocka_unit_test(loads_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
