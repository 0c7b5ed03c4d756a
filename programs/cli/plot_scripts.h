/* Where the scripts are that draw figures. */
#ifndef DECIMAMBA_CLI_PLOT_SCRIPTS_H
#define DECIMAMBA_CLI_PLOT_SCRIPTS_H

/* The path of <name>.gp, allocated: in the folder that DECIMAMBA_PLOTS names and nowhere else, where
 * that is set; else in share/decimamba/plots beside the bin/ that the program lies in, wherever that
 * was moved to; in a build folder, in its share/plots; or where the program was to be installed.
 * Where it is in none of them, the path that was looked at last. NULL: memory is short. */
char *plot_script(const char *name);

#endif
