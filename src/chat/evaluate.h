/* Values of a chat template's expressions, as Jinja and Python have them. A value is JSON: None is null,
 * a tuple a list; `undefined` is a value of its own. Functions that give a json_t give a new reference;
 * NULL: a fault, which the evaluation holds. */
#ifndef DM_CHAT_EVALUATE_H
#define DM_CHAT_EVALUATE_H

#include "chat/syntax.h"

struct dm_evaluation {
    const char *name; /* heads messages */
    dm_error *error;
    dm_status status; /* of the first fault */
    size_t line, depth, n_step;
    json_t *undefined;
    json_t *scopes;     /* a list of objects: the globals, then a loop's variables each */
    json_t *namespaces; /* those that `namespace` made */
};

json_t *dm_evaluate(struct dm_evaluation *evaluation, const struct dm_node *node);
bool dm_is_true(const struct dm_evaluation *evaluation, const json_t *value);
/* What {{ value }} prints. */
json_t *dm_printed(struct dm_evaluation *evaluation, const json_t *value);
/* The items that `for` walks. */
json_t *dm_items_of(struct dm_evaluation *evaluation, const json_t *value);
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

/* functions.c: what stands behind |, behind `is`, and a call, of a name or a method (`of`). */
json_t *dm_filter(struct dm_evaluation *evaluation, const char *name, json_t *of,
                  const struct dm_arguments *arguments);
json_t *dm_test(struct dm_evaluation *evaluation, const char *name, const json_t *of,
                const struct dm_arguments *arguments);
json_t *dm_method(struct dm_evaluation *evaluation, const char *name, json_t *of,
                  const struct dm_arguments *arguments);
json_t *dm_function(struct dm_evaluation *evaluation, const char *name,
                    const struct dm_arguments *arguments);

bool dm_is_function(const char *name);

/* A fault at the line that is evaluated; NULL. */
json_t *dm_evaluation_fault(struct dm_evaluation *evaluation, dm_status status, const char *format,
                            ...) __attribute__((format(printf, 3, 4)));
/* The value, or the fault that memory was short for it. */
json_t *dm_evaluation_take(struct dm_evaluation *evaluation, json_t *value);

#endif
