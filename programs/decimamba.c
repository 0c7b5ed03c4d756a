/* decimamba: read texts far longer than a Mamba language model was trained on. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "commands.h"
#include "decimamba.h"

static const struct command *const commands[] = {
    &generate_command, &tokenize_command, &perplexity_command, &info_command,
    &logits_command,   &evaluate_command, &analyze_command,    &calibrate_command,
    &convert_command,  &init_command,     &train_command,      &bench_command,
};
enum { n_command = sizeof commands / sizeof commands[0] };

static int print_help(void) {
    printf("decimamba COMMAND ...\n\n"
           "Runs Mamba language models on texts far longer than they were trained on, by\n"
           "DeciMamba (arXiv:2406.14528).\n\nCommands:\n");
    for (size_t i = 0; i < n_command; i++)
        printf("  %-12s%s\n", commands[i]->name, commands[i]->summary);
    printf("\n  --help      this text; 'decimamba COMMAND --help' explains a command\n"
           "  --version   the version\n\n"
           "Example:\n  decimamba generate models/passkey-bytes-512 --file prompt.txt --max-tokens "
           "5\n");
    return flush_output() ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int print_version(void) {
    printf("decimamba %s\n", dm_version());
    return flush_output() ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const char *command_name_at(size_t i, const void *context) {
    (void)context;
    return commands[i]->name;
}

static void print_warning(const char *line, void *user) {
    (void)user;
    complain("warning: %s", line);
}

int main(int n_argument, char **arguments) {
    /* A file that grew too large is seen where it is written to. A closed pipe ends the program
     * without a word, as it ends other filters. */
    signal(SIGXFSZ, SIG_IGN);
    dm_set_warning(print_warning, NULL);
    if (n_argument < 2) {
        complain("no command is given; see 'decimamba --help'");
        return EXIT_FAILURE;
    }
    const char *name = arguments[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help"))
        return print_help();
    if (!strcmp(name, "--version"))
        return print_version();
    for (size_t i = 0; i < n_command; i++)
        if (!strcmp(commands[i]->name, name)) {
            int status = commands[i]->run(n_argument - 1, arguments + 1);
            return status == EXIT_SUCCESS && !flush_output() ? EXIT_FAILURE : status;
        }
    const char *nearest = nearest_name(name, strlen(name), n_command, command_name_at, NULL);
    complain("unknown command '%.80s'%s%s%s; see 'decimamba --help'", name,
             nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
    return EXIT_FAILURE;
}
