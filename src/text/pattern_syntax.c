/* Oniguruma's syntax in PCRE2's, for what means the same in both once it is written out: literals,
 * classes in brackets, \s \d and \p{..} of known classes, groups, looking ahead, alternatives and
 * repeats. All else is refused: looking behind and anchors at the front would need text that was
 * given on already, and the rest means something else in PCRE2. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "text/classes.h"
#include "text/pattern.h"

struct translation {
    const char *text, *name;
    size_t n_byte, at; /* the next byte to read */
    struct dm_bytes *output;
    dm_error *error;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool follows(const struct translation *t, const char *words) {
    size_t n = strlen(words);
    return t->n_byte - t->at >= n && memcmp(t->text + t->at, words, n) == 0;
}

static dm_status refuse(const struct translation *t, size_t begin, size_t end) {
    size_t stop = end < t->n_byte ? end : t->n_byte;
    return dm_fail(t->error, DM_ERROR_UNSUPPORTED, "%s: \"%.*s\" in a pattern is not supported",
                   t->name, (int)(stop - begin), t->text + begin);
}

static dm_status put(const struct translation *t, const char *text, size_t n_byte) {
    return dm_bytes_append(t->output, text, n_byte) ? DM_OK : dm_fail_memory(t->error, t->name);
}

static dm_status put_text(const struct translation *t, const char *text) {
    return put(t, text, strlen(text));
}

static dm_status put_code_point(const struct translation *t, uint32_t code_point) {
    char written[16];
    snprintf(written, sizeof written, "\\x{%x}", (unsigned)code_point);
    return put_text(t, written);
}

/* Some members of a class, which outside of brackets are a class of their own. */
static dm_status put_class(const struct translation *t, const char *members, bool negated,
                           bool in_brackets) {
    dm_status status = in_brackets ? DM_OK : put_text(t, negated ? "[^" : "[");
    if (!status)
        status = put_text(t, members);
    return status || in_brackets ? status : put_text(t, "]");
}

/* ---- After a backslash ---- */

/* The digits of a code point, at most `n_most`, and at most U+10FFFF. */
static bool read_hex(struct translation *t, size_t n_most, uint32_t *code_point) {
    size_t n = 0;
    for (*code_point = 0; n < n_most && t->at < t->n_byte; n++, t->at++) {
        char c = t->text[t->at];
        uint32_t digit = is_digit(c)              ? (uint32_t)(c - '0')
                         : (c >= 'a' && c <= 'f') ? (uint32_t)(c - 'a') + 10
                         : (c >= 'A' && c <= 'F') ? (uint32_t)(c - 'A') + 10
                                                  : 16;
        if (digit == 16)
            break;
        *code_point = *code_point << 4 | digit;
    }
    return n && *code_point <= 0x10ffff && (*code_point < 0xd800 || *code_point > 0xdfff);
}

/* \x41, \x{4e2d}, \u4e2d; in Oniguruma \x80 and above are bytes, not characters. */
static dm_status put_number(struct translation *t, size_t begin, char kind) {
    uint32_t code_point;
    bool fine;
    if (kind == 'u') {
        size_t first = t->at;
        fine = read_hex(t, 4, &code_point) && t->at == first + 4;
    } else if (follows(t, "{")) {
        t->at++;
        fine = read_hex(t, 8, &code_point) && follows(t, "}");
        t->at += fine;
    } else {
        fine = read_hex(t, 2, &code_point) && code_point < 0x80;
    }
    return fine ? put_code_point(t, code_point) : refuse(t, begin, t->at + 1);
}

