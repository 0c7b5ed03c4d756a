/* What `decimamba analyze layers` sweeps, and its curve in a folder:
 *
 *     sweep-WHAT.tsv              a row for each column and each method
 *     sweep-WHAT.gp, .png, .svg   scores against what is swept, a panel for each column
 *
 * beside the files of `decimamba evaluate` (report.h). Each point is a method of the evaluation, by a
 * name that users could write themselves. */
#ifndef DECIMAMBA_ANALYZE_LAYERS_H
#define DECIMAMBA_ANALYZE_LAYERS_H

#include <stdio.h>

#include "evaluate/evaluate_run.h"
#include "evaluate/report_cells.h"

extern const struct command analyze_layers_command;

enum sweep_kind { SWEEP_LAYER, SWEEP_BASE_LENGTH, SWEEP_BETA, SWEEP_SCORE };

struct sweep_point {
    char *value;   /* as method names have it; allocated */
    double x;      /* where the curve puts it */
    size_t method; /* its place in the run's methods */
    size_t other;  /* of the curve beside it, where there is one */
};

struct sweep {
    enum sweep_kind kind;
    const char *name;                         /* as --sweep has it: "layer" */
    const char *key;                          /* of a method's settings: "layers" */
    const char *label;                        /* of the axis */
    struct sweep_point points[list_capacity]; /* [n_point] */
    size_t n_point, n_level;                  /* methods 0 .. n_level - 1 are horizontal lines */
    bool has_other;                           /* each point has a keep-last beside it */
    const char *column;                       /* the only one that is drawn; NULL: all */
};

/* Reads "layer", "layer=1,2", "base-length=512,1024", "beta=.5,1", "score" or "score=norm,mean". */
bool sweep_read(struct sweep *sweep, const char *text, const struct method_flags *fixed);
/* Fills the run's methods: `levels` (NULL: none and keep-last), then the points, with the fixed
 * settings; the run is loaded. A global score that the model has no channels for is left out with a
 * line on standard output. */
bool sweep_methods(struct sweep *sweep, const struct method_flags *fixed, const char *levels,
                   struct evaluate_run *run);
void sweep_free(struct sweep *sweep);

/* The curve of the columns that are drawn: those of the task, and all of them; or sweep->column. */
struct curve {
    const struct sweep *sweep;
    const struct report_cells *cells;
    size_t columns[list_capacity + 1], n_column; /* places of report_cell */
};

/* Faults print their line. */
bool curve_choose(const struct sweep *sweep, const struct report_cells *cells, struct curve *curve);
/* A line that names the best point, and says how many others may be as good. */
void curve_print(const struct curve *curve);
/* Writes the files, where the report has a folder. */
bool curve_write(const struct curve *curve);
const char *curve_column_name(const struct curve *curve, size_t i);
/* Fills a script that draws sweep-WHAT.tsv. */
void curve_script(const struct curve *curve, FILE *stream);

#endif
