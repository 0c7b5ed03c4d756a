/* What the templates of chats call: filters, tests, methods of strings and objects, functions. Names and
 * meanings are Jinja's and Python's; what is not here is refused by name. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chat/functions.h"
#include "chat/strings.h"

#define take(value) dm_evaluation_take(evaluation, value)

typedef json_t *(*operation)(struct dm_evaluation *evaluation, json_t *of,
                             const struct dm_arguments *arguments);
struct entry {
    const char *name;
    operation run;
};

static operation look_up(const struct entry *entries, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (!strcmp(entries[i].name, name))
            return entries[i].run;
    return NULL;
}

static json_t *misused(struct dm_evaluation *evaluation) {
    return dm_evaluation_fault(evaluation, DM_ERROR_FORMAT,
                               "a filter or function does not fit what it is given");
}

/* An argument that must be a string, if it is there; false: it is another thing. */
static bool string_argument(struct dm_evaluation *evaluation, const struct dm_arguments *arguments,
                            size_t i, const char *name, json_t **string) {
    *string = dm_argument(arguments, i, name);
    if (json_is_null(*string))
        *string = NULL;
    return !*string || json_is_string(*string) || misused(evaluation);
}

/* ---- Strings ---- */

/* The filters that take anything print it first. */
static json_t *on_printed(struct dm_evaluation *evaluation, json_t *of,
                          const struct dm_arguments *arguments, operation run) {
    json_t *text = dm_printed(evaluation, of);
    json_t *value = text ? run(evaluation, text, arguments) : NULL;
    json_decref(text);
    return value;
}

static json_t *strip_sides(struct dm_evaluation *evaluation, json_t *of,
                           const struct dm_arguments *arguments, bool left, bool right) {
    json_t *set;
    if (!json_is_string(of))
        return misused(evaluation);
    return string_argument(evaluation, arguments, 0, "chars", &set)
               ? take(dm_string_strip(of, set, left, right))
               : NULL;
}

static json_t *strip(struct dm_evaluation *evaluation, json_t *of,
                     const struct dm_arguments *arguments) {
    return strip_sides(evaluation, of, arguments, true, true);
}
static json_t *strip_left(struct dm_evaluation *evaluation, json_t *of,
                          const struct dm_arguments *arguments) {
    return strip_sides(evaluation, of, arguments, true, false);
}
static json_t *strip_right(struct dm_evaluation *evaluation, json_t *of,
                           const struct dm_arguments *arguments) {
    return strip_sides(evaluation, of, arguments, false, true);
}
static json_t *trim(struct dm_evaluation *evaluation, json_t *of,
                    const struct dm_arguments *arguments) {
    return on_printed(evaluation, of, arguments, strip);
}

static json_t *turn(struct dm_evaluation *evaluation, json_t *of, enum dm_letters letters) {
    json_t *text = dm_printed(evaluation, of), *turned = NULL;
    if (text && !dm_string_turn(text, letters, &turned))
        dm_evaluation_fault(evaluation, DM_ERROR_UNSUPPORTED,
                            "turning letters beyond ASCII into capitals or back is not supported");
    else if (text)
        take(turned);
    json_decref(text);
    return turned;
}
static json_t *upper(struct dm_evaluation *evaluation, json_t *of,
                     const struct dm_arguments *arguments) {
    (void)arguments;
    return turn(evaluation, of, DM_LETTERS_UPPER);
}
static json_t *lower(struct dm_evaluation *evaluation, json_t *of,
                     const struct dm_arguments *arguments) {
    (void)arguments;
    return turn(evaluation, of, DM_LETTERS_LOWER);
}
static json_t *title(struct dm_evaluation *evaluation, json_t *of,
                     const struct dm_arguments *arguments) {
    (void)arguments;
    return turn(evaluation, of, DM_LETTERS_TITLE);
}
static json_t *words(struct dm_evaluation *evaluation, json_t *of,
                     const struct dm_arguments *arguments) {
    (void)arguments;
    return turn(evaluation, of, DM_LETTERS_WORDS);
}
static json_t *capitalize(struct dm_evaluation *evaluation, json_t *of,
                          const struct dm_arguments *arguments) {
    (void)arguments;
    return turn(evaluation, of, DM_LETTERS_CAPITALIZE);
}

