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
#include "plot_scripts.h"

extern char **environ;

enum { n_kind = 2 };
static const char *const kinds[n_kind] = {"png", "svg"};

/* What gnuplot is to run, and what becomes of it. */
struct run {
    char *script, *settings;
    char *paths[n_kind]; /* [n_picture] of the pictures */
    int n_picture;
    int status;     /* of waitpid */
    char said[600]; /* the end of what it said, as one line */
};

/* ---- Running gnuplot ---- */

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
    char *const arguments[] = {"gnuplot", "-e", run->settings, run->script, NULL};
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
    const char *picture = run->paths[0];
    if (!run->status)
        return true;
    if (*run->said)
        return fail("%s: gnuplot: %s", picture, run->said);
    return WIFSIGNALED(run->status)
               ? fail("%s: gnuplot was ended by signal %d", picture, WTERMSIG(run->status))
               : fail("%s: gnuplot failed, with status %d", picture, WEXITSTATUS(run->status));
}

static bool say_undrawn(const struct figure *figure, const char *what, int fault) {
    printf("no %s.png", figure->name);
    if (!figure->png_only)
        printf(" and %s.svg", figure->name);
    printf(": %s: %s\n", what, strerror(fault));
    return true;
}

static bool draw(const struct figure *figure, struct run *run) {
    int n_picture = run->n_picture;
    bool fine = true;
    for (int i = 0; fine && i < n_picture; i++)
        fine = !unlink(run->paths[i]) || errno == ENOENT ||
               fail("%s: cannot remove this: %s", run->paths[i], strerror(errno));
    if (!fine)
        return false;
    if (access(run->script, R_OK))
        return say_undrawn(figure, run->script, errno);
    int fault = run_gnuplot(run);
    if (fault == ENOENT)
        return say_undrawn(figure, "gnuplot", fault);
    fine =
        fault ? fail("%s: cannot run gnuplot: %s", run->paths[0], strerror(fault)) : check_run(run);
    for (int i = 0; fine && i < n_picture; i++)
        fine = is_whole(run->paths[i], kinds[i]) ||
               fail("%s: gnuplot drew no whole picture", run->paths[i]);
    for (int i = 0; !fine && i < n_picture; i++)
        unlink(run->paths[i]);
    return fine;
}

/* ---- What gnuplot is told ---- */

/* A string of gnuplot in which nothing means anything to it: all but letters and blanks are octal
 * numbers, digits too, which it would take for more of the number before. */
enum kept { KEEP_ALL, KEEP_LINES, KEEP_TEXT };

static void write_string(FILE *stream, const char *text, enum kept kept) {
    fputc('"', stream);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < ' ' || c == 127) && kept != KEEP_ALL && !(kept == KEEP_LINES && c == '\n'))
            c = '?';
        fprintf(stream, isalpha(c) || c == ' ' ? "%c" : "\\%03o", c);
    }
    fputc('"', stream);
}

static void write_path(FILE *stream, const char *variable, const char *folder, const char *name,
                       const char *ending) {
    /* to gnuplot a name that begins with some signs is a command, a home or a block of data */
    fprintf(stream, "%s = %s", variable, *folder == '/' ? "" : "'./'.");
    write_string(stream, folder, KEEP_ALL);
    fputs(".'/'.", stream);
    write_string(stream, name, KEEP_ALL);
    fprintf(stream, "%s; ", ending);
}

static void write_settings(const struct figure *figure, FILE *stream) {
    write_path(stream, "table", figure->folder, figure->table ? figure->table : figure->name,
               ".'.tsv'");
    write_path(stream, "output", figure->folder, figure->name, "");
    fprintf(stream, "kinds = '%s'", figure->png_only ? "png" : "png svg");
    for (const struct figure_setting *setting = figure->settings; setting->name; setting++) {
        fprintf(stream, "; %s = ", setting->name);
        if (setting->text)
            write_string(stream, setting->text, setting->lines ? KEEP_LINES : KEEP_TEXT);
        else
            fprintf(stream, "%.17g", setting->number);
    }
}

static bool make_run(const struct figure *figure, struct run *run) {
    size_t n_byte;
    FILE *stream = open_memstream(&run->settings, &n_byte);
    bool fine = stream != NULL;
    if (stream) {
        write_settings(figure, stream);
        fine = fclose(stream) == 0;
    }
    run->script = plot_script(figure->script);
    fine = fine && run->script;
    run->n_picture = figure->png_only ? 1 : n_kind;
    for (int i = 0; i < run->n_picture; i++) {
        char file[100];
        snprintf(file, sizeof file, "%s.%s", figure->name, kinds[i]);
        run->paths[i] = path_join(figure->folder, file);
        fine = fine && run->paths[i];
    }
    return fine || fail_memory();
}

bool figure_draw(const struct figure *figure) {
    struct run run = {.status = 0};
    bool fine = make_run(figure, &run) && draw(figure, &run);
    for (int i = 0; i < run.n_picture; i++)
        free(run.paths[i]);
    free(run.script);
    free(run.settings);
    return fine;
}
