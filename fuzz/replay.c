/* Runs a fuzz target without a fuzzer: over the files of a directory, over each cut short, and over
 * each with some bytes changed, the same in every run.
 *     fuzz_X DIRECTORY */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

enum { n_cut = 7, n_flip = 12, max_path = 1024 };

static char trying[2 * max_path]; /* the input that runs */
static size_t n_tried;

static void tell(int signal_number) {
    (void)signal_number; /* no printf in a signal handler */
    if (write(STDERR_FILENO, trying, strlen(trying)) >= 0)
        (void)!write(STDERR_FILENO, "\n", 1);
}

/* Runs the target over a copy of just these bytes, so that a checker sees their end. */
static void try(const unsigned char *bytes, size_t n_byte) {
    unsigned char *copy = malloc(n_byte ? n_byte : 1);
    MUST(copy);
    if (n_byte)
        memcpy(copy, bytes, n_byte);
    LLVMFuzzerTestOneInput(copy, n_byte);
    free(copy);
    n_tried++;
}

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525 + 1013904223; /* Numerical Recipes */
    return *state >> 8;
}

static void try_all(const char *path, unsigned char *bytes, size_t n_byte) {
    const size_t cuts[n_cut] = {0, 1, 8, n_byte / 4, n_byte / 2, n_byte - n_byte / 4, n_byte - 1};
    uint32_t random = (uint32_t)n_byte;
    snprintf(trying, sizeof trying, "input: %s", path);
    try(bytes, n_byte);
    for (int i = 0; i < n_cut && n_byte; i++) {
        size_t n = cuts[i] < n_byte ? cuts[i] : n_byte - 1;
        snprintf(trying, sizeof trying, "input: %s, cut to %zu bytes", path, n);
        try(bytes, n);
    }
    for (int i = 0; i < n_flip && n_byte; i++) {
        size_t at = next_random(&random) % n_byte;
        unsigned char before = bytes[at], after = before ^ (1 + next_random(&random) % 255);
        snprintf(trying, sizeof trying, "input: %s, byte %zu made %u", path, at, (unsigned)after);
        bytes[at] = after;
        try(bytes, n_byte);
        bytes[at] = before;
    }
}

static void try_file(const char *path) {
    FILE *file = fopen(path, "rb");
    MUST(file && !fseek(file, 0, SEEK_END));
    long n_byte = ftell(file);
    MUST(n_byte >= 0);
    rewind(file);
    unsigned char *bytes = malloc((size_t)n_byte + 1);
    MUST(bytes && fread(bytes, 1, (size_t)n_byte, file) == (size_t)n_byte);
    fclose(file);
    try_all(path, bytes, (size_t)n_byte);
    free(bytes);
}

int main(int argc, char **argv) {
    struct dirent **entries = NULL;
    int n_entry = argc == 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1, n_file = 0;
    if (n_entry < 0) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    signal(SIGABRT, tell); /* abort ends the process when the handler returns */
    for (int i = 0; i < n_entry; i++) {
        char path[max_path];
        int n = snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
        MUST(n > 0 && n < max_path);
        if (*entries[i]->d_name != '.') {
            try_file(path);
            n_file++;
        }
        free(entries[i]);
    }
    free(entries);
    printf("%d files, %zu inputs tried\n", n_file, n_tried);
    return n_file ? 0 : 1;
}
