#include "train_corpus.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "paths.h"
#include "read_input.h"

/* Makes room for `more` items beyond `n`; NULL, and `items` as it was, when memory is short. */
static void *grown(void *items, size_t n, size_t more, size_t *capacity, size_t item_size) {
    size_t wanted = n + more, larger = *capacity + *capacity / 2;
    if (items && wanted <= *capacity)
        return items;
    if (wanted < more || wanted > SIZE_MAX / 2 / item_size)
        return NULL;
    if (larger < wanted)
        larger = wanted + 16;
    void *moved = realloc(items, larger * item_size);
    if (moved)
        *capacity = larger;
    return moved;
}

static bool append_ids(struct corpus *corpus, const int32_t *ids, size_t n) {
    int32_t *room = grown(corpus->ids, corpus->n_id, n, &corpus->id_capacity, sizeof *room);
    if (!room)
        return fail_memory();
    corpus->ids = room;
    if (n)
        memcpy(room + corpus->n_id, ids, n * sizeof *ids);
    corpus->n_id += n;
    return true;
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
        grown(corpus->documents, corpus->n_document, 1, &corpus->document_capacity, sizeof *room);
    if (!room)
        return fail_memory();
    corpus->documents = room;
    room[corpus->n_document++] =
        (struct document){first, corpus->n_id - first, n_prompt, has_prompt};
    return true;
}

static bool read_document(struct corpus *corpus, const dm_tokenizer *tokenizer, const char *path) {
    struct text text;
    size_t first = corpus->n_id;
    if (!read_text("text", NULL, path, &text))
        return false;
    bool fine = append_text(corpus, tokenizer, text.bytes, text.n_byte, path) &&
                close_document(corpus, first, 0, false);
    free(text.bytes);
    return fine;
}

/* A text of the line's, or NULL where it has none such. */
static const json_t *text_of(const json_t *line, const char *key) {
    const json_t *value = json_object_get(line, key);
    return json_is_string(value) ? value : NULL;
}

static bool append_value(struct corpus *corpus, const dm_tokenizer *tokenizer, const json_t *text,
                         const char *name) {
    return append_text(corpus, tokenizer, json_string_value(text), json_string_length(text), name);
}

static bool add_line(struct corpus *corpus, const dm_tokenizer *tokenizer, const json_t *line,
                     const char *name) {
    const json_t *text = text_of(line, "text"), *prompt = text_of(line, "prompt"),
                 *completion = text_of(line, "completion");
    size_t first = corpus->n_id;
    if (text && json_object_size(line) == 1)
        return append_value(corpus, tokenizer, text, name) &&
               close_document(corpus, first, 0, false);
    if (!prompt || !completion || json_object_size(line) != 2)
        return fail("%s: a line is {\"text\": ...} or {\"prompt\": ..., \"completion\": ...}",
                    name);
    int32_t end = dm_tokenizer_find(tokenizer, "<|endoftext|>");
    if (!append_value(corpus, tokenizer, prompt, name))
        return false;
    size_t n_prompt = corpus->n_id - first;
    if (!append_value(corpus, tokenizer, completion, name) || !append_ids(corpus, &end, end >= 0))
        return false;
    return corpus->n_id > first + n_prompt ? close_document(corpus, first, n_prompt, true)
                                           : fail("%s: the completion is empty", name);
}

static bool read_line(struct corpus *corpus, const dm_tokenizer *tokenizer, const char *path,
                      size_t number, const char *line, size_t n_byte) {
    char name[600];
    json_error_t fault;
    snprintf(name, sizeof name, "%s:%zu", path, number);
    json_t *value = json_loadb(line, n_byte, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &fault);
    if (!value)
        return fail("%s: %s", name, fault.text);
    bool fine = add_line(corpus, tokenizer, value, name);
    json_decref(value);
    return fine;
}

static bool read_lines(struct corpus *corpus, const dm_tokenizer *tokenizer, const char *path) {
    struct text text;
    if (!read_text("lines", NULL, path, &text))
        return false;
    bool fine = true;
    const char *line = text.bytes, *end = text.bytes + text.n_byte;
    for (size_t number = 1; fine && line < end; number++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((stop ? stop : end) - line);
        bool blank = true;
        for (size_t i = 0; i < n; i++)
            blank = blank && strchr(" \t\r", line[i]) && line[i];
        fine = blank || read_line(corpus, tokenizer, path, number, line, n);
        line += n + 1;
    }
    free(text.bytes);
    return fine;
}

typedef bool read_file(struct corpus *corpus, const dm_tokenizer *tokenizer, const char *path);

static bool has_ending(const char *name, const char *ending) {
    size_t n = strlen(name), n_ending = strlen(ending);
    return name[0] != '.' && n > n_ending && !strcmp(name + n - n_ending, ending);
}

static bool read_in_folder(struct corpus *corpus, const dm_tokenizer *tokenizer, const char *folder,
                           const char *name, read_file *read) {
    char *path = path_join(folder, name);
    bool fine = path ? read(corpus, tokenizer, path) : fail_memory();
    free(path);
    return fine;
}

/* The file, or the folder's files with that ending. */
static bool read_all(struct corpus *corpus, const dm_tokenizer *tokenizer, const char *path,
                     const char *ending, read_file *read) {
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0)
        return errno == ENOTDIR ? read(corpus, tokenizer, path)
                                : fail("%s: cannot read: %s", path, strerror(errno));
    bool fine = true, any = false;
    for (int i = 0; i < n; i++) {
        if (fine && has_ending(entries[i]->d_name, ending)) {
            any = true;
            fine = read_in_folder(corpus, tokenizer, path, entries[i]->d_name, read);
        }
        free(entries[i]);
    }
    free(entries);
    return fine && (any || fail("%s: this folder holds no %s file", path, ending));
}

bool corpus_read(struct corpus *corpus, const dm_tokenizer *tokenizer,
                 const struct text_list *texts, const struct text_list *lines) {
    bool fine = true;
    *corpus = (struct corpus){0};
    for (size_t i = 0; fine && i < texts->n; i++)
        fine = read_all(corpus, tokenizer, texts->items[i], ".txt", read_document);
    for (size_t i = 0; fine && i < lines->n; i++)
        fine = read_all(corpus, tokenizer, lines->items[i], ".jsonl", read_lines);
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
