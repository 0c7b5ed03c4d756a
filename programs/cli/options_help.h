/* The --help text of a command, made from its tables. */
#ifndef DECIMAMBA_CLI_OPTIONS_HELP_H
#define DECIMAMBA_CLI_OPTIONS_HELP_H

#include "option_text.h"

void print_command_help(const struct command *command, const struct option_group *groups);
void print_menu_help(const struct menu *menu);

#endif
