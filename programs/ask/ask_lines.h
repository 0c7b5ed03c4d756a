/* Questions, a line each: typed, with an editor of lines where there is libedit, or from a pipe. */
#ifndef DECIMAMBA_ASK_LINES_H
#define DECIMAMBA_ASK_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct ask_lines;

/* Of standard input; `typed`: it is a terminal, where "> " asks for a line. NULL: memory is short. */
struct ask_lines *ask_lines_new(bool typed);
void ask_lines_free(struct ask_lines *lines);
/* The next line that is not blank, without its end, valid until the next call; NULL at the end (of
 * what is typed, Ctrl-D), or where it cannot be read, which prints a line and clears `*fine`. Ctrl-C
 * drops a line that is typed; that of a pipe ends it. */
const char *ask_lines_next(struct ask_lines *lines, size_t *length, bool *fine);

#endif
