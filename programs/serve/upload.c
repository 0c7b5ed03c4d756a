#include "upload.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/utf8.h"
#include "request_keys.h"

/* ---- The three forms ---- */

/* `{"text": ..., "name": ..., "method": ...}` */
static bool read_object(struct upload *upload, const struct request *request,
                        struct api_error *error) {
    dm_error fault;
    if (dm_json_parse(request->body, request->n_body, "the body", &upload->object, &fault))
        return fault.status == DM_ERROR_MEMORY ? refuse_memory(error)
                                               : refuse(error, NULL, "%s", fault.message);
    const json_t *text = key_value(upload->object, "text");
    if (!json_is_object(upload->object) || !json_is_string(text))
        return refuse(error, "text", "text: must be there, and be a text");
    upload->text = json_string_value(text);
    upload->n_byte = json_string_length(text);
    upload->method = json_incref((json_t *)key_value(upload->object, "method"));
    return key_text(upload->object, "name", &upload->name, error);
}

/* A method's name, or an object as JSON. */
static bool read_method_text(struct upload *upload, const char *text, size_t n,
                             struct api_error *error) {
    dm_error fault;
    json_decref(upload->method);
    upload->method = NULL;
    if (!n)
        return true;
    if (text[0] != '{') {
        upload->method = json_stringn(text, n);
        return upload->method || refuse(error, "method", "method: is not UTF-8");
    }
    return !dm_json_parse(text, n, "method", &upload->method, &fault) ||
           refuse(error, "method", "%s", fault.message);
}

/* A form: "file" or "text", and "name" and "method" as it likes. */
static bool read_form(struct upload *upload, struct multipart *multipart, struct api_error *error) {
    struct part part;
    bool damaged;
    while (multipart_next(multipart, &part, &damaged)) {
        if (!strcmp(part.name, "method")) {
            if (!read_method_text(upload, part.bytes, part.n_byte, error))
                return false;
        } else if (!strcmp(part.name, "name") && part.n_byte < sizeof upload->file) {
            memcpy(upload->file, part.bytes, part.n_byte);
            upload->file[part.n_byte] = 0;
        } else if (!strcmp(part.name, "file") || !strcmp(part.name, "text")) {
            upload->text = part.bytes;
            upload->n_byte = part.n_byte;
            if (*part.file && !*upload->file)
                snprintf(upload->file, sizeof upload->file, "%s", part.file);
        }
    }
    if (damaged)
        return refuse(error, NULL, "the body is no whole multipart/form-data");
    if (*upload->file)
        upload->name = upload->file;
    return upload->text || refuse(error, "file", "file: the form has no file, and no text");
}

/* The text as it is; its name and method are in the query. */
static bool read_plain(struct upload *upload, const struct request *request,
                       struct api_error *error) {
    const char *method = request->query(request, "method");
    upload->text = request->body;
    upload->n_byte = request->n_body;
    upload->name = request->query(request, "name");
    return !method || read_method_text(upload, method, strlen(method), error);
}

static bool is_type(const struct request *request, const char *type) {
    size_t n = strlen(type);
    const char *own = request->content_type;
    return !strncasecmp(own, type, n) && (!own[n] || own[n] == ';' || own[n] == ' ');
}

static bool read_form_of_any(struct upload *upload, const struct request *request,
                             struct api_error *error) {
    struct multipart multipart;
    if (is_type(request, "application/json"))
        return read_object(upload, request, error);
    if (is_type(request, "multipart/form-data"))
        return multipart_open(&multipart, request->content_type, request->body, request->n_body)
                   ? read_form(upload, &multipart, error)
                   : refuse(error, NULL, "multipart/form-data: its boundary is missing");
    if (!*request->content_type || is_type(request, "text/plain") ||
        is_type(request, "application/octet-stream"))
        return read_plain(upload, request, error);
    return refuse_as(error, 415,
                     "a document comes as text/plain, application/json or multipart/form-data, "
                     "not as %.80s",
                     request->content_type);
}

/* ---- The whole ---- */

bool upload_read(struct upload *upload, const struct request *request, struct api_error *error) {
    *upload = (struct upload){.text = NULL};
    if (!read_form_of_any(upload, request, error))
        return false;
    if (!upload->n_byte)
        return refuse(error, "text", "the document is empty");
    if (upload->name &&
        dm_utf8_valid_prefix(upload->name, strlen(upload->name)) < strlen(upload->name))
        return refuse(error, "name", "name: is not UTF-8");
    size_t n_good = dm_utf8_valid_prefix(upload->text, upload->n_byte);
    return n_good == upload->n_byte ||
           refuse(error, "text", "the document is not UTF-8, at byte %zu or soon after", n_good);
}

void upload_free(struct upload *upload) {
    json_decref(upload->method);
    json_decref(upload->object);
}
