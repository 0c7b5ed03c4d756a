#include "chat/syntax.h"

#include <string.h>

#include "base/memory.h"
#include "chat/lexer.h"
#include "chat/strings.h"

enum { max_depth = 100 };

struct parser {
    struct dm_lexer lexer;
    const char *name;
    struct dm_node *made; /* all nodes, the newest first */
    size_t depth, n_loop;
    dm_status status; /* of the first fault, whose line is in `error` */
    dm_error *error;
};

/* ---- Faults ---- */

static void fault(struct parser *parser, dm_status status, const char *what, const char *word,
                  size_t n_byte) {
    if (!parser->status)
        parser->status =
            dm_fail(parser->error, status, "%s: chat template, line %zu: %s%s%.*s%s", parser->name,
                    parser->lexer.line, what, n_byte ? " '" : "", (int)(n_byte < 60 ? n_byte : 60),
                    n_byte ? word : "", n_byte ? "'" : "");
}

static struct dm_node *unexpected(struct parser *parser) {
    const struct dm_lexer *lexer = &parser->lexer;
    if (lexer->kind == DM_WORD_WRONG)
        fault(parser, DM_ERROR_FORMAT, lexer->wrong, NULL, 0);
    else if (lexer->kind == DM_WORD_END)
        fault(parser, DM_ERROR_FORMAT, "a statement is not closed", NULL, 0);
    else
        fault(parser, DM_ERROR_FORMAT, "unexpected", lexer->start, lexer->n_word);
    return NULL;
}

static struct dm_node *unsupported(struct parser *parser, const char *what) {
    fault(parser, DM_ERROR_UNSUPPORTED, what, NULL, 0);
    return NULL;
}

static struct dm_node *no_memory(struct parser *parser) {
    if (!parser->status)
        parser->status = dm_fail_memory(parser->error, "a chat template");
    return NULL;
}

/* ---- Nodes and words ---- */

static struct dm_node *new_node(struct parser *parser, enum dm_node_kind kind) {
    struct dm_node *node = dm_memory_zeroed(1, sizeof *node);
    if (!node)
        return no_memory(parser);
    node->kind = kind;
    node->line = parser->lexer.line;
    node->made = parser->made;
    parser->made = node;
    return node;
}

static void next(struct parser *parser) {
    dm_lexer_next(&parser->lexer);
}

static bool is_word(const struct parser *parser, enum dm_word_kind kind, const char *text) {
    const struct dm_lexer *lexer = &parser->lexer;
    return lexer->kind == kind && strlen(text) == lexer->n_word &&
           !memcmp(text, lexer->start, lexer->n_word);
}

static bool is_name(const struct parser *parser, const char *text) {
    return is_word(parser, DM_WORD_NAME, text);
}

static bool take(struct parser *parser, enum dm_word_kind kind, const char *text) {
    if (!is_word(parser, kind, text))
        return false;
    next(parser);
    return true;
}

static bool take_sign(struct parser *parser, const char *text) {
    return take(parser, DM_WORD_SIGN, text);
}

static bool take_name(struct parser *parser, const char *text) {
    return take(parser, DM_WORD_NAME, text);
}

static bool want_sign(struct parser *parser, const char *text) {
    return take_sign(parser, text) || unexpected(parser);
}

/* The name that is next; NULL: none. */
static char *read_name(struct parser *parser) {
    const struct dm_lexer *lexer = &parser->lexer;
    if (lexer->kind != DM_WORD_NAME) {
        unexpected(parser);
        return NULL;
    }
    char *name = dm_memory_array(lexer->n_word + 1, 1);
    if (!name) {
        no_memory(parser);
        return NULL;
    }
    memcpy(name, lexer->start, lexer->n_word);
    name[lexer->n_word] = 0;
    next(parser);
    return name;
}

static struct dm_node *literal(struct parser *parser, json_t *value) {
    struct dm_node *node = value ? new_node(parser, DM_NODE_LITERAL) : no_memory(parser);
    if (node)
        node->value = value;
    else
        json_decref(value);
    return node;
}

/* ---- Expressions ---- */

static struct dm_node *read_expression(struct parser *parser);
static struct dm_node *read_unary(struct parser *parser, bool filters);

