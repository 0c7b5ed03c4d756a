/* decimamba analyze layers: the ablations of decimation, on any task of evaluate, whose folder it
 * shares. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/gnuplot.h"
#include "cli/json_output.h"
#include "commands.h"
#include "evaluate/report_table.h"
#include "sweep.h"
#include "view.h"

/* The curve of the columns that are drawn: those of the task, and all of them; or sweep->column. */
struct curve {
    const struct sweep *sweep;
    const struct report_cells *cells;
    size_t columns[list_capacity + 1], n_column; /* places of report_cell */
};

static const char *column_name(const struct curve *curve, size_t i) {
    const struct task *task = curve->cells->report->task;
    return curve->columns[i] < task->columns.n ? task->columns.names[curve->columns[i]] : "all";
}

static bool choose_columns(const struct sweep *sweep, const struct report_cells *cells,
                           struct curve *curve) {
    const struct task *task = cells->report->task;
    size_t n = task->columns.n, *order = report_column_order(task);
    *curve = (struct curve){.sweep = sweep, .cells = cells};
    if (!order)
        return false;
    for (size_t i = 0; i < n && i < list_capacity; i++)
        if (!sweep->column || !strcmp(task->columns.names[order[i]], sweep->column))
            curve->columns[curve->n_column++] = order[i];
    free(order);
    if ((!sweep->column && n > 1) || (sweep->column && !strcmp(sweep->column, "all")))
        curve->columns[curve->n_column++] = n;
    return curve->n_column || fail_usage("--column: there is no column '%.80s'", sweep->column);
}

static const struct report_cell *cell_at(const struct curve *curve, size_t i, size_t method) {
    return report_cell(curve->cells, method, curve->columns[i], curve->cells->report->task->rows.n);
}

/* ---- The best point ---- */

/* Of the last column that is drawn: where there are several, all of them. */
static const struct report_cell *point_cell(const struct curve *curve, size_t point) {
    return cell_at(curve, curve->n_column - 1, curve->sweep->points[point].method);
}

static size_t find_best(const struct curve *curve) {
    size_t best = 0;
    bool least = curve->cells->report->task->measure == TASK_LOSS;
    for (size_t i = 1; i < curve->sweep->n_point; i++) {
        double own = point_cell(curve, i)->mean, other = point_cell(curve, best)->mean;
        if (least ? own < other : own > other)
            best = i;
    }
    return best;
}

/* Other points whose intervals reach that of this one. */
static size_t count_alike(const struct curve *curve, size_t best) {
    struct interval own = point_cell(curve, best)->interval;
    size_t n = 0;
    for (size_t i = 0; i < curve->sweep->n_point; i++) {
        struct interval other = point_cell(curve, i)->interval;
        n += i != best && other.low <= own.high && own.low <= other.high;
    }
    return n;
}

static void print_best(const struct curve *curve) {
    const struct report *report = curve->cells->report;
    size_t best = find_best(curve), n_alike = count_alike(curve, best);
    const struct report_cell *cell = point_cell(curve, best);
    printf("\nbest by '%s': %s: ", column_name(curve, curve->n_column - 1),
           report->methods->items[curve->sweep->points[best].method].label);
    if (report->task->measure == TASK_RIGHT)
        printf("%.0f of %zu right", cell->sum, cell->n);
    else
        printf("%.4g", report_shown(report->task, cell->mean));
    if (n_alike)
        printf("; the interval%s of %zu other%s reach%s its own", n_alike == 1 ? "" : "s", n_alike,
               n_alike == 1 ? "" : "s", n_alike == 1 ? "es" : "");
    putchar('\n');
}

/* ---- Files ---- */

/* `line`: 1 is the curve, 2 the one beside it, and the horizontal lines follow, which have no point. */
static void put_row(const struct curve *curve, struct table *table, size_t i, size_t line,
                    size_t method, const struct sweep_point *point) {
    const struct report *report = curve->cells->report;
    table_count(table, i + 1);
    table_text(table, "%s", column_name(curve, i));
    table_count(table, line);
    table_text(table, "%s", report->methods->items[method].label);
    table_number(table, point ? point->x : NAN);
    report_put_figures(table, report->task, cell_at(curve, i, method));
    if (point)
        table_text(table, "%s", point->value);
    else
        table_missing(table);
}

static void fill_table(const struct curve *curve, struct table *table) {
    const struct sweep *sweep = curve->sweep;
    table_file_columns(table, "panel:count column:text line:count method:text x:number");
    report_add_figures(table);
    table_column(table, COLUMN_TEXT, "value");
    for (size_t i = 0; i < curve->n_column; i++) {
        for (size_t k = 0; k < sweep->n_point; k++)
            put_row(curve, table, i, 1, sweep->points[k].method, &sweep->points[k]);
        for (size_t k = 0; k < sweep->n_point && sweep->has_other; k++)
            put_row(curve, table, i, 2, sweep->points[k].other, &sweep->points[k]);
        for (size_t m = 0; m < sweep->n_level; m++)
            put_row(curve, table, i, 3 + m, m, NULL);
    }
}

