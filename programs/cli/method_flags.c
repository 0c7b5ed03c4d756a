#include "method_flags.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fail.h"
#include "json_output.h"

enum { max_method = 32 };

/* In the order of dm_score. */
static const char *const score_names[] = {"norm", "mean", "global", "random", "token-norm", NULL};

/* ---- The table ---- */

/* Names of all methods, in the order of dm_method_kind, and a sentence that lists them. */
static const char *const *list_methods(const char **sentence) {
    static const char *names[max_method + 1];
    static char text[200 + 24 * max_method];
    size_t n_method = dm_method_count(), n = 0;
    n_method = n_method < max_method ? n_method : max_method;
    for (size_t i = 0; i < n_method; i++)
        names[i] = dm_method_name((dm_method_kind)i);
    names[n_method] = NULL;
    for (size_t i = 1; i < n_method; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%.20s, ", names[i]);
    snprintf(text + n, sizeof text - n, "or none for plain Mamba");
    *sentence = text;
    return names;
}

/* A setting that several methods have by the same name is one flag. */
static const struct method_setting *find_setting(const struct method_flags *flags,
                                                 const char *name) {
    for (size_t i = 0; i < flags->n_setting; i++)
        if (!strcmp(flags->settings[i].row.name, name))
            return &flags->settings[i];
    return NULL;
}

static void list_settings(struct method_flags *flags) {
    for (size_t kind = 0; kind < dm_method_count(); kind++)
        for (size_t i = 0; i < dm_method_n_setting((dm_method_kind)kind); i++) {
            struct method_setting setting = {.row = DM_METHOD_SETTING_INIT};
            if (flags->n_setting < max_method_setting &&
                !dm_method_get_setting((dm_method_kind)kind, i, &setting.row, NULL) &&
                !find_setting(flags, setting.row.name))
                flags->settings[flags->n_setting++] = setting;
        }
}

/* A choice is one of its names, any other setting a number, or one for each layer. */
static struct option setting_option(struct method_setting *setting) {
    bool choice = setting->row.type == DM_SETTING_CHOICE;
    return (struct option){.kind = choice ? OPTION_CHOICE : OPTION_REALS,
                           .name = setting->row.name,
                           .value = choice ? (void *)&setting->choice : (void *)&setting->numbers,
                           .argument = setting->row.argument,
                           .help = setting->row.help,
                           .min = setting->row.min,
                           .max = setting->row.max,
                           .choices = setting->row.choices,
                           .given = &setting->given};
}

void method_flags_table(struct method_flags *flags, struct option table[n_method_option]) {
    const char *sentence, *const *names = list_methods(&sentence);
    *flags = (struct method_flags){0};
    list_settings(flags);
    const struct option options[] = {
        {OPTION_CHOICE, "method", &flags->kind, "METHOD", .help = sentence, .choices = names,
         .given = &flags->method_given, .was = "context"},
        {OPTION_SIZES, "layers", &flags->layers, "LIST",
         .help = "layers where tokens are dropped, counted from 0, the lowest first, with commas "
                 "between; implies --method decimate",
         .given = &flags->layers_given},
        {OPTION_SIZE, "base-length", &flags->base_length, "N",
         .help =
             "at most this many tokens are kept at the first of these layers (default 2000; for "
             "keep-last the training length, where it is known); 0: --min-length alone decides",
         .given = &flags->base_length_given},
        {OPTION_REAL, "beta", &flags->beta, "X",
         .help = "the base length of each further layer, as a share of the one before, in (0, 1] "
                 "(default 0.5)",
         .min = 1e-9, .max = 1, .given = &flags->beta_given},
        {OPTION_SIZE, "min-length", &flags->min_length, "N",
         .help = "no layer keeps fewer than this (default 20)", .given = &flags->min_length_given},
        {OPTION_SIZE, "keep-tail", &flags->keep_tail, "N",
         .help = "always keep the last N tokens (default 1)", .min = 1, .max = INFINITY,
         .given = &flags->keep_tail_given},
        {OPTION_CHOICE, "score", &flags->score, "NAME",
         .help =
             "what tokens are ranked by: norm, the L2 norm of Delta over the channels (the "
             "official "
             "code); mean, the mean of Delta (the paper); global, the norm over the global "
             "channels "
             "that decimamba calibrate finds; or, as baselines, random (a hash of the token's "
             "position) and token-norm, the norm of the layer's input for the token (default norm)",
         .choices = score_names, .given = &flags->score_given},
    };
    size_t n = sizeof options / sizeof *options;
    memcpy(table, options, sizeof options);
    for (size_t i = 0; i < flags->n_setting; i++)
        table[n++] = setting_option(&flags->settings[i]);
    table[n] = (struct option){.kind = OPTION_END};
}

/* ---- Flags as settings of a method ---- */

/* The library takes them in any order, and each keeps less than the one before: where a higher layer
 * comes first, a lower one starves it. Nobody means that. `name`: who lists them. */
static bool check_layers(const dm_method_options *method, size_t n_layer, const char *name) {
    for (size_t i = 0; i < method->n_layer; i++) {
        if (method->layers[i] >= n_layer)
            return fail("%s: there is no layer %zu: the model has layers 0 to %zu", name,
                        method->layers[i], n_layer - 1);
        for (size_t j = 0; j < i; j++)
            if (method->layers[j] == method->layers[i])
                return fail("%s: layer %zu is named twice", name, method->layers[i]);
        if (i && method->layers[i] < method->layers[i - 1])
            return fail("%s: %zu comes after %zu: list the lowest layer first, as each next one "
                        "keeps a share (beta) of the one before",
                        name, method->layers[i], method->layers[i - 1]);
    }
    return true;
}

/* Which method and which layers. What keep-last keeps is what the model was trained to read; the
 * model's own base length says what decimation is to leave. */
static bool apply_method(const struct method_flags *flags, size_t trained,
                         dm_method_options *method) {
    dm_method_kind before = method->kind;
    if (flags->method_given)
        method->kind = (dm_method_kind)flags->kind;
    else if (flags->layers_given)
        method->kind = DM_METHOD_DECIMATE;
    bool drops = dm_method_drops_tokens(method->kind);
    if (!drops && flags->layers_given)
        return fail_usage("--layers: --method %s drops no tokens", dm_method_name(method->kind));
    if (method->kind != before) {
        method->values = NULL;
        method->n_value = 0;
    }
    if (!drops) {
        method->layers = NULL;
        method->n_layer = 0;
    } else if (flags->layers_given) {
        method->layers = flags->layers.items;
        method->n_layer = flags->layers.n;
    } else if (method->kind == DM_METHOD_KEEP_LAST && before != DM_METHOD_KEEP_LAST) {
        method->layers = &flags->first_layer;
        method->n_layer = 1;
    }
    if (method->kind == DM_METHOD_KEEP_LAST && before != DM_METHOD_KEEP_LAST && trained)
        method->base_length = trained;
    if (method->kind == DM_METHOD_DECIMATE && !method->n_layer)
        return fail_usage("--method decimate: --layers is missing, and the model has no default");
    return true;
}

/* The setting's row in the method's table. */
static bool find_row(dm_method_kind kind, const char *name, dm_method_setting *row) {
    *row = (dm_method_setting)DM_METHOD_SETTING_INIT;
    for (size_t i = 0; i < dm_method_n_setting(kind); i++)
        if (!dm_method_get_setting(kind, i, row, NULL) && !strcmp(row->name, name))
            return true;
    return false;
}

/* What was given of the method's own settings, over what is there. */
static bool apply_settings(struct method_flags *flags, dm_method_options *method) {
    dm_method_setting row;
    size_t n = 0;
    for (size_t i = 0; i < method->n_value && n < max_method_setting; i++) {
        const struct method_setting *setting = find_setting(flags, method->values[i].name);
        if (!setting || !setting->given)
            flags->values[n++] = method->values[i];
    }
    for (size_t i = 0; i < flags->n_setting && n < max_method_setting; i++) {
        struct method_setting *setting = &flags->settings[i];
        if (!setting->given)
            continue;
        if (!find_row(method->kind, setting->row.name, &row))
            return fail_usage("--%s: --method %s has no such setting", setting->row.name,
                              dm_method_name(method->kind));
        if (setting->row.type == DM_SETTING_CHOICE) {
            setting->numbers.items[0] = setting->choice;
            setting->numbers.n = 1;
        }
        flags->values[n] = (dm_method_value){
            .name = setting->row.name, .numbers = setting->numbers.items, .n = setting->numbers.n};
        n++;
    }
    method->values = n ? flags->values : NULL;
    method->n_value = n;
    return true;
}

/* A flag that would change nothing says so. */
static bool check_idle(const struct method_flags *flags, dm_method_kind kind) {
    const char *idle = flags->score_given         ? "score"
                       : flags->base_length_given ? "base-length"
                       : flags->beta_given        ? "beta"
                       : flags->min_length_given  ? "min-length"
                                                  : NULL;
    if (kind == DM_METHOD_KEEP_LAST && flags->score_given)
        return fail_usage(
            "--score: --method keep-last keeps the last tokens, whatever their score");
    return !idle || dm_method_drops_tokens(kind) ||
           fail_usage("--%s: nothing is dropped without --layers or --method keep-last", idle);
}

static bool apply(struct method_flags *flags, size_t n_layer, size_t trained,
                  dm_method_options *method) {
    if (!apply_method(flags, trained, method) || !apply_settings(flags, method) ||
        !check_layers(method, n_layer,
                      flags->layers_given ? "--layers" : "decimamba.json: \"layers\""))
        return false;
    if (flags->score_given)
        method->score = (dm_score)flags->score;
    if (flags->base_length_given)
        method->base_length = flags->base_length;
    if (flags->beta_given)
        method->beta = flags->beta;
    if (flags->min_length_given)
        method->min_length = flags->min_length;
    if (flags->keep_tail_given)
        method->keep_tail = flags->keep_tail;
    return check_idle(flags, method->kind);
}

bool method_flags_apply(struct method_flags *flags, size_t n_layer, dm_method_options *method) {
    return apply(flags, n_layer, 0, method);
}

bool method_flags_resolve(struct method_flags *flags, const dm_model *model,
                          dm_method_options *method) {
    dm_model_info info = DM_MODEL_INFO_INIT;
    dm_error error;
    *method = (dm_method_options)DM_METHOD_OPTIONS_INIT;
    if (dm_model_default_method(model, method, &error) || dm_model_get_info(model, &info, &error))
        return fail("%s", error.message);
    return apply(flags, info.n_layer, flags->trained ? flags->trained : info.trained_length,
                 method);
}

void method_flags_spare(const struct method_flags *flags, const char **settings) {
    if (flags->method_given && flags->kind == DM_METHOD_NONE && !*settings)
        *settings = "";
}

bool method_flags_need_tail(const struct method_flags *flags, size_t needed,
                            dm_method_options *method) {
    if (!flags->keep_tail_given)
        method->keep_tail = needed;
    return method->keep_tail >= needed ||
           fail_usage("--keep-tail %zu: the last %zu tokens are looked at", method->keep_tail,
                      needed);
}

bool method_flags_choose(const struct method_flags *flags) {
    return flags->method_given || flags->layers_given;
}

bool method_flags_any(const struct method_flags *flags) {
    return method_flags_choose(flags) || flags->score_given || flags->base_length_given ||
           flags->beta_given || flags->min_length_given || flags->keep_tail_given;
}

const char *score_name(dm_score score) {
    return score_names[score];
}

/* ---- A method in words, and as JSON ---- */

void method_values_text(const dm_method_options *method, char *text, size_t size) {
    size_t n = 0;
    *text = 0;
    for (size_t i = 0; i < method->n_value && n < size; i++) {
        const dm_method_value *value = &method->values[i];
        dm_method_setting row;
        if (!find_row(method->kind, value->name, &row))
            continue;
        n += (size_t)snprintf(text + n, size - n, ", %s ", value->name);
        for (size_t k = 0; k < value->n && n < size; k++)
            n +=
                row.type == DM_SETTING_CHOICE
                    ? (size_t)snprintf(text + n, size - n, "%s", row.choices[(int)*value->numbers])
                    : (size_t)snprintf(text + n, size - n, "%s%g", k ? "," : "", value->numbers[k]);
    }
}

static json_t *value_to_json(const dm_method_setting *row, const dm_method_value *value) {
    if (row->type == DM_SETTING_CHOICE)
        return json_string(row->choices[(int)*value->numbers]);
    if (value->n == 1)
        return json_real(*value->numbers);
    json_t *list = json_array();
    for (size_t i = 0; i < value->n; i++)
        json_array_append_new(list, json_real(value->numbers[i]));
    return list;
}

static void add_values(const dm_method_options *method, json_t *object) {
    for (size_t i = 0; i < method->n_value; i++) {
        dm_method_setting row;
        char key[64];
        if (!find_row(method->kind, method->values[i].name, &row))
            continue;
        snprintf(key, sizeof key, "%s", row.name);
        for (char *at = key; (at = strchr(at, '-'));)
            *at = '_';
        json_object_set_new(object, key, value_to_json(&row, &method->values[i]));
    }
}

json_t *method_options_to_json(const dm_method_options *method) {
    if (!dm_method_drops_tokens(method->kind)) {
        json_t *plain = json_pack("{ss}", "method", dm_method_name(method->kind));
        add_values(method, plain);
        return plain;
    }
    json_t *layers = json_array();
    for (size_t i = 0; i < method->n_layer; i++)
        json_array_append_new(layers, json_integer((json_int_t)method->layers[i]));
    json_t *object =
        json_pack("{ss so so sf so so}", "method", dm_method_name(method->kind), "layers", layers,
                  "base_length", json_size(method->base_length), "beta", method->beta, "min_length",
                  json_size(method->min_length), "keep_tail", json_size(method->keep_tail));
    if (method->kind == DM_METHOD_DECIMATE)
        json_object_set_new(object, "score", json_string(score_name(method->score)));
    add_values(method, object);
    return object;
}
