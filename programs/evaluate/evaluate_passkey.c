/* The pass-key task, as users ask for it. */
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/read_input.h"
#include "evaluate_tasks.h"
#include "passkey/official_passkey.h"
#include "passkey/passkey_task.h"

enum { PROMPT_PASSAGE, PROMPT_OFFICIAL };
static const char *const prompt_choices[] = {"passage", "official", NULL};
enum { METRIC_EXACT, METRIC_PERPLEXITY };
static const char *const metric_choices[] = {"exact", "perplexity", NULL};

static void passkey_flags(struct evaluate_settings *settings,
                          struct option table[max_task_option]) {
    settings->lengths = (struct size_list){{512, 2048, 8192, 32768, 131072}, 5};
    settings->n_depth = 5;
    settings->n_each = 3;
    const struct option options[] = {
        {OPTION_TEXTS, "text", &settings->texts, "FILE",
         .help = "the text in which keys are hidden", .path = true},
        {OPTION_TEXT, "data", &settings->data, "FOLDER",
         .help = "for official prompts: holds wikitext2/wiki.test.raw and babilong/codes_test.txt",
         .path = true},
        {OPTION_CHOICE, "prompt", &settings->prompt, "KIND",
         .help =
             "passage: a passage of the text with the key anywhere in it, exactly as long as its "
             "column says; for models with a token per byte. official: as the official DeciMamba "
             "code builds it, a context of that many tokens, with the key between two sentences",
         .choices = prompt_choices},
        {OPTION_CHOICE, "metric", &settings->metric, "NAME",
         .help = "exact: how many keys are found. perplexity: that of the key's digits behind the "
                 "prompt (1: certain, 10: any digit is as good); of passages alone",
         .choices = metric_choices},
        {OPTION_SIZES, "lengths", &settings->lengths, "LIST",
         .help = "tokens in a prompt (official: in its context)", .min = 1, .max = 1e15},
        {OPTION_SIZE, "depths", &settings->n_depth, "N",
         .help = "depths of the key, evenly spaced from 0 to 1", .min = 1, .max = 101},
        {OPTION_SIZE, "keys", &settings->n_each, "N", .help = "prompts for each length and depth",
         .min = 1, .max = 10000},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

static bool make_passage_task(const struct evaluate_settings *settings,
                              struct evaluate_data *data) {
    dm_error error;
    if (!settings->texts.n)
        return fail_usage("evaluate passkey: --text is missing");
    if (settings->data)
        return fail_usage("evaluate passkey: --data is for --prompt official");
    if (settings->texts.n > 1)
        return fail_usage("evaluate passkey: --text is given twice");
    const struct id_store *text = evaluate_read_ids(data, settings->texts.items[0], false);
    if (!text)
        return false;
    const struct passkey_task_options options = {
        .source = {data->tokenizer, id_store_text(text), settings->seed},
        .lengths = settings->lengths.items,
        .n_length = settings->lengths.n,
        .n_depth = settings->n_depth,
        .n_key = settings->n_each,
        .by_loss = settings->metric == METRIC_PERPLEXITY};
    return evaluate_check(passkey_task_new(&options, &data->task, &error), &error);
}

/* The file of texts that --text names, or the folder of data holds. Allocated. */
static char *noise_path(const struct evaluate_settings *settings) {
    static const char *const names[] = {"wikitext2/wiki.test.raw", "wiki.test.raw", NULL};
    if (!settings->texts.n)
        return evaluate_find(settings->data, names);
    char *path = strdup(settings->texts.items[0]);
    if (!path)
        fail_memory();
    return path;
}

static bool make_official_task(const struct evaluate_settings *settings,
                               struct evaluate_data *data) {
    static const char *const names[] = {"babilong/codes_test.txt", "codes_test.txt", NULL};
    struct text text, keys;
    dm_error error;
    if (settings->metric == METRIC_PERPLEXITY)
        return fail_usage("evaluate passkey: --metric perplexity is for --prompt passage");
    if (!settings->data)
        return fail_usage(
            "evaluate passkey: --data is missing: official prompts take their keys from it");
    data->text_name = noise_path(settings);
    data->keys_name = data->text_name ? evaluate_find(settings->data, names) : NULL;
    if (!data->keys_name || !read_text("text", NULL, data->text_name, &text))
        return false;
    data->text = text.bytes;
    data->n_byte = text.n_byte;
    if (!evaluate_note_text(data, &text) || !read_text("keys", NULL, data->keys_name, &keys))
        return false;
    const struct official_passkey_options options = {.tokenizer = data->tokenizer,
                                                     .text = data->text,
                                                     .n_text = data->n_byte,
                                                     .text_name = data->text_name,
                                                     .keys = keys.bytes,
                                                     .n_keys = keys.n_byte,
                                                     .keys_name = data->keys_name,
                                                     .lengths = settings->lengths.items,
                                                     .n_length = settings->lengths.n,
                                                     .n_depth = settings->n_depth,
                                                     .n_key = settings->n_each,
                                                     .seed = settings->seed};
    bool fine = evaluate_note_text(data, &keys) &&
                evaluate_check(official_passkey_task_new(&options, &data->task, &error), &error);
    free(keys.bytes);
    return fine;
}

static bool make_passkey(const struct evaluate_settings *settings, struct evaluate_data *data) {
    return evaluate_note(data, "prompt", json_string(prompt_choices[settings->prompt])) &&
           evaluate_note_sizes(data, "lengths", &settings->lengths) &&
           evaluate_note_size(data, "depths", settings->n_depth) &&
           evaluate_note_size(data, "keys", settings->n_each) &&
           (settings->metric == METRIC_EXACT ||
            evaluate_note(data, "metric", json_string(metric_choices[settings->metric]))) &&
           (settings->prompt == PROMPT_OFFICIAL ? make_official_task(settings, data)
                                                : make_passage_task(settings, data));
}

const struct evaluate_task evaluate_passkey = {
    .name = "passkey",
    .operands = "MODEL --text FILE",
    .summary = "Finds a key that is hidden at some depth of a long text.",
    .notes = "A five-digit key hidden in the text, at several depths and lengths, is asked for at "
             "its end. A prompt counts as right when greedy generation gives the key.",
    .example = "decimamba evaluate passkey models/passkey-512 --text data/books/26239.txt \\\n"
               "    --trained 512 --methods 'none decimate:layers=2,score=global'",
    .flags = passkey_flags,
    .make = make_passkey};
