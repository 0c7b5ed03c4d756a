#include "file_hash.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/gguf_file.h"
#include "base/memory.h"
#include "base/model_folder.h"
#include "base/path.h"
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

static bool is_one_of(const char *name, const char *const *names) {
    while (*names && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

static int is_of_tokenizer(const struct dirent *entry) {
    static const char *const names[] = {"tokenizer.json", "tokenizer.model",
                                        "tokenizer_config.json", "special_tokens_map.json", NULL};
    return is_one_of(entry->d_name, names);
}

static int is_of_model(const struct dirent *entry) {
    static const char *const names[] = {"config.json", "decimamba.json", "generation_config.json",
                                        "adapter_config.json", NULL};
    const char *name = entry->d_name;
    return is_of_tokenizer(entry) || is_one_of(name, names) ||
           (name[0] != '.' && (ends_with(name, ".safetensors") || ends_with(name, ".bin") ||
                               ends_with(name, ".index.json")));
}

/* What stands in the place of a model's own files; or NULL. */
struct replaced {
    const char *settings, *tokenizer;
};

/* The files of a folder that belong to it, by their names. */
static bool add_folder(struct running_hash *running, const char *folder,
                       int (*belongs)(const struct dirent *entry), struct replaced replaced) {
    struct dirent **entries;
    int n = scandir(folder, &entries, belongs, alphasort);
    if (n < 0)
        return fail("%s: cannot read: %s", folder, strerror(errno));
    bool fine = true;
    for (int i = 0; i < n; i++) {
        bool passed = (replaced.settings && !strcmp(entries[i]->d_name, "decimamba.json")) ||
                      (replaced.tokenizer && is_of_tokenizer(entries[i]));
        char *path = fine && !passed ? path_join(folder, entries[i]->d_name) : NULL;
        fine = fine && (passed || ((path || fail_memory()) && add_file(running, path)));
        free(path);
        free(entries[i]);
    }
    free(entries);
    return fine;
}

/* A GGUF file, and its settings where there are any. */
static bool add_gguf(struct running_hash *running, const char *path, struct replaced replaced) {
    char *own = dm_model_own_file(path, "decimamba.json");
    bool has_own = own && !replaced.settings && access(own, F_OK) == 0;
    bool fine =
        (own || fail_memory()) && add_file(running, path) && (!has_own || add_file(running, own));
    dm_memory_free(own);
    return fine;
}

/* A file, and what lies beside it, unless all is in it. */
static bool add_tokenizer(struct running_hash *running, const char *path) {
    const struct replaced nothing = {NULL, NULL};
    if (dm_gguf_is_file(path))
        return add_file(running, path);
    if (dm_path_is_folder(path))
        return add_folder(running, path, is_of_tokenizer, nothing);
    char *folder = dm_path_folder(path);
    bool fine = (folder || fail_memory()) && add_file(running, path) &&
                add_folder(running, folder, is_of_tokenizer, nothing);
    dm_memory_free(folder);
    return fine;
}

bool model_hash(const char *directory, const char *settings, const char *tokenizer,
                char hash[hash_size]) {
    const struct replaced replaced = {settings, tokenizer};
    struct running_hash *running = running_hash_new();
    bool fine =
        running &&
        (dm_gguf_is_file(directory) ? add_gguf(running, directory, replaced)
                                    : add_folder(running, directory, is_of_model, replaced)) &&
        (!settings || !*settings || add_file(running, settings)) &&
        (!tokenizer || add_tokenizer(running, tokenizer));
    running_hash_finish(running, hash);
    return fine;
}
