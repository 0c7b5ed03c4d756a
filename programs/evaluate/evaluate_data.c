#include "evaluate_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/fail.h"
#include "cli/file_hash.h"
#include "cli/json_output.h"
#include "cli/paths.h"
#include "draw.h"

void evaluate_data_free(struct evaluate_data *data) {
    task_free(data->task);
    squad_free(data->squad);
    free(data->text);
    free(data->text_name);
    free(data->keys_name);
    for (size_t i = 0; i < data->n_store; i++) {
        id_store_free(data->stores[i]);
        free(data->stores[i]);
    }
    free(data->stores);
    json_decref(data->settings);
    *data = (struct evaluate_data){0};
}

bool evaluate_note(struct evaluate_data *data, const char *key, json_t *value) {
    return !json_object_set_new(data->settings, key, value) || fail_memory();
}

bool evaluate_note_size(struct evaluate_data *data, const char *key, size_t size) {
    return evaluate_note(data, key, json_size(size));
}

bool evaluate_note_sizes(struct evaluate_data *data, const char *key,
                         const struct size_list *list) {
    json_t *array = json_array();
    for (size_t i = 0; i < list->n; i++)
        json_array_append_new(array, json_size(list->items[i]));
    return evaluate_note(data, key, array);
}

/* A file is known by its name without folders (null where that is not UTF-8) and its hash. */
static bool note_hash(struct evaluate_data *data, const char *path, const char *hash) {
    json_t *files = json_object_get(data->settings, "files");
    if (!files && json_object_set_new(data->settings, "files", files = json_array()))
        return fail_memory();
    const char *slash = strrchr(path, '/');
    json_t *name = json_string(slash ? slash + 1 : path);
    return !json_array_append_new(files, json_pack("[os]", name ? name : json_null(), hash)) ||
           fail_memory();
}

bool evaluate_note_file(struct evaluate_data *data, const char *path) {
    char hash[hash_size];
    if (!data->recorded)
        return true;
    return file_hash(path, hash) && note_hash(data, path, hash);
}

bool evaluate_note_text(struct evaluate_data *data, const struct text *text) {
    char hash[hash_size];
    bytes_hash(text->bytes, text->n_byte, hash);
    return note_hash(data, text->name, hash);
}

static void add_to_hash(const char *bytes, size_t n_byte, void *user) {
    running_hash_add(user, bytes, n_byte);
}

static bool fill_store(struct evaluate_data *data, const char *path, bool whole,
                       struct id_store *store) {
    char hash[hash_size];
    struct token_source source = {0};
    struct running_hash *running = running_hash_new();
    dm_error error;
    bool fine = running && token_source_open_text(&source, "text", NULL, path, data->tokenizer);
    source.watch = add_to_hash;
    source.user = running;
    if (fine && whole)
        token_source_begin(&source, data->tokenizer);
    fine = fine && (!id_store_fill(store, &source, &error) || fail("%s", error.message));
    running_hash_finish(running, hash);
    fine = fine && note_hash(data, source.input.name, hash);
    token_source_close(&source);
    return fine;
}

const struct id_store *evaluate_read_ids(struct evaluate_data *data, const char *path, bool whole) {
    struct id_store **larger = realloc(data->stores, (data->n_store + 1) * sizeof *larger);
    if (larger)
        data->stores = larger;
    struct id_store *store = larger ? calloc(1, sizeof *store) : NULL;
    if (!store) {
        fail_memory();
        return NULL;
    }
    data->stores[data->n_store++] = store;
    return fill_store(data, path, whole, store) ? store : NULL;
}

/* Mixes in what an answer is judged by. */
static bool mix_facts(const struct task *task, size_t i, uint64_t *state) {
    json_t *facts = json_object();
    char *text = facts && task->describe(task, i, facts) ? json_dumps(facts, JSON_SORT_KEYS) : NULL;
    for (const char *c = text; c && *c; c++)
        draw_bits(state, (unsigned char)*c);
    bool fine = text != NULL;
    free(text);
    json_decref(facts);
    return fine;
}

bool evaluate_note_prompts(struct evaluate_data *data) {
    if (!data->recorded) /* building them all takes as long as reading their files */
        return true;
    uint64_t state = 0;
    const struct task *task = data->task;
    char text[24];
    for (size_t i = 0; i < task->n_prompt; i++) {
        struct task_prompt prompt;
        dm_error error;
        if (task->build(task, i, &prompt, &error))
            return fail("%s", error.message);
        draw_bits(&state, prompt.n_new);
        for (size_t t = 0; t < prompt.n_id; t++)
            draw_bits(&state, (uint64_t)prompt.ids[t]);
        free(prompt.ids);
        if (!mix_facts(task, i, &state))
            return fail_memory();
    }
    snprintf(text, sizeof text, "%016llx", (unsigned long long)state);
    return evaluate_note(data, "hash", json_string(text));
}

bool evaluate_check(dm_status status, const dm_error *error) {
    return !status || fail("%s", error->message);
}

char *evaluate_find(const char *folder, const char *const *names) {
    struct stat what;
    for (const char *const *name = names; *name; name++) {
        char *path = path_join(folder, *name);
        if (!path) {
            fail_memory();
            return NULL;
        }
        if (!stat(path, &what))
            return path;
        free(path);
    }
    complain("%s: it holds no %s", folder, names[0]);
    return NULL;
}
