/* What the tables say of a command, for all who print it: --help, the manual, completion. */
#ifndef DECIMAMBA_CLI_OPTION_TEXT_H
#define DECIMAMBA_CLI_OPTION_TEXT_H

#include "option_table.h"

/* Texts are paragraphs with an empty line between. One that begins with "- " is an item of a list, one
 * with two blanks stands as it is, line for line, and one with "# " is a heading. */
enum paragraph_kind { PARAGRAPH_PLAIN, PARAGRAPH_ITEM, PARAGRAPH_LINES, PARAGRAPH_HEADING };

struct paragraph {
    enum paragraph_kind kind;
    const char *text; /* without what says the kind */
    size_t n_byte;
};

/* Takes the next paragraph off the text; false: there is none. */
bool paragraph_next(const char **text, struct paragraph *paragraph);

/* An option's help, with its default unless the absence of the flag is a meaning of its own. */
const char *option_sentence(const struct option *option, char *text, size_t size);

/* The letter that stands for a flag in every command that has it, as -f for --file; 0: none. */
char option_letter(const struct option *option);

/* What the last word asks for in place of the command's work: --help (also before it), or, for those
 * who make the manual and for the shells, --help=man and --help=words. */
enum help_form { HELP_NONE, HELP_TEXT, HELP_MANUAL, HELP_WORDS };
enum help_form help_form_of(int n_argument, char **arguments);

/* An entry of a menu as a command's help lists it. */
struct menu_item {
    const char *name, *summary;
};

/* A command that is several: the program, `decimamba evaluate TASK`, `decimamba analyze VIEW`. */
struct menu {
    const struct command *command;
    const char *what, *title; /* "task", "Tasks" */
    size_t n;
    struct menu_item (*item_at)(size_t i);
    const struct option_group *groups; /* flags of all of them, or NULL */
};

/* --help: options_help.c. */
void print_command_help(const struct command *command, const struct option_group *groups);
void print_menu_help(const struct menu *menu);
/* A page of the manual (man 7): options_manual.c. */
void print_command_manual(const struct command *command, const struct option_group *groups);
void print_menu_manual(const struct menu *menu);
/* What may stand where the cursor is, for the shells (share/completions/): options_words.c. Words that
 * begin as the last one of arguments[1 .. n_argument), each on a line with a tab and what it means;
 * ":files" where it is the name of a file. A flag's value follows it as the next word, after "=" in one
 * word, or as bash gives that, with "=" as a word of its own. */
void print_command_words(const struct command *command, const struct option_group *groups,
                         int n_argument, char **arguments);
void print_menu_words(const struct menu *menu, const char *begun);

/* ---- For those who print ---- */

enum { full_name_size = 80 };
/* How it is called: "decimamba", "decimamba evaluate". */
const char *command_full_name(const struct command *command, char *text, size_t size);
/* Prints an ASCII text in capitals. */
void print_capitals(const char *text);

#endif