static struct dm_node *read_strings(struct parser *parser) {
    json_t *text = json_string("");
    while (parser->lexer.kind == DM_WORD_STRING && text) {
        json_t *both = dm_string_literal(text, parser->lexer.start + 1, parser->lexer.n_word - 2);
        json_decref(text);
        text = both;
        next(parser);
    }
    return literal(parser, text);
}

static struct dm_node *read_number(struct parser *parser) {
    char text[64];
    const struct dm_lexer *lexer = &parser->lexer;
    if (lexer->n_word >= sizeof text)
        return unexpected(parser);
    memcpy(text, lexer->start, lexer->n_word);
    text[lexer->n_word] = 0;
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (!value)
        return unexpected(parser);
    next(parser);
    return literal(parser, value);
}

/* Items up to the closing sign; `named`: name=value too, with `pairs`: key: value. */
static bool read_items(struct parser *parser, const char *close, bool named, bool pairs,
                       struct dm_node **items) {
    while (!take_sign(parser, close)) {
        struct dm_node *item = read_expression(parser);
        if (item && named && item->kind == DM_NODE_NAME && take_sign(parser, "=")) {
            struct dm_node *value = read_expression(parser);
            struct dm_node *name = value ? new_node(parser, DM_NODE_NAMED) : NULL;
            if (name) {
                name->name = item->name;
                item->name = NULL;
                name->a = value;
            }
            item = name;
        }
        if (!item)
            return false;
        *items = item;
        items = &item->next;
        if (pairs) {
            if (!want_sign(parser, ":") || !(item = read_expression(parser)))
                return false;
            *items = item;
            items = &item->next;
        }
        if (!is_word(parser, DM_WORD_SIGN, close) && !want_sign(parser, ","))
            return false;
    }
    return true;
}

static struct dm_node *read_in_brackets(struct parser *parser, enum dm_node_kind kind,
                                        const char *close) {
    struct dm_node *node = new_node(parser, kind);
    return node && read_items(parser, close, false, kind == DM_NODE_DICT, &node->items) ? node
                                                                                        : NULL;
}

/* What follows "(": an expression, or a tuple, which is a list here. */
static struct dm_node *read_in_parentheses(struct parser *parser) {
    if (take_sign(parser, ")"))
        return new_node(parser, DM_NODE_LIST);
    struct dm_node *first = read_expression(parser);
    if (!first || take_sign(parser, ")"))
        return first;
    struct dm_node *list = new_node(parser, DM_NODE_LIST);
    if (!list || !want_sign(parser, ","))
        return NULL;
    list->items = first;
    return read_items(parser, ")", false, false, &first->next) ? list : NULL;
}

static struct dm_node *read_primary(struct parser *parser) {
    static const char *const constants[] = {"true", "True", "false", "False", "none", "None"};
    for (size_t i = 0; i < 6; i++)
        if (take_name(parser, constants[i]))
            return literal(parser, i < 2 ? json_true() : i < 4 ? json_false() : json_null());
    switch (parser->lexer.kind) {
    case DM_WORD_STRING:
        return read_strings(parser);
    case DM_WORD_INTEGER:
    case DM_WORD_REAL:
        return read_number(parser);
    case DM_WORD_NAME: {
        struct dm_node *node = new_node(parser, DM_NODE_NAME);
        if (node)
            node->name = read_name(parser);
        return node && node->name ? node : NULL;
    }
    default:
        break;
    }
    if (take_sign(parser, "("))
        return read_in_parentheses(parser);
    if (take_sign(parser, "["))
        return read_in_brackets(parser, DM_NODE_LIST, "]");
    if (take_sign(parser, "{"))
        return read_in_brackets(parser, DM_NODE_DICT, "}");
    return unexpected(parser);
}

/* A bound of a slice, which may be left out. */
static bool read_bound(struct parser *parser, struct dm_node **bound) {
    if (is_word(parser, DM_WORD_SIGN, ":") || is_word(parser, DM_WORD_SIGN, "]"))
        return true;
    return (*bound = read_expression(parser)) != NULL;
}

/* What follows "a[". */
static struct dm_node *read_index(struct parser *parser, struct dm_node *of) {
    struct dm_node *node = new_node(parser, DM_NODE_INDEX);
    if (!node || !read_bound(parser, &node->b))
        return NULL;
    node->a = of;
    if (take_sign(parser, ":")) {
        node->kind = DM_NODE_SLICE;
        if (!read_bound(parser, &node->c) ||
            (take_sign(parser, ":") && !read_bound(parser, &node->items)))
            return NULL;
    } else if (!node->b) {
        return unexpected(parser);
    }
    return want_sign(parser, "]") ? node : NULL;
}

