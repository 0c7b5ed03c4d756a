#include "menu.h"

#include <string.h>

#include "fail.h"

static const char *name_at(size_t i, const void *menu) {
    return ((const struct menu *)menu)->item_at(i).name;
}

/* Only what stands in the entry's place: later words are its own. */
static bool answer(const struct menu *menu, int n_argument, char **arguments) {
    switch (help_form_of(n_argument < 2 ? n_argument : 2, arguments)) {
    case HELP_TEXT:
        print_menu_help(menu);
        return true;
    case HELP_MANUAL:
        print_menu_manual(menu);
        return true;
    default:
        if (n_argument != 3 || help_form_of(n_argument, arguments) != HELP_WORDS)
            return false;
        print_menu_words(menu, arguments[1]);
        return true;
    }
}

enum options_result menu_choose(const struct menu *menu, int n_argument, char **arguments,
                                size_t *found) {
    const char *own = menu->command->name, *between = *own ? ": " : "", *blank = *own ? " " : "";
    if (answer(menu, n_argument, arguments))
        return OPTIONS_HELP;
    if (n_argument < 2) {
        fail_usage("%s%s%s %s is %s; see 'decimamba%s%s --help'", own, between, *own ? "a" : "no",
                   menu->what, *own ? "missing" : "given", blank, own);
        return OPTIONS_FAILED;
    }
    const char *name = arguments[1];
    for (size_t i = 0; i < menu->n; i++)
        if (!strcmp(name_at(i, menu), name)) {
            *found = i;
            return OPTIONS_READ;
        }
    const char *nearest = nearest_name(name, strlen(name), menu->n, name_at, menu);
    fail_usage("%s%sunknown %s '%.80s'%s%s%s; see 'decimamba%s%s --help'", own, between, menu->what,
               name, nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "",
               blank, own);
    return OPTIONS_FAILED;
}
