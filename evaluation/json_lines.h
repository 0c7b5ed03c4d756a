/* Reading .jsonl files: one JSON object a line. Files are untrusted; every error is one line that
 * begins with "FILE:LINE: ". */
#ifndef DECIMAMBA_EVALUATION_JSON_LINES_H
#define DECIMAMBA_EVALUATION_JSON_LINES_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "decimamba.h"

struct json_lines {
    const char *name; /* of the file, for messages; borrowed */
    size_t number;    /* of the line read last, from 1 */
    FILE *stream;
    char *line; /* [capacity] */
    size_t capacity;
};

/* Opens the file at `path`, which must live as long as `lines`; "-" is standard input. Close it
 * after success only. */
dm_status json_lines_open(struct json_lines *lines, const char *path, dm_error *error);
void json_lines_close(struct json_lines *lines);

/* The length of the byte order mark at the beginning of a file of n bytes: 3 or 0. json_lines_next
 * skips it. */
size_t json_lines_mark(const char *bytes, size_t n);

/* Gives the object in the next line that is not blank, to be released with json_decref; NULL when
 * there is none. No object may have the same key twice; its texts may hold NUL. */
dm_status json_lines_next(struct json_lines *lines, json_t **object, dm_error *error);

/* Fills `error` with `status` and "FILE:LINE: " before the rest; gives `status`. */
__attribute__((format(printf, 4, 5))) dm_status json_lines_fail(const struct json_lines *lines,
                                                                dm_status status, dm_error *error,
                                                                const char *format, ...);

/* A member that `object`, from the line read last, must have. The result belongs to the object. */
dm_status json_lines_text(const struct json_lines *lines, const json_t *object, const char *key,
                          const json_t **text, dm_error *error);
dm_status json_lines_number(const struct json_lines *lines, const json_t *object, const char *key,
                            double *number, dm_error *error);
dm_status json_lines_list(const struct json_lines *lines, const json_t *object, const char *key,
                          const json_t **list, dm_error *error);
/* A list of one text or more. */
dm_status json_lines_texts(const struct json_lines *lines, const json_t *object, const char *key,
                           const json_t **list, dm_error *error);

#endif
