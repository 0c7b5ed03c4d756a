#include "train_corpus.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "cli/fail.h"
#include "cli/file_list.h"
#include "cli/token_source.h"
#include "json_lines.h"

static bool append_ids(struct corpus *corpus, const int32_t *ids, size_t n) {
    int32_t *room = dm_grow(corpus->ids, corpus->n_id, n, &corpus->id_capacity, sizeof *room);
    if (!room)
        return fail_memory();
    corpus->ids = room;
    if (n)
        memcpy(room + corpus->n_id, ids, n * sizeof *ids);
    corpus->n_id += n;
    return true;
}

/* What a tokenizer puts before a whole text (`end` false), or after it. */
static bool append_template(struct corpus *corpus, const dm_tokenizer *tokenizer, bool end) {
    const int32_t *before, *after;
    size_t n_before, n_after;
    dm_tokenizer_template(tokenizer, &before, &n_before, &after, &n_after);
    return append_ids(corpus, end ? after : before, end ? n_after : n_before);
}

static bool append_text(struct corpus *corpus, const dm_tokenizer *tokenizer, const char *text,
                        size_t n_byte, const char *name) {
    int32_t *ids;
    size_t n;
    dm_error error;
    if (dm_tokenizer_encode(tokenizer, text, n_byte, &ids, &n, &error))
        return fail("%s: %s", name, error.message);
    bool fine = append_ids(corpus, ids, n);
    dm_free(ids);
    return fine;
}

/* What came after corpus->ids[first] is a document. */
static bool close_document(struct corpus *corpus, size_t first, size_t n_prompt, bool has_prompt) {
    struct document *room =
        dm_grow(corpus->documents, corpus->n_document, 1, &corpus->document_capacity, sizeof *room);
    if (!room)
        return fail_memory();
    corpus->documents = room;
    room[corpus->n_document++] =
        (struct document){first, corpus->n_id - first, n_prompt, has_prompt};
    return true;
}

/* `whole`: it is a text, else what texts are made of. */
static bool read_document(struct corpus *corpus, const dm_tokenizer *tokenizer, bool whole,
                          const char *path) {
    struct token_source source;
    const int32_t *ids;
    size_t first = corpus->n_id, n;
    dm_error error;
    dm_status status = DM_OK;
    bool fine = token_source_open_text(&source, "text", NULL, path, tokenizer) &&
                (!whole || append_template(corpus, tokenizer, false));
    while (fine && !(status = token_source_next(&source, &ids, &n, &error)) && n)
        fine = append_ids(corpus, ids, n);
    token_source_close(&source);
    return fine && (!status || fail("%s", error.message)) &&
           (!whole || append_template(corpus, tokenizer, true)) &&
           close_document(corpus, first, 0, false);
}

static bool append_value(struct corpus *corpus, const dm_tokenizer *tokenizer, const json_t *text,
                         const char *name) {
    return append_text(corpus, tokenizer, json_string_value(text), json_string_length(text), name);
}

/* Says what is wrong with a line that has no text to learn. */
static bool refuse(const struct json_lines *lines, json_t *line) {
    static const char chat[] =
        "a chat becomes text by its model's chat template, which is not applied here";
    /* lines as others write them, which leave open how they become one text */
    static const struct {
        const char *key, *fault;
    } kinds[] = {{"messages", chat},
                 {"conversations", chat},
                 {"instruction", "how it is put before its answer is not said here"}};
    dm_error error;
    char keys[200] = "";
    const char *key;
    json_t *value;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (json_object_get(line, kinds[i].key)) {
            json_lines_fail(lines, DM_ERROR_FORMAT, &error,
                            "key '%s': %s; write it as {\"text\": ...} or {\"prompt\": ..., "
                            "\"completion\": ...}",
                            kinds[i].key, kinds[i].fault);
            return fail("%s", error.message);
        }
    json_object_foreach(line, key, value) {
        size_t n = strlen(keys);
        snprintf(keys + n, sizeof keys - n, "%s'%s'%s", n ? ", " : "", key,
                 json_is_string(value) ? "" : " (no text)");
    }
    json_lines_fail(lines, DM_ERROR_FORMAT, &error,
                    "a line is {\"text\": ...} or {\"prompt\": ..., \"completion\": ...}; the keys "
                    "of this one: %s",
                    *keys ? keys : "none");
    return fail("%s", error.message);
}

