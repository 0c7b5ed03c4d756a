#include "squad.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/grow.h"
#include "base/status.h"
#include "json_lines.h"

enum { max_levels = 4 };

/* Lists in lists: which items the reader is at, for messages. */
struct reader {
    struct squad *squad;
    size_t paragraph_capacity, question_capacity;
    struct {
        const char *key;
        size_t index;
    } levels[max_levels];
    size_t n_level;
    size_t line; /* of the row at hand, where rows stand one a line; 0: none */
    dm_error *error;
};

/* "FILE: data[3].paragraphs[2]: key 'context' is missing", or "FILE:LINE: ..." */
static void complain(struct reader *reader, const char *key, const char *what) {
    char where[160] = "", line[32] = "";
    if (reader->line)
        snprintf(line, sizeof line, ":%zu", reader->line);
    for (size_t i = 0, n = 0; i < reader->n_level && n < sizeof where; i++)
        n += (size_t)snprintf(where + n, sizeof where - n, "%s%s[%zu]", i ? "." : "",
                              reader->levels[i].key, reader->levels[i].index);
    dm_error_set(reader->error, DM_ERROR_FORMAT, "%.200s%s: %s%skey '%s' %s", reader->squad->path,
                 line, where, *where ? ": " : "", key, what);
}

static void *get(struct reader *reader, const json_t *object, const char *key, json_type type) {
    json_t *value = json_object_get(object, key);
    bool fits = value && json_typeof(value) == type;
    bool cut = fits && type == JSON_STRING &&
               strlen(json_string_value(value)) != json_string_length(value);
    if (fits && !cut)
        return value;
    complain(reader, key,
             !value                ? "is missing"
             : cut                 ? "has a NUL in it"
             : type == JSON_STRING ? "is not a text"
                                   : "is not a list");
    return NULL;
}

typedef dm_status read_item(struct reader *reader, const json_t *item);

/* The items of a list that is called `key`. */
static dm_status read_items(struct reader *reader, const json_t *list, const char *key,
                            read_item *read) {
    dm_status status = DM_OK;
    size_t level = reader->n_level++;
    reader->levels[level].key = key;
    for (size_t i = 0; !status && i < json_array_size(list); i++) {
        reader->levels[level].index = i;
        status = read(reader, json_array_get(list, i));
    }
    reader->n_level--;
    return status;
}

static dm_status read_list(struct reader *reader, const json_t *object, const char *key,
                           read_item *read) {
    const json_t *list = get(reader, object, key, JSON_ARRAY);
    return list ? read_items(reader, list, key, read) : reader->error->status;
}

static dm_status read_answer(struct reader *reader, const json_t *answer) {
    return get(reader, answer, "text", JSON_STRING) ? DM_OK : reader->error->status;
}

/* Of {"text": [TEXT, ...]}. */
static dm_status check_text(struct reader *reader, const json_t *text) {
    if (json_is_string(text) && strlen(json_string_value(text)) == json_string_length(text))
        return DM_OK;
    reader->n_level--;
    complain(reader, "answers", "has what is not a text");
    reader->n_level++;
    return reader->error->status;
}

/* The list of a question's answers, each a text or {"text": TEXT}; NULL after a fault. */
static const json_t *read_answers(struct reader *reader, const json_t *entry) {
    const json_t *answers = json_object_get(entry, "answers");
    bool columns = json_is_object(answers);
    dm_status status = columns ? read_list(reader, answers, "text", check_text)
                               : read_list(reader, entry, "answers", read_answer);
    return status ? NULL : columns ? json_object_get(answers, "text") : answers;
}

static dm_status read_question(struct reader *reader, const json_t *entry) {
    struct squad *squad = reader->squad;
    const json_t *impossible = json_object_get(entry, "is_impossible");
    if (json_is_true(impossible))
        return DM_OK;
    if (impossible && !json_is_false(impossible)) {
        complain(reader, "is_impossible", "is not true or false");
        return reader->error->status;
    }
    const json_t *text = get(reader, entry, "question", JSON_STRING);
    if (!text)
        return reader->error->status;
    const json_t *answers = read_answers(reader, entry);
    if (!answers)
        return reader->error->status;
    if (!json_array_size(answers))
        return DM_OK;
    struct squad_question *room = dm_grow(squad->questions, squad->n_question, 1,
                                          &reader->question_capacity, sizeof *squad->questions);
    if (!room)
        return dm_fail_memory(reader->error, "the questions");
    squad->questions = room;
    room[squad->n_question++] = (struct squad_question){
        .text = json_string_value(text),
        .id = json_string_value(json_object_get(entry, "id")),
        .paragraph = squad->n_paragraph - 1,
        .answers = answers,
    };
    return DM_OK;
}

