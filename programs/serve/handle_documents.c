/* /v1/documents. */
#include <string.h>

#include "base/utf8.h"
#include "cli/json_output.h"
#include "cli/options.h"
#include "server.h"
#include "upload.h"

/* ---- Handlers ---- */

static bool add(struct server *server, const struct upload *upload, json_t **object,
                struct api_error *error) {
    struct request_method *method;
    const json_t *wanted = upload->method ? upload->method : server->served.method->json;
    return request_method_read(&method, wanted, server->served.model, error) &&
           documents_add(&server->documents, upload->name, method, upload->text, upload->n_byte,
                         object, error);
}

void handle_document_new(void *user, const struct request *request, struct reply *reply) {
    struct upload upload;
    struct api_error error;
    json_t *object;
    if (upload_read(&upload, request, &error) && add(user, &upload, &object, &error))
        reply_send_json(reply, 202, object);
    else
        reply_error(reply, &error);
    upload_free(&upload);
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
    while (first > 0 && first < n_read && dm_utf8_goes_on(bytes[first]))
        first--;
    end = from - begin + n < n_read ? from - begin + n : n_read;
    while (end > first && begin + end < n_text && dm_utf8_goes_on(bytes[end]))
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
