/* LongBench, as users ask for it. */
#include <string.h>

#include "cli/fail.h"
#include "evaluate_tasks.h"
#include "longbench/longbench.h"

static void longbench_flags(struct evaluate_settings *settings,
                            struct option table[max_task_option]) {
    const struct option options[] = {
        {OPTION_TEXT, "data", &settings->data, "FOLDER",
         .help = "holds the data sets (as data/NAME.jsonl in the official archive), "
                 "dataset2prompt.json and dataset2maxlen.json, there or in longbench/",
         .path = true},
        {OPTION_TEXTS, "set", &settings->data_sets, "NAME",
         .help = "a data set (default: all that are there); may be repeated"},
        {OPTION_FLAG, "extended", &settings->extended,
         .help = "LongBench-E: the files NAME_e.jsonl"},
        {OPTION_SIZE, "max-length", &settings->max_length, "N",
         .help =
             "cut the middle out of prompts of more tokens, as the official code does; 0: never",
         .min = 0, .max = 1e15},
        {OPTION_SIZE, "prompts", &settings->n_each, "N",
         .help = "the first ones of each data set alone; 0: all", .min = 0, .max = 1e9},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

static bool make_longbench(const struct evaluate_settings *settings, struct evaluate_data *data) {
    dm_error error;
    if (!settings->data)
        return fail_usage("evaluate longbench: --data is missing");
    const struct longbench_options options = {
        .folder = settings->data,
        .tokenizer = data->tokenizer,
        .sets = settings->data_sets.n ? settings->data_sets.items : NULL,
        .n_set = settings->data_sets.n,
        .extended = settings->extended,
        .max_length = settings->max_length,
        .max_prompts = settings->n_each};
    return evaluate_note(data, "extended", json_boolean(settings->extended)) &&
           evaluate_note_size(data, "max_length", settings->max_length) &&
           evaluate_note_size(data, "prompts", settings->n_each) &&
           evaluate_check(longbench_task_new(&options, &data->task, &error), &error) &&
           evaluate_note_prompts(data);
}

const struct evaluate_task evaluate_longbench = {
    .name = "longbench",
    .operands = "MODEL --data FOLDER",
    .summary = "Does LongBench's English tasks: questions, summaries, few-shot, code.",
    .notes = "The 16 English data sets of LongBench, or the 13 of LongBench-E.",
    .example = "decimamba evaluate longbench mamba-2.8b --data data --max-length 8000",
    .flags = longbench_flags,
    .make = make_longbench};
