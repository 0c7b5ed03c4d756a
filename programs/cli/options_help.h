/* The --help text of a command, made from its tables. */
#ifndef DECIMAMBA_CLI_OPTIONS_HELP_H
#define DECIMAMBA_CLI_OPTIONS_HELP_H

#include "option_table.h"

void print_command_help(const struct command *command, const struct option_group *groups);

#endif
