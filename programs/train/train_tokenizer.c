#include "train_tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "cli/fail.h"
#include "cli/model_flags.h"
#include "cli/paths.h"

/* The folder of the model, or of the config, that the training starts from; of dm_memory_text. */
static char *start_folder(const struct train_settings *settings) {
    return settings->model ? dm_memory_text(settings->model) : dm_path_folder(settings->config);
}

char *train_tokenizer_path(const struct train_settings *settings) {
    if (settings->tokenizer)
        return dm_path_is_folder(settings->tokenizer) ? tokenizer_path(settings->tokenizer)
                                                      : strdup(settings->tokenizer);
    char *folder = start_folder(settings);
    char *path = folder ? tokenizer_path(folder) : NULL;
    dm_memory_free(folder);
    return path;
}

/* Whether a model with the files of the start stops at `end`. */
static bool find_stop(const dm_tokenizer *tokenizer, const struct train_settings *settings,
                      int32_t end, bool *stops) {
    char *folder = start_folder(settings);
    int32_t *ids;
    size_t n_id;
    dm_error error;
    bool fine = (folder || fail_memory()) &&
                (dm_checkpoint_stop_tokens(folder, tokenizer, &ids, &n_id, &error) == DM_OK ||
                 fail("%s", error.message));
    dm_memory_free(folder);
    if (!fine)
        return false;
    *stops = false;
    for (size_t i = 0; i < n_id; i++)
        *stops |= ids[i] == end;
    dm_free(ids);
    return true;
}

bool train_tokenizer_print_end(const dm_tokenizer *tokenizer,
                               const struct train_settings *settings) {
    int32_t end = dm_tokenizer_end(tokenizer);
    bool stops;
    char *text;
    size_t n_byte;
    dm_error error;
    if (end < 0) {
        printf("warning: no end is taught: %s has no <|endoftext|>, and no eos_token is named "
               "beside it\n",
               settings->tokenizer);
        return true;
    }
    if (!find_stop(tokenizer, settings, end, &stops))
        return false;
    if (dm_tokenizer_decode(tokenizer, &end, 1, 1, &text, &n_byte, &error))
        return fail("%s", error.message);
    printf("completions end with %s, id %d\n", text, (int)end);
    if (!stops)
        printf("warning: the model's eos_token_id does not list it: generation will not stop at "
               "%s\n",
               text);
    dm_free(text);
    return true;
}
