#include "filled_file.h"

#include <stdlib.h>

#include "fail.h"
#include "output_file.h"
#include "paths.h"

static bool write_whole(const char *folder, const char *name, const char *text, size_t n_byte) {
    struct output_file output;
    char *path = path_join(folder, name);
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

bool filled_file_write(const char *folder, const char *name, fill_function *fill,
                       const void *what) {
    char *text = NULL;
    size_t n_byte = 0;
    FILE *stream = open_memstream(&text, &n_byte);
    if (!stream)
        return fail_memory();
    bool fine = fill(what, stream);
    fine = (fclose(stream) == 0 || fail_memory()) && fine;
    fine = fine && write_whole(folder, name, text, n_byte);
    free(text);
    return fine;
}

static bool fill_json(const void *object, FILE *stream) {
    return (object && json_dumpf(object, stream, JSON_INDENT(1) | JSON_REAL_PRECISION(10)) == 0 &&
            fputc('\n', stream) != EOF) ||
           fail_memory();
}

bool filled_file_json(const char *folder, const char *name, json_t *object) {
    bool fine = filled_file_write(folder, name, fill_json, object);
    json_decref(object);
    return fine;
}