static struct dm_node *read_postfix(struct parser *parser, struct dm_node *node) {
    while (node) {
        struct dm_node *of = node;
        if (take_sign(parser, ".")) {
            node = new_node(parser, DM_NODE_ATTRIBUTE);
            if (!node || !(node->name = read_name(parser)))
                return NULL;
            node->a = of;
        } else if (take_sign(parser, "[")) {
            node = read_index(parser, of);
        } else if (take_sign(parser, "(")) {
            node = new_node(parser, DM_NODE_CALL);
            if (!node || !read_items(parser, ")", true, false, &node->items))
                return NULL;
            node->a = of;
        } else {
            break;
        }
    }
    return node;
}

/* Whether a test's argument without parentheses is next. */
static bool begins_argument(const struct parser *parser) {
    static const char *const others[] = {"else", "or", "and", "is", "in", "not", "if"};
    if (parser->lexer.kind == DM_WORD_NAME) {
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            if (is_name(parser, others[i]))
                return false;
        return true;
    }
    return parser->lexer.kind == DM_WORD_STRING || parser->lexer.kind == DM_WORD_INTEGER ||
           parser->lexer.kind == DM_WORD_REAL || is_word(parser, DM_WORD_SIGN, "[") ||
           is_word(parser, DM_WORD_SIGN, "{");
}

static struct dm_node *read_named(struct parser *parser, enum dm_node_kind kind,
                                  struct dm_node *of) {
    struct dm_node *node = new_node(parser, kind);
    if (!node || !(node->name = read_name(parser)))
        return NULL;
    node->a = of;
    if (take_sign(parser, "("))
        return read_items(parser, ")", true, false, &node->items) ? node : NULL;
    if (kind == DM_NODE_TEST && begins_argument(parser)) {
        node->items = read_postfix(parser, read_primary(parser));
        return node->items ? node : NULL;
    }
    return node;
}

static struct dm_node *negate(struct parser *parser, struct dm_node *of, enum dm_node_kind kind) {
    struct dm_node *node = of ? new_node(parser, kind) : NULL;
    if (node)
        node->a = of;
    return node;
}

static struct dm_node *read_filters(struct parser *parser, struct dm_node *node) {
    while (node) {
        if (take_sign(parser, "|")) {
            node = read_named(parser, DM_NODE_FILTER, node);
        } else if (take_name(parser, "is")) {
            bool negated = take_name(parser, "not");
            node = read_named(parser, DM_NODE_TEST, node);
            node = negated ? negate(parser, node, DM_NODE_NOT) : node;
        } else if (is_word(parser, DM_WORD_SIGN, "**")) {
            return unsupported(parser, "powers are not supported");
        } else {
            break;
        }
    }
    return node;
}

static struct dm_node *read_unary(struct parser *parser, bool filters) {
    struct dm_node *node;
    if (++parser->depth > max_depth)
        return unsupported(parser, "it is nested too deeply");
    if (take_sign(parser, "-"))
        node = negate(parser, read_unary(parser, false), DM_NODE_NEGATIVE);
    else if (take_sign(parser, "+"))
        node = read_unary(parser, false);
    else
        node = read_postfix(parser, read_primary(parser));
    parser->depth--;
    return filters ? read_filters(parser, node) : node;
}

/* Binary operators, the loosest first; names among them are words. */
static const struct {
    size_t level;
    const char *text;
    enum dm_operator operator;
} operators[] = {
    {0, "or", DM_OR},
    {1, "and", DM_AND},
    {3, "==", DM_EQUAL},
    {3, "!=", DM_UNEQUAL},
    {3, "<=", DM_LESS_EQUAL},
    {3, "<", DM_LESS},
    {3, ">=", DM_GREATER_EQUAL},
    {3, ">", DM_GREATER},
    {3, "in", DM_IN},
    {3, "not", DM_NOT_IN},
    {4, "+", DM_ADD},
    {4, "-", DM_SUBTRACT},
    {5, "~", DM_JOIN},
    {6, "*", DM_MULTIPLY},
    {6, "/", DM_DIVIDE},
    {6, "//", DM_FLOOR_DIVIDE},
    {6, "%", DM_REMAINDER},
};
enum { level_not = 2, level_compare = 3, n_level = 7 };

