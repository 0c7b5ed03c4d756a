/* A command's page of the manual (man 7), made from its tables. */
#ifndef DECIMAMBA_CLI_OPTIONS_MANUAL_H
#define DECIMAMBA_CLI_OPTIONS_MANUAL_H

#include "option_text.h"

void print_command_manual(const struct command *command, const struct option_group *groups);
void print_menu_manual(const struct menu *menu);

#endif