/* A member that is a text. */
static const json_t *text_of(const json_t *line, const char *key) {
    const json_t *value = json_object_get(line, key);
    return json_is_string(value) ? value : NULL;
}

/* What else a line has is about the text, not text. */
static bool add_line(struct corpus *corpus, const dm_tokenizer *tokenizer,
                     const struct json_lines *lines, json_t *line) {
    const json_t *text = text_of(line, "text"), *prompt = text_of(line, "prompt"),
                 *completion = text_of(line, "completion");
    size_t first = corpus->n_id;
    char name[600];
    snprintf(name, sizeof name, "%s:%zu", lines->name, lines->number);
    if (text && prompt && completion)
        return fail("%s: a line is {\"text\": ...} or {\"prompt\": ..., \"completion\": ...}, this "
                    "one is both",
                    name);
    if (!text && (!prompt || !completion))
        return refuse(lines, line);
    if (!append_template(corpus, tokenizer, false))
        return false;
    if (text)
        return append_value(corpus, tokenizer, text, name) &&
               append_template(corpus, tokenizer, true) && close_document(corpus, first, 0, false);
    int32_t end = dm_tokenizer_end(tokenizer);
    if (!append_value(corpus, tokenizer, prompt, name))
        return false;
    size_t n_prompt = corpus->n_id - first;
    if (!append_value(corpus, tokenizer, completion, name) || !append_ids(corpus, &end, end >= 0))
        return false;
    return corpus->n_id > first + n_prompt ? close_document(corpus, first, n_prompt, true)
                                           : fail("%s: the completion is empty", name);
}

static bool read_lines(struct corpus *corpus, const dm_tokenizer *tokenizer, const char *path) {
    struct json_lines lines;
    dm_error error;
    json_t *object;
    dm_status status = json_lines_open(&lines, path, &error);
    if (status)
        return fail("%s", error.message);
    bool fine = true;
    while (fine && !(status = json_lines_next(&lines, &object, &error)) && object) {
        fine = add_line(corpus, tokenizer, &lines, object);
        json_decref(object);
    }
    json_lines_close(&lines);
    return fine && (!status || fail("%s", error.message));
}

/* What a file is read into. */
struct reading {
    struct corpus *corpus;
    const dm_tokenizer *tokenizer;
    bool whole;
};

static bool visit_document(const char *path, void *user) {
    const struct reading *reading = user;
    return read_document(reading->corpus, reading->tokenizer, reading->whole, path);
}

static bool visit_lines(const char *path, void *user) {
    const struct reading *reading = user;
    return read_lines(reading->corpus, reading->tokenizer, path);
}

bool corpus_read(struct corpus *corpus, const dm_tokenizer *tokenizer,
                 const struct text_list *texts, const struct text_list *lines, bool whole) {
    struct reading reading = {corpus, tokenizer, whole};
    bool fine = true;
    *corpus = (struct corpus){0};
    for (size_t i = 0; fine && i < texts->n; i++)
        fine = file_list_walk(texts->items[i], ".txt", visit_document, &reading);
    for (size_t i = 0; fine && i < lines->n; i++)
        fine = file_list_walk(lines->items[i], ".jsonl", visit_lines, &reading);
    return fine;
}

void corpus_free(struct corpus *corpus) {
    free(corpus->ids);
    free(corpus->documents);
    *corpus = (struct corpus){0};
}

uint64_t corpus_hash(const struct corpus *corpus, uint64_t hash) {
    const uint64_t prime = 0x100000001b3; /* of FNV-1a (Fowler, Noll & Vo), here on whole numbers */
    for (size_t i = 0; i < corpus->n_document; i++) {
        const struct document *document = &corpus->documents[i];
        hash = (hash ^ document->n) * prime;
        hash = (hash ^ (document->has_prompt ? document->n_prompt + 1 : 0)) * prime;
        for (size_t t = 0; t < document->n; t++)
            hash = (hash ^ (uint64_t)corpus->ids[document->first + t]) * prime;
        hash ^= hash >> 29;
    }
    return hash;
}
