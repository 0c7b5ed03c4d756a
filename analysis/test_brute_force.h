/* What the tests of this folder compare with: all that scans read of a text, whole, and the
 * definition of hidden attention in double precision, entry by entry. */
#ifndef DECIMAMBA_ANALYSIS_TEST_BRUTE_FORCE_H
#define DECIMAMBA_ANALYSIS_TEST_BRUTE_FORCE_H

#include <jansson.h>

#include "test_support.h"

struct whole_layer {
    size_t n_token, d_inner, d_state, n_group;
    float *delta; /* [n_token, d_inner] */
    float *A;     /* [d_state, d_inner] */
    float *B, *C; /* [n_token, n_group * d_state] */
    size_t *positions;
};

enum { max_layers = 8 };
struct whole_text {
    dm_model *model;
    dm_model_info info;
    dm_method_options method;
    size_t dropping[max_layers];
    int32_t *ids;
    size_t n_id;
    struct whole_layer layers[max_layers];
};

/* Fails the test on any error. `folder`: below tests/data. Reads n_id random tokens of the first 90
 * of the vocabulary (45, where the folder is none of "golden/"), dropping at the layers of the list (n_dropping may be 0). */
void whole_text_open(struct whole_text *text, const char *folder, size_t n_id,
                     const size_t *dropping, size_t n_dropping, size_t keep_tail);
/* The same of given tokens and settings. */
void whole_text_read(struct whole_text *text, const char *folder, const int32_t *ids, size_t n_id,
                     const dm_method_options *method);
void whole_text_close(struct whole_text *text);

/* C_i[s] Delta_j B_j[s] of a channel. */
double whole_product(const struct whole_layer *layer, size_t channel, size_t i, size_t j, size_t s);
/* M[i, j] of a channel; `*size`: sum_s |C_i[s] Delta_j B_j[s]|, which errors are measured by, and
 * which floats lose digits of. */
double whole_entry(const struct whole_layer *layer, size_t channel, size_t i, size_t j,
                   double *size);

/* Reads the text of each case in tests/data/analysis/cases.json; `layers` is what numpy made of it.
 */
typedef void case_visitor(const struct whole_text *text, const json_t *all, const json_t *layers);
void visit_cases(case_visitor *visit);

#endif
