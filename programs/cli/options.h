/* A small declarative reader of command lines: a command describes its flags in tables, from which
 * both the reading and the --help text are made. */
#ifndef DECIMAMBA_CLI_OPTIONS_H
#define DECIMAMBA_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "option_table.h"

enum options_result { OPTIONS_FAILED, OPTIONS_HELP, OPTIONS_READ };

/* Reads the arguments (arguments[0] is the command's name): sets values, and puts the operands into
 * operands[0 .. command->max_operand), NULL where there are fewer. --help prints and gives
 * OPTIONS_HELP; a fault prints its line and gives OPTIONS_FAILED. `groups` end with a NULL title.
 */
enum options_result options_read(const struct command *command, const struct option_group *groups,
                                 int n_argument, char **arguments, const char **operands);
/* The exit status of a command that got no further than its arguments. */
int options_status(enum options_result result);

/* Reads one "name=value" or "name"; on a fault the line is in `message`. */
bool options_set(const struct option_group *groups, const char *name, size_t name_length,
                 const char *value, char *message, size_t message_size);

/* The option of that name, or that was called so in the version before, or NULL. */
const struct option *options_find(const struct option_group *groups, const char *name,
                                  size_t length);
/* Whether the name by which an option was found is the one before. */
bool options_is_old_name(const struct option *option, const char *name, size_t length);
/* A name that is close to `wrong`, or NULL. */
const char *options_nearest(const struct option_group *groups, const char *wrong, size_t length);
/* Converts `value` and stores it where the option says. On a fault `reason` says why, as
 * "'x' is not ...". */
bool options_store(const struct option *option, const char *value, char *reason, size_t size);

/* Of `count` names (the i-th is name_at(i, context)) the one closest to `wrong`, or NULL when none
 * is close. */
const char *nearest_name(const char *wrong, size_t length, size_t count,
                         const char *(*name_at)(size_t i, const void *context),
                         const void *context);

/* A whole number in decimal digits and nothing else. */
bool read_whole(const char *text, size_t length, uint64_t *number);

#endif
