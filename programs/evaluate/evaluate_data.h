/* What the tasks of `decimamba evaluate` are made of: files, and a record of all that decides the
 * prompts. Faults print their line. */
#ifndef DECIMAMBA_EVALUATE_DATA_H
#define DECIMAMBA_EVALUATE_DATA_H

#include <jansson.h>

#include "cli/id_store.h"
#include "cli/options.h"
#include "documents/squad.h"
#include "task.h"

/* What a task borrows, and what says where it came from. */
struct evaluate_data {
    const dm_tokenizer *tokenizer;
    char *text, *text_name, *keys_name; /* of files */
    size_t n_byte;                      /* of the text */
    struct id_store **stores;           /* [n_store]: texts as ids */
    size_t n_store;
    struct squad *squad;
    struct task *task;
    bool recorded;    /* somebody wants the settings: a journal that a later call goes on with */
    json_t *settings; /* an object: everything that decides the prompts */
};
void evaluate_data_free(struct evaluate_data *data);

/* Notes something that decides the prompts; takes the reference. */
bool evaluate_note(struct evaluate_data *data, const char *key, json_t *value);
bool evaluate_note_size(struct evaluate_data *data, const char *key, size_t size);
bool evaluate_note_sizes(struct evaluate_data *data, const char *key, const struct size_list *list);
/* Notes a file by its name and by what is in it. */
bool evaluate_note_file(struct evaluate_data *data, const char *path);
/* The same of a text that was read. */
bool evaluate_note_text(struct evaluate_data *data, const struct text *text);
/* The same of a file's text ("-": standard input) that is read as ids, which the data then hold; with
 * what the tokenizer puts before a text, where it is read as a `whole` one. NULL after a fault. */
const struct id_store *evaluate_read_ids(struct evaluate_data *data, const char *path, bool whole);
/* Notes data->task's prompts as they are built, and what their answers are judged by. */
bool evaluate_note_prompts(struct evaluate_data *data);

/* Whether the status is DM_OK; prints the line of another. */
bool evaluate_check(dm_status status, const dm_error *error);
/* The first of the names (ended by NULL) that is there under the folder; NULL, after a line that
 * names the first, where none is. Allocated. */
char *evaluate_find(const char *folder, const char *const *names);

#endif
