#include "report_file.h"

#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/output_file.h"
#include "cli/paths.h"

static bool write_whole(const struct report *report, const char *file, const char *text,
                        size_t n_byte) {
    struct output_file output;
    char *path = path_join(report->journal.folder.path, file);
    if (!path)
        return fail_memory();
    bool fine = output_open(&output, path);
    if (fine) {
        output_write(&output, text, n_byte);
        fine = output_commit(&output);
    }
    free(path);
    return fine;
}

bool report_file_write(const struct report_cells *cells, const char *name, const char *ending,
                       report_fill_function *fill) {
    char *text = NULL, file[120];
    size_t n_byte = 0;
    FILE *stream = open_memstream(&text, &n_byte);
    if (!stream)
        return fail_memory();
    bool fine = fill(cells, stream);
    fine = (fclose(stream) == 0 || fail_memory()) && fine;
    snprintf(file, sizeof file, "%s%s", name, ending);
    fine = fine && write_whole(cells->report, file, text, n_byte);
    free(text);
    return fine;
}
