#include "gnuplot.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"
#include "paths.h"
#include "sheet.h"

extern char **environ;

/* What gnuplot is to run, and what becomes of it. */
struct run {
    char *folder;   /* as gnuplot is told of it */
    char *script;   /* in it */
    int status;     /* of waitpid */
    char said[600]; /* the end of what it said, as one line */
};

/* Adds a character, every stretch of white space as one blank; what was said first makes way: what
 * gnuplot stopped at comes last. */
static void take(char *said, size_t size, char c) {
    size_t n = strlen(said);
    if (isspace((unsigned char)c))
        c = ' ';
    if (c == ' ' && (!n || said[n - 1] == ' '))
        return;
    if (n + 1 == size)
        memmove(said, said + 1, n--);
    said[n] = c;
    said[n + 1] = 0;
}

static void hear(int from, struct run *run) {
    char part[512];
    ssize_t n;
    while ((n = read(from, part, sizeof part)) != 0) {
        if (n < 0 && errno != EINTR)
            break;
        for (ssize_t i = 0; i < n; i++)
            take(run->said, sizeof run->said, part[i]);
    }
    size_t end = strlen(run->said);
    if (end && run->said[end - 1] == ' ')
        run->said[end - 1] = 0;
}

/* Starts gnuplot, its messages going into `to`; 0, or what errno says. */
static int start(const struct run *run, int to, pid_t *child) {
    char *const arguments[] = {"gnuplot", "-c", run->script, run->folder, NULL};
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions))
        return ENOMEM;
    int fault = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!fault)
        fault = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (!fault)
        fault = posix_spawn_file_actions_adddup2(&actions, to, 2);
    if (!fault)
        fault = posix_spawnp(child, "gnuplot", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return fault;
}

/* Runs it to its end; 0, or what errno says. */
static int run_gnuplot(struct run *run) {
    int ends[2];
    pid_t child;
    if (pipe(ends))
        return errno;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    int fault = start(run, ends[1], &child);
    close(ends[1]);
    if (!fault)
        hear(ends[0], run);
    close(ends[0]);
    while (!fault && waitpid(child, &run->status, 0) < 0)
        if (errno != EINTR)
            fault = errno;
    return fault;
}

/* Whether the picture ends as its kind does. */
static bool is_whole(const char *path, const char *kind) {
    static const char png_end[] = "\0\0\0\0IEND\xae\x42\x60\x82";
    char end[sizeof png_end] = "";
    FILE *file = fopen(path, "rb");
    bool whole = file && !fseek(file, -(long)(sizeof end - 1), SEEK_END) &&
                 fread(end, 1, sizeof end - 1, file) == sizeof end - 1 &&
                 (strcmp(kind, "png") ? strstr(end, "</svg>") != NULL
                                      : !memcmp(end, png_end, sizeof end - 1));
    if (file)
        fclose(file);
    return whole;
}

static bool check_run(const struct run *run) {
    if (!run->status)
        return true;
    if (*run->said)
        return fail("%s: gnuplot: %s", run->script, run->said);
    return WIFSIGNALED(run->status)
               ? fail("%s: gnuplot was ended by signal %d", run->script, WTERMSIG(run->status))
               : fail("%s: gnuplot failed, with status %d", run->script, WEXITSTATUS(run->status));
}

enum { n_kind = 2 };
static const char *const kinds[n_kind] = {"png", "svg"};

static bool draw(struct run *run, char *const paths[n_kind], const char *name, bool svg) {
    int n_picture = svg ? n_kind : 1;
    bool fine = true;
    for (int i = 0; fine && i < n_picture; i++)
        fine = !unlink(paths[i]) || errno == ENOENT ||
               fail("%s: cannot remove this: %s", paths[i], strerror(errno));
    if (!fine)
        return false;
    int fault = run_gnuplot(run);
    if (fault == ENOENT) {
        printf("no %s.png", name);
        if (svg)
            printf(" and %s.svg", name);
        printf(": gnuplot: %s\n", strerror(fault));
        return true;
    }
    fine =
        fault ? fail("%s: cannot run gnuplot: %s", run->script, strerror(fault)) : check_run(run);
    for (int i = 0; fine && i < n_picture; i++)
        fine = is_whole(paths[i], kinds[i]) || fail("%s: gnuplot drew no whole picture", paths[i]);
    for (int i = 0; !fine && i < n_picture; i++)
        unlink(paths[i]);
    return fine;
}

/* "FOLDER/NAME.ENDING" */
static char *file_of(const char *folder, const char *name, const char *ending) {
    char file[100];
    snprintf(file, sizeof file, "%s.%s", name, ending);
    return path_join(folder, file);
}

bool gnuplot_draw(const char *folder, const char *name, bool svg) {
    /* to gnuplot a name that begins so is a command, a home or a flag */
    bool odd = strchr("<|~-", *folder) != NULL;
    size_t size = strlen(folder) + sizeof "./";
    struct run run = {.folder = malloc(size)};
    char *paths[n_kind] = {file_of(folder, name, kinds[0]), file_of(folder, name, kinds[1])};
    if (run.folder) {
        snprintf(run.folder, size, "%s%s", odd ? "./" : "", folder);
        run.script = file_of(run.folder, name, "gp");
    }
    bool fine = run.script && paths[0] && paths[1] ? draw(&run, paths, name, svg) : fail_memory();
    for (int i = 0; i < n_kind; i++)
        free(paths[i]);
    free(run.script);
    free(run.folder);
    return fine;
}

/* ---- Texts in scripts ---- */

/* `doubled`: a character to be written twice, beside the quote. */
static void write_string(FILE *stream, const char *text, size_t width, bool wrapped, char doubled) {
    fputc('\'', stream);
    for (size_t n = 1; *text && n; text += n) {
        n = sheet_line_length(text, width);
        for (size_t i = 0; i < n; i++) {
            fputc((unsigned char)text[i] < ' ' ? '?' : text[i], stream);
            if (text[i] == '\'' || text[i] == doubled)
                fputc(text[i], stream);
        }
        if (text[n] && !wrapped) {
            fputs("...", stream);
            break;
        }
        if (text[n])
            fputs("'.\"\\n\".'", stream);
    }
    fputc('\'', stream);
}

void script_write_text(FILE *stream, const char *text, size_t width, bool wrapped) {
    write_string(stream, text, width, wrapped, '\'');
}

void script_write_label(FILE *stream, const char *text, size_t width) {
    write_string(stream, text, width, false, '%');
}
