#include "model_flags.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/gguf_settings.h"
#include "fail.h"
#include "paths.h"

static const char *const cpu_names[] = {"reference", "avx2", "avx512", "amx", "neon", NULL};
static const char *const dtype_names[] = {"auto", "f32", "bf16", "int8", NULL};

struct option threads_option(size_t *n_thread) {
    return (struct option){
        .kind = OPTION_SIZE,
        .name = "threads",
        .value = n_thread,
        .argument = "N",
        .help = "threads to use; 0: one for each processor that the process may run on, or as many "
                "as the CPU quota of its control group (container) allows. Results do not depend "
                "on it",
        .max = 1024};
}

struct option cpu_option(const char **cpu) {
    return (struct option){
        .kind = OPTION_TEXT,
        .name = "cpu",
        .value = cpu,
        .argument = "NAME",
        .help = "instruction set: reference, avx2, avx512, amx or neon (default the best that the "
                "processor has)",
        .choices = cpu_names};
}

void model_flags_table(struct model_flags *flags, struct option table[n_model_option]) {
    *flags = (struct model_flags){0};
    const struct option options[n_model_option] = {
        threads_option(&flags->n_thread),
        {OPTION_CHOICE, "dtype", &flags->dtype, "TYPE",
         .help =
             "type of the large matrix products: f32, bf16, int8 (weights in 8 bits with a scale "
             "for each output, activations with one for each token), or auto: bf16 where the "
             "checkpoint is bf16 and the processor supports it, else f32",
         .choices = dtype_names},
        {OPTION_TEXT, "settings", &flags->settings, "FILE",
         .help =
             "read the method's settings from this file, as decimamba calibrate --output writes "
             "it, instead of the model's decimamba.json",
         .path = true},
        cpu_option(&flags->cpu),
        {OPTION_FLAG, "check", &flags->check,
         .help =
             "look for NaN and infinity, first in the weights, then in what the layers compute. "
             "The first one found ends the command with a line that names its layer and tensor"},
        {OPTION_FLAG, "no-map", &flags->no_map,
         .help =
             "read the model's files into memory instead of mapping them, for files that may be "
             "written to or truncated meanwhile"},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

dm_dtype model_flags_dtype(const struct model_flags *flags) {
    static const dm_dtype dtypes[] = {DM_DTYPE_AUTO, DM_DTYPE_F32, DM_DTYPE_BF16, DM_DTYPE_INT8};
    return dtypes[flags->dtype];
}

bool load_model(const char *directory, const struct model_flags *flags, dm_model **model,
                dm_model_info *info) {
    dm_model_options options = DM_MODEL_OPTIONS_INIT;
    dm_error error;
    options.n_thread = flags->n_thread;
    options.dtype = model_flags_dtype(flags);
    options.cpu = flags->cpu;
    options.settings = flags->settings;
    options.profile = flags->profile;
    options.check = flags->check;
    options.no_map = flags->no_map;
    *info = (dm_model_info)DM_MODEL_INFO_INIT;
    if (dm_model_load(directory, &options, model, &error))
        return fail("%s", error.message);
    if (dm_model_get_info(*model, info, &error))
        return fail("%s", error.message);
    return true;
}

bool load_tokenizer(const char *path, dm_tokenizer **tokenizer) {
    dm_error error;
    return dm_tokenizer_load(path, tokenizer, &error) == DM_OK || fail("%s", error.message);
}

char *tokenizer_path(const char *folder) {
    if (dm_gguf_is_file(folder))
        return strdup(folder);
    char *path = path_join(folder, "tokenizer.json");
    char *model = path_join(folder, "tokenizer.model");
    bool is_model = path && model && access(path, F_OK) != 0 && access(model, F_OK) == 0;
    free(is_model ? path : model);
    return is_model ? model : path;
}

bool load_tokenizer_if_any(const char *directory, bool needed, dm_tokenizer **tokenizer) {
    char *path = tokenizer_path(directory);
    dm_error error;
    if (!path)
        return fail_memory();
    bool there = access(path, F_OK) == 0, has = true;
    if (there && dm_gguf_is_file(path) && !dm_gguf_has_tokenizer(path, &has, &error))
        there = has;
    free(path);
    if (!there || !dm_tokenizer_load(directory, tokenizer, &error))
        return true;
    if (needed || error.status == DM_ERROR_MEMORY)
        return fail("%s", error.message);
    complain("%s; going on without it", error.message);
    return true;
}

void tell_of_plain_reading(const char *directory, const dm_model_info *info, bool chosen,
                           size_t n_token, size_t trained) {
    enum { usual = 2048 };
    size_t reach = trained ? trained : usual;
    if (chosen || info->has_defaults || n_token <= reach || !isatty(STDERR_FILENO))
        return;
    complain(
        "%s: there is no decimamba.json: %zu tokens were read by plain Mamba, which loses hold of "
        "texts longer than it was trained on (%s %zu tokens). 'decimamba calibrate %s --text "
        "FILE' finds settings for them and keeps them there, or in --output FILE",
        directory, n_token, trained ? "here" : "often", reach, directory);
}

size_t shared_vocabulary(const dm_tokenizer *tokenizer, const dm_model_info *info) {
    size_t n = tokenizer ? dm_tokenizer_vocab_size(tokenizer) : info->vocab_size;
    return n < info->vocab_size ? n : info->vocab_size;
}

const char *dtype_name(dm_dtype dtype) {
    return dtype == DM_DTYPE_F32    ? "f32"
           : dtype == DM_DTYPE_BF16 ? "bf16"
           : dtype == DM_DTYPE_F16  ? "f16"
           : dtype == DM_DTYPE_INT8 ? "int8"
                                    : "auto";
}
