#include "report_file.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "output_file.h"
#include "paths.h"

char *report_file_path(const struct report *report, const char *name, const char *ending) {
    char whole[120];
    snprintf(whole, sizeof whole, "%s%s", name, ending);
    char *path = path_join(report->journal.folder.path, whole);
    if (!path)
        fail_memory();
    return path;
}

static bool write_whole(const char *path, const char *text, size_t n_byte) {
    struct output_file file;
    if (!output_open(&file, path))
        return false;
    output_write(&file, text, n_byte);
    return output_commit(&file);
}

bool report_file_write(const struct report_cells *cells, const char *path,
                       report_fill_function *fill) {
    char *text = NULL;
    size_t n_byte = 0;
    FILE *stream = open_memstream(&text, &n_byte);
    if (!stream)
        return fail_memory();
    bool fine = fill(cells, stream);
    fine = (fclose(stream) == 0 || fail_memory()) && fine;
    fine = fine && write_whole(path, text, n_byte);
    free(text);
    return fine;
}
