#include "sub_command.h"

#include <string.h>

#include "fail.h"
#include "options.h"

bool sub_command_asks_help(int n_argument, char **arguments) {
    return n_argument > 1 && (!strcmp(arguments[1], "--help") || !strcmp(arguments[1], "-h"));
}

bool sub_command_find(const struct sub_commands *subs, int n_argument, char **arguments,
                      size_t *found) {
    if (n_argument < 2)
        return fail("%s: a %s is missing; see 'decimamba %s --help'", subs->command, subs->what,
                    subs->command);
    const char *name = arguments[1];
    for (size_t i = 0; i < subs->n; i++)
        if (!strcmp(subs->name_at(i, subs->context), name)) {
            *found = i;
            return true;
        }
    const char *nearest = nearest_name(name, strlen(name), subs->n, subs->name_at, subs->context);
    return fail("%s: unknown %s '%.80s'%s%s%s; see 'decimamba %s --help'", subs->command,
                subs->what, name, nearest ? " (did you mean " : "", nearest ? nearest : "",
                nearest ? "?)" : "", subs->command);
}
