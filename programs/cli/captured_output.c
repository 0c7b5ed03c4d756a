#include "captured_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "fail.h"
#include "scratch_folder.h"

bool captured_output_begin(struct captured_output *captured) {
    fflush(stdout);
    *captured = (struct captured_output){.file = scratch_file(), .shown = dup(STDOUT_FILENO)};
    if (captured->file && captured->shown >= 0 && dup2(fileno(captured->file), STDOUT_FILENO) >= 0)
        return true;
    complain("%s: cannot keep what is printed here: %s", scratch_place(), strerror(errno));
    if (captured->file)
        fclose(captured->file);
    if (captured->shown >= 0)
        close(captured->shown);
    captured->file = NULL;
    return false;
}

/* Leaves the file open. */
static void restore(struct captured_output *captured) {
    fflush(stdout);
    dup2(captured->shown, STDOUT_FILENO);
    close(captured->shown);
}

void captured_output_end(struct captured_output *captured) {
    if (!captured->file)
        return;
    restore(captured);
    fclose(captured->file);
    captured->file = NULL;
}

json_t *captured_output_lines(struct captured_output *captured) {
    json_t *lines = json_array();
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    bool fine = lines;
    restore(captured);
    rewind(captured->file);
    while (fine && (n = getline(&line, &size, captured->file)) >= 0) {
        size_t n_byte = (size_t)n - (n && line[n - 1] == '\n');
        fine = !json_array_append_new(lines, json_stringn(line, n_byte));
    }
    free(line);
    fclose(captured->file);
    captured->file = NULL;
    if (fine)
        return lines;
    json_decref(lines);
    fail_memory();
    return NULL;
}
