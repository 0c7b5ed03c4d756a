#include "model_flags.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/gguf_settings.h"
#include "base/path.h"
#include "fail.h"
#include "paths.h"

static const char *const cpu_names[] = {"reference", "avx2", "avx512", "amx", "neon", NULL};
static const char *const dtype_names[] = {"auto", "f32", "bf16", "int8", "q4", "bf16x3", NULL};

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

void text_model_flags_table(struct model_flags *flags, struct option table[n_model_option]) {
    *flags = (struct model_flags){0};
    const struct option options[n_model_option] = {
        threads_option(&flags->n_thread),
        {OPTION_CHOICE, "dtype", &flags->dtype, "TYPE",
         .help =
             "type of the large matrix products: f32, bf16, int8 (weights in 8 bits with a scale "
             "for each output, activations with one for each token), q4 (weights in 4 bits with a "
             "scale and a minimum for each 32 inputs), bf16x3 (f32 as three bf16, within 1e-5 of "
             "it and faster where the processor has AMX, else f32 itself), or auto: blocks of a "
             "GGUF file (Q4_K and so on) as they are, bf16 where the checkpoint is bf16 and the "
             "processor supports it, else f32",
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
        {OPTION_FLAG, "limit-steps", &flags->limit_steps,
         .help = "where a Mamba-2 model limits Delta (dt_limit, time_step_limit), do so in "
                 "generation too, not only while a text is read, as transformers does"},
        {OPTION_TEXT, "tokenizer", &flags->tokenizer, "FILE",
         .help = "a tokenizer.json or a tokenizer.model, or a folder that holds one (default the "
                 "model's own)",
         .path = true},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

void model_flags_table(struct model_flags *flags, struct option table[n_model_option]) {
    text_model_flags_table(flags, table);
    table[n_model_option - 2] = (struct option){.kind = OPTION_END}; /* --tokenizer is the last */
}

dm_dtype model_flags_dtype(const struct model_flags *flags) {
    static const dm_dtype dtypes[] = {DM_DTYPE_AUTO, DM_DTYPE_F32, DM_DTYPE_BF16,
                                      DM_DTYPE_INT8, DM_DTYPE_Q4,  DM_DTYPE_BF16X3};
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
    options.limit_steps = flags->limit_steps;
    *info = (dm_model_info)DM_MODEL_INFO_INIT;
    if (dm_model_load(directory, &options, model, &error))
        return fail_model(directory, &error);
    if (dm_model_get_info(*model, info, &error))
        return fail("%s", error.message);
    return true;
}

/* "owner/name", of which nothing is here. */
static bool is_hub_name(const char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n_owner = strspn(name, letters);
    const char *rest = name + n_owner + (name[n_owner] == '/');
    size_t n_rest = strspn(rest, letters);
    if (!n_owner || !n_rest || rest[n_rest] || name[n_owner] != '/' || *name == '.')
        return false;
    char *owner = strndup(name, n_owner);
    bool here = !owner || access(owner, F_OK) == 0;
    free(owner);
    return !here;
}

bool fail_model(const char *directory, const dm_error *error) {
    if (error->status == DM_ERROR_IO && is_hub_name(directory))
        return fail("%s: no such folder: a model is a local folder. 'scripts/fetch_data.sh FOLDER "
                    "hub:%s' fetches that one from Hugging Face into FOLDER/%s",
                    directory, directory, directory);
    if (error->status == DM_ERROR_IO && access(directory, F_OK) != 0)
        return fail("%s: no such model: it must be a local folder or a GGUF file", directory);
    if (error->status == DM_ERROR_IO && !dm_path_is_folder(directory) &&
        !dm_gguf_is_file(directory))
        return fail("%s: not a model: neither a folder nor a GGUF file", directory);
    return fail("%s", error->message);
}

bool load_tokenizer(const char *path, dm_tokenizer **tokenizer) {
    dm_error error;
    if (!dm_tokenizer_load(path, tokenizer, &error))
        return true;
    char *file = dm_path_is_folder(path) ? tokenizer_path(path) : NULL;
    bool missing = error.status == DM_ERROR_IO && file && access(file, F_OK) != 0;
    free(file);
    if (missing)
        return fail("%s: it holds no tokenizer.json and no tokenizer.model: --tokenizer FILE names "
                    "one. 'scripts/fetch_data.sh FOLDER tokenizer' fetches GPT-NeoX-20B's, which "
                    "models of state-spaces read, as FOLDER/tokenizer/20B_tokenizer.json",
                    path);
    return fail_model(path, &error);
}

bool load_model_tokenizer(const char *directory, const struct model_flags *flags,
                          dm_tokenizer **tokenizer) {
    return load_tokenizer(flags->tokenizer ? flags->tokenizer : directory, tokenizer);
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

bool load_tokenizer_if_any(const char *directory, const struct model_flags *flags, bool needed,
                           dm_tokenizer **tokenizer) {
    if (flags->tokenizer)
        return load_tokenizer(flags->tokenizer, tokenizer);
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
    return dtype == DM_DTYPE_F32      ? "f32"
           : dtype == DM_DTYPE_BF16   ? "bf16"
           : dtype == DM_DTYPE_F16    ? "f16"
           : dtype == DM_DTYPE_INT8   ? "int8"
           : dtype == DM_DTYPE_Q4     ? "q4"
           : dtype == DM_DTYPE_BF16X3 ? "bf16x3"
                                      : "auto";
}
