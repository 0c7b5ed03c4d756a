#include "chat/strings.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/utf8.h"
#include "text/unicode.h"

/* ---- Building ---- */

struct builder {
    char *bytes;
    size_t n, capacity;
    bool failed;
};

static void put(struct builder *builder, const char *bytes, size_t n_byte) {
    char *grown = dm_grow(builder->bytes, builder->n, n_byte, &builder->capacity, 1);
    builder->failed |= !grown;
    if (!grown)
        return;
    builder->bytes = grown;
    memcpy(grown + builder->n, bytes, n_byte);
    builder->n += n_byte;
}

static void put_string(struct builder *builder, const json_t *string) {
    put(builder, json_string_value(string), json_string_length(string));
}

static json_t *finish(struct builder *builder) {
    json_t *string =
        builder->failed ? NULL : json_stringn(builder->bytes ? builder->bytes : "", builder->n);
    free(builder->bytes);
    return string;
}

json_t *dm_string_add(const json_t *a, const json_t *b) {
    struct builder builder = {0};
    put_string(&builder, a);
    put_string(&builder, b);
    return finish(&builder);
}

/* ---- Literals ---- */

static void put_character(struct builder *builder, uint32_t c) {
    char bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff) {
        put(builder, "\xef\xbf\xbd", 3); /* half of a pair is no character: U+FFFD */
        return;
    }
    for (size_t i = n; i-- > 1; c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(first[n] | c);
    put(builder, bytes, n);
}

