#include "ask_lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef DM_LIBEDIT
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <wchar.h>
#endif

#include "cli/fail.h"
#include "cli/read_tokens.h"

static char prompt[] = "> "; /* not const, as the editor would have it */

struct ask_lines {
    bool typed;
    char *line; /* [capacity]: of getline */
    size_t capacity;
#ifdef DM_LIBEDIT
    EditLine *editor; /* NULL: lines are read as they come */
    History *history;
#endif
};

/* ---- The editor ---- */

#ifdef DM_LIBEDIT

static char *show_prompt(EditLine *editor) {
    (void)editor;
    return prompt;
}

/* One character: the editor's own reading would sleep on through Ctrl-C. */
static int read_character(EditLine *editor, wchar_t *character) {
    mbstate_t state = {0};
    (void)editor;
    for (;;) {
        char byte;
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n < 0 && errno == EINTR && !interrupted())
            continue;
        if (n <= 0)
            return n < 0 ? -1 : 0;
        size_t used = mbrtowc(character, &byte, 1, &state);
        if (used <= 1)
            return 1;
        if (used == (size_t)-1)
            state = (mbstate_t){0}; /* no character: it is passed over */
    }
}

/* Text is UTF-8, so the editor has to be told of that; else it is done without. */
static void start_editor(struct ask_lines *lines) {
    HistEvent event;
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0 || !isatty(STDOUT_FILENO))
        return;
    lines->editor = el_init("decimamba", stdin, stdout, stderr);
    lines->history = history_init();
    if (!lines->editor || !lines->history)
        return;
    history(lines->history, &event, H_SETSIZE, 1000);
    el_set(lines->editor, EL_PROMPT, show_prompt);
    el_set(lines->editor, EL_EDITOR, "emacs");
    el_set(lines->editor, EL_HIST, history, lines->history);
    el_wset(lines->editor, EL_GETCFN, read_character);
    el_set(lines->editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(lines->editor, NULL); /* ~/.editrc */
}

static void stop_editor(struct ask_lines *lines) {
    if (lines->history)
        history_end(lines->history);
    if (lines->editor)
        el_end(lines->editor);
}

static const char *edit(struct ask_lines *lines, size_t *length, bool *fine) {
    HistEvent event;
    int n = 0;
    const char *line = el_gets(lines->editor, &n);
    if (line && n > 0)
        history(lines->history, &event, H_ENTER, line);
    else if (n < 0 && !interrupted())
        *fine = fail("standard input: cannot read: %s", strerror(errno));
    *length = line && n > 0 ? (size_t)n : 0;
    return *length ? line : NULL;
}

static bool has_editor(const struct ask_lines *lines) {
    return lines->editor && lines->history;
}

#else

static void start_editor(struct ask_lines *lines) {
    (void)lines;
}

static void stop_editor(struct ask_lines *lines) {
    (void)lines;
}

static const char *edit(struct ask_lines *lines, size_t *length, bool *fine) {
    (void)lines, (void)length, (void)fine;
    return NULL;
}

static bool has_editor(const struct ask_lines *lines) {
    (void)lines;
    return false;
}

#endif

/* ---- Lines ---- */

struct ask_lines *ask_lines_new(bool typed) {
    struct ask_lines *lines = calloc(1, sizeof *lines);
    if (!lines) {
        fail_memory();
        return NULL;
    }
    lines->typed = typed;
    if (typed)
        start_editor(lines);
    return lines;
}

void ask_lines_free(struct ask_lines *lines) {
    if (!lines)
        return;
    stop_editor(lines);
    free(lines->line);
    free(lines);
}

static const char *read_plainly(struct ask_lines *lines, size_t *length, bool *fine) {
    if (lines->typed) {
        fputs(prompt, stdout);
        fflush(stdout);
    }
    errno = 0;
    ssize_t n = getline(&lines->line, &lines->capacity, stdin);
    if (n < 0 && !feof(stdin) && errno != EINTR)
        *fine = fail("standard input: cannot read: %s", strerror(errno));
    clearerr(stdin);
    *length = n < 0 ? 0 : (size_t)n;
    return n < 0 ? NULL : lines->line;
}

/* Bytes without the white space at the end. */
static size_t trimmed(const char *line, size_t length) {
    static const char blank[] = {' ', '\t', '\r', '\n'};
    while (length && memchr(blank, line[length - 1], sizeof blank))
        length--;
    return length;
}

const char *ask_lines_next(struct ask_lines *lines, size_t *length, bool *fine) {
    for (;;) {
        const char *line =
            has_editor(lines) ? edit(lines, length, fine) : read_plainly(lines, length, fine);
        if (line && (*length = trimmed(line, *length)))
            return line;
        if (line)
            continue;
        if (*fine && lines->typed) { /* behind the prompt, or what was typed */
            putchar('\n');
            fflush(stdout);
        }
        if (!*fine || !lines->typed || !interrupted())
            return NULL;
        forget_interrupt();
    }
}
