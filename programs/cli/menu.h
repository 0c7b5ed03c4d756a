/* Commands that are several: `decimamba evaluate TASK`, `decimamba analyze VIEW`. */
#ifndef DECIMAMBA_CLI_MENU_H
#define DECIMAMBA_CLI_MENU_H

#include "option_text.h"
#include "options.h"

/* Finds the entry that arguments[1] names (OPTIONS_READ), or prints what is asked for in its place; a
 * fault prints its line. */
enum options_result menu_choose(const struct menu *menu, int n_argument, char **arguments,
                                size_t *found);

#endif
