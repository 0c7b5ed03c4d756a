#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/filled_file.h"
#include "cli/json_output.h"
#include "cli/options.h"
#include "cli/output_folder.h"
#include "cli/paths.h"
#include "cli/read_input.h"

/* ---- The input ---- */

/* As models read a text: with what the tokenizer puts before it. */
static bool take_ids(struct analysis *analysis, const dm_tokenizer *tokenizer, const int32_t *ids,
                     size_t n_id) {
    const int32_t *before;
    size_t n;
    dm_tokenizer_template(tokenizer, &before, &n, NULL, NULL);
    analysis->n_id = n + n_id;
    analysis->ids = calloc(analysis->n_id, sizeof *ids);
    if (!analysis->ids)
        return fail_memory();
    if (n)
        memcpy(analysis->ids, before, n * sizeof *ids);
    memcpy(analysis->ids + n, ids, n_id * sizeof *ids);
    return true;
}

static bool encode(struct analysis *analysis, const dm_tokenizer *tokenizer) {
    struct text text;
    int32_t *ids = NULL;
    size_t n_id;
    dm_error error;
    if (!read_text("text", NULL, analysis->text, &text))
        return false;
    bool fine = !dm_tokenizer_encode(tokenizer, text.bytes, text.n_byte, &ids, &n_id, &error) ||
                fail("%s: %s", text.name, error.message);
    fine = fine && (n_id || fail("%s: there is no text", text.name)) &&
           take_ids(analysis, tokenizer, ids, n_id);
    dm_free(ids);
    free(text.bytes);
    return fine;
}

static bool open_input(struct analysis *analysis) {
    dm_tokenizer *tokenizer = NULL;
    bool fine = load_model_tokenizer(analysis->directory, &analysis->model_flags, &tokenizer) &&
                encode(analysis, tokenizer) &&
                load_model(analysis->directory, &analysis->model_flags, &analysis->model,
                           &analysis->info) &&
                method_flags_resolve(&analysis->method_flags, analysis->model, &analysis->method);
    dm_tokenizer_free(tokenizer);
    if (fine && analysis->marks_trained && !analysis->trained_given)
        analysis->trained = analysis->info.trained_length;
    return fine;
}

/* ---- The work ---- */

/* What was read, and how; then what the view says of it. NULL: memory was short. */
static json_t *describe(const struct analysis *analysis) {
    json_t *own = analysis->view->describe(analysis);
    json_t *all = json_pack("{ss ss}", "model", analysis->directory, "text", analysis->text);
    if (analysis->length)
        json_object_set_new(all, "tokens", json_size(analysis->length));
    json_object_set_new(all, "method", method_options_to_json(&analysis->method));
    if (!own || json_object_update(all, own)) {
        json_decref(all);
        all = NULL;
    }
    json_decref(own);
    return all;
}

static bool write_files(struct analysis *analysis, const char *folder) {
    const struct view *view = analysis->view;
    return filled_file_json(folder, view->mark, describe(analysis)) &&
           view->write(analysis, folder);
}

static bool work(struct analysis *analysis) {
    const struct view *view = analysis->view;
    struct output_folder folder = {0};
    bool fine = open_input(analysis) && view->prepare(analysis);
    if (fine && analysis->output)
        fine = output_folder_open(&folder, analysis->output, view->mark, view->work);
    fine = fine && view->measure(analysis);
    if (fine && analysis->output)
        fine = write_files(analysis, folder.path);
    output_folder_close(&folder);
    if (fine && analysis->json)
        return print_json(describe(analysis));
    return fine && view->print(analysis) && flush_output();
}

/* ---- The flags ---- */

enum { max_own = 12, n_shared = 4 };

static void make_table(struct analysis *analysis, const struct option *own,
                       struct option table[max_own + n_shared]) {
    const struct option last[] = {
        {OPTION_TEXT, "output", &analysis->output, "FOLDER",
         .help = analysis->view->needs_output
                     ? "where the files go: a new folder, an empty one, or one that has such files"
                     : "write tables and pictures there",
         .path = true},
        {OPTION_FLAG, "json", &analysis->json, .help = "print one JSON object"},
        {.kind = OPTION_END},
    };
    *table++ = (struct option){OPTION_TEXT, "text", &analysis->text, "FILE", .help = "the text"};
    while (own->kind != OPTION_END)
        *table++ = *own++;
    memcpy(table, last, sizeof last);
}

static bool check_flags(const struct analysis *analysis) {
    const struct view *view = analysis->view;
    const char *name = view->command->name;
    if (!analysis->text)
        return fail_usage("%s: --text is missing", name);
    if (!analysis->output && !analysis->json && view->needs_output)
        return fail_usage("%s: --output is missing", name);
    return !(analysis->json && analysis->output && view->json_or_files) ||
           fail_usage("%s: --json prints what --output writes as %s: give one", name, view->mark);
}

