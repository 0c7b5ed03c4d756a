#include "options_help.h"

#include <stdio.h>
#include <string.h>

enum { text_column = 28, text_width = 80 };

/* Prints `text` from column `column` on, broken between words. */
static void print_wrapped(const char *text, size_t indent, size_t column) {
    while (*text) {
        size_t length = strcspn(text, " \n");
        if (column > indent && column + length + 1 > text_width) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)length, text);
        column += length;
        text += length;
        if (*text == '\n') {
            printf("\n%*s", (int)indent, "");
            column = indent;
        }
        text += *text != 0;
    }
    putchar('\n');
}

/* " (default 128)", or nothing where the absence of the flag is a meaning of its own. */
static void append_default(const struct option *option, char *text, size_t size) {
    size_t n = strlen(text);
    if (option->given)
        return;
    switch (option->kind) {
    case OPTION_SIZE:
        snprintf(text + n, size - n, " (default %zu)", *(const size_t *)option->value);
        break;
    case OPTION_SEED:
        snprintf(text + n, size - n, " (default %llu)",
                 (unsigned long long)*(const uint64_t *)option->value);
        break;
    case OPTION_REAL:
        snprintf(text + n, size - n, " (default %g)", *(const double *)option->value);
        break;
    case OPTION_CHOICE:
        snprintf(text + n, size - n, " (default %s)", option->choices[*(const int *)option->value]);
        break;
    case OPTION_SIZES: {
        const struct size_list *list = option->value;
        for (size_t i = 0; i < list->n && n < size; i++)
            n += (size_t)snprintf(text + n, size - n, "%s%zu", i ? "," : " (default ",
                                  list->items[i]);
        if (list->n && n < size)
            snprintf(text + n, size - n, ")");
        break;
    }
    default:
        break;
    }
}

static void print_option(const struct option *option) {
    char help[600];
    int column = printf("  --%s%s%s", option->name, option->argument ? " " : "",
                        option->argument ? option->argument : "");
    if (column >= text_column - 1)
        printf("\n%*s", (int)text_column, "");
    else
        printf("%*s", (int)text_column - column, "");
    snprintf(help, sizeof help, "%s", option->help);
    append_default(option, help, sizeof help);
    print_wrapped(help, text_column, text_column);
}

static void print_example(const char *example) {
    printf("\nExample:\n");
    while (*example) {
        size_t length = strcspn(example, "\n");
        printf("  %.*s\n", (int)length, example);
        example += length + (example[length] == '\n');
    }
}

void print_command_help(const struct command *command, const struct option_group *groups) {
    printf("decimamba %s %s\n\n", command->name, command->operands);
    print_wrapped(command->summary, 0, 0);
    if (command->notes) {
        putchar('\n');
        print_wrapped(command->notes, 0, 0);
    }
    for (; groups->title; groups++) {
        printf("\n%s:\n", groups->title);
        for (const struct option *option = groups->options; option->kind != OPTION_END; option++)
            print_option(option);
    }
    print_example(command->example);
}
