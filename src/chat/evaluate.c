#include "chat/evaluate.h"

#include <math.h>

#include "chat/functions.h"
#include "chat/strings.h"

enum { max_evaluation_depth = 200, max_step = 1000000 };

#define take(value) dm_evaluation_take(evaluation, value)

/* ---- Names and members ---- */

static json_t *value_of_name(const struct dm_evaluation *evaluation, const char *name) {
    for (size_t i = json_array_size(evaluation->scopes); i-- > 0;) {
        json_t *value = json_object_get(json_array_get(evaluation->scopes, i), name);
        if (value)
            return json_incref(value);
    }
    return dm_is_function(name) ? json_true() : json_incref(evaluation->undefined);
}

static json_t *member_by_name(struct dm_evaluation *evaluation, const struct dm_node *node) {
    json_t *of = dm_evaluate(evaluation, node->a);
    json_t *key = of ? take(json_string(node->name)) : NULL;
    json_t *value = key ? dm_member(evaluation, of, key) : NULL;
    json_decref(of);
    json_decref(key);
    return value;
}

static json_t *member_by_index(struct dm_evaluation *evaluation, const struct dm_node *node) {
    json_t *of = dm_evaluate(evaluation, node->a);
    json_t *key = of ? dm_evaluate(evaluation, node->b) : NULL;
    json_t *value = key ? dm_member(evaluation, of, key) : NULL;
    json_decref(of);
    json_decref(key);
    return value;
}

/* A bound of a slice; `missing` where it is left out or None. */
static bool bound(struct dm_evaluation *evaluation, const struct dm_node *node, json_int_t missing,
                  json_int_t *result) {
    json_t *value = node ? dm_evaluate(evaluation, node) : json_null();
    bool ok = value && (json_is_integer(value) || json_is_null(value));
    *result = json_is_integer(value) ? json_integer_value(value) : missing;
    if (value && !ok)
        dm_evaluation_fault(evaluation, DM_ERROR_FORMAT, "a slice's bound is not a whole number");
    json_decref(value);
    return ok;
}

static json_int_t clamp(json_int_t i, json_int_t n, json_int_t min, json_int_t max) {
    i = i < 0 && i >= -n ? i + n : i;
    return i < min ? min : i > max ? max : i;
}

/* The items from, from + step, ... before end. */
static json_t *pick(struct dm_evaluation *evaluation, const json_t *of, json_int_t from,
                    json_int_t end, json_int_t step) {
    json_t *list = take(json_array());
    for (json_int_t i = from; list && (step > 0 ? i < end : i > end); i += step) {
        json_t *item = json_is_array(of) ? json_incref(json_array_get(of, (size_t)i))
                                         : dm_string_part(of, (size_t)i, (size_t)i + 1);
        if (json_array_append_new(list, item)) {
            json_decref(list);
            return take(NULL);
        }
    }
    if (!list || json_is_array(of))
        return list;
    json_t *nothing = json_string(""), *text = nothing ? dm_string_join(nothing, list) : NULL;
    json_decref(nothing);
    json_decref(list);
    return take(text);
}

static json_t *slice(struct dm_evaluation *evaluation, const struct dm_node *node) {
    json_int_t from = 0, end = 0, step = 1;
    json_t *value = NULL, *of = dm_evaluate(evaluation, node->a);
    if (!of || !bound(evaluation, node->items, 1, &step))
        goto done;
    if (step == 0 || step == INT64_MIN || !(json_is_array(of) || json_is_string(of))) {
        dm_evaluation_fault(evaluation, DM_ERROR_FORMAT, "this has no such slice");
        goto done;
    }
    json_int_t n = (json_int_t)(json_is_array(of) ? json_array_size(of) : dm_string_length(of));
    json_int_t min = step > 0 ? 0 : -1, max = step > 0 ? n : n - 1;
    if (!bound(evaluation, node->b, step > 0 ? 0 : INT64_MAX, &from) ||
        !bound(evaluation, node->c, step > 0 ? INT64_MAX : INT64_MIN, &end))
        goto done;
    step = step > n ? n + 1 : step < -n ? -n - 1 : step;
    value = pick(evaluation, of, clamp(from, n, min, max), clamp(end, n, min, max), step);
done:
    json_decref(of);
    return value;
}

/* ---- Lists, objects, calls ---- */

static bool append(struct dm_evaluation *evaluation, json_t *list, json_t *item) {
    return item && (!json_array_append_new(list, item) || take(NULL));
}

