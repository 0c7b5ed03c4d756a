/* Ways to extend the context. A method is a small table of hooks and settings; sessions, training,
 * files and flags walk these tables, and know no method by name.
 *
 * It can choose tokens: at some layers those with the best score are handed on, or the latest. And
 * it can change what layers do between their `delta` and their `outputs` (layers/adjust.h): scale
 * or filter Delta, scale A, cap or window a state; while a text is read, and in steps too. */
#ifndef DM_METHODS_METHOD_H
#define DM_METHODS_METHOD_H

#include "layers/network.h"
#include "methods/calibration.h"

struct dm_method;

/* One decimating layer. */
struct dm_stage {
    size_t layer;
    size_t place;             /* s: its place in the list of layers, the exponent of beta */
    const uint32_t *channels; /* [n_channel] that the score looks at; NULL: all */
    size_t n_channel;
};

/* A packed batch of tokens that enter a decimating layer: all that they can be scored by. */
struct dm_stage_input {
    size_t n_token, n_sequence;
    const size_t *start;          /* [n_sequence + 1] */
    const size_t *first_position; /* [n_sequence] of their first rows, in the layer's own input;
                                     NULL: 0 */
    size_t d_model, n_step;       /* n_step: of a token, by which it is scored */
    const dm_real *residual;      /* [n_token, d_model] as it enters the layer */
    const dm_real *delta;         /* [n_token, n_step] */
};

/* A score of the caller's own. */
enum { DM_SCORE_NAME = 64 };
struct dm_custom_score {
    char name[DM_SCORE_NAME];   /* "": there is none */
    dm_score_function function; /* NULL: of a session that was restored, and is not given it yet */
    void *user;
};

/* A setting of a method's own: see dm_method_setting. */
struct dm_setting_row {
    const char *name, *argument, *help;
    dm_setting_type type;
    bool per_layer;
    double min, max, value;
    const char *const *choices;
};

/* Hooks that a method does without are NULL. */
struct dm_method_hooks {
    const char *name;
    const struct dm_setting_row *settings;
    size_t n_setting;

    bool drops_tokens; /* at dm_method_options.layers, within the budget */
    /* Fills score [n_token] of the tokens at `stage`; the best are kept. NULL: nothing is scored,
     * the latest are kept. */
    void (*score)(const struct dm_method *method, const struct dm_stage *stage,
                  const struct dm_stage_input *input, const struct dm_ops *ops, dm_real *score);

    /* As in struct dm_adjust; `scale_A` writes A [n], of layer `layer`, into `out`. With delta alone
     * and its backward, or with none of these, a method can be trained with. */
    void (*delta)(const struct dm_method *method, size_t layer, const struct dm_delta_view *delta);
    void (*delta_back)(const struct dm_method *method, size_t layer,
                       const struct dm_delta_view *delta, const struct dm_delta_view *gradient);
    void (*scale_A)(const struct dm_method *method, size_t layer, size_t n, const dm_real *A,
                    dm_real *out);
    void (*state)(const struct dm_method *method, size_t layer, const struct dm_state_view *state);
    size_t (*period)(const struct dm_method *method); /* of `state`; NULL: 1 */
    bool whole_rows;
    /* Are layers changed in steps too? NULL: yes. */
    bool (*in_steps)(const struct dm_method *method);
};

/* The methods that there are, dm_method_kind 1 and on: method_list.c. */
extern const struct dm_method_hooks *const dm_methods[];
extern const size_t dm_n_method;

/* A method with its settings, checked against a model. */
struct dm_method {
    const struct dm_method_hooks *hooks; /* NULL: plain Mamba */
    dm_score score;
    struct dm_custom_score custom;
    size_t base_length, min_length, keep_tail;
    double beta;
    size_t n_stage;          /* 0: drops nothing */
    struct dm_stage *stages; /* by ascending layer */
    size_t n_layer;          /* the model's */
    double *values;          /* [hooks->n_setting, n_layer] */
    struct dm_adjust adjust; /* once attached */
    dm_real **A;             /* [n_layer] of adjust, or NULL */
    size_t A_bytes;
    bool adjusts, adjusts_steps;
};

/* Checks every field; `calibration` (may be NULL) gives the global score its channels and must
 * outlive the method. */
dm_status dm_method_new(const dm_method_options *options, size_t n_layer,
                        const struct dm_calibration *calibration, struct dm_method **method,
                        dm_error *error);
/* The same method once more, not yet attached. */
dm_status dm_method_copy(const struct dm_method *method, struct dm_method **copy, dm_error *error);
void dm_method_free(struct dm_method *method);
/* Do both do the same to any text? */
bool dm_method_equal(const struct dm_method *a, const struct dm_method *b);

/* Do its tokens get scores by a function of the caller's? */
bool dm_method_is_custom(const dm_method_options *options);
/* Fails where the options lack the function that they ask for. */
dm_status dm_method_check_function(const dm_method_options *options, dm_error *error);
/* Fails where the method lacks it, as that of a session that was restored. */
dm_status dm_method_check_ready(const struct dm_method *method, dm_error *error);

/* K = min(n, max(floor(min(n, base_length * beta^place)), min_length)) of n tokens before the tail
 * (official find_top_k; K is kept within n, where the official topk fails). */
size_t dm_method_budget(const struct dm_method *method, const struct dm_stage *stage, size_t n);

const char *dm_score_name(dm_score score);
bool dm_score_from_name(const char *name, dm_score *score);
/* NULL: plain Mamba, or there is no such kind. */
const struct dm_method_hooks *dm_method_hooks_of(dm_method_kind kind);
const char *dm_method_kind_name(dm_method_kind kind);
bool dm_method_from_name(const char *name, dm_method_kind *kind);

/* ---- Settings: settings.c ---- */

/* The numbers of a method's settings, [n_setting, n_layer], from the caller's values; allocated. */
dm_status dm_settings_new(const struct dm_method_hooks *hooks, const dm_method_options *options,
                          size_t n_layer, double **values, dm_error *error);
/* Its key in files: '_' for '-'. */
enum { DM_SETTING_KEY = 64 };
void dm_setting_key(const struct dm_setting_row *row, char key[DM_SETTING_KEY]);
/* The number of setting `i`, in a layer. */
static inline double dm_method_value_of(const struct dm_method *method, size_t i, size_t layer) {
    return method->values[i * method->n_layer + layer];
}

/* ---- Layers: attach.c ---- */

/* Checks that the network's layers have what the method scores by and changes, and makes ready what
 * it changes. The network outlives the method. */
dm_status dm_method_attach(struct dm_method *method, const struct dm_network *network,
                           dm_error *error);
/* Fails where nobody can go back through what the method changes. */
dm_status dm_method_check_training(const struct dm_method *method, dm_error *error);
/* What batches are to change in layers; NULL: nothing. */
static inline const struct dm_adjust *dm_method_adjust(const struct dm_method *method,
                                                       bool stepping) {
    return method->adjusts && (!stepping || method->adjusts_steps) ? &method->adjust : NULL;
}
/* step, residual -> score, as the method's stage has it; nothing where the latest tokens are kept. */
void dm_layer_score(const struct dm_batch *batch, const struct dm_method *method,
                    const struct dm_stage *stage);

#endif
