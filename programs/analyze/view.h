/* What every view of `decimamba analyze` does: it reads its flags, a text as tokens and a model; works
 * something out; prints it, or writes a JSON file, which marks the folder, and tables and figures
 * beside it. A view says what is its own in a `struct view`. Faults print their line. */
#ifndef DECIMAMBA_ANALYZE_VIEW_H
#define DECIMAMBA_ANALYZE_VIEW_H

#include <jansson.h>

#include "cli/gnuplot.h"
#include "cli/method_flags.h"
#include "cli/model_flags.h"
#include "cli/progress.h"
#include "cli/write_safetensors.h"
#include "scan_inputs.h"

/* A view's own struct begins with it. */
struct analysis {
    const struct view *view;
    /* the flags */
    const char *directory, *text, *output;
    size_t trained, length; /* of the views that have them */
    bool length_given, trained_given, marks_trained, json;
    struct model_flags model_flags;
    struct method_flags method_flags;
    /* what they name */
    dm_model *model;
    dm_model_info info;
    dm_method_options method;
    int32_t *ids; /* [n_id], n_id >= 1 */
    size_t n_id;
    /* how far the work has come: `done` before what is read now */
    struct progress progress;
    size_t done;
};

struct view {
    const struct command *command;
    const char *mark, *work; /* "distance.json", which is in every folder of "a measurement" */
    bool needs_output;       /* --output is left out with --json alone */
    bool json_or_files;      /* not both at once */
    bool (*prepare)(struct analysis *analysis); /* before long work, and anything is written */
    bool (*measure)(struct analysis *analysis);
    json_t *(*describe)(const struct analysis *analysis); /* beside what was read; NULL: memory
                                                             was short */
    bool (*write)(struct analysis *analysis, const char *folder);
    bool (*print)(const struct analysis *analysis);
    void (*release)(struct analysis *analysis);
};

/* Runs the view with its own flags, an OPTION_END behind them, between those that all have; all else
 * in `analysis` is zero. The exit status. */
int view_run(struct analysis *analysis, const struct view *view, const struct option *own,
             int n_argument, char **arguments);

extern const struct command analyze_attention_command, analyze_delta_command,
    analyze_distance_command, analyze_receptive_field_command, analyze_layers_command;

/* ---- For views to use ---- */

/* --length, and what it comes to: no more than there are, unless the flag was given. */
struct option length_option(struct analysis *analysis);
bool choose_length(struct analysis *analysis);
/* --trained; by default the training length in the model's decimamba.json. */
struct option trained_option(struct analysis *analysis);
/* Sorts the lengths; where none are given they become 512 and its doublings, up to `most` and the
 * text's end. One that is longer than the text is refused. */
bool choose_lengths(const struct analysis *analysis, struct size_list *lengths, size_t most);

/* As scan_reading takes it; `user` is the analysis. */
void show_reading(size_t n_read, void *user);
/* Of these tokens, by the analysis's model and method. */
struct scan_reading reading_of(struct analysis *analysis, const int32_t *ids, size_t n_id);

enum { reading_size = 240 };
/* How the text is read, as titles say it: "plain Mamba", or "decimate at layers 2,3 ...". */
void reading_title(const struct analysis *analysis, char text[reading_size]);

/* A figure by a script, with its first settings; others go from settings[own_setting] on. `reading` is
 * the second line of its heading. */
enum { own_setting = 4 };
struct figure view_figure(const struct analysis *analysis, const char *script, const char *folder,
                          const char *reading);

/* Writes FOLDER/<name> with a note about each kind of tensor, which is released, and the analysis;
 * `start`: where the first tensor is. */
bool write_tensors(const struct analysis *analysis, const char *folder, const char *name,
                   json_t *notes, const struct tensor *tensors, size_t n, size_t *start);

#endif
