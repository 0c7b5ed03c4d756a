/* Values of a chat template's expressions, as Jinja and Python have them. A value is JSON: None is null,
 * a tuple a list; `undefined` is a value of its own. Functions that give a json_t give a new reference;
 * NULL: a fault, which the evaluation holds. */
#ifndef DM_CHAT_VALUES_H
#define DM_CHAT_VALUES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"

struct dm_evaluation {
    const char *name; /* heads messages */
    dm_error *error;
    dm_status status; /* of the first fault */
    size_t line, depth, n_step;
    json_t *undefined;
    json_t *scopes;     /* a list of objects: the globals, then a loop's variables each */
    json_t *namespaces; /* those that `namespace` made */
};

bool dm_is_true(const struct dm_evaluation *evaluation, const json_t *value);
/* What {{ value }} prints. */
json_t *dm_printed(struct dm_evaluation *evaluation, const json_t *value);
/* The items that `for` walks. */
json_t *dm_items_of(struct dm_evaluation *evaluation, const json_t *value);
/* Python's numbers: True is 1. */
bool dm_is_number(const json_t *value);
bool dm_is_whole(const json_t *value);
json_int_t dm_whole(const json_t *value);
double dm_number(const json_t *value);
bool dm_is_undefined(const struct dm_evaluation *evaluation, const json_t *value);
bool dm_values_equal(const struct dm_evaluation *evaluation, const json_t *a, const json_t *b);
/* The value of an item of `value` by its name or number; undefined where there is none. */
json_t *dm_member(struct dm_evaluation *evaluation, const json_t *value, const json_t *key);

/* Arguments of a call, evaluated. */
struct dm_arguments {
    json_t *items; /* a list */
    json_t *named; /* an object */
};
/* The i-th argument, or the one of that name (NULL: it has none); NULL: it is not given. Borrowed. */
json_t *dm_argument(const struct dm_arguments *arguments, size_t i, const char *name);

/* A fault at the line that is evaluated; NULL. */
json_t *dm_evaluation_fault(struct dm_evaluation *evaluation, dm_status status, const char *format,
                            ...) __attribute__((format(printf, 3, 4)));
/* The value, or the fault that memory was short for it. */
json_t *dm_evaluation_take(struct dm_evaluation *evaluation, json_t *value);

#endif
