#include "chat/lexer.h"

#include <string.h>

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

void dm_lexer_begin(struct dm_lexer *lexer, const char *source, size_t n_byte) {
    /* Jinja drops one line end at the very end. */
    n_byte -= n_byte && source[n_byte - 1] == '\n';
    *lexer = (struct dm_lexer){.source = source, .n_byte = n_byte, .line = 1, .starts_line = true};
}

static void count_lines(struct dm_lexer *lexer, size_t from, size_t end) {
    for (; from < end; from++)
        lexer->line += lexer->source[from] == '\n';
}

static bool set(struct dm_lexer *lexer, enum dm_word_kind kind, size_t from, size_t end) {
    lexer->kind = kind;
    lexer->start = lexer->source + from;
    lexer->n_word = end - from;
    return true;
}

static bool refuse(struct dm_lexer *lexer, const char *why) {
    lexer->wrong = why;
    return set(lexer, DM_WORD_WRONG, lexer->at, lexer->at);
}

static bool begins(const struct dm_lexer *lexer, size_t at, const char *text) {
    size_t n = strlen(text);
    return lexer->n_byte - at >= n && !memcmp(lexer->source + at, text, n);
}

/* ---- Text, up to a tag ---- */

/* The next "{{", "{%" or "{#"; n_byte: there is none. */
static size_t find_tag(const struct dm_lexer *lexer, size_t at) {
    for (; at < lexer->n_byte; at++)
        if (begins(lexer, at, "{{") || begins(lexer, at, "{%") || begins(lexer, at, "{#"))
            break;
    return at;
}

/* Where the text [from, end) ends that stands before a tag. */
static size_t strip_end(const struct dm_lexer *lexer, size_t from, size_t end) {
    const char *source = lexer->source;
    size_t line = end;
    if (end == lexer->n_byte)
        return end;
    if (end + 2 < lexer->n_byte && source[end + 2] == '-') {
        while (end > from && is_space(source[end - 1]))
            end--;
        return end;
    }
    if (source[end + 1] == '{' || (end + 2 < lexer->n_byte && source[end + 2] == '+'))
        return end;
    while (line > from && source[line - 1] != '\n' && is_space(source[line - 1]))
        line--;
    bool whole = line > from ? source[line - 1] == '\n' : lexer->starts_line;
    return whole ? line : end;
}

/* What a tag's end does to the text behind it. */
static void end_tag(struct dm_lexer *lexer, char sign, bool block) {
    lexer->strips = sign == '-';
    lexer->drops_newline = block && sign != '-' && sign != '+';
}

static bool skip_comment(struct dm_lexer *lexer) {
    size_t from = lexer->at, end = from + 2;
    while (end < lexer->n_byte && !begins(lexer, end, "#}"))
        end++;
    if (end == lexer->n_byte)
        return refuse(lexer, "a comment does not end");
    char sign = lexer->source[end - 1]; /* of an empty comment its own # */
    end_tag(lexer, sign, true);
    lexer->at = end + 2;
    lexer->starts_line = false;
    count_lines(lexer, from, end);
    return false;
}

/* Takes off what the tag before strips. */
static void strip_start(struct dm_lexer *lexer) {
    size_t from = lexer->at;
    if (lexer->drops_newline && lexer->at < lexer->n_byte && lexer->source[lexer->at] == '\n')
        lexer->at++;
    while (lexer->strips && lexer->at < lexer->n_byte && is_space(lexer->source[lexer->at]))
        lexer->at++;
    if (lexer->at > from)
        lexer->starts_line = lexer->source[lexer->at - 1] == '\n';
    count_lines(lexer, from, lexer->at);
    lexer->strips = lexer->drops_newline = false;
}

static bool open_tag(struct dm_lexer *lexer) {
    size_t from = lexer->at;
    lexer->in_output = lexer->source[from + 1] == '{';
    lexer->at += 2;
    if (lexer->at < lexer->n_byte &&
        (lexer->source[lexer->at] == '-' || (!lexer->in_output && lexer->source[lexer->at] == '+')))
        lexer->at++;
    lexer->in_tag = true;
    lexer->depth = 0;
    lexer->starts_line = false;
    return set(lexer, lexer->in_output ? DM_WORD_OUTPUT : DM_WORD_STATEMENT, from, lexer->at);
}

