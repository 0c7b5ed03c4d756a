#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "option_text.h"

static bool is_number(enum option_kind kind) {
    return kind == OPTION_SIZE || kind == OPTION_SEED || kind == OPTION_REAL;
}

bool read_whole(const char *text, size_t length, uint64_t *number) {
    uint64_t value = 0;
    if (!length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
            return false;
    *number = value;
    return true;
}

static bool read_real(const char *text, double *number) {
    char *end;
    if (!*text || text[strspn(text, "+-.0123456789eE")])
        return false;
    *number = strtod(text, &end);
    return !*end && isfinite(*number);
}

static bool in_range(const struct option *option, double number) {
    if (option->min == 0 && option->max == 0)
        return number >= 0;
    return number >= option->min && number <= option->max;
}

/* A seed's limit has 16 digits, 0.9999999 is so with 15. */
static int digits(double bound) {
    return bound == trunc(bound) ? 16 : 15;
}

/* The range in words, for messages. */
static const char *range_text(const struct option *option, char *text, size_t size) {
    int least = digits(option->min), most = digits(option->max);
    if (option->min == 0 && option->max == 0)
        snprintf(text, size, "0 or more");
    else if (isinf(option->max))
        snprintf(text, size, "%.*g or more", least, option->min);
    else
        snprintf(text, size, "%.*g to %.*g", least, option->min, most, option->max);
    return text;
}

static bool refuse(const struct option *option, const char *value, char *reason, size_t size) {
    char range[80];
    if (option->kind == OPTION_REALS)
        snprintf(reason, size, "'%.80s' is not a list of at most %d numbers in the range %s", value,
                 (int)list_capacity, range_text(option, range, sizeof range));
    else if (option->kind == OPTION_SIZES)
        snprintf(reason, size,
                 "'%.80s' is not a list of at most %d different whole numbers in the range %s",
                 value, (int)list_capacity, range_text(option, range, sizeof range));
    else if (is_number(option->kind))
        snprintf(reason, size, "'%.80s' is not a %s in the range %s", value,
                 option->kind == OPTION_REAL ? "number" : "whole number",
                 range_text(option, range, sizeof range));
    else
        snprintf(reason, size, "given more than %d times", (int)list_capacity);
    return false;
}

static bool read_size(const struct option *option, const char *text, size_t length, size_t *size) {
    uint64_t number;
    if (!read_whole(text, length, &number) || number > SIZE_MAX ||
        !in_range(option, (double)number))
        return false;
    *size = (size_t)number;
    return true;
}

static bool has_size(const struct size_list *list, size_t size) {
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i] == size)
            return true;
    return false;
}

/* No number may be there twice. */
static bool read_sizes(const struct option *option, const char *text, struct size_list *list) {
    list->n = 0;
    for (;; text++) {
        size_t length = strcspn(text, ","), size;
        if (list->n == list_capacity || !read_size(option, text, length, &size) ||
            has_size(list, size))
            return false;
        list->items[list->n++] = size;
        text += length;
        if (!*text)
            return true;
    }
}

static bool read_reals(const struct option *option, const char *text, struct real_list *list) {
    list->n = 0;
    for (;; text++) {
        char item[64];
        size_t length = strcspn(text, ",");
        if (list->n == list_capacity || length >= sizeof item)
            return false;
        snprintf(item, sizeof item, "%.*s", (int)length, text);
        if (!read_real(item, &list->items[list->n]) || !in_range(option, list->items[list->n]))
            return false;
        list->n++;
        text += length;
        if (!*text)
            return true;
    }
}

static bool choose(const struct option *option, const char *value, char *reason, size_t size) {
    for (int i = 0; option->choices[i]; i++)
        if (!strcmp(option->choices[i], value)) {
            *(int *)option->value = i;
            return true;
        }
    int n = snprintf(reason, size, "'%.80s' is not one of", value);
    for (int i = 0; option->choices[i] && n > 0 && (size_t)n < size; i++)
        n += snprintf(reason + n, size - (size_t)n, "%s %s", i ? "," : "", option->choices[i]);
    return false;
}

static bool add_text(struct text_list *list, const char *text) {
    if (list->replaceable)
        *list = (struct text_list){0};
    if (list->n == list_capacity)
        return false;
    list->items[list->n++] = text;
    return true;
}

