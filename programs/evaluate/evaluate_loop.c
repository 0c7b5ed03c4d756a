#include "evaluate_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/fail.h"
#include "cli/progress.h"
#include "cli/read_tokens.h"
#include "cli/terminal.h"
#include "grid.h"

/* One method while its prompts are asked. */
struct turn {
    const struct evaluation *evaluation;
    size_t method;
    struct grid grid;
    bool has_grid, live, shown; /* the grid is drawn again with every batch; it is there already */
    struct progress progress;
    double done, now;              /* weight of the prompts before this batch, and of this one */
    size_t n_token, n_asked;       /* read by this call */
    size_t *prompts, n_prompt;     /* [batch] the next ones' numbers */
    struct task_outcome *outcomes; /* [batch] */
};

/* A table that the window cuts or wraps cannot be drawn over. */
static bool fits(const struct grid *grid) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row ||
           (size.ws_row > grid_height(grid) && size.ws_col >= grid_width(grid));
}

/* Prints the grid, over the one that is there. */
static void show(struct turn *turn) {
    progress_clear(&turn->progress);
    if (turn->shown && !interrupted()) /* below what Ctrl-C said it is drawn anew */
        printf("\033[%zuA", grid_height(&turn->grid));
    grid_print(&turn->grid, stdout, in_colours());
    fflush(stdout);
    turn->shown = true;
}

/* What a prompt costs beside others: as much as its column's value says. */
static double weigh(const struct task *task, size_t prompt) {
    size_t column, row;
    task->cell_of(task, prompt, &column, &row);
    return task->columns.values ? task->columns.values[column] : 1;
}

static void show_progress(size_t n_read, size_t n_all, void *user) {
    struct turn *turn = user;
    progress_update(&turn->progress,
                    (size_t)(turn->done + turn->now * (double)n_read / (double)n_all));
}

/* The grid gets what is known already, the progress what is not. */
static bool prepare(struct turn *turn) {
    const struct evaluation *evaluation = turn->evaluation;
    const struct task *task = evaluation->run.task;
    double weight = 0;
    turn->prompts = calloc(evaluation->batch, sizeof *turn->prompts);
    turn->outcomes = calloc(evaluation->batch, sizeof *turn->outcomes);
    turn->has_grid = task->measure == TASK_RIGHT && task->rows.n > 1;
    if (!turn->prompts || !turn->outcomes ||
        !grid_init(&turn->grid, task, evaluation->report->trained))
        return fail_memory();
    for (size_t i = 0; i < task->n_prompt; i++)
        if (!report_done(evaluation->report, turn->method, i))
            weight += weigh(task, i);
        else if (turn->has_grid)
            grid_add(&turn->grid, i, report_score(evaluation->report, turn->method, i) > 0);
    turn->live = turn->has_grid && !evaluation->quiet && on_terminal() && fits(&turn->grid);
    progress_start(&turn->progress, task->name, (size_t)weight);
    turn->progress.unit = task->columns.values ? task->columns.name : "prompts";
    return true;
}

/* Finds the next prompts that are not done, from `from` on; where it ended. */
static size_t next_batch(struct turn *turn, size_t from) {
    const struct evaluation *evaluation = turn->evaluation;
    turn->n_prompt = 0;
    turn->now = 0;
    for (; from < evaluation->run.task->n_prompt && turn->n_prompt < evaluation->batch; from++)
        if (!report_done(evaluation->report, turn->method, from)) {
            turn->prompts[turn->n_prompt++] = from;
            turn->now += weigh(evaluation->run.task, from);
        }
    return from;
}

static bool ask(struct turn *turn) {
    const struct evaluation *evaluation = turn->evaluation;
    const struct method *method = &evaluation->report->methods->items[turn->method];
    struct task_run run = evaluation->run;
    run.method = &method->options;
    run.keep_tail_given = method->flags.keep_tail_given;
    run.progress = show_progress;
    run.user = turn;
    dm_error error;
    if (task_answer(&run, turn->prompts, turn->n_prompt, turn->outcomes, &error)) {
        progress_clear(&turn->progress);
        return fail("method '%s': %s", method->name, error.message);
    }
    return true;
}

/* Hands a batch's outcomes on; they are released either way. */
static bool take(struct turn *turn) {
    struct report *report = turn->evaluation->report;
    bool fine = true;
    for (size_t i = 0; i < turn->n_prompt; i++) {
        struct task_outcome *outcome = &turn->outcomes[i];
        fine = fine && report_add(report, turn->method, turn->prompts[i], outcome);
        if (turn->has_grid)
            grid_add(&turn->grid, turn->prompts[i], outcome->score > 0);
        turn->n_token += outcome->n_token;
        free(outcome->answer);
        outcome->answer = NULL;
    }
    turn->n_asked += turn->n_prompt;
    turn->done += turn->now;
    return fine && report_flush(report);
}

static enum evaluation_end ask_all(struct turn *turn) {
    size_t from = 0;
    while ((from = next_batch(turn, from), turn->n_prompt)) {
        if (interrupted())
            return EVALUATION_INTERRUPTED;
        if (!ask(turn) || !take(turn))
            return EVALUATION_FAILED;
        if (turn->live)
            show(turn);
    }
    return EVALUATION_DONE;
}

/* "38 of 75 right, in 6.1 s (40500 tokens/s)" */
static void sum_up(const struct turn *turn, double seconds) {
    const struct evaluation *evaluation = turn->evaluation;
    if (turn->has_grid) {
        struct grid_cell sum = grid_sum(&turn->grid);
        printf("%zu of %zu right", sum.right, sum.n);
    } else {
        printf("%zu prompt%s", evaluation->run.task->n_prompt,
               evaluation->run.task->n_prompt == 1 ? "" : "s");
    }
    if (turn->n_asked < evaluation->run.task->n_prompt)
        printf(", %zu of them read before", evaluation->run.task->n_prompt - turn->n_asked);
    if (turn->n_asked)
        printf(", in %.1f s (%.0f tokens/s)", seconds, (double)turn->n_token / seconds);
    if (turn->has_grid && grid_has_mark(&turn->grid))
        printf("; *: the training length");
    putchar('\n');
}

static enum evaluation_end take_turn(struct turn *turn) {
    double started = seconds_now();
    if (!turn->evaluation->quiet)
        printf("%s%s\n", turn->method ? "\n" : "",
               turn->evaluation->report->methods->items[turn->method].label);
    if (turn->live)
        show(turn);
    enum evaluation_end end = ask_all(turn);
    progress_clear(&turn->progress);
    if (end != EVALUATION_DONE || turn->evaluation->quiet)
        return end;
    if (turn->has_grid && !turn->live)
        show(turn);
    sum_up(turn, seconds_now() - started);
    return flush_output() ? EVALUATION_DONE : EVALUATION_FAILED;
}

enum evaluation_end evaluate_methods(const struct evaluation *evaluation) {
    enum evaluation_end end = EVALUATION_DONE;
    for (size_t m = 0; end == EVALUATION_DONE && m < evaluation->report->methods->n; m++) {
        struct turn turn = {.evaluation = evaluation, .method = m};
        end = prepare(&turn) ? take_turn(&turn) : EVALUATION_FAILED;
        grid_free(&turn.grid);
        free(turn.prompts);
        free(turn.outcomes);
    }
    return end;
}