/* false: nothing was found yet. */
static bool read_text(struct dm_lexer *lexer) {
    strip_start(lexer);
    size_t from = lexer->at, end = find_tag(lexer, from), text_end = strip_end(lexer, from, end);
    if (from == lexer->n_byte)
        return set(lexer, DM_WORD_END, from, from);
    if (from == end)
        return begins(lexer, from, "{#") ? skip_comment(lexer) : open_tag(lexer);
    lexer->at = end;
    lexer->starts_line = false;
    count_lines(lexer, from, end);
    set(lexer, DM_WORD_TEXT, from, text_end);
    return text_end > from;
}

/* ---- Inside a tag ---- */

static bool read_string(struct dm_lexer *lexer) {
    char quote = lexer->source[lexer->at];
    size_t from = lexer->at, end = from + 1;
    while (end < lexer->n_byte && lexer->source[end] != quote)
        end += lexer->source[end] == '\\' ? 2 : 1;
    if (end >= lexer->n_byte)
        return refuse(lexer, "a string does not end");
    lexer->at = end + 1;
    count_lines(lexer, from, end);
    return set(lexer, DM_WORD_STRING, from, end + 1);
}

static bool read_number(struct dm_lexer *lexer) {
    const char *source = lexer->source;
    size_t from = lexer->at, end = from;
    while (end < lexer->n_byte && is_digit(source[end]))
        end++;
    bool is_real = end + 1 < lexer->n_byte && source[end] == '.' && is_digit(source[end + 1]);
    if (is_real)
        for (end++; end < lexer->n_byte && is_digit(source[end]);)
            end++;
    lexer->at = end;
    if (end < lexer->n_byte && is_letter(source[end]))
        return refuse(lexer, "a number is not one that is known");
    return set(lexer, is_real ? DM_WORD_REAL : DM_WORD_INTEGER, from, end);
}

/* The tag's end, with what it does to white space; 0: not here. */
static size_t length_of_end(const struct dm_lexer *lexer) {
    const char *end = lexer->in_output ? "}}" : "%}";
    char sign = lexer->source[lexer->at];
    if (lexer->depth)
        return 0;
    if (begins(lexer, lexer->at, end))
        return 2;
    return (sign == '-' || (sign == '+' && !lexer->in_output)) && lexer->at + 1 < lexer->n_byte &&
                   begins(lexer, lexer->at + 1, end)
               ? 3
               : 0;
}

static bool read_sign(struct dm_lexer *lexer) {
    static const char *const signs[] = {"==", "!=", "<=", ">=", "//", "**", "<", ">", "+",
                                        "-",  "*",  "/",  "%",  "~",  "|",  "=", ".", ",",
                                        ":",  "(",  ")",  "[",  "]",  "{",  "}"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (begins(lexer, lexer->at, signs[i])) {
            size_t from = lexer->at;
            if (strchr("([{", signs[i][0]))
                lexer->depth++;
            if (strchr(")]}", signs[i][0]) && lexer->depth)
                lexer->depth--;
            lexer->at += strlen(signs[i]);
            return set(lexer, DM_WORD_SIGN, from, lexer->at);
        }
    return refuse(lexer, "a character has no meaning there");
}

static bool read_inside(struct dm_lexer *lexer) {
    size_t from = lexer->at;
    while (lexer->at < lexer->n_byte && is_space(lexer->source[lexer->at]))
        lexer->at++;
    count_lines(lexer, from, lexer->at);
    from = lexer->at;
    if (from == lexer->n_byte)
        return refuse(lexer, "a tag does not end");
    size_t n_end = length_of_end(lexer);
    if (n_end) {
        end_tag(lexer, lexer->source[from], !lexer->in_output); /* '-', '+', or none */
        lexer->in_tag = false;
        lexer->at += n_end;
        return set(lexer, DM_WORD_CLOSE, from, lexer->at);
    }
    char c = lexer->source[from];
    if (c == '\'' || c == '"')
        return read_string(lexer);
    if (is_digit(c))
        return read_number(lexer);
    if (!is_letter(c))
        return read_sign(lexer);
    while (lexer->at < lexer->n_byte &&
           (is_letter(lexer->source[lexer->at]) || is_digit(lexer->source[lexer->at])))
        lexer->at++;
    return set(lexer, DM_WORD_NAME, from, lexer->at);
}

void dm_lexer_next(struct dm_lexer *lexer) {
    while (lexer->in_tag ? !read_inside(lexer) : !read_text(lexer))
        ;
}
