/* What standard output is. */
#ifndef DECIMAMBA_CLI_TERMINAL_H
#define DECIMAMBA_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* A terminal that can move its cursor and mark text. */
bool on_terminal(void);
/* The same, and NO_COLOR does not forbid colours. */
bool in_colours(void);
/* Characters in a line: 100 where nothing says, or there are fewer than 40. */
size_t terminal_width(void);

#endif
