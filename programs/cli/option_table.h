/* How a command describes itself and its flags. */
#ifndef DECIMAMBA_CLI_OPTION_TABLE_H
#define DECIMAMBA_CLI_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_END,    /* closes a table */
    OPTION_FLAG,   /* bool */
    OPTION_SIZE,   /* size_t */
    OPTION_SEED,   /* uint64_t */
    OPTION_REAL,   /* double */
    OPTION_TEXT,   /* const char * */
    OPTION_TEXTS,  /* struct text_list: the flag may be repeated */
    OPTION_SIZES,  /* struct size_list: numbers with commas between */
    OPTION_REALS,  /* struct real_list: the same of any numbers */
    OPTION_CHOICE, /* int: a place in `choices` */
};

enum { list_capacity = 64 };
struct text_list {
    const char *items[list_capacity];
    size_t n;
    bool replaceable; /* what is there is only a default: the next text begins the list anew */
};
struct size_list {
    size_t items[list_capacity];
    size_t n;
};

struct real_list {
    double items[list_capacity];
    size_t n;
};

struct option {
    enum option_kind kind;
    const char *name;     /* without the dashes */
    void *value;          /* as `kind` says; it holds the default */
    const char *argument; /* how --help calls the argument */
    const char *help;
    double min, max;            /* range of a number (of each, in a list); both 0: any >= 0 */
    const char *const *choices; /* ended by NULL; of a text: some that a shell proposes */
    bool *given;                /* set when the flag appears; --help then shows no default */
    bool path;                  /* the text is a file's name */
    const char *was;            /* its name in the version before, which still works; or NULL */
};

struct option_group {
    const char *title;
    const struct option *options;
};

struct command {
    const char *name, *operands, *summary;
    const char *notes;   /* what it does, in paragraphs (option_text.h), or NULL */
    const char *manual;  /* what the manual alone says, in paragraphs, or NULL */
    const char *example; /* lines, each a command */
    size_t min_operand, max_operand;
    int (*run)(int n_argument, char **arguments); /* exit status */
};

#endif
