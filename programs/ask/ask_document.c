#include "ask_document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "cli/fail.h"
#include "cli/file_hash.h"
#include "cli/generation.h"
#include "cli/paths.h"
#include "cli/read_tokens.h"

/* ---- Where a session is kept ---- */

/* The folder, allocated; NULL: nobody says where. */
static char *cache_folder(const struct ask_settings *settings) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (settings->cache)
        return path_join(settings->cache, ".");
    if (cache && *cache == '/')
        return path_join(cache, "decimamba");
    return home && *home ? path_join(home, ".cache/decimamba") : NULL;
}

/* All that the state after a text depends on. */
static bool hash_of(const struct ask_settings *settings, const dm_method_options *method,
                    const dm_model_info *info, const char *text_hash, char hash[hash_size]) {
    char model[hash_size], all[512];
    json_t *options = method_options_to_json(method);
    char *dumped = json_dumps(options, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(options);
    bool fine =
        (dumped || fail_memory()) &&
        model_hash(settings->directory, settings->model.settings, settings->model.tokenizer, model);
    if (fine) {
        char method_hash[hash_size];
        bytes_hash(dumped, strlen(dumped), method_hash);
        int n = snprintf(all, sizeof all, "%s %s %s %s %s %s", text_hash, model, method_hash,
                         dtype_name(info->compute_dtype), info->cpu, dm_version());
        bytes_hash(all, (size_t)n, hash);
    }
    free(dumped);
    return fine;
}

/* "book.txt-0123456789abcdef.session" in the folder, allocated; NULL after a fault. */
static char *kept_path(const char *folder, const char *file, const char hash[hash_size]) {
    enum { longest = 100 };
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    char leaf[longest + hash_size + 16];
    snprintf(leaf, sizeof leaf, "%.*s-%s.session", longest, name, hash);
    return path_join(folder, leaf);
}

/* Sets document->kept where the text can be kept, and the hash of the text. */
static bool choose_place(struct document *document, const struct ask_settings *settings,
                         const dm_method_options *method, const dm_model_info *info,
                         char text_hash[hash_size]) {
    struct stat status;
    char hash[hash_size];
    if (settings->no_cache || stat(settings->file, &status) || !S_ISREG(status.st_mode))
        return true; /* a pipe is read once: whatever it was, it is gone */
    char *folder = cache_folder(settings);
    if (!folder) {
        complain("ask: HOME is not set: the text is not kept; --cache says where");
        return true;
    }
    bool fine =
        file_hash(settings->file, text_hash) && hash_of(settings, method, info, text_hash, hash);
    if (fine && path_make_folder(folder))
        document->kept = kept_path(folder, settings->file, hash);
    else if (fine)
        complain("%s: cannot make the folder: %s: the text is not kept", folder, strerror(errno));
    free(folder);
    return fine;
}

/* ---- Reading ---- */

static void add_to_hash(const char *bytes, size_t n_byte, void *user) {
    running_hash_add(user, bytes, n_byte);
}

static void keep(struct document *document, const struct ask_settings *settings, bool changed) {
    dm_error error;
    if (changed)
        complain("%s: changed while it was read: not kept", settings->file);
    else if (dm_generation_save(document->session, document->sampler, document->kept, &error))
        complain("%s: the text is not kept", error.message);
    else
        return;
    free(document->kept);
    document->kept = NULL;
}

static bool read_source(struct document *document, const struct ask_settings *settings,
                        struct token_source *source, const dm_tokenizer *tokenizer,
                        const char *text_hash) {
    char read_hash[hash_size] = "";
    struct running_hash *running = document->kept ? running_hash_new() : NULL;
    if (document->kept && !running)
        return false;
    if (running) {
        source->watch = add_to_hash;
        source->user = running;
    }
    token_source_begin(source, tokenizer);
    double started = seconds_now();
    bool fine = read_tokens(document->session, document->sampler, source);
    running_hash_finish(running, read_hash);
    if (!fine || interrupted())
        return fine;
    if (!dm_session_n_token(document->session))
        return fail("%s: the text is empty", source->input.name);
    tell_speed(source->n_id, seconds_now() - started, 0, 0);
    if (document->kept)
        keep(document, settings, strcmp(read_hash, text_hash) != 0);
    return true;
}

static bool read_text_of(struct document *document, const struct ask_settings *settings,
                         const dm_model *model, const dm_method_options *method,
                         const dm_tokenizer *tokenizer, const char *text_hash) {
    struct token_source source = {0};
    dm_error error;
    bool fine =
        (!dm_session_new(model, method, &document->session, &error) || fail("%s", error.message)) &&
        token_source_open_text(&source, "text", NULL, settings->file, tokenizer) &&
        read_source(document, settings, &source, tokenizer, text_hash);
    token_source_close(&source);
    return fine;
}

/* ---- A session that is there ---- */

/* False, without a word, where it cannot be used; then the text is read again. */
static bool find_kept(struct document *document, const dm_model *model) {
    dm_error error;
    if (!document->kept || access(document->kept, F_OK))
        return false;
    if (!dm_generation_restore(model, document->kept, &document->session, document->sampler, NULL,
                               &error))
        return true;
    complain("%s: reading the text again", error.message);
    return false;
}

bool document_open(struct document *document, const struct ask_settings *settings,
                   struct method_flags *flags, const dm_model *model, const dm_model_info *info,
                   const dm_tokenizer *tokenizer) {
    dm_method_options method;
    char text_hash[hash_size] = "";
    dm_error error;
    *document = (struct document){0};
    if (dm_sampler_new(info->vocab_size, &settings->sampling.sampler, &document->sampler, &error))
        return fail("%s", error.message);
    if (settings->load_session)
        return !dm_generation_restore(model, settings->load_session, &document->session,
                                      document->sampler, NULL, &error) ||
               fail("%s", error.message);
    if (!method_flags_resolve(flags, model, &method) ||
        !choose_place(document, settings, &method, info, text_hash))
        return false;
    bool found = find_kept(document, model);
    if (!found && !read_text_of(document, settings, model, &method, tokenizer, text_hash))
        return false;
    if (document->kept && !interrupted() && isatty(STDERR_FILENO))
        complain("%s: %zu tokens, %s in %s", settings->file, dm_session_n_token(document->session),
                 found ? "read before, and kept" : "kept", document->kept);
    return true;
}

void document_close(struct document *document) {
    dm_session_free(document->session);
    dm_sampler_free(document->sampler);
    free(document->kept);
}
