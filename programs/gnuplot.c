#include "gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "fail.h"

extern char **environ;

bool gnuplot_draw(const char *script, const char *folder, const char *picture) {
    char *const arguments[] = {"gnuplot", "-c", (char *)script, (char *)folder, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = 0;
    if (posix_spawn_file_actions_init(&actions))
        return fail_memory();
    int fault = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!fault)
        fault = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (!fault)
        fault = posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (!fault)
        fault = posix_spawnp(&child, "gnuplot", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    while (!fault && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (fault)
        printf("no %s: gnuplot: %s\n", picture, strerror(fault));
    else if (status)
        printf("no %s: gnuplot failed on %s\n", picture, script);
    return true;
}
