/* What `decimamba analyze receptive-field` has measured, its table, and its files in a folder:
 *
 *     receptive-field.tsv              a row for each length
 *     receptive-field-profile.tsv      for each length, the weight of a token by its distance
 *     receptive-field.json             the first of them, with what was read
 *     receptive-field.gp, .png, .svg   both */
#ifndef DECIMAMBA_ANALYZE_RECEPTIVE_H
#define DECIMAMBA_ANALYZE_RECEPTIVE_H

#include "analyze_input.h"
#include "receptive_field_gradient.h"

extern const struct command analyze_receptive_field_command;

enum { n_receptive_share = 3 };
static const double receptive_shares[n_receptive_share] = {0.5, 0.9, 0.99};

struct receptive_length {
    size_t length, n_window; /* that were read */
    struct gradient_profile profile;
    /* Mamba Mean Distance over channels and windows */
    double attention; /* mean of the layers */
    double farthest;  /* of the layer where it is largest */
    size_t farthest_layer;
};

struct receptive {
    const struct analyze_input *input;
    size_t n_prediction, trained;  /* trained 0: unknown */
    struct receptive_length *rows; /* [n_length], by ascending length */
    size_t n_length;
};

/* Faults print their line. */
bool receptive_print(const struct receptive *receptive);
json_t *receptive_json(const struct receptive *receptive);
bool receptive_write(const struct receptive *receptive, const char *folder);

/* Fills a script that draws both tables. */
void receptive_script(const struct receptive *receptive, FILE *stream);

#endif
