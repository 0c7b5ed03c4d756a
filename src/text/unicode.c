#include "text/unicode.h"

#include <stddef.h>
#include <utf8proc.h>

struct range {
    uint32_t first, last;
};

/* Characters of words that utf8proc 2.8 (Unicode 15) does not show by their category: letters,
 * marks and digits of Unicode 15.1 and 16, and the circled, squared and regional letters, which are
 * alphabetic symbols. */
static const struct range late_words[] = {
    {0x0897, 0x0897},   {0x1c89, 0x1c8a},   {0x24b6, 0x24e9},   {0xa7cb, 0xa7cd},
    {0xa7da, 0xa7dc},   {0x105c0, 0x105f3}, {0x10d40, 0x10d65}, {0x10d69, 0x10d6d},
    {0x10d6f, 0x10d85}, {0x10ec2, 0x10ec4}, {0x10efc, 0x10efc}, {0x11380, 0x11389},
    {0x1138b, 0x1138b}, {0x1138e, 0x1138e}, {0x11390, 0x113b5}, {0x113b7, 0x113c0},
    {0x113c2, 0x113c2}, {0x113c5, 0x113c5}, {0x113c7, 0x113ca}, {0x113cc, 0x113d3},
    {0x113e1, 0x113e2}, {0x116d0, 0x116e3}, {0x11bc0, 0x11be0}, {0x11bf0, 0x11bf9},
    {0x11f5a, 0x11f5a}, {0x13460, 0x143fa}, {0x16100, 0x16139}, {0x16d40, 0x16d6c},
    {0x16d70, 0x16d79}, {0x18cff, 0x18cff}, {0x1ccf0, 0x1ccf9}, {0x1e5d0, 0x1e5fa},
    {0x1f130, 0x1f149}, {0x1f150, 0x1f169}, {0x1f170, 0x1f189}, {0x2ebf0, 0x2ee5d},
};

/* Marks with a combining class other than 0 in Unicode 10 to 15; the vowel sign of the one pair
 * (U+11935 U+11930) that composes since Unicode 13; and U+11A7, which utf8proc 2.8 drops after a
 * Hangul syllable. */
static const struct range walls[] = {
    {0x07fd, 0x07fd},   {0x0898, 0x089f},   {0x08ca, 0x08d3},   {0x09fe, 0x09fe},
    {0x0c3c, 0x0c3c},   {0x0d3b, 0x0d3c},   {0x0eba, 0x0eba},   {0x11a7, 0x11a7},
    {0x1715, 0x1715},   {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},   {0xa82c, 0xa82c},
    {0x10d24, 0x10d27}, {0x10eab, 0x10eac}, {0x10efd, 0x10eff}, {0x10f46, 0x10f50},
    {0x10f82, 0x10f85}, {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e},
    {0x11839, 0x1183a}, {0x11930, 0x11930}, {0x1193d, 0x1193e}, {0x11943, 0x11943},
    {0x119e0, 0x119e0}, {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99},
    {0x11d42, 0x11d42}, {0x11d44, 0x11d45}, {0x11d97, 0x11d97}, {0x11f41, 0x11f42},
    {0x16ff0, 0x16ff1}, {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae},
    {0x1e2ec, 0x1e2ef}, {0x1e4ec, 0x1e4ef},
};

static bool contains(const struct range *ranges, size_t n_range, uint32_t code_point) {
    size_t low = 0, high = n_range;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code_point > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n_range && code_point >= ranges[low].first;
}

bool dm_unicode_is_space(uint32_t code_point) {
    return (code_point >= 0x09 && code_point <= 0x0d) || code_point == 0x20 || code_point == 0x85 ||
           code_point == 0xa0 || code_point == 0x1680 ||
           (code_point >= 0x2000 && code_point <= 0x200a) || code_point == 0x2028 ||
           code_point == 0x2029 || code_point == 0x202f || code_point == 0x205f ||
           code_point == 0x3000;
}

bool dm_unicode_is_word(uint32_t code_point) {
    switch (utf8proc_category((utf8proc_int32_t)code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        return code_point == 0x200c || code_point == 0x200d ||
               contains(late_words, sizeof late_words / sizeof *late_words, code_point);
    }
}

bool dm_unicode_is_wall(uint32_t code_point) {
    return contains(walls, sizeof walls / sizeof *walls, code_point);
}

bool dm_unicode_starts_afresh(uint32_t code_point) {
    if (code_point < 0x300 || dm_unicode_is_wall(code_point))
        return true;
    if (code_point >= 0x1160 && code_point <= 0x11ff)
        return false; /* vowels and final consonants of Hangul */
    const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)code_point);
    return !property->combining_class && property->category != UTF8PROC_CATEGORY_MN &&
           property->category != UTF8PROC_CATEGORY_MC && property->category != UTF8PROC_CATEGORY_ME;
}
