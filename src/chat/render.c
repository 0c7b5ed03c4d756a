#include "chat/render.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/memory.h"
#include "chat/evaluate.h"

enum { max_output = 64 << 20 };

/* What a statement does to the loop that it is in. */
enum jump { JUMP_NONE, JUMP_CONTINUE, JUMP_BREAK };

struct renderer {
    struct dm_evaluation evaluation;
    char *text;
    size_t n_byte, capacity;
};

static bool fail_memory(struct renderer *renderer) {
    dm_evaluation_take(&renderer->evaluation, NULL);
    return false;
}

static void put(struct renderer *renderer, const json_t *string) {
    size_t n = json_string_length(string);
    if (renderer->n_byte + n > max_output) {
        dm_evaluation_fault(&renderer->evaluation, DM_ERROR_UNSUPPORTED, "it gives more than %d MB",
                            max_output >> 20);
        return;
    }
    char *grown = dm_grow(renderer->text, renderer->n_byte, n, &renderer->capacity, 1);
    if (!grown) {
        fail_memory(renderer);
        return;
    }
    renderer->text = grown;
    memcpy(grown + renderer->n_byte, json_string_value(string), n);
    renderer->n_byte += n;
}

static void output(struct renderer *renderer, const struct dm_node *node) {
    json_t *value = dm_evaluate(&renderer->evaluation, node->a);
    json_t *text = value ? dm_printed(&renderer->evaluation, value) : NULL;
    if (text)
        put(renderer, text);
    json_decref(value);
    json_decref(text);
}

static json_t *scope(const struct renderer *renderer) {
    json_t *scopes = renderer->evaluation.scopes;
    return json_array_get(scopes, json_array_size(scopes) - 1);
}

static bool set_variable(struct renderer *renderer, const char *name, json_t *value) {
    return value && (!json_object_set_new(scope(renderer), name, value) || fail_memory(renderer));
}

static enum jump run(struct renderer *renderer, const struct dm_node *body);

/* ---- set ---- */

static json_t *find_namespace(struct renderer *renderer, const char *name) {
    struct dm_evaluation *evaluation = &renderer->evaluation;
    json_t *found = NULL;
    for (size_t i = json_array_size(evaluation->scopes); i-- > 0 && !found;)
        found = json_object_get(json_array_get(evaluation->scopes, i), name);
    for (size_t i = 0; i < json_array_size(evaluation->namespaces); i++)
        if (found && json_array_get(evaluation->namespaces, i) == found)
            return found;
    dm_evaluation_fault(evaluation, DM_ERROR_FORMAT, "'%.60s' is no namespace", name);
    return NULL;
}

/* What a body writes, as a value. */
static json_t *captured(struct renderer *renderer, const struct dm_node *body) {
    size_t before = renderer->n_byte;
    run(renderer, body);
    json_t *text = renderer->evaluation.status
                       ? NULL
                       : json_stringn(renderer->text ? renderer->text + before : "",
                                      renderer->n_byte - before);
    renderer->n_byte = before;
    return dm_evaluation_take(&renderer->evaluation, text);
}

/* What a namespace holds is a copy: it could else come to hold itself. */
static json_t *own_copy(struct renderer *renderer, json_t *value) {
    bool whole = dm_is_undefined(&renderer->evaluation, value) ||
                 !(json_is_array(value) || json_is_object(value));
    return whole ? json_incref(value)
                 : dm_evaluation_take(&renderer->evaluation, json_deep_copy(value));
}

static void set(struct renderer *renderer, const struct dm_node *node) {
    json_t *value =
        node->a ? dm_evaluate(&renderer->evaluation, node->a) : captured(renderer, node->items);
    renderer->evaluation.line = node->line;
    if (!node->second) {
        set_variable(renderer, node->name, value);
        return;
    }
    json_t *space = value ? find_namespace(renderer, node->name) : NULL;
    json_t *stored = space ? own_copy(renderer, value) : NULL;
    if (stored && json_object_set_new(space, node->second, stored))
        fail_memory(renderer);
    json_decref(value);
}

/* ---- for ---- */

/* Sets the loop's names to an item: one, or two from a list of two. */
static bool name_item(struct renderer *renderer, const struct dm_node *node, json_t *item) {
    if (!node->second)
        return set_variable(renderer, node->name, json_incref(item));
    if (json_array_size(item) != 2) {
        dm_evaluation_fault(&renderer->evaluation, DM_ERROR_FORMAT, "an item is no pair");
        return false;
    }
    return set_variable(renderer, node->name, json_incref(json_array_get(item, 0))) &&
           set_variable(renderer, node->second, json_incref(json_array_get(item, 1)));
}

static bool push_scope(struct renderer *renderer) {
    json_t *variables = json_object();
    return (variables && !json_array_append_new(renderer->evaluation.scopes, variables)) ||
           fail_memory(renderer);
}

static void pop_scope(struct renderer *renderer) {
    json_t *scopes = renderer->evaluation.scopes;
    json_array_remove(scopes, json_array_size(scopes) - 1);
}

