/* What may stand where the cursor is, for the shells: share/completions/ call this. */
#ifndef DECIMAMBA_CLI_OPTIONS_WORDS_H
#define DECIMAMBA_CLI_OPTIONS_WORDS_H

#include "option_text.h"

/* Words that begin as the last one of arguments[1 .. n_argument), each on a line with a tab and what
 * it means; ":files" where it is the name of a file. A flag's value follows it as the next word, after
 * "=" in one word, or as bash gives that, with "=" as a word of its own. */
void print_command_words(const struct command *command, const struct option_group *groups,
                         int n_argument, char **arguments);
void print_menu_words(const struct menu *menu, const char *begun);

#endif
