#include "read_input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "options.h"

static bool read_stream(FILE *stream, struct text *text) {
    size_t capacity = 1 << 16, n = 0, got;
    char *bytes = malloc(capacity);
    while (bytes && (got = fread(bytes + n, 1, capacity - 1 - n, stream)) > 0) {
        n += got;
        if (n < capacity - 1)
            continue;
        char *larger = capacity <= SIZE_MAX / 2 ? realloc(bytes, capacity *= 2) : NULL;
        if (!larger)
            free(bytes);
        bytes = larger;
    }
    if (!bytes)
        return fail_memory();
    if (ferror(stream)) {
        complain("%s: cannot read: %s", text->name, strerror(errno));
        free(bytes);
        return false;
    }
    bytes[n] = 0;
    text->bytes = bytes;
    text->n_byte = n;
    return true;
}

static bool read_path(const char *path, struct text *text) {
    if (!strcmp(path, "-")) {
        text->name = "standard input";
        return read_stream(stdin, text);
    }
    text->name = path;
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return fail("%s: cannot read: %s", path, strerror(errno));
    bool fine = read_stream(stream, text);
    fclose(stream);
    return fine;
}

bool read_text(const char *what, const char *operand, const char *file, struct text *text) {
    if (operand && file)
        return fail("the %s is given twice: as an argument and with --file", what);
    if (operand) {
        *text = (struct text){strdup(operand), strlen(operand), "the argument"};
        return text->bytes || fail_memory();
    }
    if (!file && isatty(STDIN_FILENO))
        return fail("no %s: give it as an argument, with --file, or on standard input", what);
    return read_path(file ? file : "-", text);
}

bool parse_ids(const struct text *text, size_t limit, struct token_ids *ids) {
    const char *space = " \t\r\n\f\v", *end = text->bytes + text->n_byte;
    size_t capacity = text->n_byte / 2 + 1, n = 0;
    int32_t *items = malloc(capacity * sizeof *items);
    if (!items)
        return fail_memory();
    for (const char *c = text->bytes + strspn(text->bytes, space); c < end; c += strspn(c, space)) {
        size_t length = strcspn(c, space);
        uint64_t id = 0;
        bool whole = length && read_whole(c, length, &id);
        if (!whole || id >= limit) {
            free(items);
            if (!length)
                return fail("%s: byte %zu is 0, which no list of ids holds", text->name,
                            (size_t)(c - text->bytes));
            int shown = (int)(length < 40 ? length : 40);
            return whole ? fail("%s: id %zu is %.*s: the vocabulary ends at %zu", text->name, n + 1,
                                shown, c, limit - 1)
                         : fail("%s: id %zu, '%.*s', is not a whole number", text->name, n + 1,
                                shown, c);
        }
        items[n++] = (int32_t)id;
        c += length;
    }
    *ids = (struct token_ids){items, n};
    return true;
}

bool read_ids(const char *path, size_t limit, struct token_ids *ids) {
    struct text text;
    if (!read_path(path, &text))
        return false;
    bool fine = parse_ids(&text, limit, ids);
    free(text.bytes);
    return fine;
}