/* The items for which the loop's condition holds. */
static json_t *filtered(struct renderer *renderer, const struct dm_node *node, json_t *items) {
    struct dm_evaluation *evaluation = &renderer->evaluation;
    json_t *some = dm_evaluation_take(evaluation, json_array());
    if (!some || !push_scope(renderer))
        return some;
    for (size_t i = 0; i < json_array_size(items) && !evaluation->status; i++) {
        json_t *item = json_array_get(items, i);
        json_t *holds = name_item(renderer, node, item) ? dm_evaluate(evaluation, node->b) : NULL;
        if (holds && dm_is_true(evaluation, holds) && json_array_append(some, item))
            fail_memory(renderer);
        json_decref(holds);
    }
    pop_scope(renderer);
    return some;
}

static bool set_loop(struct renderer *renderer, const json_t *items, size_t i) {
    size_t n = json_array_size(items);
    json_t *undefined = renderer->evaluation.undefined;
    json_t *loop =
        json_pack("{sI sI sI sI sI sb sb sO sO}", "index", (json_int_t)i + 1, "index0",
                  (json_int_t)i, "revindex", (json_int_t)(n - i), "revindex0",
                  (json_int_t)(n - i - 1), "length", (json_int_t)n, "first", i == 0, "last",
                  i + 1 == n, "previtem", i ? json_array_get(items, i - 1) : undefined, "nextitem",
                  i + 1 < n ? json_array_get(items, i + 1) : undefined);
    return set_variable(renderer, "loop", dm_evaluation_take(&renderer->evaluation, loop));
}

static void loop(struct renderer *renderer, const struct dm_node *node) {
    struct dm_evaluation *evaluation = &renderer->evaluation;
    json_t *value = dm_evaluate(evaluation, node->a);
    json_t *items = value ? dm_items_of(evaluation, value) : NULL;
    json_decref(value);
    if (items && node->b) {
        json_t *some = filtered(renderer, node, items);
        json_decref(items);
        items = some;
    }
    enum jump jump = JUMP_NONE;
    for (size_t i = 0; i < json_array_size(items) && jump != JUMP_BREAK; i++) {
        evaluation->n_step++; /* an empty body has its price, too */
        if (evaluation->status || !push_scope(renderer))
            break;
        if (name_item(renderer, node, json_array_get(items, i)) && set_loop(renderer, items, i))
            jump = run(renderer, node->items);
        pop_scope(renderer);
    }
    if (items && !json_array_size(items) && !evaluation->status)
        run(renderer, node->others);
    json_decref(items);
}

/* ---- All statements ---- */

static enum jump run_if(struct renderer *renderer, const struct dm_node *node) {
    json_t *condition = dm_evaluate(&renderer->evaluation, node->a);
    if (!condition)
        return JUMP_NONE;
    bool holds = dm_is_true(&renderer->evaluation, condition);
    json_decref(condition);
    return run(renderer, holds ? node->items : node->others);
}

static enum jump run(struct renderer *renderer, const struct dm_node *body) {
    enum jump jump = JUMP_NONE;
    for (; body && !jump && !renderer->evaluation.status; body = body->next)
        switch (body->kind) {
        case DM_NODE_TEXT:
            put(renderer, body->value);
            break;
        case DM_NODE_OUTPUT:
            output(renderer, body);
            break;
        case DM_NODE_IF:
            jump = run_if(renderer, body);
            break;
        case DM_NODE_FOR:
            loop(renderer, body);
            break;
        case DM_NODE_SET:
            set(renderer, body);
            break;
        default:
            jump = body->kind == DM_NODE_BREAK ? JUMP_BREAK : JUMP_CONTINUE;
        }
    return jump;
}

/* What was written, as what dm_free releases, with a zero behind it. */
static char *finished(const struct renderer *renderer) {
    char *text = dm_memory_array(renderer->n_byte + 1, 1);
    if (!text)
        return NULL;
    if (renderer->n_byte)
        memcpy(text, renderer->text, renderer->n_byte);
    text[renderer->n_byte] = 0;
    return text;
}

dm_status dm_render(const struct dm_node *body, const char *name, json_t *variables, char **text,
                    size_t *n_byte, dm_error *error) {
    struct renderer renderer = {.evaluation = {.name = name,
                                               .error = error,
                                               .undefined = json_object(),
                                               .scopes = json_pack("[O]", variables),
                                               .namespaces = json_array()}};
    struct dm_evaluation *evaluation = &renderer.evaluation;
    char *whole = NULL;
    if (!evaluation->undefined || !evaluation->scopes || !evaluation->namespaces)
        fail_memory(&renderer);
    else
        run(&renderer, body);
    if (!evaluation->status && !(whole = finished(&renderer)))
        fail_memory(&renderer);
    free(renderer.text);
    json_decref(evaluation->scopes);
    json_decref(evaluation->namespaces);
    json_decref(evaluation->undefined);
    if (evaluation->status)
        return evaluation->status;
    *text = whole;
    *n_byte = renderer.n_byte;
    return DM_OK;
}