int view_run(struct analysis *analysis, const struct view *view, const struct option *own,
             int n_argument, char **arguments) {
    struct option model_options[n_model_option], method_options[n_method_option];
    struct option options[max_own + n_shared];
    analysis->view = view;
    text_model_flags_table(&analysis->model_flags, model_options);
    method_flags_table(&analysis->method_flags, method_options);
    make_table(analysis, own, options);
    const struct option_group groups[] = {
        {"Options", options}, {METHOD_TITLE, method_options}, {"Model", model_options}, {0}};
    enum options_result result =
        options_read(view->command, groups, n_argument, arguments, &analysis->directory);
    if (result != OPTIONS_READ)
        return options_status(result);
    if (!check_flags(analysis))
        return EXIT_FAILURE;
    analysis->method_flags.trained = analysis->trained;
    bool fine = work(analysis);
    view->release(analysis);
    free(analysis->ids);
    dm_model_free(analysis->model);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- For views to use ---- */

struct option length_option(struct analysis *analysis) {
    analysis->length = 2048;
    return (struct option){
        OPTION_SIZE,
        "length",
        &analysis->length,
        "N",
        .help = "look at the text's first N tokens (default 2048, or as many as there are)",
        .min = 1,
        .max = 1e9,
        .given = &analysis->length_given};
}

bool choose_length(struct analysis *analysis) {
    size_t n_id = analysis->n_id;
    if (analysis->length <= n_id)
        return true;
    if (analysis->length_given)
        return fail("%s: %zu token%s, fewer than --length %zu", analysis->text, n_id,
                    n_id == 1 ? "" : "s", analysis->length);
    analysis->length = n_id;
    return true;
}

struct option trained_option(struct analysis *analysis) {
    analysis->marks_trained = true;
    return (struct option){
        OPTION_SIZE,
        "trained",
        &analysis->trained,
        "N",
        .help = "mark this length as the one that the model was trained on; 0: none (default that "
                "of its decimamba.json)",
        .given = &analysis->trained_given};
}

static int compare_sizes(const void *a, const void *b) {
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

bool choose_lengths(const struct analysis *analysis, struct size_list *lengths, size_t most) {
    size_t n_id = analysis->n_id;
    bool given = lengths->n > 0;
    for (size_t length = 512; !given && length <= n_id && length <= most; length *= 2)
        lengths->items[lengths->n++] = length;
    if (!lengths->n)
        lengths->items[lengths->n++] = n_id;
    qsort(lengths->items, lengths->n, sizeof *lengths->items, compare_sizes);
    size_t longest = lengths->items[lengths->n - 1];
    return longest <= n_id || fail("%s: %zu token%s, fewer than the %zu of --lengths",
                                   analysis->text, n_id, n_id == 1 ? "" : "s", longest);
}

void show_reading(size_t n_read, void *user) {
    struct analysis *analysis = user;
    progress_update(&analysis->progress, analysis->done + n_read);
}

struct scan_reading reading_of(struct analysis *analysis, const int32_t *ids, size_t n_id) {
    return (struct scan_reading){.model = analysis->model,
                                 .method = &analysis->method,
                                 .ids = ids,
                                 .n_id = n_id,
                                 .progress = show_reading,
                                 .user = analysis};
}

void reading_title(const struct analysis *analysis, char text[reading_size]) {
    const dm_method_options *method = &analysis->method;
    FILE *stream = fmemopen(text, reading_size, "w");
    *text = 0;
    if (!stream)
        return;
    if (method->kind == DM_METHOD_NONE) {
        fputs("plain Mamba", stream);
    } else if (!dm_method_drops_tokens(method->kind)) {
        char values[reading_size];
        method_values_text(method, values, sizeof values);
        fprintf(stream, "%s%s", dm_method_name(method->kind), values);
    } else {
        fprintf(stream, "%s at layer%s ", dm_method_name(method->kind),
                method->n_layer == 1 ? "" : "s");
        for (size_t i = 0; i < method->n_layer; i++)
            fprintf(stream, "%s%zu", i ? "," : "", method->layers[i]);
        fprintf(stream, ", base length %zu", method->base_length);
        if (method->kind == DM_METHOD_DECIMATE)
            fprintf(stream, ", score %s", score_name(method->score));
    }
    fclose(stream);
    text[reading_size - 1] = 0;
}

struct figure view_figure(const struct analysis *analysis, const char *script, const char *folder,
                          const char *reading) {
    return (struct figure){.script = script,
                           .folder = folder,
                           .name = script,
                           .settings = {{.name = "model", .text = analysis->directory},
                                        {.name = "text", .text = analysis->text},
                                        {.name = "reading", .text = reading},
                                        {.name = "trained", .number = (double)analysis->trained}}};
}

bool write_tensors(const struct analysis *analysis, const char *folder, const char *name,
                   json_t *notes, const struct tensor *tensors, size_t n, size_t *start) {
    json_t *description = describe(analysis);
    char *path = path_join(folder, name);
    char *all = json_dumps(description, JSON_COMPACT | JSON_REAL_PRECISION(10));
    bool fine =
        (notes && path && all && !json_object_set_new(notes, "analysis", json_string(all))) ||
        fail_memory();
    fine = fine && write_safetensors_with(path, notes, tensors, n, start);
    free(all);
    free(path);
    json_decref(description);
    json_decref(notes);
    return fine;
}
