#include "squad.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "json_lines.h"

enum { most_levels = 4 };

/* Lists in lists: which items the reader is at, for messages. */
struct reader {
    struct squad *squad;
    size_t paragraph_capacity, question_capacity;
    struct {
        const char *key;
        size_t index;
    } levels[most_levels];
    size_t n_level;
    dm_error *error;
};

static dm_status fail_memory(dm_error *error) {
    error->status = DM_ERROR_MEMORY;
    snprintf(error->message, sizeof error->message, "memory is short for the questions");
    return error->status;
}

/* "FILE: data[3].paragraphs[2]: key 'context' is missing" */
static void complain(struct reader *reader, const char *key, const char *fault) {
    char where[160] = "";
    for (size_t i = 0, n = 0; i < reader->n_level && n < sizeof where; i++)
        n += (size_t)snprintf(where + n, sizeof where - n, "%s%s[%zu]", i ? "." : "",
                              reader->levels[i].key, reader->levels[i].index);
    reader->error->status = DM_ERROR_FORMAT;
    snprintf(reader->error->message, sizeof reader->error->message, "%.200s: %s%skey '%s' %s",
             reader->squad->path, where, *where ? ": " : "", key, fault);
}

static void *get(struct reader *reader, const json_t *object, const char *key, json_type type) {
    json_t *value = json_object_get(object, key);
    if (value && json_typeof(value) == type)
        return value;
    complain(reader, key,
             !value                ? "is missing"
             : type == JSON_STRING ? "is not a text"
                                   : "is not a list");
    return NULL;
}

typedef dm_status read_item(struct reader *reader, const json_t *item);

static dm_status read_list(struct reader *reader, const json_t *object, const char *key,
                           read_item *read) {
    const json_t *list = get(reader, object, key, JSON_ARRAY);
    if (!list)
        return reader->error->status;
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

/* Room for one more item; NULL, and the items as they were, when memory is short. */
static void *grown(void *items, size_t n, size_t *capacity, size_t item_size) {
    if (n < *capacity)
        return items;
    size_t larger = *capacity + *capacity / 2 + 64;
    void *moved = larger > SIZE_MAX / item_size ? NULL : realloc(items, larger * item_size);
    if (moved)
        *capacity = larger;
    return moved;
}

static dm_status read_answer(struct reader *reader, const json_t *answer) {
    return get(reader, answer, "text", JSON_STRING) ? DM_OK : reader->error->status;
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
    dm_status status = read_list(reader, entry, "answers", read_answer);
    const json_t *answers = json_object_get(entry, "answers");
    if (status || !json_array_size(answers))
        return status;
    struct squad_question *room = grown(squad->questions, squad->n_question,
                                        &reader->question_capacity, sizeof *squad->questions);
    if (!room)
        return fail_memory(reader->error);
    squad->questions = room;
    room[squad->n_question++] = (struct squad_question){
        .text = json_string_value(text),
        .id = json_string_value(json_object_get(entry, "id")),
        .paragraph = squad->n_paragraph - 1,
        .answers = answers,
    };
    return DM_OK;
}

static dm_status read_paragraph(struct reader *reader, const json_t *paragraph) {
    struct squad *squad = reader->squad;
    const json_t *text = get(reader, paragraph, "context", JSON_STRING);
    if (!text)
        return reader->error->status;
    const char **room = grown(squad->paragraphs, squad->n_paragraph, &reader->paragraph_capacity,
                              sizeof *squad->paragraphs);
    if (!room)
        return fail_memory(reader->error);
    squad->paragraphs = room;
    room[squad->n_paragraph++] = json_string_value(text);
    return read_list(reader, paragraph, "qas", read_question);
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
        return fail_memory(error);
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

static dm_status load(struct squad *squad, dm_error *error) {
    json_error_t fault;
    FILE *stream = fopen(squad->path, "rb");
    errno = stream ? 0 : errno;
    if (stream)
        squad->file = json_loadf(stream, JSON_REJECT_DUPLICATES, &fault);
    bool unread = !stream || (ferror(stream) && errno);
    if (unread) {
        error->status = DM_ERROR_IO;
        snprintf(error->message, sizeof error->message, "%.200s: cannot read: %s", squad->path,
                 strerror(errno));
    } else if (!squad->file && json_error_code(&fault) == json_error_out_of_memory) {
        fail_memory(error);
    } else if (!squad->file) {
        const struct json_lines place = {.name = squad->path, .number = (size_t)fault.line};
        json_lines_fail(&place, DM_ERROR_FORMAT, error, "bad JSON: %s", fault.text);
    }
    if (stream)
        fclose(stream);
    return squad->file && !unread ? DM_OK : error->status;
}

dm_status squad_read(const char *path, struct squad **squad, dm_error *error) {
    struct squad *made = calloc(1, sizeof *made);
    if (!made)
        return fail_memory(error);
    struct reader reader = {.squad = made, .error = error};
    made->path = strdup(path);
    dm_status status = made->path ? load(made, error) : fail_memory(error);
    if (!status)
        status = read_list(&reader, made->file, "data", read_article);
    if (!status && !made->n_question) {
        error->status = status = DM_ERROR_FORMAT;
        snprintf(error->message, sizeof error->message, "%.200s: no question with an answer", path);
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
    return json_string_value(json_object_get(json_array_get(question->answers, i), "text"));
}

dm_status squad_find(const char *path, char **found, dm_error *error) {
    static const char *const places[] = {"squad/dev-v2.0.json", "dev-v2.0.json"};
    struct stat status;
    if (stat(path, &status)) {
        error->status = DM_ERROR_IO;
        snprintf(error->message, sizeof error->message, "%.200s: %s", path, strerror(errno));
        return error->status;
    }
    if (!S_ISDIR(status.st_mode)) {
        *found = strdup(path);
        return *found ? DM_OK : fail_memory(error);
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        size_t size = strlen(path) + strlen(places[i]) + 2;
        char *file = malloc(size);
        if (!file)
            return fail_memory(error);
        snprintf(file, size, "%s/%s", path, places[i]);
        if (!stat(file, &status) && !S_ISDIR(status.st_mode)) {
            *found = file;
            return DM_OK;
        }
        free(file);
    }
    error->status = DM_ERROR_IO;
    snprintf(error->message, sizeof error->message, "%.200s: this folder has no %s and no %s", path,
             places[0], places[1]);
    return error->status;
}
