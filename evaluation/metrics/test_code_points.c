/* The classes and the lower case of every code point that Python knows, as Python has them. */
#include "code_points.h"

#include <stdlib.h>

#include <jansson.h>

#include "test_support.h"

enum { n_code_point = 0x110000 };

static json_t *expected;

static int load_expected(void **state) {
    (void)state;
    expected = json_load_file(test_data("metrics/code_points.json"), 0, NULL);
    return expected ? 0 : -1;
}

static int free_expected(void **state) {
    (void)state;
    json_decref(expected);
    return 0;
}

/* Which code points are in the ranges of that name; [n_code_point], to be freed. */
static bool *read_ranges(const char *name) {
    const json_t *ranges = json_object_get(expected, name);
    bool *in = calloc(n_code_point, sizeof *in);
    assert_non_null(in);
    assert_true(json_array_size(ranges) > 0);
    for (size_t i = 0; i < json_array_size(ranges); i++) {
        const json_t *range = json_array_get(ranges, i);
        json_int_t last = json_integer_value(json_array_get(range, 1));
        for (json_int_t c = json_integer_value(json_array_get(range, 0)); c <= last; c++)
            in[c] = true;
    }
    return in;
}

static size_t write_utf8(int32_t c, char *bytes) {
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (n == 1) {
        bytes[0] = (char)c;
        return 1;
    }
    for (size_t i = n - 1; i; i--, c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)((0xf00 >> n & 0xf0) | c);
    return n;
}

/* Lower case of a text of so many code points. */
static struct code_points lower(const int32_t *text, size_t n) {
    char bytes[16];
    struct utf8 utf8 = {bytes, 0};
    struct code_points points;
    for (size_t i = 0; i < n; i++)
        utf8.n_byte += write_utf8(text[i], bytes + utf8.n_byte);
    assert_true(code_points_new_lower(&utf8, &points));
    return points;
}

static bool sigma_is_final(const int32_t *text, size_t n) {
    struct code_points points = lower(text, n);
    int32_t last = points.at[points.n - 1];
    free(points.at);
    assert_true(last == 0x3c2 || last == 0x3c3);
    return last == 0x3c2;
}

static void has_pythons_classes(void **state) {
    (void)state;
    bool *unassigned = read_ranges("unassigned"), *space = read_ranges("space"),
         *digit = read_ranges("digit"), *word = read_ranges("word");
    for (int32_t c = 0; c < n_code_point; c++) {
        if (unassigned[c] || (c >= 0xd800 && c < 0xe000))
            continue;
        if (code_point_is_space(c) != space[c] || code_point_is_digit(c) != digit[c] ||
            code_point_is_word(c) != word[c])
            fail_msg("U+%04X", (unsigned)c);
    }
    free(unassigned);
    free(space);
    free(digit);
    free(word);
}

static void has_pythons_lower_case(void **state) {
    (void)state;
    const json_t *text = json_object_get(expected, "upper"),
                 *small = json_object_get(expected, "lower");
    bool *unassigned = read_ranges("unassigned"), *after = read_ranges("sigma_after"),
         *through = read_ranges("sigma_through");
    const struct utf8 upper_text = {json_string_value(text), json_string_length(text)},
                      lower_text = {json_string_value(small), json_string_length(small)};
    struct code_points upper, expected_lower;
    assert_true(code_points_new(&upper_text, &upper));
    assert_true(code_points_new(&lower_text, &expected_lower));
    assert_true(upper.n > 1000);
    size_t i_upper = 0, i_lower = 0;
    for (int32_t c = 0; c < n_code_point; c++) {
        if (unassigned[c] || (c >= 0xd800 && c < 0xe000) || c == 0x3a3)
            continue;
        struct code_points points = lower(&c, 1);
        bool changes = i_upper < upper.n && upper.at[i_upper] == c;
        i_upper += changes;
        for (size_t i = 0; i < points.n; i++)
            if (points.at[i] != (changes ? expected_lower.at[i_lower++] : c))
                fail_msg("lower case of U+%04X", (unsigned)c);
        free(points.at);
        if (sigma_is_final((int32_t[]){c, 0x3a3}, 2) != after[c] ||
            sigma_is_final((int32_t[]){'A', c, 0x3a3}, 3) != through[c])
            fail_msg("a sigma after U+%04X", (unsigned)c);
    }
    assert_int_equal(i_upper, upper.n);
    assert_int_equal(i_lower, expected_lower.n);
    assert_false(sigma_is_final((int32_t[]){0x3a3}, 1));
    free(upper.at);
    free(expected_lower.at);
    free(unassigned);
    free(after);
    free(through);
}

static void reads_bytes_that_are_not_text(void **state) {
    (void)state;
    const struct utf8 text = {"a\xff\xc3\xa9\0\xe2\x82\xed\xa0\x80z\xf0\x9f", 13};
    const int32_t points_expected[] = {'a',    0xfffd, 0xe9,   0,   0xfffd, 0xfffd,
                                       0xfffd, 0xfffd, 0xfffd, 'z', 0xfffd, 0xfffd};
    struct code_points points;
    assert_true(code_points_new(&text, &points));
    assert_int_equal(points.n, 12);
    assert_memory_equal(points.at, points_expected, sizeof points_expected);
    free(points.at);
    const struct utf8 dotted = {"\xc4\xb0\xc4\xb0", 4}; /* as many code points as bytes */
    assert_true(code_points_new_lower(&dotted, &points));
    assert_int_equal(points.n, 4);
    assert_memory_equal(points.at, ((int32_t[]){'i', 0x307, 'i', 0x307}), 4 * sizeof *points.at);
    free(points.at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_pythons_classes),
        cmocka_unit_test(has_pythons_lower_case),
        cmocka_unit_test(reads_bytes_that_are_not_text),
    };
    return cmocka_run_group_tests(tests, load_expected, free_expected);
}