static bool take_operator(struct parser *parser, size_t level, enum dm_operator *operator) {
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        bool word = operators[i].text[0] >= 'a' && operators[i].text[0] <= 'z';
        if (operators[i].level == level &&
            take(parser, word ? DM_WORD_NAME : DM_WORD_SIGN, operators[i].text)) {
            *operator= operators[i].operator;
            return *operator!= DM_NOT_IN || take_name(parser, "in") || unexpected(parser);
        }
    }
    return false;
}

static struct dm_node *read_binary(struct parser *parser, size_t level) {
    enum dm_operator operator;
    if (level == n_level)
        return read_unary(parser, true);
    if (level == level_not) {
        if (!take_name(parser, "not"))
            return read_binary(parser, level + 1);
        if (++parser->depth > max_depth)
            return unsupported(parser, "it is nested too deeply");
        struct dm_node *of = negate(parser, read_binary(parser, level), DM_NODE_NOT);
        parser->depth--;
        return of;
    }
    struct dm_node *node = read_binary(parser, level + 1);
    for (size_t n = 0; node && take_operator(parser, level, &operator); n++) {
        struct dm_node *left = node;
        if (level == level_compare && n)
            return unsupported(parser, "comparisons in a row are not supported");
        struct dm_node *right = read_binary(parser, level + 1);
        node = right ? new_node(parser, DM_NODE_BINARY) : NULL;
        if (node) {
            node->operator= operator;
            node->a = left;
            node->b = right;
        }
    }
    return parser->status ? NULL : node;
}

static struct dm_node *read_expression(struct parser *parser) {
    if (++parser->depth > max_depth)
        return unsupported(parser, "it is nested too deeply");
    struct dm_node *node = read_binary(parser, 0);
    while (node && take_name(parser, "if")) {
        struct dm_node *choice = new_node(parser, DM_NODE_CHOICE);
        if (!choice)
            return NULL;
        choice->b = node;
        choice->a = read_binary(parser, 0);
        if (!choice->a || (take_name(parser, "else") && !(choice->c = read_expression(parser))))
            return NULL;
        node = choice;
    }
    parser->depth--;
    return node;
}

/* ---- Statements ---- */

/* Reads up to a statement that begins with one of `ends`, whose name is then next. */
static bool read_body(struct parser *parser, const char *const *ends, struct dm_node **body);

static bool close_tag(struct parser *parser) {
    if (parser->lexer.kind != DM_WORD_CLOSE)
        return unexpected(parser);
    next(parser);
    return true;
}

static struct dm_node *read_if(struct parser *parser) {
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    struct dm_node *node = new_node(parser, DM_NODE_IF);
    if (!node || !(node->a = read_expression(parser)) || !close_tag(parser) ||
        !read_body(parser, ends, &node->items))
        return NULL;
    if (take_name(parser, "elif")) {
        if (++parser->depth > max_depth)
            return unsupported(parser, "it is nested too deeply");
        node->others = read_if(parser);
        parser->depth--;
        return node->others ? node : NULL;
    }
    if (take_name(parser, "else") &&
        (!close_tag(parser) || !read_body(parser, ends + 2, &node->others)))
        return NULL;
    if (!take_name(parser, "endif"))
        return unexpected(parser);
    return close_tag(parser) ? node : NULL;
}

static struct dm_node *read_for(struct parser *parser) {
    static const char *const ends[] = {"else", "endfor", NULL};
    struct dm_node *node = new_node(parser, DM_NODE_FOR);
    if (!node || !(node->name = read_name(parser)) ||
        (take_sign(parser, ",") && !(node->second = read_name(parser))))
        return NULL;
    if (!take_name(parser, "in"))
        return unexpected(parser);
    if (!(node->a = read_binary(parser, 0)) ||
        (take_name(parser, "if") && !(node->b = read_expression(parser))) || !close_tag(parser))
        return NULL;
    parser->n_loop++;
    bool ok = read_body(parser, ends, &node->items);
    parser->n_loop--;
    if (!ok || (take_name(parser, "else") &&
                (!close_tag(parser) || !read_body(parser, ends + 1, &node->others))))
        return NULL;
    if (!take_name(parser, "endfor"))
        return unexpected(parser);
    return close_tag(parser) ? node : NULL;
}

