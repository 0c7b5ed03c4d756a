/* The flags that say how a long text is kept within a model's reach. */
#ifndef DECIMAMBA_CLI_METHOD_FLAGS_H
#define DECIMAMBA_CLI_METHOD_FLAGS_H

#include <jansson.h>

#include "decimamba.h"
#include "options.h"

enum { max_method_setting = 16, n_method_option = 8 + max_method_setting };

/* A setting of a method's own, as it is given. */
struct method_setting {
    dm_method_setting row;
    struct real_list numbers;
    int choice;
    bool given;
};

struct method_flags {
    int kind, score;
    struct size_list layers;
    size_t base_length, min_length, keep_tail;
    double beta;
    bool method_given, score_given, layers_given, base_length_given, beta_given, min_length_given,
        keep_tail_given;
    size_t first_layer; /* 0: the list of keep-last without --layers */
    size_t trained;     /* the model's training length, by a flag of another table; 0: not given */
    struct method_setting settings[max_method_setting]; /* of all methods */
    size_t n_setting;
    dm_method_value values[max_method_setting]; /* of the method that was chosen */
};

#define METHOD_TITLE "Method (defaults: those of the model's decimamba.json, else those below)"
void method_flags_table(struct method_flags *flags, struct option table[n_method_option]);

/* Lays the flags that were given over `method`; its layers and values may point into `flags` afterwards.
 * `n_layer` is the model's. */
bool method_flags_apply(struct method_flags *flags, size_t n_layer, dm_method_options *method);
/* The model's defaults with the flags laid over them. Without a base length keep-last keeps as much as
 * the model was trained on, by flags->trained or its decimamba.json. */
bool method_flags_resolve(struct method_flags *flags, const dm_model *model,
                          dm_method_options *method);
/* --method none asks nothing of the model's own decimamba.json, whatever it is: settings that are
 * NULL become "", none (model_flags.h). */
void method_flags_spare(const struct method_flags *flags, const char **settings);
/* Sets keep_tail to `needed`, or fails where the flag asks for less. */
bool method_flags_need_tail(const struct method_flags *flags, size_t needed,
                            dm_method_options *method);
bool method_flags_any(const struct method_flags *flags);
/* Whether they say by which method to read. */
bool method_flags_choose(const struct method_flags *flags);

const char *score_name(dm_score score);
/* ", delta-scale 0.9": what is given of the method's own settings. */
void method_values_text(const dm_method_options *method, char *text, size_t size);
json_t *method_options_to_json(const dm_method_options *method);

#endif