static json_t *replace(struct dm_evaluation *evaluation, json_t *of,
                       const struct dm_arguments *arguments) {
    json_t *from = dm_argument(arguments, 0, NULL), *to = dm_argument(arguments, 1, NULL);
    if (!json_is_string(of) || !json_is_string(from) || !json_is_string(to) ||
        dm_argument(arguments, 2, NULL))
        return misused(evaluation);
    return take(dm_string_replace(of, from, to));
}

static json_t *split(struct dm_evaluation *evaluation, json_t *of,
                     const struct dm_arguments *arguments) {
    json_t *separator, *n = dm_argument(arguments, 1, "maxsplit");
    if (!string_argument(evaluation, arguments, 0, "sep", &separator))
        return NULL;
    if (!json_is_string(of) || (n && !json_is_integer(n)) ||
        (separator && !json_string_length(separator)))
        return misused(evaluation);
    json_int_t times = n ? json_integer_value(n) : -1;
    return take(dm_string_split(of, separator, times < 0 ? SIZE_MAX : (size_t)times));
}

static json_t *begins(struct dm_evaluation *evaluation, json_t *of,
                      const struct dm_arguments *arguments) {
    json_t *part = dm_argument(arguments, 0, NULL);
    return json_is_string(of) && json_is_string(part) ? json_boolean(dm_string_begins(of, part))
                                                      : misused(evaluation);
}
static json_t *ends(struct dm_evaluation *evaluation, json_t *of,
                    const struct dm_arguments *arguments) {
    json_t *part = dm_argument(arguments, 0, NULL);
    return json_is_string(of) && json_is_string(part) ? json_boolean(dm_string_ends(of, part))
                                                      : misused(evaluation);
}

/* separator.join(list), of strings. */
static json_t *join_strings(struct dm_evaluation *evaluation, json_t *of,
                            const struct dm_arguments *arguments) {
    json_t *list = dm_argument(arguments, 0, NULL);
    bool ok = json_is_string(of) && json_is_array(list);
    for (size_t i = 0; ok && i < json_array_size(list); i++)
        ok = json_is_string(json_array_get(list, i));
    return ok ? take(dm_string_join(of, list)) : misused(evaluation);
}

static json_t *printed(struct dm_evaluation *evaluation, json_t *of,
                       const struct dm_arguments *arguments) {
    (void)arguments;
    return dm_printed(evaluation, of);
}

/* ---- Lists and objects ---- */

static json_t *length(struct dm_evaluation *evaluation, json_t *of,
                      const struct dm_arguments *arguments) {
    (void)arguments;
    size_t n = json_is_array(of)    ? json_array_size(of)
               : json_is_object(of) ? json_object_size(of)
               : json_is_string(of) ? dm_string_length(of)
                                    : SIZE_MAX;
    return n == SIZE_MAX ? misused(evaluation) : take(json_integer((json_int_t)n));
}

static json_t *list(struct dm_evaluation *evaluation, json_t *of,
                    const struct dm_arguments *arguments) {
    (void)arguments;
    return dm_items_of(evaluation, of);
}

static json_t *end_of(struct dm_evaluation *evaluation, json_t *of, bool last) {
    json_t *items = dm_items_of(evaluation, of);
    size_t n = json_array_size(items);
    json_t *item =
        items ? json_incref(n ? json_array_get(items, last ? n - 1 : 0) : evaluation->undefined)
              : NULL;
    json_decref(items);
    return item;
}
static json_t *first(struct dm_evaluation *evaluation, json_t *of,
                     const struct dm_arguments *arguments) {
    (void)arguments;
    return end_of(evaluation, of, false);
}
static json_t *last(struct dm_evaluation *evaluation, json_t *of,
                    const struct dm_arguments *arguments) {
    (void)arguments;
    return end_of(evaluation, of, true);
}

