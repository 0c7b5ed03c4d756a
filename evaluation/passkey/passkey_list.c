#include "passkey_list.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static dm_status refuse(const char *name, size_t line, dm_error *error) {
    return dm_fail(error, DM_ERROR_FORMAT, "%s:%zu: a pass key is 1 to %d digits", name, line,
                   passkey_list_key_size - 1);
}

/* Copies the key in [begin, end); false where it is none. */
static bool read_key(const char *begin, const char *end, char key[passkey_list_key_size]) {
    while (begin < end && is_space(*begin))
        begin++;
    while (begin < end && is_space(end[-1]))
        end--;
    size_t n = (size_t)(end - begin);
    if (n == 0 || n >= passkey_list_key_size)
        return false;
    for (size_t i = 0; i < n; i++)
        if (begin[i] < '0' || begin[i] > '9')
            return false;
    memcpy(key, begin, n);
    key[n] = '\0';
    return true;
}

dm_status passkey_list_read(const char *text, size_t n_byte, const char *name,
                            struct passkey_list *keys, dm_error *error) {
    while (n_byte && is_space(text[n_byte - 1]))
        n_byte--;
    const char *end = text + n_byte;
    size_t n_line = 1;
    for (size_t i = 0; i < n_byte; i++)
        n_line += text[i] == '\n';
    *keys = (struct passkey_list){.items = calloc(n_line, passkey_list_key_size)};
    if (!keys->items) {
        return dm_fail_memory(error, "the pass keys");
    }
    while (keys->n < n_line) {
        const char *line_feed = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = line_feed ? line_feed : end;
        if (!read_key(text, line_end, keys->items[keys->n])) {
            free(keys->items);
            size_t line = keys->n + 1;
            *keys = (struct passkey_list){0};
            return refuse(name, line, error);
        }
        keys->n++;
        text = line_end + (line_feed != NULL);
    }
    return DM_OK;
}
