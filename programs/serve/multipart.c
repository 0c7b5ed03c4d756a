#include "multipart.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Where `wanted` begins in bytes, or NULL. */
static const char *find(const char *at, const char *end, const char *wanted, size_t n) {
    while (n <= (size_t)(end - at)) {
        at = memchr(at, wanted[0], (size_t)(end - at) - n + 1);
        if (!at || !memcmp(at, wanted, n))
            return at;
        at++;
    }
    return NULL;
}

static bool begins_with(const char *text, const char *end, const char *wanted) {
    size_t n = strlen(wanted);
    return (size_t)(end - text) >= n && !strncasecmp(text, wanted, n);
}

/* The value of `; name=value` in a header's line, quoted or not; false: there is none, or it does not
 * fit. In quotes, browsers write a quote as %22 and curl as \". */
static bool read_parameter(const char *at, const char *end, const char *name, char *value,
                           size_t size) {
    size_t n_name = strlen(name), n = 0;
    for (; at < end; at++) {
        if (*at != ';')
            continue;
        const char *from = at + 1;
        while (from < end && (*from == ' ' || *from == '\t'))
            from++;
        if (!begins_with(from, end, name) || from + n_name >= end || from[n_name] != '=')
            continue;
        from += n_name + 1;
        bool quoted = from < end && *from == '"';
        from += quoted;
        for (; from < end && (quoted ? *from != '"' : *from != ';' && *from != ' '); from++) {
            from += quoted && *from == '\\' && from + 1 < end;
            if (!*from || n + 1 >= size)
                return false;
            value[n++] = *from;
        }
        value[n] = 0;
        return true;
    }
    return false;
}

bool multipart_open(struct multipart *multipart, const char *content_type, const char *body,
                    size_t n_byte) {
    const char *end = content_type + strlen(content_type);
    char boundary[max_boundary + 1];
    *multipart = (struct multipart){.at = body, .end = body + n_byte};
    if (!begins_with(content_type, end, "multipart/form-data") ||
        !read_parameter(content_type, end, "boundary", boundary, sizeof boundary) || !*boundary)
        return false;
    multipart->n_boundary =
        (size_t)snprintf(multipart->boundary, sizeof multipart->boundary, "\r\n--%s", boundary);
    return true;
}

/* Goes behind the next boundary's line; false: it is not there. The first has no line before it. */
static bool pass_boundary(struct multipart *multipart, const char *body) {
    const char *found = body;
    size_t n = multipart->n_boundary;
    if ((size_t)(multipart->end - body) < n - 2 ||
        memcmp(body, multipart->boundary + 2, n - 2) != 0)
        found = find(body, multipart->end, multipart->boundary, n);
    else
        n -= 2;
    if (!found)
        return false;
    multipart->at = found + n;
    return true;
}

/* One of the part's own headers. */
static bool read_header(struct part *part, const char *line, const char *end) {
    if (!begins_with(line, end, "content-disposition:"))
        return true;
    if (!read_parameter(line, end, "name", part->name, sizeof part->name))
        return false;
    if (!read_parameter(line, end, "filename", part->file, sizeof part->file))
        part->file[0] = 0;
    return true;
}

bool multipart_next(struct multipart *multipart, struct part *part, bool *damaged) {
    const char *end = multipart->end;
    *damaged = true;
    *part = (struct part){.name = ""};
    if (!multipart->at || !pass_boundary(multipart, multipart->at))
        return false;
    if (begins_with(multipart->at, end, "--")) {
        *damaged = false;
        return false;
    }
    for (;;) { /* lines of its head, until an empty one */
        const char *line = find(multipart->at, end, "\r\n", 2);
        if (!line)
            return false;
        const char *line_end = find(line + 2, end, "\r\n", 2);
        multipart->at = line;
        if (!line_end)
            return false;
        if (line_end == line + 2)
            break;
        if (!read_header(part, line + 2, line_end))
            return false;
        multipart->at = line_end;
    }
    part->bytes = multipart->at + 4;
    /* the line's end before the boundary may be that of the head, where nothing is between */
    const char *found = find(multipart->at + 2, end, multipart->boundary, multipart->n_boundary);
    if (!found)
        return false;
    part->n_byte = found < part->bytes ? 0 : (size_t)(found - part->bytes);
    multipart->at = found;
    *damaged = false;
    return true;
}
