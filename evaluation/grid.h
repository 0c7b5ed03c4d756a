/* A table of counts, a task's rows down and columns across, as a terminal shows it. */
#ifndef DECIMAMBA_EVALUATION_GRID_H
#define DECIMAMBA_EVALUATION_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "task.h"

struct grid_cell {
    size_t n, done, right; /* prompts */
};

struct grid {
    const struct task *task; /* of TASK_RIGHT */
    size_t trained;          /* the column of this value is marked; 0: none */
    struct grid_cell *cells; /* [rows, columns] */
};

/* An empty table of all the task's prompts. False: memory is short. The task is borrowed. */
bool grid_init(struct grid *grid, const struct task *task, size_t trained);
void grid_free(struct grid *grid);
void grid_add(struct grid *grid, size_t prompt, bool right);
/* Of all cells together. */
struct grid_cell grid_sum(const struct grid *grid);
/* Whether one of the columns is the marked one. */
bool grid_has_mark(const struct grid *grid);
/* Prints a line of columns, a line for each row and one of sums; a cell shows "-" until all its
 * prompts have been answered. Colours go from orange (none right) to blue (all right). */
void grid_print(const struct grid *grid, FILE *stream, bool coloured);
/* Lines that grid_print prints, and characters in each. */
size_t grid_height(const struct grid *grid);
size_t grid_width(const struct grid *grid);

#endif
