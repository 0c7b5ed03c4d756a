/* Values as Jinja and Python have them: truth, equality, printing, members. */
#include "chat/values.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/strings.h"

/* ---- Faults ---- */

json_t *dm_evaluation_fault(struct dm_evaluation *evaluation, dm_status status, const char *format,
                            ...) {
    char line[300];
    va_list arguments;
    if (evaluation->status)
        return NULL;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    evaluation->status = status;
    dm_error_set(evaluation->error, status, "%s: chat template, line %zu: %s", evaluation->name,
                 evaluation->line, line);
    return NULL;
}

json_t *dm_evaluation_take(struct dm_evaluation *evaluation, json_t *value) {
    if (!value && !evaluation->status)
        evaluation->status = dm_fail_memory(evaluation->error, "a chat template");
    return value;
}

#define take(value) dm_evaluation_take(evaluation, value)

/* ---- Values ---- */

bool dm_is_undefined(const struct dm_evaluation *evaluation, const json_t *value) {
    return value == evaluation->undefined;
}

bool dm_is_true(const struct dm_evaluation *evaluation, const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_TRUE:
        return true;
    case JSON_INTEGER:
        return json_integer_value(value) != 0;
    case JSON_REAL:
        return json_real_value(value) != 0;
    case JSON_STRING:
        return json_string_length(value) > 0;
    case JSON_ARRAY:
        return json_array_size(value) > 0;
    case JSON_OBJECT:
        return !dm_is_undefined(evaluation, value) && json_object_size(value) > 0;
    default:
        return false;
    }
}

/* Python's numbers: True is 1. */
bool dm_is_number(const json_t *value) {
    return json_is_number(value) || json_is_boolean(value);
}

bool dm_is_whole(const json_t *value) {
    return json_is_integer(value) || json_is_boolean(value);
}

json_int_t dm_whole(const json_t *value) {
    return json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
}

double dm_number(const json_t *value) {
    return dm_is_whole(value) ? (double)dm_whole(value) : json_real_value(value);
}

bool dm_values_equal(const struct dm_evaluation *evaluation, const json_t *a, const json_t *b) {
    if (dm_is_undefined(evaluation, a) || dm_is_undefined(evaluation, b))
        return a == b;
    if (dm_is_number(a) && dm_is_number(b))
        return dm_is_whole(a) && dm_is_whole(b) ? dm_whole(a) == dm_whole(b)
                                                : dm_number(a) == dm_number(b);
    return json_equal(a, b);
}

/* As Python's repr writes a float: the fewest digits that give it, without an exponent from 1e-4 to
 * 1e16. */
static json_t *printed_real(double value) {
    char text[40];
    int digits = 1;
    for (; digits < 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    int exponent = value != 0 ? (int)floor(log10(fabs(value))) : 0;
    bool plain = exponent >= -4 && exponent < 16;
    if (plain)
        snprintf(text, sizeof text, "%.*f", digits - 1 > exponent ? digits - 1 - exponent : 1,
                 value);
    else
        snprintf(text, sizeof text, "%.*g", digits, value);
    for (char *c = text; *c; c++) /* of a locale */
        if (*c == ',')
            *c = '.';
    return json_string(text);
}

json_t *dm_printed(struct dm_evaluation *evaluation, const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_STRING:
        return take(json_stringn(json_string_value(value), json_string_length(value)));
    case JSON_INTEGER:
        return take(json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value)));
    case JSON_REAL:
        return take(printed_real(json_real_value(value)));
    case JSON_TRUE:
        return take(json_string("True"));
    case JSON_FALSE:
        return take(json_string("False"));
    case JSON_NULL:
        return take(json_string("None"));
    default:
        break;
    }
    if (dm_is_undefined(evaluation, value))
        return take(json_string(""));
    return dm_evaluation_fault(evaluation, DM_ERROR_UNSUPPORTED,
                               "printing a list or an object is not supported");
}

json_t *dm_items_of(struct dm_evaluation *evaluation, const json_t *value) {
    if (json_is_array(value))
        return take(json_copy((json_t *)value));
    json_t *list = take(json_array());
    const char *key;
    json_t *item;
    bool ok = list;
    if (ok && json_is_string(value)) {
        size_t n = dm_string_length(value);
        for (size_t i = 0; i < n && ok; i++)
            ok = !json_array_append_new(list, dm_string_part(value, i, i + 1));
    } else if (ok && json_is_object(value)) {
        json_object_foreach((json_t *)value, key, item) ok =
            ok && !json_array_append_new(list, json_string(key));
    } else if (ok) {
        json_decref(list);
        return dm_evaluation_fault(evaluation, DM_ERROR_FORMAT, "this has no items");
    }
    if (ok)
        return list;
    json_decref(list);
    return take(NULL);
}

/* The place of index `i` in `n` items, as Python counts; SIZE_MAX: outside. */
static size_t place_of(json_int_t i, size_t n) {
    if (i < 0)
        i += (json_int_t)n;
    return i < 0 || (size_t)i >= n ? SIZE_MAX : (size_t)i;
}

json_t *dm_member(struct dm_evaluation *evaluation, const json_t *value, const json_t *key) {
    json_t *found = NULL;
    if (dm_is_undefined(evaluation, value))
        return dm_evaluation_fault(evaluation, DM_ERROR_FORMAT, "something undefined has no items");
    if (json_is_object(value) && json_is_string(key)) {
        found = json_object_getn(value, json_string_value(key), json_string_length(key));
    } else if (json_is_array(value) && json_is_integer(key)) {
        size_t place = place_of(json_integer_value(key), json_array_size(value));
        found = place == SIZE_MAX ? NULL : json_array_get(value, place);
    } else if (json_is_string(value) && json_is_integer(key)) {
        size_t place = place_of(json_integer_value(key), dm_string_length(value));
        if (place != SIZE_MAX)
            return take(dm_string_part(value, place, place + 1));
    }
    return json_incref(found ? found : evaluation->undefined);
}

json_t *dm_argument(const struct dm_arguments *arguments, size_t i, const char *name) {
    json_t *value = json_array_get(arguments->items, i);
    return value || !name ? value : json_object_get(arguments->named, name);
}