bool options_store(const struct option *option, const char *value, char *reason, size_t size) {
    bool fine = true;
    uint64_t seed;
    double real;
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)option->value = true;
        break;
    case OPTION_SIZE:
        fine = read_size(option, value, strlen(value), option->value);
        break;
    case OPTION_SEED:
        if ((fine = read_whole(value, strlen(value), &seed)))
            *(uint64_t *)option->value = seed;
        break;
    case OPTION_REAL:
        if ((fine = read_real(value, &real) && in_range(option, real)))
            *(double *)option->value = real;
        break;
    case OPTION_SIZES:
        fine = read_sizes(option, value, option->value);
        break;
    case OPTION_REALS:
        fine = read_reals(option, value, option->value);
        break;
    case OPTION_TEXT:
        *(const char **)option->value = value;
        break;
    case OPTION_TEXTS:
        fine = add_text(option->value, value);
        break;
    case OPTION_CHOICE:
        if (!choose(option, value, reason, size))
            return false;
        break;
    case OPTION_END:
        break;
    }
    if (!fine)
        return refuse(option, value, reason, size);
    if (option->given)
        *option->given = true;
    return true;
}

/* The i-th option of all groups, or NULL past the last. */
static const struct option *option_at(const struct option_group *groups, size_t i) {
    for (; groups->title; groups++)
        for (const struct option *option = groups->options; option->kind != OPTION_END; option++)
            if (i-- == 0)
                return option;
    return NULL;
}

static const char *option_name_at(size_t i, const void *groups) {
    const struct option *option = option_at(groups, i);
    return option ? option->name : "help";
}

static bool is_name(const char *own, const char *name, size_t length) {
    return strlen(own) == length && !memcmp(own, name, length);
}

const struct option *options_find(const struct option_group *groups, const char *name,
                                  size_t length) {
    const struct option *option;
    for (size_t i = 0; (option = option_at(groups, i)); i++)
        if (is_name(option->name, name, length) ||
            (option->was && is_name(option->was, name, length)))
            break;
    return option;
}

bool options_is_old_name(const struct option *option, const char *name, size_t length) {
    return !is_name(option->name, name, length);
}

const char *options_nearest(const struct option_group *groups, const char *wrong, size_t length) {
    size_t n = 0;
    while (option_at(groups, n))
        n++;
    return nearest_name(wrong, length, n + 1, option_name_at, groups);
}

static const struct option *find(const struct option_group *groups, const char *name, size_t length,
                                 char *message, size_t size) {
    const struct option *option = options_find(groups, name, length);
    if (option)
        return option;
    const char *nearest = options_nearest(groups, name, length);
    snprintf(message, size, "unknown flag --%.*s%s%s%s", (int)(length < 80 ? length : 80), name,
             nearest ? " (did you mean --" : "", nearest ? nearest : "", nearest ? "?)" : "");
    return NULL;
}

static bool store(const struct option *option, const char *value, char *message, size_t size) {
    char reason[400];
    if (options_store(option, value, reason, sizeof reason))
        return true;
    snprintf(message, size, "--%s: %s", option->name, reason);
    return false;
}

bool options_set(const struct option_group *groups, const char *name, size_t name_length,
                 const char *value, char *message, size_t message_size) {
    const struct option *option = find(groups, name, name_length, message, message_size);
    return option && store(option, value, message, message_size);
}

/* The value of a flag: in its own word, or the next one. NULL: there is none. */
static const char *take_value(const struct option *option, const char *in_word, int n_argument,
                              char **arguments, int *i, char *message, size_t size) {
    if (in_word || option->kind == OPTION_FLAG)
        return in_word ? in_word : "";
    if (*i + 1 < n_argument)
        return arguments[++*i];
    snprintf(message, size, "--%s: its %s is missing", option->name, option->argument);
    return NULL;
}

