/* multipart/form-data (RFC 7578), as browsers and curl -F send it, of a body that is there as a whole. */
#ifndef DECIMAMBA_SERVE_MULTIPART_H
#define DECIMAMBA_SERVE_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

enum { max_boundary = 70, max_field = 256 };

struct multipart {
    const char *at, *end;
    char boundary[max_boundary + 5]; /* "\r\n--" and the boundary */
    size_t n_boundary;
};

struct part {
    char name[max_field], file[max_field]; /* file: "" where it is none */
    const char *bytes;                     /* [n_byte], in the body */
    size_t n_byte;
};

/* false: the type is no multipart/form-data with a boundary. */
bool multipart_open(struct multipart *multipart, const char *content_type, const char *body,
                    size_t n_byte);
/* The next part; false: there is none, and *damaged says whether that is because the body is none. */
bool multipart_next(struct multipart *multipart, struct part *part, bool *damaged);

#endif
