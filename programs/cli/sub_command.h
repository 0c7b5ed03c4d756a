/* Commands that are several: `decimamba evaluate TASK`, `decimamba analyze VIEW`. */
#ifndef DECIMAMBA_CLI_SUB_COMMAND_H
#define DECIMAMBA_CLI_SUB_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct sub_commands {
    const char *command, *what; /* "evaluate", "task" */
    size_t n;
    const char *(*name_at)(size_t i, const void *context);
    const void *context;
};

/* Finds the one that arguments[1] names; a fault prints its line. */
bool sub_command_find(const struct sub_commands *subs, int n_argument, char **arguments,
                      size_t *found);
/* Whether arguments[1] asks for help. */
bool sub_command_asks_help(int n_argument, char **arguments);

#endif