/* Reads the flag at arguments[*i]: --name, --name VALUE or --name=VALUE. */
static bool read_flag(const struct option_group *groups, int n_argument, char **arguments, int *i,
                      char *message, size_t size) {
    const char *name = arguments[*i] + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const struct option *option = find(groups, name, length, message, size);
    if (!option)
        return false;
    if (options_is_old_name(option, name, length))
        complain("warning: --%s is now --%s; the old name will be gone in the next version",
                 option->was, option->name);
    if (option->kind == OPTION_FLAG && equals) {
        snprintf(message, size, "--%s takes no value", option->name);
        return false;
    }
    const char *value =
        take_value(option, equals ? equals + 1 : NULL, n_argument, arguments, i, message, size);
    return value && store(option, value, message, size);
}

/* Reads the short flag at arguments[*i]: -n VALUE or -nVALUE. */
static bool read_short_flag(const struct option_group *groups, int n_argument, char **arguments,
                            int *i, char *message, size_t size) {
    const char *word = arguments[*i];
    const struct option *option;
    for (size_t k = 0; (option = option_at(groups, k)); k++)
        if (option_letter(option) == word[1])
            break;
    if (!option) {
        snprintf(message, size, "unknown flag %.80s (a text that begins with a dash follows '--')",
                 word);
        return false;
    }
    const char *value =
        take_value(option, word[2] ? word + 2 : NULL, n_argument, arguments, i, message, size);
    return value && store(option, value, message, size);
}

/* Looked for before any flag is read: the help shows the defaults, which flags overwrite. */
static bool answer(const struct command *command, const struct option_group *groups, int n_argument,
                   char **arguments) {
    switch (help_form_of(n_argument, arguments)) {
    case HELP_TEXT:
        print_command_help(command, groups);
        return true;
    case HELP_MANUAL:
        print_command_manual(command, groups);
        return true;
    case HELP_WORDS:
        print_command_words(command, groups, n_argument - 1, arguments);
        return true;
    default:
        return false;
    }
}

enum options_result options_read(const struct command *command, const struct option_group *groups,
                                 int n_argument, char **arguments, const char **operands) {
    char message[512];
    bool flags_ended = false;
    size_t n_operand = 0;
    for (size_t i = 0; i < command->max_operand; i++)
        operands[i] = NULL;
    if (answer(command, groups, n_argument, arguments))
        return OPTIONS_HELP;
    for (int i = 1; i < n_argument; i++) {
        const char *word = arguments[i];
        if (!flags_ended && !strcmp(word, "--")) {
            flags_ended = true;
        } else if (!flags_ended && word[0] == '-' && word[1]) {
            bool (*read)(const struct option_group *, int, char **, int *, char *, size_t) =
                word[1] == '-' ? read_flag : read_short_flag;
            if (!read(groups, n_argument, arguments, &i, message, sizeof message)) {
                fail_usage("%s: %s; see 'decimamba %s --help'", command->name, message,
                           command->name);
                return OPTIONS_FAILED;
            }
        } else if (n_operand == command->max_operand) {
            fail_usage("%s: '%.80s' is one argument too many; the usage is: decimamba %s %s",
                       command->name, word, command->name, command->operands);
            return OPTIONS_FAILED;
        } else {
            operands[n_operand++] = word;
        }
    }
    if (n_operand >= command->min_operand)
        return OPTIONS_READ;
    fail_usage("%s: an argument is missing; the usage is: decimamba %s %s", command->name,
               command->name, command->operands);
    return OPTIONS_FAILED;
}

int options_status(enum options_result result) {
    return result == OPTIONS_FAILED ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Edit distance (Levenshtein); words longer than the row are as far as can be. */
static size_t distance(const char *a, size_t n_a, const char *b) {
    enum { capacity = 64 };
    size_t n_b = strlen(b), row[capacity];
    if (n_a >= capacity || n_b >= capacity)
        return SIZE_MAX;
    for (size_t j = 0; j <= n_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t edited = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = replaced < edited ? replaced : edited;
        }
    }
    return row[n_b];
}

const char *nearest_name(const char *wrong, size_t length, size_t count,
                         const char *(*name_at)(size_t i, const void *context),
                         const void *context) {
    const char *nearest = NULL;
    size_t least = length / 3 + 2; /* farther is another word */
    for (size_t i = 0; i < count; i++) {
        const char *name = name_at(i, context);
        size_t d = distance(wrong, length, name);
        if (d < least) {
            least = d;
            nearest = name;
        }
    }
    return nearest;
}