/* list | join(separator), of anything. */
static json_t *join(struct dm_evaluation *evaluation, json_t *of,
                    const struct dm_arguments *arguments) {
    json_t *separator, *texts = NULL, *text = NULL, *none = take(json_string(""));
    json_t *items = none && string_argument(evaluation, arguments, 0, "d", &separator)
                        ? dm_items_of(evaluation, of)
                        : NULL;
    bool ok = items && (texts = take(json_array()));
    for (size_t i = 0; ok && i < json_array_size(items); i++) {
        json_t *item = dm_printed(evaluation, json_array_get(items, i));
        ok = item && (!json_array_append_new(texts, item) || take(NULL));
    }
    if (ok)
        text = take(dm_string_join(separator ? separator : none, texts));
    json_decref(items);
    json_decref(texts);
    json_decref(none);
    return text;
}

enum pairs { KEYS, VALUES, PAIRS };
static json_t *list_object(struct dm_evaluation *evaluation, const json_t *of, enum pairs what) {
    const char *key;
    json_t *value, *all = take(json_array());
    if (!json_is_object(of) || dm_is_undefined(evaluation, of)) {
        json_decref(all);
        return misused(evaluation);
    }
    json_object_foreach((json_t *)of, key, value) {
        json_t *item = what == KEYS     ? json_string(key)
                       : what == VALUES ? json_incref(value)
                                        : json_pack("[sO]", key, value);
        if (all && json_array_append_new(all, item)) {
            json_decref(all);
            all = take(NULL);
        }
    }
    return all;
}
static json_t *keys(struct dm_evaluation *evaluation, json_t *of,
                    const struct dm_arguments *arguments) {
    (void)arguments;
    return list_object(evaluation, of, KEYS);
}
static json_t *values(struct dm_evaluation *evaluation, json_t *of,
                      const struct dm_arguments *arguments) {
    (void)arguments;
    return list_object(evaluation, of, VALUES);
}
static json_t *items(struct dm_evaluation *evaluation, json_t *of,
                     const struct dm_arguments *arguments) {
    (void)arguments;
    return list_object(evaluation, of, PAIRS);
}

static json_t *get(struct dm_evaluation *evaluation, json_t *of,
                   const struct dm_arguments *arguments) {
    json_t *key = dm_argument(arguments, 0, NULL), *other = dm_argument(arguments, 1, NULL);
    if (!json_is_object(of) || dm_is_undefined(evaluation, of) || !json_is_string(key))
        return misused(evaluation);
    json_t *value = json_object_get(of, json_string_value(key));
    return value ? json_incref(value) : other ? json_incref(other) : json_null();
}

/* ---- Any value ---- */

static json_t *by_default(struct dm_evaluation *evaluation, json_t *of,
                          const struct dm_arguments *arguments) {
    json_t *other = dm_argument(arguments, 0, "default_value"),
           *falsy = dm_argument(arguments, 1, "boolean");
    bool missing = dm_is_undefined(evaluation, of) ||
                   (falsy && dm_is_true(evaluation, falsy) && !dm_is_true(evaluation, of));
    if (!missing)
        return json_incref(of);
    return other ? json_incref(other) : take(json_string(""));
}

/* Whole numbers from numbers and strings of digits; else 0, as Jinja does. */
static json_t *to_integer(struct dm_evaluation *evaluation, json_t *of,
                          const struct dm_arguments *arguments) {
    (void)arguments;
    double real = json_is_true(of) ? 1 : json_is_number(of) ? json_number_value(of) : 0;
    if (json_is_integer(of))
        return json_incref(of);
    if (dm_is_undefined(evaluation, of))
        return misused(evaluation);
    if (json_is_string(of)) {
        json_t *value = json_loads(json_string_value(of), JSON_DECODE_ANY, NULL);
        real = json_number_value(value);
        json_decref(value);
    }
    return real > -9e15 && real < 9e15 ? take(json_integer((json_int_t)real)) : misused(evaluation);
}

