#include "grid.h"

#include <stdlib.h>

bool grid_init(struct grid *grid, const double *depths, size_t n_depth, const size_t *lengths,
               size_t n_length, size_t n_each) {
    *grid = (struct grid){.n_depth = n_depth,
                          .n_length = n_length,
                          .n_each = n_each,
                          .depths = depths,
                          .lengths = lengths};
    grid->right = calloc(n_depth * n_length, sizeof *grid->right);
    grid->done = calloc(n_depth * n_length, sizeof *grid->done);
    return grid->right && grid->done;
}

void grid_free(struct grid *grid) {
    free(grid->right);
    free(grid->done);
    grid->right = grid->done = NULL;
}

void grid_add(struct grid *grid, size_t depth, size_t length, bool right) {
    grid->done[depth * grid->n_length + length]++;
    grid->right[depth * grid->n_length + length] += right;
}

void grid_count(const struct grid *grid, size_t *right, size_t *done) {
    *right = *done = 0;
    for (size_t i = 0; i < grid->n_depth * grid->n_length; i++) {
        *right += grid->right[i];
        *done += grid->done[i];
    }
}

size_t grid_height(const struct grid *grid) {
    return grid->n_depth + 2;
}

/* Characters that a column takes, with a blank between any two. */
static int column_width(const struct grid *grid) {
    char text[64];
    int width = 7, n;
    for (size_t i = 0; i < grid->n_length; i++) {
        n = snprintf(text, sizeof text, "%zu*", grid->lengths[i]);
        width = n > width ? n : width;
    }
    n = snprintf(text, sizeof text, "%zu/%zu", grid->n_depth * grid->n_each,
                 grid->n_depth * grid->n_each);
    return n > width ? n : width;
}

size_t grid_width(const struct grid *grid) {
    return sizeof " depth" - 1 + grid->n_length * (size_t)(1 + column_width(grid));
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

static void print_cell(FILE *stream, int width, size_t right, size_t done, size_t n,
                       bool coloured) {
    char text[64] = "-";
    coloured = coloured && done == n;
    if (done == n)
        snprintf(text, sizeof text, "%zu/%zu", right, n);
    if (coloured)
        start_colour(stream, (double)right / (double)n);
    fprintf(stream, " %*s%s", width, text, coloured ? "\033[0m" : "");
}

void grid_print(const struct grid *grid, FILE *stream, bool coloured) {
    int width = column_width(grid);
    fprintf(stream, " depth");
    for (size_t i = 0; i < grid->n_length; i++) {
        char text[64];
        snprintf(text, sizeof text, "%zu%s", grid->lengths[i],
                 grid->lengths[i] == grid->trained ? "*" : "");
        fprintf(stream, " %*s", width, text);
    }
    fputc('\n', stream);
    for (size_t d = 0; d < grid->n_depth; d++) {
        fprintf(stream, "%6.2f", grid->depths[d]);
        for (size_t i = 0; i < grid->n_length; i++) {
            size_t cell = d * grid->n_length + i;
            print_cell(stream, width, grid->right[cell], grid->done[cell], grid->n_each, coloured);
        }
        fputc('\n', stream);
    }
    fprintf(stream, "   all");
    for (size_t i = 0; i < grid->n_length; i++) {
        size_t right = 0, done = 0;
        for (size_t d = 0; d < grid->n_depth; d++) {
            right += grid->right[d * grid->n_length + i];
            done += grid->done[d * grid->n_length + i];
        }
        print_cell(stream, width, right, done, grid->n_depth * grid->n_each, false);
    }
    fputc('\n', stream);
}
