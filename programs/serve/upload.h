/* A document as it is sent up: POST /v1/documents. */
#ifndef DECIMAMBA_SERVE_UPLOAD_H
#define DECIMAMBA_SERVE_UPLOAD_H

#include "api_error.h"
#include "multipart.h"
#include "request.h"

struct upload {
    const char *text; /* [n_byte] */
    size_t n_byte;
    const char *name; /* or NULL */
    json_t *method;   /* or NULL */
    json_t *object;   /* of a body of JSON: owns the texts */
    char file[max_field];
};

/* Takes it out of a body, which it points into: plain text, an object of JSON, or a form. The text and the
 * name are UTF-8, and there is a text. To be freed either way. */
bool upload_read(struct upload *upload, const struct request *request, struct api_error *error);
void upload_free(struct upload *upload);

#endif
