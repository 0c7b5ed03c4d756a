/* The settings that a method has of its own: numbers, checked by its table. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "methods/method.h"

void dm_setting_key(const struct dm_setting_row *row, char key[DM_SETTING_KEY]) {
    snprintf(key, DM_SETTING_KEY, "%s", row->name);
    for (; *key; key++)
        if (*key == '-')
            *key = '_';
}

static size_t find(const struct dm_method_hooks *hooks, const char *name) {
    size_t i = 0;
    while (hooks && i < hooks->n_setting && strcmp(hooks->settings[i].name, name) != 0)
        i++;
    return i;
}

static dm_status check_number(const struct dm_setting_row *row, double number, dm_error *error) {
    bool whole = row->type == DM_SETTING_REAL || number == trunc(number);
    if (!(number >= row->min && number <= row->max) || !whole)
        return dm_fail(error, DM_ERROR_ARGUMENT, "%s is %g: must be a %snumber from %g to %g",
                       row->name, number, row->type == DM_SETTING_REAL ? "" : "whole ", row->min,
                       row->max);
    return DM_OK;
}

static dm_status set(const struct dm_setting_row *row, const dm_method_value *value, size_t n_layer,
                     double *numbers, dm_error *error) {
    if (!value->numbers || !(value->n == 1 || (row->per_layer && value->n == n_layer)))
        return dm_fail(error, DM_ERROR_ARGUMENT, "%s has %zu numbers: must be one%s%s", row->name,
                       value->n, row->per_layer ? ", or one for each layer" : "",
                       row->per_layer ? " of the model" : "");
    dm_status status = DM_OK;
    for (size_t layer = 0; layer < n_layer && !status; layer++) {
        numbers[layer] = value->numbers[value->n == 1 ? 0 : layer];
        status = check_number(row, numbers[layer], error);
    }
    return status;
}

/* No setting is called "". */
static const char *name_of(const dm_method_value *value) {
    return value->name ? value->name : "";
}

static dm_status set_all(const struct dm_method_hooks *hooks, const dm_method_options *options,
                         size_t n_layer, double *values, dm_error *error) {
    for (size_t v = 0; v < options->n_value; v++) {
        const char *name = name_of(&options->values[v]);
        size_t i = find(hooks, name);
        if (i == (hooks ? hooks->n_setting : 0))
            return dm_fail(error, DM_ERROR_ARGUMENT, "method %s has no setting \"%.80s\"",
                           hooks ? hooks->name : "none", name);
        for (size_t before = 0; before < v; before++)
            if (!strcmp(name_of(&options->values[before]), name))
                return dm_fail(error, DM_ERROR_ARGUMENT, "%s is given twice", name);
        dm_status status =
            set(&hooks->settings[i], &options->values[v], n_layer, values + i * n_layer, error);
        if (status)
            return status;
    }
    return DM_OK;
}

dm_status dm_settings_new(const struct dm_method_hooks *hooks, const dm_method_options *options,
                          size_t n_layer, double **result, dm_error *error) {
    size_t n = hooks ? hooks->n_setting : 0;
    double *values = dm_memory_array(n * n_layer, sizeof *values);
    if (!values)
        return dm_fail_memory(error, "the method's settings");
    for (size_t i = 0; i < n; i++)
        for (size_t layer = 0; layer < n_layer; layer++)
            values[i * n_layer + layer] = hooks->settings[i].value;
    dm_status status = options->n_value && !options->values
                           ? dm_fail(error, DM_ERROR_ARGUMENT, "the method's values are missing")
                           : set_all(hooks, options, n_layer, values, error);
    if (status)
        dm_memory_free(values);
    else
        *result = values;
    return status;
}