/* So many digits of a base; how many there are. */
static size_t read_digits(const char *text, size_t n, unsigned base, uint32_t *value) {
    size_t i = 0;
    for (*value = 0; i < n; i++) {
        char c = text[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 99;
        if (digit >= base)
            break;
        *value = *value * base + digit;
    }
    return i;
}

/* What follows a backslash, as Python's "unicode-escape" reads it; how many bytes it takes. */
static size_t put_escape(struct builder *builder, const char *text, size_t n) {
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *simple = strchr(from, text[0]);
    size_t wanted = text[0] == 'x' ? 2 : text[0] == 'u' ? 4 : text[0] == 'U' ? 8 : 0;
    uint32_t value;
    if (text[0] == '\n')
        return 1;
    if (simple && text[0]) {
        put(builder, to + (simple - from), 1);
        return 1;
    }
    if (wanted && n > wanted && read_digits(text + 1, wanted, 16, &value) == wanted) {
        put_character(builder, value);
        return 1 + wanted;
    }
    size_t octal = read_digits(text, n < 3 ? n : 3, 8, &value);
    if (octal) {
        put_character(builder, value);
        return octal;
    }
    put(builder, "\\", 1);
    return 0;
}

json_t *dm_string_literal(const json_t *before, const char *text, size_t n_byte) {
    struct builder builder = {0};
    put_string(&builder, before);
    for (size_t i = 0; i < n_byte;) {
        if (text[i] == '\\' && i + 1 < n_byte) {
            i += 1 + put_escape(&builder, text + i + 1, n_byte - i - 1);
        } else {
            put(&builder, text + i, 1);
            i++;
        }
    }
    return finish(&builder);
}

/* ---- Characters ---- */

/* Python's str.isspace. */
static bool is_space(uint32_t c) {
    return (c >= 0x1c && c <= 0x1f) || dm_unicode_is_space(c);
}

size_t dm_string_length(const json_t *string) {
    return dm_utf8_count(json_string_value(string), json_string_length(string));
}

/* Where the n-th character begins. */
static size_t place_of(const json_t *string, size_t n) {
    const char *text = json_string_value(string);
    size_t n_byte = json_string_length(string), i = 0;
    for (; i < n_byte; i++)
        if (!dm_utf8_goes_on(text[i]) && n-- == 0)
            break;
    return i;
}

json_t *dm_string_part(const json_t *string, size_t from, size_t end) {
    size_t start = place_of(string, from), stop = end > from ? place_of(string, end) : start;
    return json_stringn(json_string_value(string) + start, stop - start);
}

/* Whether the character at `text` is one of `set`, or (NULL) white space. */
static bool in_set(const json_t *set, const char *text) {
    size_t n;
    uint32_t c = dm_utf8_decode(text, &n);
    if (!set)
        return is_space(c);
    const char *bytes = json_string_value(set);
    for (size_t i = 0; i < json_string_length(set); i += n)
        if (dm_utf8_decode(bytes + i, &n) == c)
            return true;
    return false;
}

json_t *dm_string_strip(const json_t *string, const json_t *set, bool left, bool right) {
    const char *text = json_string_value(string);
    size_t start = 0, end = json_string_length(string), n;
    while (left && start < end && in_set(set, text + start)) {
        dm_utf8_decode(text + start, &n);
        start += n;
    }
    while (right && end > start) {
        n = dm_utf8_length_before(text, end);
        if (!in_set(set, text + end - n))
            break;
        end -= n;
    }
    return json_stringn(text + start, end - start);
}

bool dm_string_turn(const json_t *string, enum dm_letters letters, json_t **result) {
    const char *text = json_string_value(string);
    size_t n_byte = json_string_length(string);
    struct builder builder = {0};
    bool inside = false;
    *result = NULL;
    for (size_t i = 0; i < n_byte; i++) {
        char c = text[i];
        if ((unsigned char)c >= 0x80) {
            free(builder.bytes);
            return false;
        }
        bool is_lower = c >= 'a' && c <= 'z', is_upper = c >= 'A' && c <= 'Z';
        bool wants_upper =
            letters == DM_LETTERS_UPPER ||
            ((letters == DM_LETTERS_TITLE || letters == DM_LETTERS_WORDS) && !inside) ||
            (letters == DM_LETTERS_CAPITALIZE && i == 0);
        if (is_lower && wants_upper)
            c = (char)(c - 'a' + 'A');
        else if (is_upper && !wants_upper)
            c = (char)(c - 'A' + 'a');
        inside = letters == DM_LETTERS_WORDS
                     ? !strchr("-({[<", text[i]) && !is_space((unsigned char)text[i])
                     : is_lower || is_upper;
        put(&builder, &c, 1);
    }
    *result = finish(&builder);
    return true;
}

/* ---- Parts ---- */

/* Where `part` is in text[from ..]; SIZE_MAX: nowhere. */
static size_t find(const json_t *string, const json_t *part, size_t from) {
    size_t n_part = json_string_length(part), n = json_string_length(string);
    const char *text = json_string_value(string);
    for (; from + n_part <= n; from++)
        if (!memcmp(text + from, json_string_value(part), n_part))
            return from;
    return SIZE_MAX;
}

bool dm_string_contains(const json_t *string, const json_t *part) {
    return find(string, part, 0) != SIZE_MAX;
}

bool dm_string_begins(const json_t *string, const json_t *part) {
    size_t n = json_string_length(part);
    return n <= json_string_length(string) &&
           !memcmp(json_string_value(string), json_string_value(part), n);
}

bool dm_string_ends(const json_t *string, const json_t *part) {
    size_t n = json_string_length(part), all = json_string_length(string);
    return n <= all && !memcmp(json_string_value(string) + all - n, json_string_value(part), n);
}

int dm_string_compare(const json_t *a, const json_t *b) {
    size_t n_a = json_string_length(a), n_b = json_string_length(b);
    int order = memcmp(json_string_value(a), json_string_value(b), n_a < n_b ? n_a : n_b);
    return order ? order : (n_a > n_b) - (n_a < n_b);
}

json_t *dm_string_replace(const json_t *string, const json_t *from, const json_t *to) {
    struct builder builder = {0};
    const char *text = json_string_value(string);
    size_t n = json_string_length(string), n_from = json_string_length(from), at = 0, found;
    if (!n_from) { /* between all characters */
        for (; at < n; at += found) {
            put_string(&builder, to);
            dm_utf8_decode(text + at, &found);
            put(&builder, text + at, found);
        }
        put_string(&builder, to);
        return finish(&builder);
    }
    for (; (found = find(string, from, at)) != SIZE_MAX; at = found + n_from) {
        put(&builder, text + at, found - at);
        put_string(&builder, to);
    }
    put(&builder, text + at, n - at);
    return finish(&builder);
}

static void add_part(json_t **list, const char *text, size_t n_byte) {
    json_t *part = *list ? json_stringn(text, n_byte) : NULL;
    if (!part || json_array_append_new(*list, part)) {
        json_decref(*list);
        *list = NULL;
    }
}

static json_t *split_at_spaces(const json_t *string, size_t n) {
    json_t *list = json_array();
    const char *text = json_string_value(string);
    size_t n_byte = json_string_length(string), at = 0, start, step;
    while (list) {
        for (step = 0; at < n_byte && in_set(NULL, text + at); at += step)
            dm_utf8_decode(text + at, &step);
        if (at == n_byte)
            break;
        if (n-- == 0) {
            add_part(&list, text + at, n_byte - at);
            break;
        }
        for (start = at; at < n_byte && !in_set(NULL, text + at); at += step)
            dm_utf8_decode(text + at, &step);
        add_part(&list, text + start, at - start);
    }
    return list;
}

json_t *dm_string_split(const json_t *string, const json_t *separator, size_t n) {
    if (!separator)
        return split_at_spaces(string, n);
    json_t *list = json_array();
    const char *text = json_string_value(string);
    size_t at = 0, found;
    while (n-- && (found = find(string, separator, at)) != SIZE_MAX) {
        add_part(&list, text + at, found - at);
        at = found + json_string_length(separator);
    }
    add_part(&list, text + at, json_string_length(string) - at);
    return list;
}

json_t *dm_string_join(const json_t *separator, const json_t *list) {
    struct builder builder = {0};
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i)
            put_string(&builder, separator);
        put_string(&builder, json_array_get(list, i));
    }
    return finish(&builder);
}
