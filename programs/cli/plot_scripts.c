#include "plot_scripts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/system.h"
#include "paths.h"

/* The folder of the program with "/" behind it; empty where the system does not tell. */
static void find_program(char folder[PATH_MAX]) {
    dm_system_program(folder, PATH_MAX);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[1] = 0;
}

static char *script_in(const char *folder, const char *name) {
    char file[80];
    snprintf(file, sizeof file, "%s.gp", name);
    return path_join(folder, file);
}

char *plot_script(const char *name) {
    static const char *const from_program[] = {PLOTS_FROM_BIN, "../share/plots"};
    const char *named = getenv("DECIMAMBA_PLOTS");
    char program[PATH_MAX], folder[PATH_MAX + 256];
    if (named && *named)
        return script_in(named, name);
    find_program(program);
    for (int i = 0; *program && i < 2; i++) {
        snprintf(folder, sizeof folder, "%s%s", program, from_program[i]);
        char *path = script_in(folder, name);
        if (!path || access(path, R_OK) == 0)
            return path;
        free(path);
    }
    return script_in(PLOTS_INSTALLED, name);
}
