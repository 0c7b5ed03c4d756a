#include "served_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/paths.h"

/* A template that cannot be read is no fault of those who ask for no chat. */
static void load_chat(struct served_model *served) {
    dm_error error;
    if (!dm_chat_template_load(served->directory, &served->chat, &error))
        return;
    served->chat = NULL;
    bool none = error.status == DM_ERROR_UNSUPPORTED;
    snprintf(served->no_chat, sizeof served->no_chat, "%s",
             none ? "the model has no chat template that can be used here"
                  : "the model's chat template cannot be read");
    if (!none)
        complain("%s; chats are refused", error.message);
}

static bool hash_all(struct served_model *served, const struct model_flags *flags) {
    char all[256];
    if (!model_hash(served->directory, flags->settings, flags->tokenizer, served->hash))
        return false;
    int n = snprintf(all, sizeof all, "%s %s %s %s", served->hash,
                     dtype_name(served->info.compute_dtype), served->info.cpu, dm_version());
    bytes_hash(all, (size_t)n, served->hash);
    return true;
}

bool served_model_open(struct served_model *served, const char *directory, const char *name,
                       const struct model_flags *flags, const struct method_flags *method) {
    dm_error error;
    *served = (struct served_model){.directory = directory};
    served->name = name ? strdup(name) : path_title(directory);
    if (!served->name)
        return fail_memory();
    if (!load_model(directory, flags, &served->model, &served->info) ||
        !load_model_tokenizer(directory, flags, &served->tokenizer) || !hash_all(served, flags))
        return false;
    if (dm_checkpoint_stop_tokens(directory, served->tokenizer, &served->ends, &served->n_end,
                                  &error))
        return fail("%s", error.message);
    dm_tokenizer_template(served->tokenizer, &served->before, &served->n_before, NULL, NULL);
    load_chat(served);
    served->method = request_method_of_flags(method, served->model);
    return served->method != NULL;
}

void served_model_close(struct served_model *served) {
    request_method_free(served->method);
    dm_free(served->ends);
    dm_chat_template_free(served->chat);
    dm_tokenizer_free(served->tokenizer);
    dm_model_free(served->model);
    free(served->name);
}
