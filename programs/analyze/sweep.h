/* What `decimamba analyze layers` sweeps. Each point is a method of the evaluation, by a name that
 * users could write themselves. Faults print their line. */
#ifndef DECIMAMBA_ANALYZE_SWEEP_H
#define DECIMAMBA_ANALYZE_SWEEP_H

#include "evaluate/evaluate_run.h"

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

#endif
