#include "task.h"

#include <stdio.h>
#include <stdlib.h>

struct task *task_new(const struct task *filled, size_t state_size) {
    struct task *made = calloc(1, sizeof *made);
    void *state = calloc(1, state_size);
    if (!made || !state) {
        free(made);
        free(state);
        return NULL;
    }
    *made = *filled;
    made->data = state;
    return made;
}

void task_cell_evenly(const struct task *task, size_t i, size_t *column, size_t *row) {
    size_t cell = i / (task->n_prompt / (task->columns.n * task->rows.n));
    *column = cell / task->rows.n;
    *row = cell % task->rows.n;
}

/* The names lie behind the pointers to them, in one piece of memory. */
enum { name_size = 24 };

/* Room for n values and names; false: memory is short. */
static bool make(struct task_axis *axis, const char *name, size_t n, double **values,
                 char **names) {
    size_t each = sizeof(char *) + name_size;
    *axis = (struct task_axis){.name = name, .n = n};
    *values = calloc(n, sizeof **values);
    const char **pointers = calloc(n, each);
    if (!*values || !pointers) {
        free(*values);
        free(pointers);
        return false;
    }
    *names = (char *)(pointers + n);
    for (size_t i = 0; i < n; i++)
        pointers[i] = *names + i * name_size;
    axis->names = pointers;
    axis->values = *values;
    return true;
}

bool task_axis_sizes(struct task_axis *axis, const char *name, const size_t *values, size_t n) {
    double *copies;
    char *names;
    if (!make(axis, name, n, &copies, &names))
        return false;
    for (size_t i = 0; i < n; i++) {
        copies[i] = (double)values[i];
        snprintf(names + i * name_size, name_size, "%zu", values[i]);
    }
    return true;
}

bool task_axis_depths(struct task_axis *axis, size_t n) {
    double *copies;
    char *names;
    if (!make(axis, "depth", n, &copies, &names))
        return false;
    for (size_t i = 0; i < n; i++) {
        copies[i] = n > 1 ? (double)i / (double)(n - 1) : 0.5;
        snprintf(names + i * name_size, name_size, "%.2f", copies[i]);
    }
    return true;
}

void task_axis_free(struct task_axis *axis) {
    free((void *)axis->names);
    free((void *)axis->values);
    *axis = (struct task_axis){0};
}
