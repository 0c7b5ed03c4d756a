#include "option_text.h"

#include <stdio.h>
#include <string.h>

bool paragraph_next(const char **text, struct paragraph *paragraph) {
    const char *start = *text;
    if (!start || !*start)
        return false;
    const char *end = strstr(start, "\n\n");
    *text = end ? end + 2 : start + strlen(start);
    paragraph->kind = !strncmp(start, "- ", 2)   ? PARAGRAPH_ITEM
                      : !strncmp(start, "  ", 2) ? PARAGRAPH_LINES
                      : !strncmp(start, "# ", 2) ? PARAGRAPH_HEADING
                                                 : PARAGRAPH_PLAIN;
    bool marked = paragraph->kind == PARAGRAPH_ITEM || paragraph->kind == PARAGRAPH_HEADING;
    paragraph->text = start + (marked ? 2 : 0);
    paragraph->n_byte = (size_t)((end ? end : *text) - paragraph->text);
    return true;
}

/* The default as it would be written on the command line; "": there is none to tell. */
static void write_default(const struct option *option, char *text, size_t size) {
    const struct size_list *list = option->value;
    size_t n = 0;
    *text = 0;
    if (option->given)
        return;
    switch (option->kind) {
    case OPTION_SIZE:
        snprintf(text, size, "%zu", *(const size_t *)option->value);
        break;
    case OPTION_SEED:
        snprintf(text, size, "%llu", (unsigned long long)*(const uint64_t *)option->value);
        break;
    case OPTION_REAL:
        snprintf(text, size, "%g", *(const double *)option->value);
        break;
    case OPTION_CHOICE:
        snprintf(text, size, "%s", option->choices[*(const int *)option->value]);
        break;
    case OPTION_SIZES:
        for (size_t i = 0; i < list->n && n < size; i++)
            n += (size_t)snprintf(text + n, size - n, "%s%zu", i ? "," : "", list->items[i]);
        break;
    default:
        break;
    }
}

const char *option_sentence(const struct option *option, char *text, size_t size) {
    char by_default[200];
    write_default(option, by_default, sizeof by_default);
    snprintf(text, size, *by_default ? "%s (default %s)" : "%s", option->help, by_default);
    return text;
}

char option_letter(const struct option *option) {
    static const struct {
        const char *name;
        char letter;
    } short_flags[] = {
        {"file", 'f'}, {"max-tokens", 'n'}, {"threads", 't'}, {"output", 'o'}, {"seed", 's'},
    };
    for (size_t i = 0; i < sizeof short_flags / sizeof *short_flags; i++)
        if (!strcmp(short_flags[i].name, option->name))
            return short_flags[i].letter;
    return 0;
}

enum help_form help_form_of(int n_argument, char **arguments) {
    const char *last = n_argument > 1 ? arguments[n_argument - 1] : "";
    if (!strcmp(last, "--help=man"))
        return HELP_MANUAL;
    if (!strcmp(last, "--help=words"))
        return HELP_WORDS;
    for (int i = 1; i < n_argument && strcmp(arguments[i], "--") != 0; i++)
        if (!strcmp(arguments[i], "--help") || !strcmp(arguments[i], "-h"))
            return HELP_TEXT;
    return HELP_NONE;
}

const char *command_full_name(const struct command *command, char *text, size_t size) {
    snprintf(text, size, *command->name ? "decimamba %s" : "decimamba", command->name);
    return text;
}

void print_capitals(const char *text) {
    for (; *text; text++)
        putchar(*text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text);
}