static bool write(const struct curve *curve) {
    const struct report *report = curve->cells->report;
    const char *folder = report->journal.folder.path, *swept = curve->sweep->name;
    struct table table = {.missing = "?"};
    char name[40], file[48];
    if (!report->journal.path)
        return true;
    snprintf(name, sizeof name, "sweep-%s", swept);
    snprintf(file, sizeof file, "%s.tsv", name);
    fill_table(curve, &table);
    return table_save(&table, folder, file) &&
           figure_draw(&(struct figure){
               .script = "sweep",
               .folder = folder,
               .name = name,
               .settings = {{.name = "model", .text = report->model},
                            {.name = "task", .text = report->task->name},
                            {.name = "column_name", .text = report->task->columns.name},
                            {.name = "measure", .text = report_measure(report->task)},
                            {.name = "swept", .text = swept}}});
}

/* ---- The command ---- */

/* What report.json holds, what was swept, and the best point. */
static bool print_object(const struct curve *curve) {
    const struct report *report = curve->cells->report;
    const struct sweep_point *best = &curve->sweep->points[find_best(curve)];
    json_t *all = report_to_json(report);
    if (!all)
        return false;
    json_object_set_new(all, "sweep", json_string(curve->sweep->name));
    json_object_set_new(all, "best",
                        json_pack("{ss ss ss}", "column", column_name(curve, curve->n_column - 1),
                                  "value", best->value, "method",
                                  report->methods->items[best->method].name));
    return print_json(all);
}

/* Before long work: whether the report has a curve. */
static bool check_columns(const struct sweep *sweep, const struct report *report) {
    struct report_cells cells;
    struct curve curve;
    bool fine = report_cells_make(&cells, report) && choose_columns(sweep, &cells, &curve);
    report_cells_free(&cells);
    return fine;
}

/* Shows the report's curve. */
static bool show(const struct sweep *sweep, const struct report *report, bool json) {
    struct report_cells cells;
    struct curve curve;
    bool fine = report_cells_make(&cells, report) && choose_columns(sweep, &cells, &curve);
    if (fine && !json)
        print_best(&curve);
    fine = fine && write(&curve) && (json ? print_object(&curve) : flush_output());
    report_cells_free(&cells);
    return fine;
}

static int analyze(struct sweep *sweep, const struct method_flags *fixed, const char *levels,
                   const struct evaluate_flags *flags, const char *directory) {
    struct evaluate_run run = {.flags = flags, .directory = directory, .output = flags->output};
    bool ready = evaluate_run_load(&run) && sweep_methods(sweep, fixed, levels, &run) &&
                 evaluate_run_open(&run) && check_columns(sweep, &run.report);
    int status = ready ? evaluate_run_answer(&run) : EXIT_FAILURE;
    if (status == EXIT_SUCCESS &&
        !(evaluate_run_show(&run) && show(sweep, &run.report, flags->json)))
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
         .help = "methods to draw beside it, as horizontal lines (default none and "
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
    const char *directory;
    struct method_flags fixed;
    struct sweep_flags sweep_flags;
    struct option task_options[max_task_option], evaluate_options[n_evaluate_option];
    struct option model_options[n_model_option], method_options[n_method_option];
    struct option sweep_options[n_sweep_option];
    struct sweep sweep = {.n_point = 0};
    sweep_flags_table(&sweep_flags, sweep_options);
    char name[80];
    snprintf(name, sizeof name, "analyze layers %s", kind->name);
    evaluate_flags_table(&flags, evaluate_options);
    flags.kind = kind;
    kind->flags(&flags.task, task_options);
    text_model_flags_table(&flags.model, model_options);
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
        {"Method of every point (defaults: those of the model's decimamba.json)",
         method_options + 1}, /* but --method: it is decimate */
        {"Task", task_options},
        {"Evaluation", evaluate_options},
        {"Model", model_options},
        {0}};
    enum options_result result = options_read(&command, groups, n_argument, arguments, &directory);
    if (result != OPTIONS_READ)
        return options_status(result);
    sweep.column = sweep_flags.column;
    int status = sweep_read(&sweep, sweep_flags.swept, &fixed)
                     ? analyze(&sweep, &fixed, sweep_flags.levels, &flags, directory)
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
    .notes = "Measures a task of evaluate by the layer that drops tokens, by L_base, beta or the "
             "score: the paper's ablations. Each point is a method of the evaluation, named as "
             "users would name it; prompts, outcomes, tables and the output folder are those of "
             "evaluate TASK, which can resume from the same folder, and so can another sweep. "
             "Beside the points, plain Mamba and keep-last are measured; where L_base is swept, "
             "keep-last with each L_base.\n\nThe folder also receives sweep-WHAT.png and .svg, a "
             "panel for each column of the table with 95% intervals, and for all of them; "
             "sweep-WHAT.tsv has their numbers. The last line names the best point, and how many "
             "others have an interval that reaches its own.\n\nThe other flags are the task's, "
             "those of evaluate, and the method flags but --method, which every point has.",
    .example =
        "decimamba analyze layers passkey models/passkey-512 \\\n      --text data/books/26239.txt "
        "--score global --base-length 512 \\\n      --trained 512 --output sweep",
    .min_operand = 2,
    .max_operand = 2,
    .run = run,
};
