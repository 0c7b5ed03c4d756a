/* A chat template as a tree: what Jinja's parser makes of its source, for the part of the language that
 * chat templates use. */
#ifndef DM_CHAT_SYNTAX_H
#define DM_CHAT_SYNTAX_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"

enum dm_node_kind {
    /* expressions */
    DM_NODE_LITERAL,   /* value */
    DM_NODE_NAME,      /* name */
    DM_NODE_LIST,      /* items */
    DM_NODE_DICT,      /* items: key, value, key, value, ... */
    DM_NODE_ATTRIBUTE, /* a.name */
    DM_NODE_INDEX,     /* a[b] */
    DM_NODE_SLICE,     /* a[b:c:items], each NULL where it is left out */
    DM_NODE_CALL,      /* a(items) */
    DM_NODE_FILTER,    /* a | name(items) */
    DM_NODE_TEST,      /* a is name(items) */
    DM_NODE_NOT,       /* not a */
    DM_NODE_NEGATIVE,  /* -a */
    DM_NODE_BINARY,    /* a operator b, of `operator` */
    DM_NODE_CHOICE,    /* a if b else c; c NULL: undefined */
    DM_NODE_NAMED,     /* an argument `name=a` in items */
    /* statements */
    DM_NODE_TEXT,   /* value, as it is */
    DM_NODE_OUTPUT, /* {{ a }} */
    DM_NODE_IF,     /* a: items, else: others */
    DM_NODE_FOR,    /* name (and second, or NULL) in a, where b (or NULL): items, else: others */
    DM_NODE_SET,    /* name = a; name.second = a; or, with a NULL, name = items as text */
    DM_NODE_BREAK,
    DM_NODE_CONTINUE
};

enum dm_operator {
    DM_OR,
    DM_AND,
    DM_EQUAL,
    DM_UNEQUAL,
    DM_LESS,
    DM_LESS_EQUAL,
    DM_GREATER,
    DM_GREATER_EQUAL,
    DM_IN,
    DM_NOT_IN,
    DM_ADD,
    DM_SUBTRACT,
    DM_JOIN, /* ~ */
    DM_MULTIPLY,
    DM_DIVIDE,
    DM_FLOOR_DIVIDE,
    DM_REMAINDER
};

struct dm_node {
    enum dm_node_kind kind;
    enum dm_operator operator;
    size_t line;
    char *name, *second;
    json_t *value;
    struct dm_node *a, *b, *c, *items, *others;
    struct dm_node *next; /* in the list that it is an item of */
    struct dm_node *made; /* the node made before it */
};

/* Parses a source, `name` (a path) heading messages: DM_ERROR_FORMAT where it is no template,
 * DM_ERROR_UNSUPPORTED where it uses what this does not know. `*nodes` is to be freed either way; the
 * template is the list `*body`. */
dm_status dm_syntax_parse(const char *source, size_t n_byte, const char *name,
                          struct dm_node **body, struct dm_node **nodes, dm_error *error);
void dm_syntax_free(struct dm_node *nodes);

#endif
