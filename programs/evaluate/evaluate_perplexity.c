/* Perplexity over lengths, as users ask for it. */
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "cli/fail.h"
#include "cli/file_list.h"
#include "evaluate_tasks.h"
#include "perplexity/perplexity_task.h"

static void perplexity_flags(struct evaluate_settings *settings,
                             struct option table[max_task_option]) {
    settings->lengths = (struct size_list){{1000, 2000, 4000, 10000, 20000}, 5};
    settings->target = 100;
    const struct option options[] = {
        {OPTION_TEXTS, "text", &settings->texts, "PATH",
         .help = "a text, or a folder of .txt files; may be repeated", .path = true},
        {OPTION_TEXT, "data", &settings->data, "FOLDER",
         .help = "the same as --text FOLDER/books/test, or FOLDER/books", .path = true},
        {OPTION_SIZES, "lengths", &settings->lengths, "LIST", .help = "tokens in a window",
         .min = 2, .max = 1e15},
        {OPTION_SIZE, "target", &settings->target, "N",
         .help = "tokens scored at the end of a window", .min = 1, .max = 1e9},
        {OPTION_SIZE, "windows", &settings->n_each, "N",
         .help = "most windows of a book at each length; 0: those of the official code, some ten",
         .min = 0, .max = 1e9},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

struct books {
    struct evaluate_data *data;
    struct perplexity_book *items;
    size_t n, capacity;
};

static bool add_book(const char *path, void *user) {
    struct books *books = user;
    const struct id_store *store = evaluate_read_ids(books->data, path, true);
    if (!store)
        return false;
    const char *slash = strrchr(path, '/');
    struct perplexity_book book = {strdup(slash ? slash + 1 : path), id_store_text(store)};
    bool fine = book.name || fail_memory();
    for (size_t i = 0; fine && i < books->n; i++)
        if (!strcmp(books->items[i].name, book.name))
            fine = fail("%s: another text is called %s too", path, book.name);
    struct perplexity_book *items =
        fine ? dm_grow(books->items, books->n, 1, &books->capacity, sizeof *items) : NULL;
    if (items) {
        books->items = items;
        books->items[books->n++] = book;
        return true;
    }
    free(book.name);
    return fine && fail_memory();
}

static bool read_books(const struct evaluate_settings *settings, struct books *books) {
    static const char *const folders[] = {"books/test", "books", NULL};
    bool fine = settings->texts.n || settings->data ||
                fail_usage("evaluate perplexity: --text or --data is missing");
    for (size_t i = 0; fine && i < settings->texts.n; i++)
        fine = file_list_walk(settings->texts.items[i], ".txt", add_book, books);
    if (fine && settings->data) {
        char *folder = evaluate_find(settings->data, folders);
        fine = folder && file_list_walk(folder, ".txt", add_book, books);
        free(folder);
    }
    return fine;
}

static bool make_perplexity(const struct evaluate_settings *settings, struct evaluate_data *data) {
    struct books books = {.data = data};
    dm_error error;
    bool fine = evaluate_note_sizes(data, "lengths", &settings->lengths) &&
                evaluate_note_size(data, "target", settings->target) &&
                evaluate_note_size(data, "windows", settings->n_each) &&
                read_books(settings, &books);
    const struct perplexity_task_options options = {.books = books.items,
                                                    .n_book = books.n,
                                                    .lengths = settings->lengths.items,
                                                    .n_length = settings->lengths.n,
                                                    .target = settings->target,
                                                    .windows = settings->n_each};
    fine = fine && evaluate_check(perplexity_task_new(&options, &data->task, &error), &error);
    if (fine)
        return true;
    for (size_t i = 0; i < books.n; i++)
        free(books.items[i].name);
    free(books.items);
    return false;
}

const struct evaluate_task evaluate_perplexity = {
    .name = "perplexity",
    .operands = "MODEL --text PATH",
    .summary = "Predicts the last tokens of windows of several lengths, on books.",
    .example = "decimamba evaluate perplexity models/books --data data \\\n"
               "    --methods 'none decimate:layers=3,base-length=2048'",
    .flags = perplexity_flags,
    .make = make_perplexity};
