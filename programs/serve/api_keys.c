#include "api_keys.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/fail.h"
#include "cli/read_input.h"

static bool add_line(struct api_keys *keys, const char *file, char *line) {
    while (*line == ' ' || *line == '\t')
        line++;
    size_t n = strlen(line);
    while (n && strchr(" \t\r", line[n - 1]))
        line[--n] = 0;
    if (!n || *line == '#')
        return true;
    if (strpbrk(line, " \t"))
        return fail(
            "%s: a key holds no blanks; a remark has a line of its own, which begins with #", file);
    char **more = realloc(keys->keys, (keys->n + 1) * sizeof *more);
    if (!more)
        return fail_memory();
    keys->keys = more;
    keys->keys[keys->n++] = line;
    return true;
}

bool api_keys_read(struct api_keys *keys, const char *file) {
    struct text read;
    if (!read_text("list of keys", NULL, file, &read))
        return false;
    *keys = (struct api_keys){.text = read.bytes};
    if (strlen(read.bytes) != read.n_byte)
        return fail("%s: a key holds no NUL", file);
    for (char *line = keys->text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        if (!add_line(keys, file, line))
            return false;
    }
    return keys->n || fail("%s: there is no key in it", file);
}

void api_keys_free(struct api_keys *keys) {
    free(keys->text);
    free(keys->keys);
    *keys = (struct api_keys){0};
}

/* Looks at every byte of what is given, whatever it finds. */
static unsigned differs(const char *given, const char *key) {
    size_t n = strlen(given), n_key = strlen(key);
    unsigned difference = n != n_key;
    for (size_t i = 0; i < n; i++)
        difference |= (unsigned char)given[i] ^ (unsigned char)key[i < n_key ? i : 0];
    return difference;
}

bool api_keys_admit(const struct api_keys *keys, const char *authorization) {
    static const char scheme[] = "Bearer ";
    unsigned found = 0;
    if (!keys->n)
        return true;
    if (!authorization || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    for (size_t i = 0; i < keys->n; i++)
        found |= differs(authorization + sizeof scheme - 1, keys->keys[i]) == 0;
    return found != 0;
}
