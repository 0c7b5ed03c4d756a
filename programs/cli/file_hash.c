#include "file_hash.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/gguf_file.h"
#include "fail.h"
#include "paths.h"

enum { piece_size = 1 << 16 };

struct running_hash {
    XXH3_state_t *state;
};

struct running_hash *running_hash_new(void) {
    struct running_hash *made = calloc(1, sizeof *made);
    if (made && (made->state = XXH3_createState())) {
        XXH3_64bits_reset(made->state);
        return made;
    }
    free(made);
    fail_memory();
    return NULL;
}

void running_hash_add(struct running_hash *running, const void *bytes, size_t n_byte) {
    XXH3_64bits_update(running->state, bytes, n_byte);
}

void running_hash_finish(struct running_hash *running, char hash[hash_size]) {
    unsigned long long digest = running ? XXH3_64bits_digest(running->state) : 0;
    snprintf(hash, hash_size, "%016llx", digest);
    if (running)
        XXH3_freeState(running->state);
    free(running);
}

static bool add_file(struct running_hash *running, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail("%s: cannot read: %s", path, strerror(errno));
    char *piece = malloc(piece_size);
    size_t n;
    while (piece && (n = fread(piece, 1, piece_size, file)))
        running_hash_add(running, piece, n);
    bool fine = (piece || fail_memory()) &&
                (!ferror(file) || fail("%s: cannot read: %s", path, strerror(errno)));
    free(piece);
    fclose(file);
    return fine;
}

void bytes_hash(const void *bytes, size_t n_byte, char hash[hash_size]) {
    snprintf(hash, hash_size, "%016llx", (unsigned long long)XXH3_64bits(bytes, n_byte));
}

bool file_hash(const char *path, char hash[hash_size]) {
    struct running_hash *running = running_hash_new();
    bool fine = running && add_file(running, path);
    running_hash_finish(running, hash);
    return fine;
}

static bool ends_with(const char *name, const char *ending) {
    size_t n = strlen(name), n_ending = strlen(ending);
    return n >= n_ending && !strcmp(name + n - n_ending, ending);
}

static int is_of_model(const struct dirent *entry) {
    static const char *const names[] = {"config.json",           "tokenizer.json",
                                        "decimamba.json",        "generation_config.json",
                                        "tokenizer_config.json", "special_tokens_map.json",
                                        "adapter_config.json",   "tokenizer.model"};
    const char *name = entry->d_name;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return 1;
    return name[0] != '.' && (ends_with(name, ".safetensors") || ends_with(name, ".bin") ||
                              ends_with(name, ".index.json"));
}

/* A GGUF file, and its settings where there are any. */
static bool gguf_hash(const char *path, const char *settings, char hash[hash_size]) {
    struct running_hash *running = running_hash_new();
    char *own = path_of_model(path, "decimamba.json");
    bool has_own = own && !settings && access(own, F_OK) == 0;
    bool fine = running && (own || fail_memory()) && add_file(running, path) &&
                (!has_own || add_file(running, own)) && (!settings || add_file(running, settings));
    free(own);
    running_hash_finish(running, hash);
    return fine;
}

bool model_hash(const char *directory, const char *settings, char hash[hash_size]) {
    if (dm_gguf_is_file(directory))
        return gguf_hash(directory, settings, hash);
    struct dirent **entries;
    int n = scandir(directory, &entries, is_of_model, alphasort);
    if (n < 0)
        return fail("%s: cannot read: %s", directory, strerror(errno));
    struct running_hash *running = running_hash_new();
    bool fine = running != NULL;
    for (int i = 0; i < n; i++) {
        bool replaced = settings && !strcmp(entries[i]->d_name, "decimamba.json");
        char *path = fine && !replaced ? path_join(directory, entries[i]->d_name) : NULL;
        fine = fine && (replaced || ((path || fail_memory()) && add_file(running, path)));
        free(path);
        free(entries[i]);
    }
    free(entries);
    fine = fine && (!settings || add_file(running, settings));
    running_hash_finish(running, hash);
    return fine;
}