static json_t *list_of(struct dm_evaluation *evaluation, const struct dm_node *node) {
    json_t *list = take(json_array());
    for (const struct dm_node *item = node->items; item && list; item = item->next)
        if (!append(evaluation, list, dm_evaluate(evaluation, item))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *object_of(struct dm_evaluation *evaluation, const struct dm_node *node) {
    json_t *object = take(json_object());
    for (const struct dm_node *item = node->items; item && object; item = item->next->next) {
        json_t *key = dm_evaluate(evaluation, item);
        json_t *value = key ? dm_evaluate(evaluation, item->next) : NULL;
        if (value && !json_is_string(key))
            dm_evaluation_fault(evaluation, DM_ERROR_UNSUPPORTED, "a key that is not a string");
        else if (value && json_object_set(object, json_string_value(key), value))
            take(NULL);
        json_decref(key);
        json_decref(value);
        if (evaluation->status) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static bool arguments_of(struct dm_evaluation *evaluation, const struct dm_node *items,
                         struct dm_arguments *arguments) {
    arguments->items = take(json_array());
    arguments->named = take(json_object());
    for (; items && !evaluation->status; items = items->next) {
        bool named = items->kind == DM_NODE_NAMED;
        json_t *value = dm_evaluate(evaluation, named ? items->a : items);
        if (!named)
            append(evaluation, arguments->items, value);
        else if (value && json_object_set_new(arguments->named, items->name, value))
            take(NULL);
    }
    return !evaluation->status;
}

static json_t *call(struct dm_evaluation *evaluation, const struct dm_node *node) {
    const struct dm_node *what = node->a;
    struct dm_arguments arguments;
    json_t *value = NULL, *of = NULL;
    bool method = what->kind == DM_NODE_ATTRIBUTE;
    if (arguments_of(evaluation, node->items, &arguments)) {
        of = method ? dm_evaluate(evaluation, what->a) : NULL;
        evaluation->line = node->line;
        if (of)
            value = dm_method(evaluation, what->name, of, &arguments);
        else if (!method && what->kind == DM_NODE_NAME)
            value = dm_function(evaluation, what->name, &arguments);
        else
            dm_evaluation_fault(evaluation, DM_ERROR_UNSUPPORTED, "this cannot be called");
    }
    json_decref(of);
    json_decref(arguments.items);
    json_decref(arguments.named);
    return value;
}

static json_t *filter_or_test(struct dm_evaluation *evaluation, const struct dm_node *node) {
    struct dm_arguments arguments;
    json_t *value = NULL, *of = dm_evaluate(evaluation, node->a);
    bool ok = arguments_of(evaluation, node->items, &arguments) && of;
    evaluation->line = node->line;
    if (ok)
        value = node->kind == DM_NODE_FILTER ? dm_filter(evaluation, node->name, of, &arguments)
                                             : dm_test(evaluation, node->name, of, &arguments);
    json_decref(of);
    json_decref(arguments.items);
    json_decref(arguments.named);
    return value;
}

/* ---- Operators ---- */

static json_t *wrong_operands(struct dm_evaluation *evaluation) {
    return dm_evaluation_fault(evaluation, DM_ERROR_FORMAT,
                               "an operator does not fit what stands beside it");
}

/* Whole numbers; `//` and `%` round down as Python's do. */
static json_t *calculate_whole(struct dm_evaluation *evaluation, enum dm_operator operator,
                               json_int_t a, json_int_t b) {
    json_int_t result = 0;
    bool ok = true;
    switch (operator) {
    case DM_ADD:
        ok = !__builtin_add_overflow(a, b, &result);
        break;
    case DM_SUBTRACT:
        ok = !__builtin_sub_overflow(a, b, &result);
        break;
    case DM_MULTIPLY:
        ok = !__builtin_mul_overflow(a, b, &result);
        break;
    default:
        ok = b != 0 && !(b == -1 && a == INT64_MIN);
        if (ok && operator== DM_FLOOR_DIVIDE)
            result = a / b - (a % b != 0 && (a < 0) != (b < 0));
        else if (ok)
            result = a % b + (a % b != 0 && (a < 0) != (b < 0) ? b : 0);
    }
    return ok ? take(json_integer(result)) : wrong_operands(evaluation);
}

static json_t *calculate_real(struct dm_evaluation *evaluation, enum dm_operator operator, double a,
                              double b) {
    double result;
    if (operator>= DM_DIVIDE && b == 0)
        return wrong_operands(evaluation);
    switch (operator) {
    case DM_ADD:
        result = a + b;
        break;
    case DM_SUBTRACT:
        result = a - b;
        break;
    case DM_MULTIPLY:
        result = a * b;
        break;
    case DM_DIVIDE:
        result = a / b;
        break;
    case DM_FLOOR_DIVIDE:
        result = floor(a / b);
        break;
    default:
        result = a - b * floor(a / b);
    }
    return isfinite(result) ? take(json_real(result)) : wrong_operands(evaluation);
}

static json_t *add_lists(const json_t *a, const json_t *b) {
    json_t *both = json_copy((json_t *)a);
    if (both && json_array_extend(both, (json_t *)b)) {
        json_decref(both);
        both = NULL;
    }
    return both;
}

static json_t *join_printed(struct dm_evaluation *evaluation, const json_t *a, const json_t *b) {
    json_t *left = dm_printed(evaluation, a), *right = left ? dm_printed(evaluation, b) : NULL;
    json_t *both = right ? take(dm_string_add(left, right)) : NULL;
    json_decref(left);
    json_decref(right);
    return both;
}

/* A string or a list, so many times over. */
static json_t *repeat(struct dm_evaluation *evaluation, const json_t *of, json_int_t times) {
    enum { max_times = 1000 };
    if (times > max_times)
        return wrong_operands(evaluation);
    json_t *all = take(json_is_string(of) ? json_string("") : json_array());
    for (json_int_t i = 0; i < times && all; i++) {
        size_t n = json_is_string(of) ? json_string_length(all) : json_array_size(all);
        json_t *more = n < max_step
                           ? take(json_is_string(of) ? dm_string_add(all, of) : add_lists(all, of))
                           : wrong_operands(evaluation);
        json_decref(all);
        all = more;
    }
    return all;
}

static json_t *calculate(struct dm_evaluation *evaluation, enum dm_operator operator,
                         const json_t * a, const json_t *b) {
    if (operator== DM_JOIN)
        return join_printed(evaluation, a, b);
    if (operator== DM_ADD && json_is_string(a) && json_is_string(b))
        return take(dm_string_add(a, b));
    if (operator== DM_ADD && json_is_array(a) && json_is_array(b))
        return take(add_lists(a, b));
    if (operator== DM_MULTIPLY &&(json_is_string(a) || json_is_array(a)) && dm_is_whole(b))
        return repeat(evaluation, a, dm_whole(b));
    if (operator== DM_MULTIPLY &&(json_is_string(b) || json_is_array(b)) && dm_is_whole(a))
        return repeat(evaluation, b, dm_whole(a));
    if (!dm_is_number(a) || !dm_is_number(b))
        return wrong_operands(evaluation);
    if (dm_is_whole(a) && dm_is_whole(b) && operator!= DM_DIVIDE)
        return calculate_whole(evaluation, operator, dm_whole(a), dm_whole(b));
    return calculate_real(evaluation, operator, dm_number(a), dm_number(b));
}

static json_t *compare(struct dm_evaluation *evaluation, enum dm_operator operator,
                       const json_t * a, const json_t *b) {
    double difference;
    if (json_is_string(a) && json_is_string(b))
        difference = dm_string_compare(a, b);
    else if (dm_is_whole(a) && dm_is_whole(b))
        difference = (double)((dm_whole(a) > dm_whole(b)) - (dm_whole(a) < dm_whole(b)));
    else if (dm_is_number(a) && dm_is_number(b))
        difference = dm_number(a) - dm_number(b);
    else
        return wrong_operands(evaluation);
    return json_boolean(operator== DM_LESS       ? difference < 0 :
                        operator== DM_LESS_EQUAL ? difference <= 0
                        :
                        operator== DM_GREATER ? difference > 0
                                              : difference >= 0);
}

static json_t *contains(struct dm_evaluation *evaluation, const json_t *item, const json_t *in,
                        bool negated) {
    bool found = false;
    if (json_is_string(in) && json_is_string(item))
        found = dm_string_contains(in, item);
    else if (json_is_object(in))
        found = json_is_string(item) && json_object_get(in, json_string_value(item));
    else if (json_is_array(in))
        for (size_t i = 0; i < json_array_size(in) && !found; i++)
            found = dm_values_equal(evaluation, json_array_get(in, i), item);
    else
        return wrong_operands(evaluation);
    return json_boolean(found != negated);
}

/* `and` and `or` give the operand that decided. */
static json_t *decide(struct dm_evaluation *evaluation, const struct dm_node *node, json_t *a) {
    if (dm_is_true(evaluation, a) == (node->operator== DM_OR))
        return json_incref(a);
    return dm_evaluate(evaluation, node->b);
}

static json_t *binary(struct dm_evaluation *evaluation, const struct dm_node *node) {
    json_t *value = NULL, *b = NULL, *a = dm_evaluate(evaluation, node->a);
    if (a && node->operator<= DM_AND) {
        value = decide(evaluation, node, a);
    } else if (a && (b = dm_evaluate(evaluation, node->b))) {
        evaluation->line = node->line;
        switch (node->operator) {
        case DM_EQUAL:
        case DM_UNEQUAL:
            value = json_boolean(dm_values_equal(evaluation, a, b) == (node->operator== DM_EQUAL));
            break;
        case DM_IN:
        case DM_NOT_IN:
            value = contains(evaluation, a, b, node->operator== DM_NOT_IN);
            break;
        case DM_LESS:
        case DM_LESS_EQUAL:
        case DM_GREATER:
        case DM_GREATER_EQUAL:
            value = compare(evaluation, node->operator, a, b);
            break;
        default:
            value = calculate(evaluation, node->operator, a, b);
        }
    }
    json_decref(a);
    json_decref(b);
    return value;
}

static json_t *negative(struct dm_evaluation *evaluation, const struct dm_node *node) {
    json_t *value = NULL, *of = dm_evaluate(evaluation, node->a);
    if (of && dm_is_whole(of) && dm_whole(of) != INT64_MIN)
        value = take(json_integer(-dm_whole(of)));
    else if (of && json_is_real(of))
        value = take(json_real(-json_real_value(of)));
    else if (of)
        wrong_operands(evaluation);
    json_decref(of);
    return value;
}

static json_t *choice(struct dm_evaluation *evaluation, const struct dm_node *node) {
    json_t *condition = dm_evaluate(evaluation, node->a);
    if (!condition)
        return NULL;
    const struct dm_node *chosen = dm_is_true(evaluation, condition) ? node->b : node->c;
    json_decref(condition);
    return chosen ? dm_evaluate(evaluation, chosen) : json_incref(evaluation->undefined);
}

static json_t *negated(struct dm_evaluation *evaluation, const struct dm_node *node) {
    json_t *of = dm_evaluate(evaluation, node->a);
    json_t *value = of ? json_boolean(!dm_is_true(evaluation, of)) : NULL;
    json_decref(of);
    return value;
}

static json_t *evaluate(struct dm_evaluation *evaluation, const struct dm_node *node) {
    switch (node->kind) {
    case DM_NODE_LITERAL:
        return json_incref(node->value);
    case DM_NODE_NAME:
        return value_of_name(evaluation, node->name);
    case DM_NODE_LIST:
        return list_of(evaluation, node);
    case DM_NODE_DICT:
        return object_of(evaluation, node);
    case DM_NODE_ATTRIBUTE:
        return member_by_name(evaluation, node);
    case DM_NODE_INDEX:
        return member_by_index(evaluation, node);
    case DM_NODE_SLICE:
        return slice(evaluation, node);
    case DM_NODE_CALL:
        return call(evaluation, node);
    case DM_NODE_FILTER:
    case DM_NODE_TEST:
        return filter_or_test(evaluation, node);
    case DM_NODE_NOT:
        return negated(evaluation, node);
    case DM_NODE_NEGATIVE:
        return negative(evaluation, node);
    case DM_NODE_BINARY:
        return binary(evaluation, node);
    case DM_NODE_CHOICE:
        return choice(evaluation, node);
    default:
        return dm_evaluation_fault(evaluation, DM_ERROR_FORMAT, "an argument of no call");
    }
}

json_t *dm_evaluate(struct dm_evaluation *evaluation, const struct dm_node *node) {
    if (evaluation->status)
        return NULL;
    evaluation->line = node->line;
    if (evaluation->depth == max_evaluation_depth || evaluation->n_step++ >= max_step)
        return dm_evaluation_fault(evaluation, DM_ERROR_UNSUPPORTED,
                                   evaluation->depth == max_evaluation_depth
                                       ? "an expression is nested too deeply"
                                       : "it takes too many steps");
    evaluation->depth++;
    json_t *value = evaluate(evaluation, node);
    evaluation->depth--;
    return value;
}
