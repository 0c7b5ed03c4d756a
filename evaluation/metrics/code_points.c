#include "code_points.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "text/letters.h"

enum { capital_i_with_dot = 0x130, dot_above = 0x307, capital_sigma = 0x3a3, final_sigma = 0x3c2 };

int32_t code_point_at(const struct utf8 *text, size_t i, size_t *n_byte) {
    size_t left = text->n_byte - i;
    utf8proc_int32_t c;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text->bytes + i,
                                          left < 4 ? (utf8proc_ssize_t)left : 4, &c);
    *n_byte = n > 0 ? (size_t)n : 1;
    return n > 0 ? c : 0xfffd;
}

bool code_points_new(const struct utf8 *text, struct code_points *points) {
    points->at = calloc(text->n_byte + 1, sizeof *points->at);
    points->n = 0;
    for (size_t i = 0, n_byte; points->at && i < text->n_byte; i += n_byte)
        points->at[points->n++] = code_point_at(text, i, &n_byte);
    return points->at;
}

/* Unicode's Cased. */
static bool is_cased(int32_t c) {
    return letter_is_lower(c) || letter_is_upper(c) || utf8proc_category(c) == UTF8PROC_CATEGORY_LT;
}

/* Unicode's Case_Ignorable. */
static bool is_passed_over(int32_t c) {
    static const int32_t inside_words[] = {'\'',   '.',    ':',    0xb7,   0x387,  0x55f,
                                           0x5f4,  0x2018, 0x2019, 0x2024, 0x2027, 0xfe13,
                                           0xfe52, 0xfe55, 0xff07, 0xff0e, 0xff1a};
    for (size_t i = 0; i < sizeof inside_words / sizeof *inside_words; i++)
        if (c == inside_words[i])
            return true;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return false;
    }
}

/* Whether the sigma at i ends a word: something cased before it, and nothing cased after. */
static bool ends_word(const int32_t *points, size_t n, size_t i) {
    size_t before = i, after = i + 1;
    while (before && is_passed_over(points[before - 1]))
        before--;
    while (after < n && is_passed_over(points[after]))
        after++;
    return before && is_cased(points[before - 1]) && !(after < n && is_cased(points[after]));
}

bool code_points_new_lower(const struct utf8 *text, struct code_points *points) {
    struct code_points upper;
    if (!code_points_new(text, &upper))
        return false;
    /* U+0130 takes two bytes, so that bytes are as many as code points at the most still */
    int32_t *lower = calloc(text->n_byte + 1, sizeof *lower);
    size_t n = 0;
    for (size_t i = 0; lower && i < upper.n; i++) {
        int32_t c = upper.at[i];
        if (c == capital_sigma && ends_word(upper.at, upper.n, i))
            lower[n++] = final_sigma;
        else
            lower[n++] = utf8proc_tolower(c);
        if (c == capital_i_with_dot)
            lower[n - 1] = 'i', lower[n++] = dot_above;
    }
    free(upper.at);
    *points = (struct code_points){lower, n};
    return lower;
}

bool code_points_equal(const struct code_points *a, const struct code_points *b) {
    return a->n == b->n && !memcmp(a->at, b->at, a->n * sizeof *a->at);
}

bool code_point_is_space(int32_t c) {
    return (c >= 0x1c && c <= 0x1f) || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0x2028 ||
           c == 0x2029 || utf8proc_category(c) == UTF8PROC_CATEGORY_ZS;
}

bool code_point_is_digit(int32_t c) {
    return utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
}

bool code_point_is_word(int32_t c) {
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return true;
    default:
        return c == '_';
    }
}