static dm_status put_property(struct translation *t, size_t begin, bool negated, bool in_brackets) {
    const char *end = t->at < t->n_byte ? memchr(t->text + t->at, '}', t->n_byte - t->at) : NULL;
    if (!end || !follows(t, "{"))
        return refuse(t, begin, t->at + 1);
    size_t first = t->at + 1, n_name = (size_t)(end - t->text) - first;
    t->at = first + n_name + 1;
    if (n_name && t->text[first] == '^') {
        negated = !negated;
        first++;
        n_name--;
    }
    const char *members = dm_class_members(t->text + first, n_name);
    if (!members || (negated && in_brackets))
        return refuse(t, begin, t->at);
    return put_class(t, members, negated, in_brackets);
}

/* `*is_class`: what it stands for is no single character. */
static dm_status put_escape(struct translation *t, bool in_brackets, bool *is_class) {
    static const char named[] = "nrtfvae", values[] = "\n\r\t\f\v\a\x1b";
    size_t begin = t->at++;
    if (t->at >= t->n_byte)
        return refuse(t, begin, t->n_byte);
    char c = t->text[t->at++];
    const char *one = strchr(named, c);
    *is_class = c == 'p' || c == 'P' || c == 's' || c == 'S' || c == 'd' || c == 'D';
    switch (c) {
    case 'p':
    case 'P':
        return put_property(t, begin, c == 'P', in_brackets);
    case 's':
        return put_class(t, dm_class_spaces, false, in_brackets);
    case 'S':
        return put_class(t, dm_class_not_spaces, false, in_brackets);
    case 'd':
        return put_class(t, dm_class_members("Nd", 2), false, in_brackets);
    case 'D':
        return in_brackets ? refuse(t, begin, t->at)
                           : put_class(t, dm_class_members("Nd", 2), true, false);
    case 'x':
    case 'u':
        return put_number(t, begin, c);
    case 'z':
    case 'Z':
        if (in_brackets)
            return refuse(t, begin, t->at);
        return put_text(t, c == 'z' ? "\\z" : "(?=\\n?\\z)");
    default:
        break;
    }
    if (c && one)
        return put_code_point(t, (unsigned char)values[one - named]);
    if (is_letter(c) || is_digit(c) || (unsigned char)c <= ' ' || (unsigned char)c >= 0x7f)
        return refuse(t, begin, t->at);
    return put(t, t->text + begin, 2);
}

/* ---- In brackets ---- */

/* One character, escaped where PCRE2 would see more in it. */
static dm_status put_member(struct translation *t) {
    size_t begin = t->at++;
    while (t->at < t->n_byte && ((unsigned char)t->text[t->at] & 0xc0) == 0x80)
        t->at++;
    char c = t->text[begin];
    dm_status status = c == '[' || c == '^' || c == '-' ? put_text(t, "\\") : DM_OK;
    return status ? status : put(t, t->text + begin, t->at - begin);
}

/* Through the closing bracket, where the class has begun; a class within joins it. */
static dm_status put_members(struct translation *t, size_t begin) {
    int depth = 1;
    bool may_begin_range = false, is_class = false;
    if (follows(t, "]"))
        return refuse(t, begin, t->at + 1);
    while (t->at < t->n_byte) {
        dm_status status = DM_OK;
        char c = t->text[t->at];
        if (c == ']') {
            t->at++;
            may_begin_range = false;
            if (--depth == 0)
                return put_text(t, "]");
            continue;
        }
        if (follows(t, "[^") || follows(t, "[:") || follows(t, "&&"))
            return refuse(t, t->at, t->at + 2);
        if (c == '[') {
            depth++;
            t->at++;
            may_begin_range = false;
        } else if (c == '-' && may_begin_range && t->at + 1 < t->n_byte &&
                   t->text[t->at + 1] != ']' && t->text[t->at + 1] != '[') {
            size_t dash = t->at++;
            status = put_text(t, "-");
            is_class = false;
            if (!status)
                status = t->text[t->at] == '\\' ? put_escape(t, true, &is_class) : put_member(t);
            if (!status && is_class)
                return refuse(t, dash, t->at);
            may_begin_range = false;
        } else if (c == '\\') {
            status = put_escape(t, true, &is_class);
            may_begin_range = !is_class;
        } else {
            status = put_member(t);
            may_begin_range = true;
        }
        if (status)
            return status;
    }
    return refuse(t, begin, t->n_byte);
}