static json_t *to_json(struct dm_evaluation *evaluation, json_t *of,
                       const struct dm_arguments *arguments) {
    json_t *indent = dm_argument(arguments, 0, "indent");
    json_int_t n = json_is_integer(indent) ? json_integer_value(indent) : 0;
    if (dm_is_undefined(evaluation, of) || n < 0 || n > 31)
        return misused(evaluation);
    char *text = json_dumps(of, JSON_ENCODE_ANY | JSON_INDENT((size_t)n) | JSON_REAL_PRECISION(17));
    json_t *value = text ? json_string(text) : NULL;
    free(text);
    return take(value);
}

/* ---- Choosing from a list of objects ---- */

/* The value of an attribute, its parts with dots between. */
static json_t *attribute_of(struct dm_evaluation *evaluation, const json_t *item,
                            const json_t *name) {
    json_t *dot = take(json_string(".")), *value = json_incref((json_t *)item);
    json_t *parts = dot ? take(dm_string_split(name, dot, SIZE_MAX)) : NULL;
    for (size_t i = 0; value && i < json_array_size(parts); i++) {
        json_t *inner = dm_member(evaluation, value, json_array_get(parts, i));
        json_decref(value);
        value = inner;
    }
    if (!parts) {
        json_decref(value);
        value = NULL;
    }
    json_decref(dot);
    json_decref(parts);
    return value;
}

/* map(attribute=name). */
static json_t *map(struct dm_evaluation *evaluation, json_t *of,
                   const struct dm_arguments *arguments) {
    json_t *name = json_object_get(arguments->named, "attribute"), *all = NULL;
    if (!json_is_string(name) || json_array_size(arguments->items))
        return dm_evaluation_fault(evaluation, DM_ERROR_UNSUPPORTED,
                                   "map without \"attribute\" is not supported");
    json_t *items = dm_items_of(evaluation, of);
    bool ok = items && (all = take(json_array()));
    for (size_t i = 0; ok && i < json_array_size(items); i++) {
        json_t *value = attribute_of(evaluation, json_array_get(items, i), name);
        ok = value && (!json_array_append_new(all, value) || take(NULL));
    }
    json_decref(items);
    if (ok)
        return all;
    json_decref(all);
    return NULL;
}

/* selectattr(name, test, argument): without a test, what is true. */
static bool is_selected(struct dm_evaluation *evaluation, const json_t *item,
                        const struct dm_arguments *arguments) {
    json_t *name = dm_argument(arguments, 0, NULL), *test = dm_argument(arguments, 1, NULL);
    json_t *value = attribute_of(evaluation, item, name), *result = NULL;
    struct dm_arguments own = {take(json_array()), arguments->named};
    for (size_t i = 2; i < json_array_size(arguments->items) && own.items; i++)
        json_array_append(own.items, json_array_get(arguments->items, i));
    if (value && test && own.items)
        result = dm_test(evaluation, json_string_value(test), value, &own);
    else if (value)
        result = json_boolean(dm_is_true(evaluation, value));
    bool selected = json_is_true(result);
    json_decref(value);
    json_decref(result);
    json_decref(own.items);
    return selected;
}

static json_t *select_items(struct dm_evaluation *evaluation, const json_t *of,
                            const struct dm_arguments *arguments, bool wanted) {
    json_t *name = dm_argument(arguments, 0, NULL), *test = dm_argument(arguments, 1, NULL);
    if (!json_is_string(name) || (test && !json_is_string(test)))
        return misused(evaluation);
    json_t *items = dm_items_of(evaluation, of), *all = items ? take(json_array()) : NULL;
    for (size_t i = 0; all && i < json_array_size(items) && !evaluation->status; i++)
        if (is_selected(evaluation, json_array_get(items, i), arguments) == wanted &&
            json_array_append(all, json_array_get(items, i)))
            take(NULL);
    json_decref(items);
    if (!evaluation->status)
        return all;
    json_decref(all);
    return NULL;
}
static json_t *select_with(struct dm_evaluation *evaluation, json_t *of,
                           const struct dm_arguments *arguments) {
    return select_items(evaluation, of, arguments, true);
}
static json_t *reject_with(struct dm_evaluation *evaluation, json_t *of,
                           const struct dm_arguments *arguments) {
    return select_items(evaluation, of, arguments, false);
}

