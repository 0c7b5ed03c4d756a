#include "option_text.h"

#include <stdio.h>
#include <string.h>

enum { text_column = 28, text_width = 80 };

/* Prints text from column `column` on, broken between words. */
static void print_wrapped(const char *text, size_t n_byte, size_t indent, size_t column) {
    const char *end = text + n_byte;
    while (text < end) {
        size_t left = (size_t)(end - text), length = strcspn(text, " \n");
        length = length < left ? length : left;
        if (column > indent && column + length + 1 > text_width) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)length, text);
        column += length;
        text += length + (text + length < end);
    }
    putchar('\n');
}

static void print_text(const char *text) {
    struct paragraph paragraph, before = {.kind = PARAGRAPH_PLAIN};
    while (paragraph_next(&text, &paragraph)) {
        bool is_item = paragraph.kind == PARAGRAPH_ITEM;
        if (!is_item || before.kind != PARAGRAPH_ITEM)
            putchar('\n');
        if (paragraph.kind == PARAGRAPH_LINES) {
            printf("%.*s\n", (int)paragraph.n_byte, paragraph.text);
        } else {
            printf("%s", is_item ? "- " : "");
            print_wrapped(paragraph.text, paragraph.n_byte, is_item ? 2 : 0, is_item ? 2 : 0);
        }
        before = paragraph;
    }
}

static void print_option(const struct option *option) {
    char help[1200];
    const char letter[] = {'-', option_letter(option), 0};
    int column =
        printf("  %s%s--%s%s%s", letter[1] ? letter : "", letter[1] ? ", " : "", option->name,
               option->argument ? " " : "", option->argument ? option->argument : "");
    if (column >= text_column - 1)
        printf("\n%*s", (int)text_column, "");
    else
        printf("%*s", (int)text_column - column, "");
    option_sentence(option, help, sizeof help);
    print_wrapped(help, strlen(help), text_column, text_column);
}

static void print_head(const struct command *command) {
    char name[full_name_size];
    printf("%s %s\n\n", command_full_name(command, name, sizeof name), command->operands);
    print_wrapped(command->summary, strlen(command->summary), 0, 0);
    print_text(command->notes);
}

static void print_options(const struct option_group *groups) {
    for (; groups && groups->title; groups++) {
        printf("\n%s:\n", groups->title);
        for (const struct option *option = groups->options; option->kind != OPTION_END; option++)
            print_option(option);
    }
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
    print_head(command);
    print_options(groups);
    print_example(command->example);
}

void print_menu_help(const struct menu *menu) {
    char name[full_name_size];
    size_t widest = 10;
    print_head(menu->command);
    for (size_t i = 0; i < menu->n; i++)
        widest = strlen(menu->item_at(i).name) > widest ? strlen(menu->item_at(i).name) : widest;
    printf("\n%s:\n", menu->title);
    for (size_t i = 0; i < menu->n; i++) {
        struct menu_item item = menu->item_at(i);
        printf("  %-*s  ", (int)widest, item.name);
        print_wrapped(item.summary, strlen(item.summary), widest + 4, widest + 4);
    }
    print_options(menu->groups);
    printf("\n'%s ", command_full_name(menu->command, name, sizeof name));
    print_capitals(menu->what);
    printf(" --help' explains a %s.\n", menu->what);
    print_example(menu->command->example);
}
