#include "grid.h"

#include <stdlib.h>
#include <string.h>

static struct grid_cell *cell_of(const struct grid *grid, size_t prompt) {
    size_t column, row;
    grid->task->cell_of(grid->task, prompt, &column, &row);
    return &grid->cells[row * grid->task->columns.n + column];
}

bool grid_init(struct grid *grid, const struct task *task, size_t trained) {
    *grid = (struct grid){.task = task, .trained = trained};
    grid->cells = calloc(task->columns.n * task->rows.n, sizeof *grid->cells);
    if (!grid->cells)
        return false;
    for (size_t i = 0; i < task->n_prompt; i++)
        cell_of(grid, i)->n++;
    return true;
}

void grid_free(struct grid *grid) {
    free(grid->cells);
    grid->cells = NULL;
}

void grid_add(struct grid *grid, size_t prompt, bool right) {
    struct grid_cell *cell = cell_of(grid, prompt);
    cell->done++;
    cell->right += right;
}

/* Of `n` cells, `step` apart. */
static struct grid_cell sum_cells(const struct grid_cell *cells, size_t n, size_t step) {
    struct grid_cell sum = {0};
    for (size_t i = 0; i < n; i++) {
        sum.n += cells[i * step].n;
        sum.done += cells[i * step].done;
        sum.right += cells[i * step].right;
    }
    return sum;
}

struct grid_cell grid_sum(const struct grid *grid) {
    return sum_cells(grid->cells, grid->task->columns.n * grid->task->rows.n, 1);
}

static bool is_marked(const struct grid *grid, size_t column) {
    const double *values = grid->task->columns.values;
    return grid->trained && values && values[column] == (double)grid->trained;
}

bool grid_has_mark(const struct grid *grid) {
    for (size_t i = 0; i < grid->task->columns.n; i++)
        if (is_marked(grid, i))
            return true;
    return false;
}

size_t grid_height(const struct grid *grid) {
    return grid->task->rows.n + 2;
}

/* Characters that a column takes, with a blank between any two. */
static int column_width(const struct grid *grid) {
    char text[64];
    struct grid_cell sum = grid_sum(grid);
    int width = 7, n;
    for (size_t i = 0; i < grid->task->columns.n; i++) {
        n = (int)strlen(grid->task->columns.names[i]) + 1;
        width = n > width ? n : width;
    }
    n = snprintf(text, sizeof text, "%zu/%zu", sum.n, sum.n) - 1;
    return n > width ? n : width;
}

/* Of the names of rows. */
static int name_width(const struct grid *grid) {
    int width = (int)strlen(grid->task->rows.name);
    for (size_t i = 0; i < grid->task->rows.n; i++) {
        int n = (int)strlen(grid->task->rows.names[i]);
        width = n > width ? n : width;
    }
    return width > 5 ? width : 5;
}

size_t grid_width(const struct grid *grid) {
    return 1 + (size_t)name_width(grid) + grid->task->columns.n * (size_t)(1 + column_width(grid));
}

/* Orange, light orange, grey, light blue, blue of the 256 colours, with black or white on them:
 * told apart by all kinds of eyes, and by their lightness. */
static void start_colour(FILE *stream, double share) {
    static const struct {
        int background, text;
    } steps[] = {{208, 16}, {222, 16}, {252, 16}, {117, 16}, {26, 231}};
    int step = share <= 0 ? 0 : share >= 1 ? 4 : share < 0.4 ? 1 : share <= 0.6 ? 2 : 3;
    fprintf(stream, "\033[48;5;%d;38;5;%dm", steps[step].background, steps[step].text);
}

static void print_cell(FILE *stream, int width, struct grid_cell cell, bool coloured) {
    char text[64] = "-";
    bool whole = cell.n && cell.done == cell.n;
    coloured = coloured && whole;
    if (whole)
        snprintf(text, sizeof text, "%zu/%zu", cell.right, cell.n);
    if (coloured)
        start_colour(stream, (double)cell.right / (double)cell.n);
    fprintf(stream, " %*s%s", width, text, coloured ? "\033[0m" : "");
}

void grid_print(const struct grid *grid, FILE *stream, bool coloured) {
    const struct task_axis *columns = &grid->task->columns, *rows = &grid->task->rows;
    int width = column_width(grid), first = 1 + name_width(grid);
    fprintf(stream, "%*s", first, rows->name);
    for (size_t i = 0; i < columns->n; i++) {
        char text[80];
        snprintf(text, sizeof text, "%s%s", columns->names[i], is_marked(grid, i) ? "*" : "");
        fprintf(stream, " %*s", width, text);
    }
    fputc('\n', stream);
    for (size_t r = 0; r < rows->n; r++) {
        fprintf(stream, "%*s", first, rows->names[r]);
        for (size_t i = 0; i < columns->n; i++)
            print_cell(stream, width, grid->cells[r * columns->n + i], coloured);
        fputc('\n', stream);
    }
    fprintf(stream, "%*s", first, "all");
    for (size_t i = 0; i < columns->n; i++)
        print_cell(stream, width, sum_cells(grid->cells + i, rows->n, columns->n), false);
    fputc('\n', stream);
}