/* ---- Filters and methods ---- */

json_t *dm_filter(struct dm_evaluation *evaluation, const char *name, json_t *of,
                  const struct dm_arguments *arguments) {
    static const struct entry filters[] = {
        {"trim", trim},
        {"upper", upper},
        {"lower", lower},
        {"title", words},
        {"capitalize", capitalize},
        {"replace", replace},
        {"string", printed},
        {"safe", printed},
        {"length", length},
        {"count", length},
        {"list", list},
        {"first", first},
        {"last", last},
        {"join", join},
        {"items", items},
        {"default", by_default},
        {"d", by_default},
        {"int", to_integer},
        {"tojson", to_json},
        {"map", map},
        {"selectattr", select_with},
        {"rejectattr", reject_with},
    };
    operation run = look_up(filters, sizeof filters / sizeof *filters, name);
    return run ? run(evaluation, of, arguments)
               : dm_evaluation_fault(evaluation, DM_ERROR_UNSUPPORTED,
                                     "the filter '%.60s' is not supported", name);
}

json_t *dm_method(struct dm_evaluation *evaluation, const char *name, json_t *of,
                  const struct dm_arguments *arguments) {
    static const struct entry methods[] = {
        {"strip", strip},           {"lstrip", strip_left}, {"rstrip", strip_right},
        {"upper", upper},           {"lower", lower},       {"title", title},
        {"capitalize", capitalize}, {"split", split},       {"startswith", begins},
        {"endswith", ends},         {"replace", replace},   {"join", join_strings},
    };
    static const struct entry of_objects[] = {
        {"items", items}, {"keys", keys}, {"values", values}, {"get", get}};
    operation run = json_is_string(of)
                        ? look_up(methods, sizeof methods / sizeof *methods, name)
                        : look_up(of_objects, sizeof of_objects / sizeof *of_objects, name);
    return run ? run(evaluation, of, arguments)
               : dm_evaluation_fault(evaluation, DM_ERROR_UNSUPPORTED,
                                     "the method '%.60s' is not supported here", name);
}

/* ---- Tests ---- */

/* of % 2 == rest. */
static json_t *is_parity(struct dm_evaluation *evaluation, const json_t *of, int rest) {
    if (!json_is_number(of) && !json_is_boolean(of))
        return misused(evaluation);
    double value = json_is_boolean(of) ? json_is_true(of) : json_number_value(of);
    return json_boolean(value - 2 * floor(value / 2) == rest);
}

json_t *dm_test(struct dm_evaluation *evaluation, const char *name, const json_t *of,
                const struct dm_arguments *arguments) {
    bool undefined = dm_is_undefined(evaluation, of);
    json_t *other = json_array_size(arguments->items) == 1 ? dm_argument(arguments, 0, NULL) : NULL;
    const struct {
        const char *name;
        bool holds;
    } tests[] = {
        {"defined", !undefined},
        {"undefined", undefined},
        {"none", json_is_null(of)},
        {"string", json_is_string(of)},
        {"number", json_is_number(of) || json_is_boolean(of)},
        {"integer", json_is_integer(of)},
        {"float", json_is_real(of)},
        {"boolean", json_is_boolean(of)},
        {"true", json_is_true(of)},
        {"false", json_is_false(of)},
        {"mapping", json_is_object(of) && !undefined},
        {"sequence", json_is_array(of) || json_is_string(of) || json_is_object(of)},
        {"iterable", json_is_array(of) || json_is_string(of) || json_is_object(of)},
    };
    static const char *const equal[] = {"equalto", "eq", "==", "ne", "!="};
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (!strcmp(tests[i].name, name))
            return json_boolean(tests[i].holds);
    if (!strcmp(name, "even") || !strcmp(name, "odd"))
        return is_parity(evaluation, of, name[0] == 'o');
    for (size_t i = 0; i < 5 && other; i++)
        if (!strcmp(equal[i], name))
            return json_boolean(dm_values_equal(evaluation, of, other) == (i < 3));
    if (!strcmp(name, "in") && json_is_array(other)) {
        bool found = false;
        for (size_t i = 0; i < json_array_size(other) && !found; i++)
            found = dm_values_equal(evaluation, of, json_array_get(other, i));
        return json_boolean(found);
    }
    return dm_evaluation_fault(evaluation, DM_ERROR_UNSUPPORTED,
                               "the test '%.60s' is not supported", name);
}

