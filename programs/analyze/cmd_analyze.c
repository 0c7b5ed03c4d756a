/* decimamba analyze: looking inside a model. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/menu.h"
#include "commands.h"
#include "view.h"

static const struct command *const views[] = {
    &analyze_attention_command,       &analyze_distance_command, &analyze_layers_command,
    &analyze_receptive_field_command, &analyze_delta_command,
};
enum { n_view = sizeof views / sizeof *views };

static struct menu_item view_at(size_t i) {
    return (struct menu_item){views[i]->name + sizeof "analyze", views[i]->summary};
}

static int run(int n_argument, char **arguments) {
    const struct menu menu = {.command = &analyze_command,
                              .what = "view",
                              .title = "Views",
                              .n = n_view,
                              .item_at = view_at};
    size_t found;
    enum options_result result = menu_choose(&menu, n_argument, arguments, &found);
    return result == OPTIONS_READ ? views[found]->run(n_argument - 1, arguments + 1)
                                  : options_status(result);
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
