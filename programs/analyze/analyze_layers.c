/* decimamba analyze layers: the ablations of decimation, on any task of evaluate. */
#include "analyze_layers.h"

#include <stdlib.h>

#include "cli/fail.h"
#include "commands.h"

static bool show(const struct sweep *sweep, const struct report *report) {
    struct report_cells cells;
    struct curve curve;
    bool fine = report_cells_make(&cells, report) && curve_choose(sweep, &cells, &curve);
    if (fine)
        curve_print(&curve);
    fine = fine && curve_write(&curve) && flush_output();
    report_cells_free(&cells);
    return fine;
}

/* Before long work. */
static bool check_column(const struct sweep *sweep, const struct report *report) {
    struct report_cells cells;
    struct curve curve;
    bool fine = report_cells_make(&cells, report) && curve_choose(sweep, &cells, &curve);
    report_cells_free(&cells);
    return fine;
}

static int analyze(struct sweep *sweep, const struct method_flags *fixed, const char *levels,
                   const struct evaluate_flags *flags) {
    struct evaluate_run run = {.flags = flags};
    bool ready = evaluate_run_load(&run) && sweep_methods(sweep, fixed, levels, &run) &&
                 evaluate_run_open(&run) && check_column(sweep, &run.report);
    int status = ready ? evaluate_run_answer(&run) : EXIT_FAILURE;
    if (status == EXIT_SUCCESS && !show(sweep, &run.report))
        status = EXIT_FAILURE;
    evaluate_run_close(&run);
    return status;
}

struct sweep_flags {
    const char *swept, *levels, *column;
};
enum { n_sweep_option = 4 };

static void sweep_flags_table(struct sweep_flags *flags, struct option table[n_sweep_option]) {
    static const char *const sweeps[] = {"layer", "base-length=", "beta=", "score", NULL};
    *flags = (struct sweep_flags){.swept = "layer"};
    const struct option options[n_sweep_option] = {
        {OPTION_TEXT, "sweep", &flags->swept, "WHAT",
         .help = "layer (the default): each layer alone, or those of layer=1,2; "
                 "base-length=512,1024; beta=0.5,0.83,1 with several --layers; score: norm, mean, "
                 "global, random and token-norm, or those of score=norm,mean. The global score is "
                 "left out, with a line, where the model has no calibration",
         .choices = sweeps},
        {OPTION_TEXT, "methods", &flags->levels, "LIST",
         .help = "ways of reading to draw beside it, as horizontal lines (default none and "
                 "keep-last)"},
        {OPTION_TEXT, "column", &flags->column, "NAME",
         .help = "draw this column of the table alone, or all (the figures of all columns "
                 "together); the default is every column"},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

static int run_task(const struct evaluate_task *kind, int n_argument, char **arguments) {
    struct evaluate_flags flags;
    struct method_flags fixed;
    struct sweep_flags sweep_flags;
    struct option task_options[most_task_option], evaluate_options[n_evaluate_option];
    struct option model_options[n_model_option], method_options[n_method_option];
    struct option sweep_options[n_sweep_option];
    struct sweep sweep = {.n_point = 0};
    sweep_flags_table(&sweep_flags, sweep_options);
    char name[80];
    snprintf(name, sizeof name, "analyze layers %s", kind->name);
    evaluate_flags_table(&flags, evaluate_options);
    flags.kind = kind;
    kind->flags(&flags.task, task_options);
    model_flags_table(&flags.model, model_options);
    method_flags_table(&fixed, method_options);
    const struct command command = {
        .name = name,
        .operands = kind->operands,
        .summary = kind->summary,
        .notes = kind->notes,
        .example = analyze_layers_command.example,
        .min_operand = 1,
        .max_operand = 1,
    };
    const struct option_group groups[] = {
        {"Sweep", sweep_options},
        {"Method of every point (what is not given is as in the model's decimamba.json)",
         method_options + 1}, /* but --method: it is decimate */
        {"Task", task_options},
        {"Evaluation", evaluate_options},
        {"Model", model_options},
        {0}};
    enum options_result result =
        options_read(&command, groups, n_argument, arguments, &flags.directory);
    if (result != OPTIONS_READ)
        return options_status(result);
    sweep.column = sweep_flags.column;
    int status = sweep_read(&sweep, sweep_flags.swept, &fixed)
                     ? analyze(&sweep, &fixed, sweep_flags.levels, &flags)
                     : EXIT_FAILURE;
    sweep_free(&sweep);
    return status;
}

static int run(int n_argument, char **arguments) {
    struct sweep_flags flags;
    struct option sweep_options[n_sweep_option];
    const struct evaluate_task *kind;
    sweep_flags_table(&flags, sweep_options);
    const struct option_group groups[] = {{"Sweep", sweep_options}, {0}};
    enum options_result result =
        evaluate_task_choose(&analyze_layers_command, groups, n_argument, arguments, &kind);
    return kind ? run_task(kind, n_argument - 1, arguments + 1) : options_status(result);
}

const struct command analyze_layers_command = {
    .name = "analyze layers",
    .operands = "TASK MODEL ...",
    .summary = "Measures a task by the layer that drops tokens, L_base, beta or the score.",
    .notes =
        "Measures a task of evaluate by the layer that drops tokens, by L_base, beta or the score: "
        "the paper's ablations. Each point is a method of the evaluation, named as users would "
        "name it; prompts, outcomes, tables and the output folder are those of evaluate TASK, "
        "which can go on with the same folder, and so can another sweep. Beside the points, plain "
        "Mamba and keep-last are measured; where L_base is swept, keep-last with each "
        "L_base.\n\nThe folder also receives sweep-WHAT.png and .svg, a panel for each column of "
        "the table with 95% intervals, and for all of them; sweep-WHAT.tsv and .gp are their "
        "numbers and how they are drawn. The last line names the best point, and how many others "
        "have an interval that reaches its own.\n\nThe other flags are the task's, those of "
        "evaluate, and the method flags but --method, which every point has.",
    .example = "decimamba analyze layers passkey models/passkey-512 \\\n"
               "      --text data/books/26239.txt --score global --base-length 512 \\\n"
               "      --trained 512 --output sweep",
    .min_operand = 2,
    .max_operand = 2,
    .run = run,
};