/* ---- Functions ---- */

static json_t *raise_exception(struct dm_evaluation *evaluation,
                               const struct dm_arguments *arguments) {
    const char *text = json_string_value(dm_argument(arguments, 0, "message"));
    return dm_evaluation_fault(evaluation, DM_ERROR_ARGUMENT, "%s", text ? text : "");
}

static json_t *new_dict(struct dm_evaluation *evaluation, const struct dm_arguments *arguments) {
    return take(json_copy(arguments->named));
}

static json_t *new_namespace(struct dm_evaluation *evaluation,
                             const struct dm_arguments *arguments) {
    json_t *made = take(json_copy(arguments->named));
    if (made && json_array_append(evaluation->namespaces, made)) {
        json_decref(made);
        return take(NULL);
    }
    return made;
}

enum { max_range = 100000 };
static json_t *range(struct dm_evaluation *evaluation, const struct dm_arguments *arguments) {
    json_t *a = dm_argument(arguments, 0, NULL), *b = dm_argument(arguments, 1, NULL),
           *all = take(json_array());
    json_int_t from = b ? json_integer_value(a) : 0, end = json_integer_value(b ? b : a);
    bool ok = json_is_integer(a) && (!b || json_is_integer(b)) &&
              !dm_argument(arguments, 2, NULL) && from >= -max_range && end <= max_range;
    for (; all && ok && from < end; from++)
        if (json_array_append_new(all, json_integer(from))) {
            json_decref(all);
            return take(NULL);
        }
    if (ok || !all)
        return all;
    json_decref(all);
    return misused(evaluation);
}

/* Now, in the local time, as strftime writes it. */
static json_t *strftime_now(struct dm_evaluation *evaluation,
                            const struct dm_arguments *arguments) {
    const char *format = json_string_value(dm_argument(arguments, 0, "format"));
    char text[200];
    time_t now = time(NULL);
    struct tm local;
    if (!format || !localtime_r(&now, &local))
        return misused(evaluation);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t n = strftime(text, sizeof text, format, &local);
#pragma GCC diagnostic pop
    return n ? take(json_stringn(text, n)) : misused(evaluation);
}

static const struct {
    const char *name;
    json_t *(*run)(struct dm_evaluation *evaluation, const struct dm_arguments *arguments);
} functions[] = {
    {"raise_exception", raise_exception},
    {"namespace", new_namespace},
    {"dict", new_dict},
    {"range", range},
    {"strftime_now", strftime_now},
};
enum { n_function = sizeof functions / sizeof *functions };

bool dm_is_function(const char *name) {
    for (size_t i = 0; i < n_function; i++)
        if (!strcmp(functions[i].name, name))
            return true;
    return false;
}

json_t *dm_function(struct dm_evaluation *evaluation, const char *name,
                    const struct dm_arguments *arguments) {
    for (size_t i = 0; i < n_function; i++)
        if (!strcmp(functions[i].name, name))
            return functions[i].run(evaluation, arguments);
    return dm_evaluation_fault(evaluation, DM_ERROR_UNSUPPORTED,
                               "the function '%.60s' is not supported", name);
}
