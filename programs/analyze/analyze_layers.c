/* decimamba analyze layers: the ablations of decimation, on any task of evaluate. */
#include "analyze_layers.h"

#include <stdlib.h>

#include "cli/fail.h"
#include "cli/sub_command.h"
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

static int run_task(const struct evaluate_task *kind, int n_argument, char **arguments) {
    struct evaluate_flags flags;
    struct method_flags fixed;
    struct option task_options[most_task_option], evaluate_options[n_evaluate_option];
    struct option model_options[n_model_option], method_options[n_method_option];
    struct sweep sweep = {.n_point = 0};
    const char *swept = "layer", *levels = NULL;
    char name[80];
    snprintf(name, sizeof name, "analyze layers %s", kind->name);
    evaluate_flags_table(&flags, evaluate_options);
    flags.kind = kind;
    kind->flags(&flags.task, task_options);
    model_flags_table(&flags.model, model_options);
    method_flags_table(&fixed, method_options);
    const struct option sweep_options[] = {
        {OPTION_TEXT, "sweep", &swept, "WHAT",
         .help = "layer (each alone, or layer=1,2), base-length=512,1024, beta=0.5,0.83,1, or "
                 "score (all, or score=norm,mean)"},
        {OPTION_TEXT, "methods", &levels, "LIST",
         .help = "ways of reading to draw beside it, as horizontal lines (default none and "
                 "keep-last)"},
        {OPTION_TEXT, "column", &sweep.column, "NAME",
         .help = "draw this column of the table alone, or 'all' (default every column)"},
        {.kind = OPTION_END},
    };
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
    int status =
        sweep_read(&sweep, swept, &fixed) ? analyze(&sweep, &fixed, levels, &flags) : EXIT_FAILURE;
    sweep_free(&sweep);
    return status;
}

static int print_help(void) {
    printf("decimamba analyze layers TASK MODEL ...\n\n%s\n\nTasks:\n",
           analyze_layers_command.summary);
    evaluate_tasks_print();
    printf("\n--sweep layer drops tokens at each layer alone; --sweep base-length=512,1024,\n"
           "--sweep beta=0.5,0.83,1 and --sweep score change one setting of decimation.\n"
           "'decimamba analyze layers TASK --help' shows a task's flags.\n\nExample:\n  %s\n",
           analyze_layers_command.example);
    return flush_output() ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(int n_argument, char **arguments) {
    if (sub_command_asks_help(n_argument, arguments))
        return print_help();
    const struct evaluate_task *kind = evaluate_task_find("analyze layers", n_argument, arguments);
    return kind ? run_task(kind, n_argument - 1, arguments + 1) : EXIT_FAILURE;
}

const struct command analyze_layers_command = {
    .name = "analyze layers",
    .operands = "TASK MODEL ...",
    .summary = "Measures a task by the layer that drops tokens, L_base, beta or the score.",
    .example = "decimamba analyze layers passkey models/passkey-512 \\\n"
               "      --text data/books/26239.txt --score global --base-length 512 \\\n"
               "      --trained 512 --output sweep",
    .min_operand = 2,
    .max_operand = 2,
    .run = run,
};
