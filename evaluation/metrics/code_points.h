/* Text as code points, with the classes and the lower case of Python's str: what the official
 * metrics count, compare and split by. Classes are Unicode's, in utf8proc's edition. */
#ifndef DECIMAMBA_EVALUATION_METRICS_CODE_POINTS_H
#define DECIMAMBA_EVALUATION_METRICS_CODE_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text in UTF-8; NUL bytes are text. */
struct utf8 {
    const char *bytes;
    size_t n_byte;
};

struct code_points {
    int32_t *at; /* [n], allocated */
    size_t n;
};

/* The code point that begins at byte i < n_byte, and how many bytes it has. A byte that begins none
 * is U+FFFD. */
int32_t code_point_at(const struct utf8 *text, size_t i, size_t *n_byte);

/* All of them. False: memory is short. Free `at`. */
bool code_points_new(const struct utf8 *text, struct code_points *points);
/* The same in lower case, as str.lower has it: U+0130 becomes two, and a capital sigma at the end
 * of a word the final small one. */
bool code_points_new_lower(const struct utf8 *text, struct code_points *points);

bool code_points_equal(const struct code_points *a, const struct code_points *b);

/* White space, as str.split knows it. */
bool code_point_is_space(int32_t c);
/* \d of a regular expression. */
bool code_point_is_digit(int32_t c);
/* \w of a regular expression: letters, numbers of all kinds, and '_'. */
bool code_point_is_word(int32_t c);

#endif
