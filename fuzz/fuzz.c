#define _XOPEN_SOURCE 700 /* nftw */
#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fuzz_violated(const char *file, int line, const char *property) {
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, property);
    abort();
}

static dm_tokenizer *tokenizer;

static void release_tokenizer(void) {
    dm_tokenizer_free(tokenizer);
}

const dm_tokenizer *fuzz_tokenizer(const char *name) {
    const char *root = getenv("DM_SOURCE_ROOT");
    char path[FUZZ_MAX_PATH];
    dm_error error = fuzz_error_new();
    if (tokenizer)
        return tokenizer;
    MUST(root);
    MUST(snprintf(path, sizeof path, "%s/tests/data/tokenizer/%s", root, name) < FUZZ_MAX_PATH);
    MUST(dm_tokenizer_load(path, &tokenizer, &error) == DM_OK);
    atexit(release_tokenizer);
    return tokenizer;
}

static char directory[FUZZ_MAX_PATH / 2];

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *level) {
    (void)status, (void)kind, (void)level;
    return remove(path);
}

static void remove_directory(void) {
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_directory(void) {
    if (!*directory) {
        const char *parent = getenv("TMPDIR");
        int n = snprintf(directory, sizeof directory, "%s/decimamba-fuzz-XXXXXX",
                         parent ? parent : "/tmp");
        MUST(n > 0 && (size_t)n < sizeof directory && mkdtemp(directory));
        atexit(remove_directory);
    }
    return directory;
}

void fuzz_path(const char *name, char *path) {
    MUST(snprintf(path, FUZZ_MAX_PATH, "%s/%s", fuzz_directory(), name) < FUZZ_MAX_PATH);
}

const char *fuzz_file(const uint8_t *data, size_t size) {
    static int descriptor = -1;
    static char path[FUZZ_MAX_PATH];
    if (descriptor < 0) {
        fuzz_path("the-input", path);
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    }
    MUST(descriptor >= 0 && ftruncate(descriptor, (off_t)size) == 0);
    MUST(pwrite(descriptor, data, size, 0) == (ssize_t)size);
    return path;
}

void fuzz_write(const char *name, const void *bytes, size_t n_byte, char *path) {
    fuzz_path(name, path);
    FILE *file = fopen(path, "wb");
    MUST(file && fwrite(bytes, 1, n_byte, file) == n_byte && fclose(file) == 0);
}

dm_error fuzz_error_new(void) {
    return (dm_error){.status = DM_OK, .message = ""};
}

void fuzz_check_error(dm_status status, const dm_error *error) {
    MUST(status >= DM_OK && status <= DM_ERROR_MISMATCH);
    MUST(error->status == status);
    size_t n = strnlen(error->message, sizeof error->message);
    MUST(n < sizeof error->message && (n > 0) == (status != DM_OK));
    for (size_t i = 0; i < n; i++)
        MUST((unsigned char)error->message[i] >= ' ');
}

void fuzz_touch(const void *bytes, size_t n_byte) {
    const volatile unsigned char *byte = bytes; /* no read of it may be left out */
    for (size_t i = 0; i < n_byte; i++)
        (void)byte[i];
}
