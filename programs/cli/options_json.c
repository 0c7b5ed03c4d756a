#include "options_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/path.h"
#include "fail.h"
#include "json_output.h"
#include "paths.h"
#include "read_input.h"

enum { key_size = 64 };

static void change(char *text, char from, char to) {
    for (; *text; text++)
        if (*text == from)
            *text = to;
}

void option_key(const struct option *option, char *key, size_t size) {
    snprintf(key, size, "%s", option->name);
    change(key, '-', '_');
}

/* The option of a key, or NULL after printing why. */
static const struct option *find(const struct option_group *groups, const char *file,
                                 const char *key) {
    char name[key_size], nearest[key_size] = "";
    snprintf(name, sizeof name, "%s", key);
    change(name, '_', '-');
    const struct option *option = options_find(groups, name, strlen(name));
    if (option && !strchr(key, '-') && strlen(key) < key_size) {
        if (options_is_old_name(option, name, strlen(name)))
            complain(
                "warning: %s: \"%s\" is now \"%s\"; the old name will be gone in the next version",
                file, option->was, option->name);
        return option;
    }
    const char *close = options_nearest(groups, name, strlen(name));
    if (close) {
        snprintf(nearest, sizeof nearest, "%s", close);
        change(nearest, '-', '_');
    }
    complain("%s: unknown key \"%.80s\"%s%s%s", file, key, close ? " (did you mean \"" : "",
             nearest, close ? "\"?)" : "");
    return NULL;
}

static bool is_list(const struct option *option) {
    return option->kind == OPTION_TEXTS || option->kind == OPTION_SIZES ||
           option->kind == OPTION_REALS;
}

static const char *wanted(const struct option *option) {
    switch (option->kind) {
    case OPTION_FLAG:
        return "true or false";
    case OPTION_SIZE:
    case OPTION_SEED:
        return "a whole number";
    case OPTION_REAL:
        return "a number";
    case OPTION_SIZES:
        return "a list of whole numbers";
    case OPTION_REALS:
        return "a number or a list of numbers";
    case OPTION_TEXTS:
        return "a text or a list of texts";
    default:
        return "a text";
    }
}

static bool fits(const struct option *option, const json_t *value) {
    switch (option->kind) {
    case OPTION_FLAG:
        return json_is_boolean(value);
    case OPTION_SIZE:
    case OPTION_SEED:
    case OPTION_SIZES:
        return json_is_integer(value);
    case OPTION_REAL:
    case OPTION_REALS:
        return json_is_number(value);
    default:
        return json_is_string(value) &&
               strlen(json_string_value(value)) == json_string_length(value); /* no NUL inside */
    }
}

/* Makes a file's name, seen from `folder`, one that is seen from here. */
static bool place(json_t *value, const char *folder) {
    char *path = path_join(folder, json_string_value(value));
    bool fine = path && json_string_set(value, path) == 0;
    free(path);
    return fine || fail_memory();
}

/* A value that fits, as it would be written on the command line. */
static const char *as_text(const json_t *value, char *text, size_t size) {
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        snprintf(text, size, "%lld", (long long)json_integer_value(value));
    else
        snprintf(text, size, "%.17g", json_real_value(value));
    return text;
}

/* [1, 2] as "1,2"; false where it does not fit. */
static bool join_numbers(const struct option *option, const json_t *list, char *text, size_t size) {
    size_t i, n = 0;
    json_t *item;
    json_array_foreach(list, i, item) {
        char number[64];
        if (!fits(option, item) || n >= size)
            return false;
        n += (size_t)snprintf(text + n, size - n, "%s%s", i ? "," : "",
                              as_text(item, number, sizeof number));
    }
    return n < size;
}

static bool store(const struct option *option, const char *file, const char *key,
                  const char *text) {
    char reason[400];
    return options_store(option, text, reason, sizeof reason) ||
           fail("%s: \"%s\": %s", file, key, reason);
}

static bool set_list(const struct option *option, const char *file, const char *folder,
                     const char *key, json_t *list) {
    char text[2048];
    size_t i;
    json_t *item;
    if (option->kind != OPTION_TEXTS)
        return join_numbers(option, list, text, sizeof text)
                   ? store(option, file, key, text)
                   : fail("%s: \"%s\" must be %s", file, key, wanted(option));
    json_array_foreach(list, i, item) {
        if (!fits(option, item))
            return fail("%s: \"%s\" must be %s", file, key, wanted(option));
        if ((option->path && !place(item, folder)) ||
            !store(option, file, key, json_string_value(item)))
            return false;
    }
    return true;
}