static dm_status read_context(struct reader *reader, const json_t *object) {
    struct squad *squad = reader->squad;
    const json_t *text = get(reader, object, "context", JSON_STRING);
    if (!text)
        return reader->error->status;
    const char **room = dm_grow(squad->paragraphs, squad->n_paragraph, 1,
                                &reader->paragraph_capacity, sizeof *squad->paragraphs);
    if (!room)
        return dm_fail_memory(reader->error, "the questions");
    squad->paragraphs = room;
    room[squad->n_paragraph++] = json_string_value(text);
    return DM_OK;
}

static dm_status read_paragraph(struct reader *reader, const json_t *paragraph) {
    dm_status status = read_context(reader, paragraph);
    return status ? status : read_list(reader, paragraph, "qas", read_question);
}

static dm_status read_row(struct reader *reader, const json_t *row) {
    dm_status status = read_context(reader, row);
    return status ? status : read_question(reader, row);
}

static dm_status read_article(struct reader *reader, const json_t *article) {
    return read_list(reader, article, "paragraphs", read_paragraph);
}

struct numbered {
    const char *text;
    size_t number;
};

static int compare(const void *a, const void *b) {
    const struct numbered *left = a, *right = b;
    int order = strcmp(left->text, right->text);
    return order ? order : (left->number > right->number) - (left->number < right->number);
}

/* Of equal paragraphs the first stays: a prompt shall not hold a text twice. */
static dm_status merge_equal(struct squad *squad, dm_error *error) {
    size_t n = squad->n_paragraph, n_kept = 0;
    struct numbered *sorted = calloc(n, sizeof *sorted);
    size_t *moved =
        calloc(n, sizeof *moved); /* paragraph i -> the first like it -> its new place */
    if (!sorted || !moved) {
        free(sorted);
        free(moved);
        return dm_fail_memory(error, "the questions");
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct numbered){squad->paragraphs[i], i};
    qsort(sorted, n, sizeof *sorted, compare);
    for (size_t i = 0; i < n; i++) {
        bool again = i && !strcmp(sorted[i].text, sorted[i - 1].text);
        moved[sorted[i].number] = again ? moved[sorted[i - 1].number] : sorted[i].number;
    }
    for (size_t i = 0; i < n; i++) {
        if (moved[i] == i)
            squad->paragraphs[n_kept] = squad->paragraphs[i];
        moved[i] = moved[i] == i ? n_kept++ : moved[moved[i]];
    }
    for (size_t i = 0; i < squad->n_question; i++)
        squad->questions[i].paragraph = moved[squad->questions[i].paragraph];
    squad->n_paragraph = n_kept;
    free(sorted);
    free(moved);
    return DM_OK;
}

/* ---- The file ---- */

static dm_status fail_reading(const struct squad *squad, dm_error *error) {
    return dm_fail(error, DM_ERROR_IO, "%.200s: cannot read: %s", squad->path, strerror(errno));
}

/* All that is in the file; `*bytes` is to be freed either way. */
static dm_status read_bytes(const struct squad *squad, char **bytes, size_t *n, dm_error *error) {
    FILE *stream = fopen(squad->path, "rb");
    size_t capacity = 0, got = 1;
    dm_status status = stream ? DM_OK : fail_reading(squad, error);
    while (!status && got) {
        char *room = dm_grow(*bytes, *n, 1, &capacity, 1);
        if (!room) {
            status = dm_fail_memory(error, "the questions");
            break;
        }
        *bytes = room;
        got = fread(room + *n, 1, capacity - *n, stream);
        *n += got;
    }
    if (!status && ferror(stream))
        status = fail_reading(squad, error);
    if (stream)
        fclose(stream);
    return status;
}

/* Gives the first value in the bytes, and how many of them it takes; SIZE_MAX: not known. */
static dm_status parse(struct squad *squad, const char *bytes, size_t n, size_t flags, size_t *used,
                       dm_error *error) {
    json_error_t json_error;
    json_decref(squad->file);
    squad->file = json_loadb(bytes, n, JSON_REJECT_DUPLICATES | flags, &json_error);
    *used = json_error.position < 0 ? SIZE_MAX : (size_t)json_error.position;
    if (squad->file)
        return DM_OK;
    if (json_error_code(&json_error) == json_error_out_of_memory)
        return dm_fail_memory(error, "the questions");
    const struct json_lines at = {.name = squad->path, .number = (size_t)json_error.line};
    return json_lines_fail(&at, DM_ERROR_FORMAT, error, "bad JSON: %s", json_error.text);
}