static struct dm_node *read_set(struct parser *parser) {
    static const char *const ends[] = {"endset", NULL};
    struct dm_node *node = new_node(parser, DM_NODE_SET);
    if (!node || !(node->name = read_name(parser)) ||
        (take_sign(parser, ".") && !(node->second = read_name(parser))))
        return NULL;
    if (take_sign(parser, "="))
        return (node->a = read_expression(parser)) && close_tag(parser) ? node : NULL;
    if (node->second || !close_tag(parser) || !read_body(parser, ends, &node->items))
        return node->second ? unexpected(parser) : NULL;
    next(parser);
    return close_tag(parser) ? node : NULL;
}

static struct dm_node *read_jump(struct parser *parser, enum dm_node_kind kind) {
    struct dm_node *node = parser->n_loop ? new_node(parser, kind) : unexpected(parser);
    return node && close_tag(parser) ? node : NULL;
}

/* transformers' own: what the assistant says, for masks; it prints its body. */
static struct dm_node *read_generation(struct parser *parser) {
    static const char *const ends[] = {"endgeneration", NULL};
    struct dm_node *node = new_node(parser, DM_NODE_IF);
    if (!node || !close_tag(parser) || !(node->a = literal(parser, json_true())) ||
        !read_body(parser, ends, &node->items))
        return NULL;
    next(parser);
    return close_tag(parser) ? node : NULL;
}

static struct dm_node *read_statement(struct parser *parser) {
    if (take_name(parser, "if"))
        return read_if(parser);
    if (take_name(parser, "for"))
        return read_for(parser);
    if (take_name(parser, "set"))
        return read_set(parser);
    if (take_name(parser, "generation"))
        return read_generation(parser);
    if (take_name(parser, "break"))
        return read_jump(parser, DM_NODE_BREAK);
    if (take_name(parser, "continue"))
        return read_jump(parser, DM_NODE_CONTINUE);
    fault(parser, DM_ERROR_UNSUPPORTED, "a statement that is not supported:", parser->lexer.start,
          parser->lexer.kind == DM_WORD_NAME ? parser->lexer.n_word : 0);
    return NULL;
}

static struct dm_node *read_text(struct parser *parser) {
    struct dm_node *node = new_node(parser, DM_NODE_TEXT);
    if (node && !(node->value = json_stringn(parser->lexer.start, parser->lexer.n_word)))
        return no_memory(parser);
    next(parser);
    return node;
}

static struct dm_node *read_output(struct parser *parser) {
    struct dm_node *node = new_node(parser, DM_NODE_OUTPUT);
    next(parser);
    return node && (node->a = read_expression(parser)) && close_tag(parser) ? node : NULL;
}

static bool ends_here(const struct parser *parser, const char *const *ends) {
    for (; ends && *ends; ends++)
        if (is_name(parser, *ends))
            return true;
    return false;
}

static bool read_body(struct parser *parser, const char *const *ends, struct dm_node **body) {
    if (++parser->depth > max_depth)
        return unsupported(parser, "it is nested too deeply");
    for (;;) {
        struct dm_node *node;
        if (parser->lexer.kind == DM_WORD_END && !ends)
            break;
        if (parser->lexer.kind == DM_WORD_TEXT) {
            node = read_text(parser);
        } else if (parser->lexer.kind == DM_WORD_OUTPUT) {
            node = read_output(parser);
        } else if (parser->lexer.kind == DM_WORD_STATEMENT) {
            next(parser);
            if (ends_here(parser, ends))
                break;
            node = read_statement(parser);
        } else {
            return unexpected(parser);
        }
        if (!node)
            return false;
        *body = node;
        body = &node->next;
    }
    parser->depth--;
    return true;
}

dm_status dm_syntax_parse(const char *source, size_t n_byte, const char *name,
                          struct dm_node **body, struct dm_node **nodes, dm_error *error) {
    struct parser parser = {.name = name, .error = error};
    *body = NULL;
    dm_lexer_begin(&parser.lexer, source, n_byte);
    next(&parser);
    read_body(&parser, NULL, body);
    *nodes = parser.made;
    return parser.status;
}

void dm_syntax_free(struct dm_node *nodes) {
    while (nodes) {
        struct dm_node *made = nodes->made;
        json_decref(nodes->value);
        dm_memory_free(nodes->name);
        dm_memory_free(nodes->second);
        dm_memory_free(nodes);
        nodes = made;
    }
}
