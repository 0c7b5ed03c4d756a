#include "option_text.h"

#include <stdio.h>
#include <string.h>

static void print_word(const char *before, const char *word, const char *meaning,
                       const char *begun) {
    if (!strncmp(word, begun, strlen(begun)))
        printf("%s%s\t%.*s\n", before, word, (int)strcspn(meaning, ";("), meaning);
}

static void print_flags(const struct option_group *groups, const char *begun) {
    for (; groups->title; groups++)
        for (const struct option *option = groups->options; option->kind != OPTION_END; option++) {
            char flag[full_name_size];
            snprintf(flag, sizeof flag, "--%s", option->name);
            print_word("", flag, option->help, begun);
        }
    print_word("", "--help", "what all of this means", begun);
}

/* Whether the word is the option's --name, alone or with "=" and a value, or its letter alone. */
static bool is_flag(const struct option *option, const char *word) {
    size_t length = strcspn(word, "=");
    if (length == 2 && word[0] == '-')
        return word[1] == option_letter(option);
    return length > 2 && !strncmp(word, "--", 2) && strlen(option->name) == length - 2 &&
           !memcmp(option->name, word + 2, length - 2);
}

/* The option whose value follows the word, or NULL. */
static const struct option *find(const struct option_group *groups, const char *word) {
    for (; groups->title; groups++)
        for (const struct option *option = groups->options; option->kind != OPTION_END; option++)
            if (is_flag(option, word))
                return option->kind == OPTION_FLAG ? NULL : option;
    return NULL;
}

/* A list's words: the one after the last comma. `before`: what precedes the value in its word. */
static void print_values(const struct option *option, const char *before, const char *begun) {
    static const char *const files[] = {"FILE", "FOLDER", "PATH", "DIR"};
    for (const char *const *choice = option->choices; choice && *choice; choice++)
        print_word(before, *choice, "", begun);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!strcmp(option->argument, files[i]))
            puts(":files");
}

void print_command_words(const struct command *command, const struct option_group *groups,
                         int n_argument, char **arguments) {
    const char *begun = n_argument > 1 ? arguments[n_argument - 1] : "";
    int last = n_argument - 1;
    bool ended = false;
    for (int i = 1; i < last; i++)
        ended |= !strcmp(arguments[i], "--");
    if (!strcmp(begun, "="))
        begun = "";
    else if (last > 1 && !strcmp(arguments[last - 1], "="))
        last--;
    const struct option *option = !ended && last > 1 ? find(groups, arguments[last - 1]) : NULL;
    const char *equals = strchr(begun, '=');
    if (option && !strchr(arguments[last - 1], '=')) {
        print_values(option, "", begun);
    } else if (!ended && equals && (option = find(groups, begun))) {
        char before[full_name_size];
        snprintf(before, sizeof before, "%.*s", (int)(equals + 1 - begun), begun);
        print_values(option, before, equals + 1);
    } else if (!ended && begun[0] == '-') {
        print_flags(groups, begun);
    } else if (command->max_operand) {
        puts(":files");
    }
}

void print_menu_words(const struct menu *menu, const char *begun) {
    for (size_t i = 0; i < menu->n; i++)
        print_word("", menu->item_at(i).name, menu->item_at(i).summary, begun);
    print_word("", "--help", "what all of this means", *begun ? begun : "-");
    if (!*menu->command->name)
        print_word("", "--version", "the version", *begun ? begun : "-");
}