static bool set(const struct option *option, const char *file, const char *folder, const char *key,
                json_t *value) {
    char text[64];
    if (is_list(option) && json_is_array(value))
        return set_list(option, file, folder, key, value);
    if (!fits(option, value))
        return fail("%s: \"%s\" must be %s", file, key, wanted(option));
    if (option->kind == OPTION_FLAG) {
        *(bool *)option->value = json_is_true(value);
        return true;
    }
    if (option->path && !place(value, folder))
        return false;
    return store(option, file, key, as_text(value, text, sizeof text));
}

json_t *json_read(const char *file) {
    json_t *value;
    struct text text;
    dm_error error;
    if (!read_text("run file", NULL, file, &text))
        return NULL;
    if (dm_json_parse(text.bytes, text.n_byte, text.name, &value, &error))
        complain("%s", error.message);
    free(text.bytes);
    return value;
}

bool options_take_json(const struct option_group *groups, const char *file, json_t *object) {
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return fail("%s: a run file is one JSON object", file);
    char *folder = dm_path_folder(file);
    bool fine = folder || fail_memory();
    json_object_foreach(object, key, value) {
        const struct option *option = fine ? find(groups, file, key) : NULL;
        fine = option && set(option, file, folder, key, value);
        if (!fine)
            break;
        if (option->kind == OPTION_TEXTS)
            ((struct text_list *)option->value)->replaceable = true;
    }
    dm_memory_free(folder);
    return fine;
}

bool options_read_json(const struct option_group *groups, const char *file, json_t **object) {
    *object = json_read(file);
    return *object && options_take_json(groups, file, *object);
}

static json_t *text_to_json(const struct option *option, const char *text, const char *folder) {
    if (!option->path)
        return json_string(text);
    char *absolute = path_absolute(text);
    char *seen = path_from(folder, absolute ? absolute : text);
    json_t *value = seen ? json_string(seen) : NULL;
    free(seen);
    free(absolute);
    return value;
}

static json_t *list_to_json(const struct option *option, const char *folder) {
    json_t *array = json_array();
    const struct text_list *texts = option->value;
    const struct size_list *sizes = option->value;
    const struct real_list *reals = option->value;
    size_t n = option->kind == OPTION_TEXTS   ? texts->n
               : option->kind == OPTION_SIZES ? sizes->n
                                              : reals->n;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, option->kind == OPTION_TEXTS
                                         ? text_to_json(option, texts->items[i], folder)
                                     : option->kind == OPTION_SIZES ? json_size(sizes->items[i])
                                                                    : json_real(reals->items[i]));
    return array;
}

static json_t *value_to_json(const struct option *option, const char *folder) {
    switch (option->kind) {
    case OPTION_FLAG:
        return json_boolean(*(const bool *)option->value);
    case OPTION_SIZE:
        return json_size(*(const size_t *)option->value);
    case OPTION_SEED:
        return json_integer((json_int_t) * (const uint64_t *)option->value);
    case OPTION_REAL:
        return json_real(*(const double *)option->value);
    case OPTION_TEXT:
        return text_to_json(option, *(const char *const *)option->value, folder);
    case OPTION_CHOICE:
        return json_string(option->choices[*(const int *)option->value]);
    default:
        return list_to_json(option, folder);
    }
}

/* A text without a value, an empty list, and what only has a meaning when it is given. */
static bool is_absent(const struct option *option) {
    if (option->given && !*option->given)
        return true;
    if (option->kind == OPTION_TEXT)
        return !*(const char *const *)option->value;
    if (option->kind == OPTION_TEXTS)
        return !((const struct text_list *)option->value)->n;
    return (option->kind == OPTION_SIZES && !((const struct size_list *)option->value)->n) ||
           (option->kind == OPTION_REALS && !((const struct real_list *)option->value)->n);
}

json_t *options_to_json(const struct option_group *groups, const char *folder) {
    json_t *object = json_object();
    char key[key_size];
    bool fine = object;
    for (; groups->title; groups++)
        for (const struct option *option = groups->options; option->kind != OPTION_END; option++) {
            if (is_absent(option))
                continue;
            option_key(option, key, sizeof key);
            fine = json_object_set_new(object, key, value_to_json(option, folder)) == 0 && fine;
        }
    if (fine)
        return object;
    json_decref(object);
    return NULL;
}