static dm_status put_brackets(struct translation *t) {
    size_t begin = t->at++;
    bool negated = follows(t, "^");
    t->at += negated;
    dm_status status = put_text(t, negated ? "[^" : "[");
    return status ? status : put_members(t, begin);
}

/* ---- Groups and repeats ---- */

/* Without regard to case, Oniguruma takes "ss" and such for one character too: within the group that
 * begins here only ASCII without these is the same in PCRE2. */
static dm_status check_caseless(const struct translation *t) {
    static const char *const pairs[] = {"ss", "ff", "fi", "fl", "st"};
    size_t depth = 1;
    for (size_t i = t->at; i < t->n_byte && depth; i++) {
        char c = t->text[i], next = '\0';
        if (i + 1 < t->n_byte)
            next = t->text[i + 1];
        depth = depth + (c == '(') - (c == ')');
        if ((unsigned char)c >= 0x80 || c == '\\')
            return refuse(t, i, i + 2);
        for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++)
            if ((c | 0x20) == pairs[p][0] && (next | 0x20) == pairs[p][1])
                return refuse(t, i, i + 2);
    }
    return DM_OK;
}

static dm_status put_group(struct translation *t) {
    static const char *const kinds[] = {"(?:", "(?i:", "(?=", "(?!", "(?>"};
    if (!follows(t, "(?")) {
        t->at++;
        return put_text(t, "(?:"); /* nothing asks what a group holds */
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!follows(t, kinds[i]))
            continue;
        t->at += strlen(kinds[i]);
        dm_status status = kinds[i][2] == 'i' ? check_caseless(t) : DM_OK;
        return status ? status : put_text(t, kinds[i]);
    }
    return refuse(t, t->at, t->at + 3);
}

/* {2}, {2,}, {2,3} and {,3}; braces that hold anything else are characters. What may follow a repeat
 * of a fixed number means something else in PCRE2. */
static dm_status put_braces(struct translation *t) {
    size_t begin = t->at, i = begin + 1, n_before = 0, n_after = 0;
    for (; i < t->n_byte && is_digit(t->text[i]); i++)
        n_before++;
    bool comma = i < t->n_byte && t->text[i] == ',';
    for (i += comma; comma && i < t->n_byte && is_digit(t->text[i]); i++)
        n_after++;
    if (i >= t->n_byte || t->text[i] != '}' || (!n_before && !n_after)) {
        t->at++;
        return put_text(t, "\\{");
    }
    t->at = i + 1;
    if (follows(t, "+") || (!comma && follows(t, "?")))
        return refuse(t, begin, t->at + 1);
    dm_status status = put_text(t, n_before ? "{" : "{0");
    return status ? status : put(t, t->text + begin + 1, i - begin);
}

static dm_status put_next(struct translation *t) {
    bool is_class;
    switch (t->text[t->at]) {
    case '\\':
        return put_escape(t, false, &is_class);
    case '[':
        return put_brackets(t);
    case '(':
        return put_group(t);
    case '{':
        return put_braces(t);
    case '^':
        return refuse(t, t->at, t->at + 1);
    case '$': /* of any line */
        t->at++;
        return put_text(t, "(?=\\n|\\z)");
    case '\0':
        return refuse(t, t->at, t->at + 1);
    default:
        return put(t, t->text + t->at++, 1);
    }
}

dm_status dm_pattern_translate(const char *text, size_t n_byte, const char *name,
                               struct dm_bytes *output, dm_error *error) {
    struct translation t = {
        .text = text, .name = name, .n_byte = n_byte, .output = output, .error = error};
    dm_status status = DM_OK;
    while (!status && t.at < n_byte)
        status = put_next(&t);
    return status ? status : put(&t, "", 1);
}
