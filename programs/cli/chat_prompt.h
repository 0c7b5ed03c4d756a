/* A prompt by the model's chat template. */
#ifndef DECIMAMBA_CLI_CHAT_PROMPT_H
#define DECIMAMBA_CLI_CHAT_PROMPT_H

#include <stdbool.h>

struct chat_flags {
    bool chat;
    const char *system, *messages; /* a text; a file, "-": standard input */
};

/* What the model reads: the user's message (`operand`, else `file`, else standard input) behind the
 * system's, or all of flags->messages; then what its answer begins with. The template is that of the
 * model in `directory`. NULL after a fault, whose line is printed; freed by dm_free. */
char *chat_prompt(const char *directory, const struct chat_flags *flags, const char *operand,
                  const char *file);

#endif
