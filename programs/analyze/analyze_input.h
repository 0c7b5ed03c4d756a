/* What both analyses begin with: a model, a text as its tokens, and the way it is read; and the files
 * that they end with. Faults print their line. */
#ifndef DECIMAMBA_ANALYZE_INPUT_H
#define DECIMAMBA_ANALYZE_INPUT_H

#include <stdio.h>

#include "cli/method_flags.h"
#include "cli/model_flags.h"

extern const struct command analyze_attention_command, analyze_distance_command;

struct analyze_input {
    /* the flags */
    const char *directory, *text;
    struct model_flags model_flags;
    struct method_flags method_flags;
    /* what they name */
    dm_model *model;
    dm_model_info info;
    dm_method_options method;
    int32_t *ids; /* [n_id], n_id >= 1 */
    size_t n_id;
};

/* The input can be closed either way. */
bool analyze_input_open(struct analyze_input *input);
void analyze_input_close(struct analyze_input *input);

enum { reading_size = 240 };
/* How the text is read, as titles say it: "plain Mamba", or "decimate at layers 2,3 ...". */
void analyze_reading(const dm_method_options *method, char text[reading_size]);

/* Writes FOLDER/<name>, whole or not at all, from what `fill` writes to its stream. */
typedef void analyze_fill(const void *what, FILE *stream);
bool analyze_file(const char *folder, const char *name, analyze_fill *fill, const void *what);
/* The same of an object, which is released (NULL: memory was short). */
bool analyze_json(const char *folder, const char *name, json_t *object);

/* Writes FOLDER/<name>.gp and has gnuplot run it, which draws <name>.png and <name>.svg (gnuplot.h). */
bool analyze_picture(const char *folder, const char *name, analyze_fill *fill, const void *what);

/* The beginning of a script: what its argument is, and shared styles. */
void analyze_script_head(const char *name, FILE *stream);
/* Opens the block that draws each kind of picture, of gnuplot's `width` and `height`, to `name`; it
 * sets `title_font`. */
void analyze_script_open(const char *name, FILE *stream);
/* Pixels of a map's side of n_cell cells, about `wanted`: as many for each cell, and one at least, or
 * gnuplot, which asks at each pixel for the cell there, leaves some out. */
size_t analyze_script_side(size_t n_cell, size_t wanted);
/* gnuplot's range of colours, from 0 to `end` (at most 1) of viridis: told apart by all kinds of
 * eyes, and in grey. */
void analyze_script_palette(double end, FILE *stream);

#endif
