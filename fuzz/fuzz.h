/* What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput; libFuzzer feeds it
 * (scripts/fuzz.sh), or replay.c does (the tests fuzz_*). */
#ifndef DM_FUZZ_FUZZ_H
#define DM_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold whatever the input is. */
#define MUST(property)                                    \
    do {                                                  \
        if (!(property))                                  \
            fuzz_violated(__FILE__, __LINE__, #property); \
    } while (0)
_Noreturn void fuzz_violated(const char *file, int line, const char *property);

enum { FUZZ_MAX_PATH = 512 };

/* The path of a file that holds the input; the next call changes it. */
const char *fuzz_file(const uint8_t *data, size_t size);
/* The path of a directory of this process, removed at its end. */
const char *fuzz_directory(void);
/* Puts directory/name into `path` [FUZZ_MAX_PATH]. */
void fuzz_path(const char *name, char *path);
/* The same, and writes it. */
void fuzz_write(const char *name, const void *bytes, size_t n_byte, char *path);

/* The tokenizer of tests/data/tokenizer/NAME, loaded at the first call (later names are ignored)
 * and freed at exit. */
const dm_tokenizer *fuzz_tokenizer(const char *name);

/* Checks that a call with `status` left a message exactly if it failed, of one line. The error must
 * have been made by fuzz_error_new. */
dm_error fuzz_error_new(void);
void fuzz_check_error(dm_status status, const dm_error *error);

/* Reads every byte, so that a sanitizer catches any out of bounds. */
void fuzz_touch(const void *bytes, size_t n_byte);

#endif
