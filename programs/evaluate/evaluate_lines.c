/* Prompts of one's own, in JSON lines. */
#include <string.h>

#include "cli/fail.h"
#include "evaluate_tasks.h"
#include "lines/lines.h"

/* In the order of enum lines_metric. */
static const char *const metric_choices[] = {"exact", "contains", "f1", "rouge-l", NULL};

static void lines_flags(struct evaluate_settings *settings, struct option table[max_task_option]) {
    settings->metric = LINES_F1;
    settings->n_new = 32;
    const struct option options[] = {
        {OPTION_TEXT, "data", &settings->data, "FILE",
         .help = "lines of {\"prompt\": TEXT, \"answers\": [TEXT, ...]}; \"answer\": TEXT for a "
                 "single one, and \"group\": TEXT for the row of the table",
         .path = true},
        {OPTION_CHOICE, "metric", &settings->metric, "NAME",
         .help = "what an answer is worth, beside the best of the right ones: exact, the words are "
                 "the same, as SQuAD counts them; contains, it has the right answer in it, in "
                 "lower case; f1, SQuAD's F1 of words; rouge-l, as LongBench measures summaries",
         .choices = metric_choices},
        {OPTION_SIZE, "max-tokens", &settings->n_new, "N", .help = "tokens of an answer, at most",
         .min = 1, .max = 1e6},
        {OPTION_TEXT, "stop", &settings->stop, "TEXT",
         .help = "an answer ends before this text, such as a line break"},
        {OPTION_SIZE, "prompts", &settings->n_each, "N", .help = "the first ones alone; 0: all",
         .max = 1e9},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

static bool make_lines(const struct evaluate_settings *settings, struct evaluate_data *data) {
    dm_error error;
    if (!settings->data)
        return fail_usage("evaluate jsonl: --data is missing");
    const struct lines_options options = {.path = settings->data,
                                          .tokenizer = data->tokenizer,
                                          .metric = (enum lines_metric)settings->metric,
                                          .n_new = settings->n_new,
                                          .stop = settings->stop,
                                          .max_prompts = settings->n_each};
    const char *stop = settings->stop ? settings->stop : "";
    json_t *noted = json_string(stop);
    if (!noted)
        return fail_usage("evaluate jsonl: --stop: '%s' is not UTF-8", stop);
    return evaluate_note(data, "stop", noted) &&
           evaluate_note(data, "metric", json_string(metric_choices[settings->metric])) &&
           evaluate_note_size(data, "prompts", settings->n_each) &&
           evaluate_check(lines_task_new(&options, &data->task, &error), &error) &&
           evaluate_note_prompts(data);
}

const struct evaluate_task evaluate_lines = {
    .name = "jsonl",
    .operands = "MODEL --data FILE",
    .summary = "Answers prompts of one's own, which are lines of JSON with the right answers.",
    .notes = "A prompt is given as it stands, behind what the tokenizer puts before a text, and "
             "continued greedily up to --max-tokens, --stop or the model's own end.",
    .example = "decimamba evaluate jsonl models/books --data own.jsonl --metric contains \\\n"
               "    --methods 'none decimate:layers=3'",
    .flags = lines_flags,
    .make = make_lines};
