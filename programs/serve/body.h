/* The body of a request as it comes in: in memory while it is short, else in a file without a name, so
 * that memory is bounded by how many clients there are. */
#ifndef DECIMAMBA_SERVE_BODY_H
#define DECIMAMBA_SERVE_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct body {
    char *bytes; /* [n], allocated or, where there is a file, mapped */
    size_t n, capacity;
    FILE *file;
};

/* false: memory or the disk is full. */
bool body_add(struct body *body, const char *bytes, size_t n);
/* All of it, in body->bytes, which is never NULL then. */
bool body_finish(struct body *body);
/* Harmless on zeros. */
void body_free(struct body *body);

#endif
