#include "option_text.h"

#include <stdio.h>
#include <string.h>

#include "decimamba.h"

enum { line_width = 79 };

/* What is marked in a text: words of `option`'s (NULL: none) argument and choices, and of the
 * command's operands. */
struct marked {
    const struct command *command;
    const struct option *option;
};

/* ---- Characters and words ---- */

/* A character that roff or the fonts would take for another; NULL: it stands for itself. */
static const char *escape(char c) {
    switch (c) {
    case '-':
        return "\\-";
    case '\\':
        return "\\e";
    case '\'':
        return "\\(aq";
    case '`':
        return "\\(ga";
    case '^':
        return "\\(ha";
    case '~':
        return "\\(ti";
    default:
        return NULL;
    }
}

/* Columns of the source that a text takes; prints it, too, where `drawn`. */
static size_t put(const char *text, bool drawn) {
    if (drawn)
        fputs(text, stdout);
    return strlen(text);
}

static size_t put_escaped(const char *text, size_t n_byte, bool drawn) {
    size_t n = 0;
    for (size_t i = 0; i < n_byte; i++) {
        const char *other = escape(text[i]), own[] = {text[i], 0};
        n += put(other ? other : own, drawn);
    }
    return n;
}

static void print_escaped(const char *text) {
    put_escaped(text, strlen(text), true);
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool equals(const char *a, const char *text, size_t n_byte) {
    return strlen(a) == n_byte && !memcmp(a, text, n_byte);
}

/* Whether the operands name this word as what the user gives: in capitals. */
static bool is_operand(const char *operands, const char *text, size_t n_byte) {
    for (const char *at = operands; *at;) {
        size_t length = 0;
        while (is_word(at[length]))
            length++;
        if (length == n_byte && !memcmp(at, text, n_byte) && *at >= 'A' && *at <= 'Z')
            return true;
        at += length ? length : 1;
    }
    return false;
}

/* B, I, or R for a word as it is. */
static char font_of(const struct marked *marked, const char *text, size_t n_byte) {
    const struct option *option = marked->option;
    if (n_byte > 2 && !memcmp(text, "--", 2))
        return 'B';
    for (size_t i = 0; option && option->choices && option->choices[i]; i++)
        if (equals(option->choices[i], text, n_byte))
            return 'B';
    if (option && option->argument && equals(option->argument, text, n_byte))
        return 'I';
    return is_operand(marked->command->operands, text, n_byte) ? 'I' : 'R';
}

/* What is between two blanks. */
static size_t put_piece(const struct marked *marked, const char *text, size_t n_byte, bool drawn) {
    size_t n =
        text[0] == '.' ? put("\\&", drawn) : 0; /* at a line's beginning it would be a request */
    while (n_byte) {
        size_t length = 0;
        while (length < n_byte && is_word(text[length]))
            length++;
        char font = 'R';
        if (length)
            font = font_of(marked, text, length);
        else
            length = 1;
        n += font == 'R' ? 0 : put(font == 'B' ? "\\fB" : "\\fI", drawn);
        n += put_escaped(text, length, drawn);
        n += font == 'R' ? 0 : put("\\fR", drawn);
        text += length;
        n_byte -= length;
    }
    return n;
}

/* ---- Paragraphs ---- */

static bool ends_sentence(const char *text, size_t n_byte) {
    while (n_byte && strchr(")\"'", text[n_byte - 1]))
        n_byte--;
    bool dots = n_byte > 1 && text[n_byte - 2] == '.'; /* "1, 2, ..." goes on */
    return n_byte && !dots && strchr(".?!", text[n_byte - 1]);
}

/* Words in lines, behind `column`; a sentence begins a line, as roff tells it from an abbreviation so. */
static void print_filled(const struct marked *marked, const char *text, size_t n_byte,
                         size_t column) {
    for (const char *end = text + n_byte; text < end;) {
        size_t left = (size_t)(end - text), length = strcspn(text, " \n");
        length = length < left ? length : left;
        size_t width = put_piece(marked, text, length, false);
        if (column && column + 1 + width > line_width) {
            putchar('\n');
            column = 0;
        }
        column += column ? put(" ", true) : 0;
        column += put_piece(marked, text, length, true);
        bool last = text + length >= end;
        char next = '.';
        if (!last)
            next = text[length + 1];
        bool goes_on = next >= 'a' && next <= 'z';
        if (last || (!goes_on && ends_sentence(text, length))) {
            putchar('\n');
            column = 0;
        }
        text += length + !last;
    }
}

/* Lines as they are. */
static void print_lines(const char *text, size_t n_byte) {
    printf(".EX\n");
    for (const char *end = text + n_byte; text < end;) {
        size_t left = (size_t)(end - text), length = strcspn(text, "\n");
        length = length < left ? length : left;
        put(*text == '.' ? "\\&" : "", true);
        put_escaped(text, length, true);
        putchar('\n');
        text += length + 1;
    }
    printf(".EE\n.nh\n"); /* which .EE forgets */
}

static void print_text(const struct command *command, const char *text, bool begins) {
    const struct marked marked = {command, NULL};
    struct paragraph paragraph;
    for (; paragraph_next(&text, &paragraph); begins = paragraph.kind == PARAGRAPH_HEADING) {
        switch (paragraph.kind) {
        case PARAGRAPH_HEADING:
            printf(".SH %.*s\n", (int)paragraph.n_byte, paragraph.text);
            break;
        case PARAGRAPH_ITEM:
            printf(".IP \\(bu 2\n");
            print_filled(&marked, paragraph.text, paragraph.n_byte, 0);
            break;
        case PARAGRAPH_LINES:
            printf(begins ? "" : ".PP\n");
            print_lines(paragraph.text, paragraph.n_byte);
            break;
        case PARAGRAPH_PLAIN:
            printf(begins ? "" : ".PP\n");
            print_filled(&marked, paragraph.text, paragraph.n_byte, 0);
            break;
        }
    }
}

/* ---- A page ---- */

/* The name with hyphens for its blanks: "decimamba-analyze-delta". */
static void print_name(const struct command *command, bool in_capitals) {
    char name[full_name_size];
    command_full_name(command, name, sizeof name);
    for (char *c = name; *c; c++) {
        if (*c == ' ')
            *c = '-';
        else if (in_capitals)
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    }
    print_escaped(name);
}

/* "Continues a prompt." as a phrase, behind the name and its dash. */
static void print_summary(const struct command *command) {
    const struct marked marked = {command, NULL};
    char phrase[200], name[full_name_size];
    size_t n = (size_t)snprintf(phrase, sizeof phrase, "%s", command->summary);
    n -= phrase[n - 1] == '.';
    if (phrase[0] >= 'A' && phrase[0] <= 'Z' && phrase[1] >= 'a')
        phrase[0] = (char)(phrase[0] - 'A' + 'a');
    command_full_name(command, name, sizeof name);
    print_filled(&marked, phrase, n, strlen(name) + sizeof "\\-\\- \\-");
}

static void print_synopsis(const struct command *command, bool has_flags) {
    const struct marked marked = {command, NULL};
    char name[full_name_size];
    printf(".SH SYNOPSIS\n.B %s\n", command_full_name(command, name, sizeof name));
    if (has_flags)
        printf("[\\fIflags\\fR]\n");
    print_filled(&marked, command->operands, strlen(command->operands), 0);
}

static void print_head(const struct command *command, bool has_flags) {
    printf(".TH ");
    print_name(command, true);
    printf(" 1 \"\" \"decimamba %s\" \"User Commands\"\n.nh\n.ad l\n.SH NAME\n", dm_version());
    print_name(command, false);
    printf(" \\-");
    print_summary(command);
    print_synopsis(command, has_flags);
    printf(".SH DESCRIPTION\n");
    print_text(command, command->notes ? command->notes : command->summary, true);
}

static void print_option(const struct command *command, const struct option *option) {
    const struct marked marked = {command, option};
    char help[1200];
    printf(".TP\n");
    if (option_letter(option))
        printf("\\fB\\-%c\\fR, ", option_letter(option));
    printf("\\fB\\-\\-");
    print_escaped(option->name);
    printf("\\fR");
    if (option->argument)
        printf(" \\fI%s\\fR", option->argument);
    putchar('\n');
    option_sentence(option, help, sizeof help - 1);
    size_t n = strcspn(help, " ,:;");
    if (help[0] >= 'a' && help[0] <= 'z' && font_of(&marked, help, n) == 'R')
        help[0] = (char)(help[0] - 'a' + 'A');
    n = strlen(help);
    if (!ends_sentence(help, n))
        memcpy(help + n, ".", 2);
    print_filled(&marked, help, strlen(help), 0);
}

static void print_title(const char *title) {
    printf(".SS ");
    print_escaped(title);
    putchar('\n');
}

static void print_options(const struct command *command, const struct option_group *groups) {
    if (!groups || !groups->title)
        return;
    printf(".SH OPTIONS\n");
    for (bool alone = !groups[1].title; groups->title; groups++) {
        bool own = !strcmp(groups->title, "Options"); /* of no kind */
        if (!alone && !own)
            print_title(groups->title);
        for (const struct option *option = groups->options; option->kind != OPTION_END; option++)
            print_option(command, option);
    }
}

static void print_end(const struct command *command) {
    print_text(command, command->manual, false);
    printf(".SH EXAMPLES\n");
    print_lines(command->example, strlen(command->example));
    if (*command->name)
        printf(".SH SEE ALSO\n.BR decimamba (1)\n");
}

void print_command_manual(const struct command *command, const struct option_group *groups) {
    print_head(command, true);
    print_options(command, groups);
    print_end(command);
}

void print_menu_manual(const struct menu *menu) {
    const struct command *command = menu->command;
    const struct marked marked = {command, NULL};
    print_head(command, false);
    printf(".SH ");
    print_capitals(menu->title);
    putchar('\n');
    for (size_t i = 0; i < menu->n; i++) {
        struct menu_item item = menu->item_at(i);
        printf(".TP\n\\fB");
        print_name(command, false);
        printf("\\-");
        print_escaped(item.name);
        printf("\\fR(1)\n");
        print_filled(&marked, item.summary, strlen(item.summary), 0);
    }
    print_options(command, menu->groups);
    print_end(command);
}