/* Rows, one a line. They come together in a list, where their texts live. */
static dm_status read_lines(struct reader *reader, char *bytes, size_t n) {
    struct json_lines lines = {.name = reader->squad->path, .stream = fmemopen(bytes, n, "r")};
    json_t *row;
    dm_status status = DM_OK;
    json_decref(reader->squad->file);
    reader->squad->file = json_array();
    if (!lines.stream || !reader->squad->file)
        status = dm_fail_memory(reader->error, "the questions");
    while (!status && !(status = json_lines_next(&lines, &row, reader->error)) && row) {
        reader->line = lines.number;
        status = json_array_append_new(reader->squad->file, row)
                     ? dm_fail_memory(reader->error, "the questions")
                     : read_row(reader, row);
    }
    if (lines.stream)
        json_lines_close(&lines);
    return status;
}

static bool is_end(const char *bytes, size_t n) {
    static const char blank[] = {' ', '\t', '\r', '\n'};
    while (n && memchr(blank, *bytes, sizeof blank))
        bytes++, n--;
    return !n;
}

static dm_status read_all(struct reader *reader, char *bytes, size_t n) {
    struct squad *squad = reader->squad;
    size_t mark = json_lines_mark(bytes, n), used;
    const char *text = bytes + mark;
    dm_status status = parse(squad, text, n - mark, JSON_DISABLE_EOF_CHECK, &used, reader->error);
    if (status)
        return status;
    if (json_object_get(squad->file, "context") && !json_object_get(squad->file, "data"))
        return read_lines(reader, bytes, n);
    if (used > n - mark || !is_end(text + used, n - mark - used)) /* say so as the parser does */
        status = parse(squad, text, n - mark, 0, &used, reader->error);
    if (status)
        return status;
    return json_array_size(squad->file) ? read_items(reader, squad->file, "", read_row)
                                        : read_list(reader, squad->file, "data", read_article);
}

dm_status squad_read(const char *path, struct squad **squad, dm_error *error) {
    struct squad *made = calloc(1, sizeof *made);
    if (!made)
        return dm_fail_memory(error, "the questions");
    struct reader reader = {.squad = made, .error = error};
    char *bytes = NULL;
    size_t n = 0;
    made->path = strdup(path);
    dm_status status =
        made->path ? read_bytes(made, &bytes, &n, error) : dm_fail_memory(error, "the questions");
    if (!status)
        status = read_all(&reader, bytes, n);
    free(bytes);
    if (!status && !made->n_question) {
        status = dm_fail(error, DM_ERROR_FORMAT, "%.200s: no question with an answer", path);
    }
    if (!status)
        status = merge_equal(made, error);
    if (status)
        squad_free(made);
    else
        *squad = made;
    return status;
}

void squad_free(struct squad *squad) {
    if (!squad)
        return;
    json_decref(squad->file);
    free(squad->paragraphs);
    free(squad->questions);
    free(squad->path);
    free(squad);
}

const char *squad_answer(const struct squad_question *question, size_t i) {
    const json_t *answer = json_array_get(question->answers, i);
    return json_string_value(json_is_string(answer) ? answer : json_object_get(answer, "text"));
}

dm_status squad_find(const char *path, char **found, dm_error *error) {
    static const char *const places[] = {"squad/dev-v2.0.json", "dev-v2.0.json"};
    struct stat status;
    if (stat(path, &status)) {
        return dm_fail(error, DM_ERROR_IO, "%.200s: %s", path, strerror(errno));
    }
    if (!S_ISDIR(status.st_mode)) {
        *found = strdup(path);
        return *found ? DM_OK : dm_fail_memory(error, "the questions");
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        size_t size = strlen(path) + strlen(places[i]) + 2;
        char *file = malloc(size);
        if (!file)
            return dm_fail_memory(error, "the questions");
        snprintf(file, size, "%s/%s", path, places[i]);
        if (!stat(file, &status) && !S_ISDIR(status.st_mode)) {
            *found = file;
            return DM_OK;
        }
        free(file);
    }
    return dm_fail(error, DM_ERROR_IO, "%.200s: this folder has no %s and no %s", path, places[0],
                   places[1]);
}
