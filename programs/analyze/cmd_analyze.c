/* decimamba analyze: looking inside a model. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/fail.h"
#include "cli/sub_command.h"
#include "commands.h"
#include "view.h"

static const struct command *const views[] = {
    &analyze_attention_command,       &analyze_distance_command, &analyze_layers_command,
    &analyze_receptive_field_command, &analyze_delta_command,
};
enum { n_view = sizeof views / sizeof *views };

static int print_help(void) {
    printf("decimamba analyze VIEW MODEL ...\n\n%s\n\nViews:\n", analyze_command.summary);
    for (size_t i = 0; i < n_view; i++)
        printf("  %-18s%s\n", views[i]->name + sizeof "analyze", views[i]->summary);
    printf("\n'decimamba analyze VIEW --help' shows a view's flags.\n\nExample:\n  %s\n",
           analyze_command.example);
    return flush_output() ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const char *view_name_at(size_t i, const void *context) {
    (void)context;
    return views[i]->name + sizeof "analyze";
}

static int run(int n_argument, char **arguments) {
    const struct sub_commands subs = {"analyze", "view", n_view, view_name_at, NULL};
    size_t found;
    if (sub_command_asks_help(n_argument, arguments))
        return print_help();
    return sub_command_find(&subs, n_argument, arguments, &found)
               ? views[found]->run(n_argument - 1, arguments + 1)
               : EXIT_FAILURE;
}

const struct command analyze_command = {
    .name = "analyze",
    .operands = "VIEW MODEL ...",
    .summary = "Looks inside a model that reads a text: what it attends to, and how far back.",
    .example = "decimamba analyze distance models/passkey-512 --text data/books/26239.txt \\\n"
               "      --output out",
    .min_operand = 2,
    .max_operand = 2,
    .run = run,
};
