/* Tables: their files, JSON, and how they stand on a terminal and in Markdown. */
#include "table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "test_support.h"

/* Instead of fail.c (fail.h and cmocka.h both have a `fail`). */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool flush_output(void);
static int n_complaint;

void complain(const char *format, ...) {
    (void)format;
    n_complaint++;
}

bool flush_output(void) {
    return true;
}

typedef bool writer(const struct table *table, FILE *stream);

static bool print_narrow(const struct table *table, FILE *stream) {
    return table_print(table, stream, 30);
}

static void assert_written(const struct table *table, writer *write, const char *expected) {
    char *text;
    size_t n;
    FILE *stream = open_memstream(&text, &n);
    assert_true(write(table, stream));
    fclose(stream);
    assert_string_equal(text, expected);
    free(text);
}

static void fill(struct table *table) {
    static const struct table_column columns[] = {
        {.name = "name", .type = COLUMN_TEXT, .title = "the method"},
        {.name = "n", .type = COLUMN_COUNT, .width = 5},
        {.name = "mean", .type = COLUMN_NUMBER, .title = "mean*", .format = "%.1f"}};
    table_columns(table, columns, 3);
    table_text(table, "a\t%s|%d", "b\\", 7);
    table_count(table, 12345678901);
    table_number(table, 1.0 / 3);
    table_note(table, "%d-%d", 0, 1);
    table_text(table, "long:name,of a method");
    table_missing(table);
    table_number(table, -INFINITY);
    assert_int_equal(table_n_row(table), 2);
}

static void writes_files(void **state) {
    (void)state;
    struct table table = {0}, other = {.missing = "?", .digits = 3, .escaped = true};
    fill(&table);
    assert_written(&table, table_write_tsv,
                   "name\tn\tmean\n"
                   "a?b\\|7\t12345678901\t0.333333333\n"
                   "long:name,of a method\tnan\tnan\n");
    fill(&other);
    assert_written(&other, table_write_tsv,
                   "name\tn\tmean\n"
                   "a\\tb\\\\|7\t12345678901\t0.333\n"
                   "long:name,of a method\t?\t?\n");
    table_free(&table);
    table_free(&other);
}

/* As rows are filled: nothing of them is kept. */
static void writes_as_it_is_filled(void **state) {
    (void)state;
    struct table table = {0};
    char *text;
    size_t n;
    FILE *stream = open_memstream(&text, &n);
    table_file_columns(&table, "place:count name:text mean:number");
    assert_int_equal(table.columns[0].type, COLUMN_COUNT);
    assert_int_equal(table.columns[1].type, COLUMN_TEXT);
    assert_int_equal(table.columns[2].type, COLUMN_NUMBER);
    table_flow(&table, stream);
    for (size_t i = 0; i < 3; i++) {
        table_count(&table, i);
        table_text(&table, "%s", "x");
        table_number(&table, (double)i / 4);
        assert_int_equal(table_n_row(&table), 0);
    }
    assert_true(table_check(&table));
    fclose(stream);
    assert_string_equal(text, "place\tname\tmean\n0\tx\t0\n1\tx\t0.25\n2\tx\t0.5\n");
    free(text);
    table_free(&table);
}

static void writes_json(void **state) {
    (void)state;
    struct table table = {0};
    fill(&table);
    json_t *expected =
        json_loads("[{\"name\": \"a\\tb\\\\|7\", \"n\": 12345678901, \"mean\": 0.333},"
                   " {\"name\": \"long:name,of a method\", \"n\": null,"
                   " \"mean\": null}]",
                   0, NULL);
    json_t *rows = table_to_json(&table);
    json_t *mean = json_object_get(json_array_get(rows, 0), "mean");
    assert_true(json_real_value(mean) == 1.0 / 3);
    json_real_set(mean, 0.333);
    assert_true(json_equal(rows, expected));
    json_decref(rows);
    json_decref(expected);
    table_free(&table);
}

static void prints(void **state) {
    (void)state;
    struct table table = {0}, counts = {0};
    fill(&table);
    assert_written(&table, print_narrow,
                   "the method                       n\n"
                   "a\tb\\|7                 12345678901\n"
                   "long:name,of a method            -\n"
                   "\n"
                   "the method             mean*\n"
                   "a\tb\\|7                   0.3\n"
                   "                         0-1\n"
                   "long:name,of a method      -\n");
    assert_written(&table, table_print_markdown,
                   "| the method | n | mean\\* |\n"
                   "|---|---:|---:|\n"
                   "| a\tb\\\\\\|7 | 12345678901 | 0.3 (0-1) |\n"
                   "| long:name,of a method | - | - |\n");
    table_free(&table);
    /* numbers that name rows stand to the right */
    table_file_columns(&counts, "layer:count n:count");
    table_count(&counts, 7);
    table_count(&counts, 100);
    assert_written(&counts, print_narrow, "layer    n\n    7  100\n");
    table_free(&counts);
}

static void says_that_memory_is_short(void **state) {
    (void)state;
    struct table table = {.failed = true};
    table_file_columns(&table, "n:count");
    table_count(&table, 1);
    table_note(&table, "not there");
    n_complaint = 0;
    assert_false(table_write_tsv(&table, stdout));
    assert_false(table_print(&table, stdout, 80));
    assert_false(table_print_markdown(&table, stdout));
    assert_int_equal(n_complaint, 3);
    assert_null(table_to_json(&table));
    table_free(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_files),
        cmocka_unit_test(writes_as_it_is_filled),
        cmocka_unit_test(writes_json),
        cmocka_unit_test(prints),
        cmocka_unit_test(says_that_memory_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
