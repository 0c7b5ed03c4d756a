/* A table of counts, depths down and lengths across, as a terminal shows it. */
#ifndef DECIMAMBA_EVALUATION_GRID_H
#define DECIMAMBA_EVALUATION_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct grid {
    size_t n_depth, n_length, n_each; /* n_each: prompts in a cell */
    const double *depths;
    const size_t *lengths;
    size_t trained;         /* this length's column is marked; 0: none */
    unsigned *right, *done; /* [n_depth, n_length] */
};

/* false: memory is short. The arrays of depths and lengths are borrowed. */
bool grid_init(struct grid *grid, const double *depths, size_t n_depth, const size_t *lengths,
               size_t n_length, size_t n_each);
void grid_free(struct grid *grid);
void grid_add(struct grid *grid, size_t depth, size_t length, bool right);
void grid_count(const struct grid *grid, size_t *right, size_t *done);
/* Prints a line of lengths, a line for each depth and one of sums; a cell shows "-" until all its
 * prompts have been answered. Colours go from orange (none right) to blue (all right). */
void grid_print(const struct grid *grid, FILE *stream, bool coloured);
/* Lines that grid_print prints, and characters in each. */
size_t grid_height(const struct grid *grid);
size_t grid_width(const struct grid *grid);

#endif
