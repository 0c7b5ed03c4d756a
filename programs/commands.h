/* The commands: those of one file beside this, those of several in folders. */
#ifndef DECIMAMBA_PROGRAMS_COMMANDS_H
#define DECIMAMBA_PROGRAMS_COMMANDS_H

#include "cli/options.h"

extern const struct command generate_command, ask_command, serve_command, tokenize_command,
    perplexity_command, info_command, convert_command, init_command, calibrate_command,
    logits_command, evaluate_command, train_command, analyze_command, bench_command;

/* Exit status of a command that Ctrl-C ended. */
enum { EXIT_INTERRUPTED = 130 };

#endif
