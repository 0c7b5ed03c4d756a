/* /v1/documents. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "cli/json_output.h"
#include "cli/options.h"
#include "multipart.h"
#include "request_keys.h"
#include "server.h"

/* What is sent up: a text with its name and method. */
struct upload {
    const char *text; /* [n_byte] */
    size_t n_byte;
    const char *name; /* or NULL */
    json_t *method;   /* or NULL */
    json_t *object;   /* of a body of JSON: owns the texts */
    char file[max_field];
};

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
static bool read_form(struct upload *upload, const struct request *request,
                      struct multipart *multipart, struct api_error *error) {
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
    (void)request;
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

static bool read_upload(struct upload *upload, const struct request *request,
                        struct api_error *error) {
    struct multipart multipart;
    if (is_type(request, "application/json"))
        return read_object(upload, request, error);
    if (is_type(request, "multipart/form-data"))
        return multipart_open(&multipart, request->content_type, request->body, request->n_body)
                   ? read_form(upload, request, &multipart, error)
                   : refuse(error, NULL, "multipart/form-data: its boundary is missing");
    if (!*request->content_type || is_type(request, "text/plain") ||
        is_type(request, "application/octet-stream"))
        return read_plain(upload, request, error);
    return refuse_as(error, 415,
                     "a document comes as text/plain, application/json or multipart/form-data, "
                     "not as %.80s",
                     request->content_type);
}

/* ---- UTF-8 ---- */

/* Where the text is no UTF-8; n_byte: it is. In pieces, which end where characters do. */
static size_t find_bad(const char *text, size_t n_byte) {
    enum { piece = 1 << 16 };
    for (size_t at = 0; at < n_byte;) {
        size_t end = n_byte - at > piece ? at + piece : n_byte;
        while (end < n_byte && end > at + 1 && ((unsigned char)text[end] & 0xC0) == 0x80)
            end--;
        json_t *whole = json_stringn(text + at, end - at);
        if (!whole)
            return at;
        json_decref(whole);
        at = end;
    }
    return n_byte;
}

/* ---- Handlers ---- */

static bool add(struct server *server, const struct upload *upload, json_t **object,
                struct api_error *error) {
    struct request_method *method;
    if (!upload->n_byte)
        return refuse(error, "text", "the document is empty");
    if (upload->name && find_bad(upload->name, strlen(upload->name)) < strlen(upload->name))
        return refuse(error, "name", "name: is not UTF-8");
    size_t bad = find_bad(upload->text, upload->n_byte);
    if (bad < upload->n_byte)
        return refuse(error, "text", "the document is not UTF-8, at byte %zu or soon after", bad);
    const json_t *wanted = upload->method ? upload->method : server->served.method->json;
    return request_method_read(&method, wanted, server->served.model, error) &&
           documents_add(&server->documents, upload->name, method, upload->text, upload->n_byte,
                         object, error);
}

void handle_document_new(void *user, const struct request *request, struct reply *reply) {
    struct upload upload = {.text = NULL};
    struct api_error error;
    json_t *object;
    if (read_upload(&upload, request, &error) && add(user, &upload, &object, &error))
        reply_send_json(reply, 202, object);
    else
        reply_error(reply, &error);
    json_decref(upload.method);
    json_decref(upload.object);
}

void handle_documents(void *user, const struct request *request, struct reply *reply) {
    struct server *server = user;
    (void)request;
    reply_send_json(reply, 200, documents_list_json(&server->documents));
}

void handle_document(void *user, const struct request *request, struct reply *reply) {
    struct server *server = user;
    struct api_error error;
    json_t *object = documents_json(&server->documents, request->item, &error);
    if (object)
        reply_send_json(reply, 200, object);
    else
        reply_error(reply, &error);
}

void handle_document_delete(void *user, const struct request *request, struct reply *reply) {
    struct server *server = user;
    struct api_error error;
    if (documents_remove(&server->documents, request->item, &error))
        reply_send_json(
            reply, 200,
            json_pack("{ss ss sb}", "id", request->item, "object", "document", "deleted", 1));
    else
        reply_error(reply, &error);
}

/* The id in "ID/events". */
static const char *id_of(const struct request *request, char id[document_id_size]) {
    snprintf(id, document_id_size, "%.*s", (int)strcspn(request->item, "/"), request->item);
    return id;
}

void handle_document_events(void *user, const struct request *request, struct reply *reply) {
    struct server *server = user;
    struct api_error error;
    char id[document_id_size];
    if (!documents_watch(&server->documents, id_of(request, id), reply, &error))
        reply_error(reply, &error);
}

void handle_document_kept(void *user, const struct request *request, struct reply *reply) {
    struct server *server = user;
    struct api_error error;
    char id[document_id_size];
    struct document *document = documents_take(&server->documents, id_of(request, id), &error);
    if (!document || !engine_inspect(server->engine, document, reply, &error))
        reply_error(reply, &error);
}

/* ---- A piece of a text ---- */

static bool read_number(const struct request *request, const char *key, size_t *number,
                        struct api_error *error) {
    const char *text = request->query(request, key);
    uint64_t read;
    if (!text)
        return true;
    if (!read_whole(text, strlen(text), &read) || read > SIZE_MAX)
        return refuse(error, key, "%s: must be a whole number", key);
    *number = (size_t)read;
    return true;
}

static bool is_inside(char byte) {
    return ((unsigned char)byte & 0xC0) == 0x80;
}

/* Whole characters: from the beginning of the one that `from` is in to that of the one that would be
 * cut. */
static json_t *cut_text(FILE *file, size_t n_text, size_t from, size_t n) {
    enum { longest = 1 << 16, reach = 4 };
    char bytes[longest + reach];
    size_t begin = from < reach ? 0 : from - reach, n_read, first, end;
    n = n < longest - reach ? n : longest - reach;
    if (fseek(file, (long)begin, SEEK_CUR))
        return NULL;
    n_read = fread(bytes, 1, from - begin + n + 1, file);
    first = from - begin < n_read ? from - begin : n_read;
    while (first > 0 && first < n_read && is_inside(bytes[first]))
        first--;
    end = from - begin + n < n_read ? from - begin + n : n_read;
    while (end > first && begin + end < n_text && is_inside(bytes[end]))
        end--;
    return json_pack("{so so so}", "from", json_size(begin + first), "bytes",
                     json_size(end - first), "text", json_stringn(bytes + first, end - first));
}

void handle_document_text(void *user, const struct request *request, struct reply *reply) {
    struct server *server = user;
    struct api_error error;
    char id[document_id_size];
    size_t from = 0, n = SIZE_MAX, n_text;
    json_t *header;
    struct document *document = NULL;
    if (!read_number(request, "from", &from, &error) ||
        !read_number(request, "bytes", &n, &error) ||
        !(document = documents_take(&server->documents, id_of(request, id), &error))) {
        reply_error(reply, &error);
        return;
    }
    FILE *file = document_text_open(&server->documents.folder, document->id, &header, &n_text);
    json_decref(header);
    reply_send_json(reply, file ? 200 : 500,
                    file ? cut_text(file, n_text, from < n_text ? from : n_text, n) : NULL);
    if (file)
        fclose(file);
    documents_give_back(&server->documents, document);
}
