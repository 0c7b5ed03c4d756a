/* decimamba convert: a checkpoint in another format, with its weights in another type. */
#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "cli/model_flags.h"
#include "commands.h"
#include "decimamba.h"

static bool names_gguf(const char *name) {
    size_t n = strlen(name);
    return n > 5 && !strcmp(name + n - 5, ".gguf");
}

static int run(int n_argument, char **arguments) {
    static const char *const dtype_names[] = {"auto", "f32", "bf16", "f16", "int8", "q4", NULL};
    const dm_dtype dtypes[] = {DM_DTYPE_AUTO, DM_DTYPE_F32,  DM_DTYPE_BF16,
                               DM_DTYPE_F16,  DM_DTYPE_INT8, DM_DTYPE_Q4};
    static const char *const format_names[] = {"transformers", "gguf", NULL};
    typedef dm_status writer(const char *directory, const char *output, dm_dtype dtype,
                             dm_error *error);
    writer *const formats[] = {dm_checkpoint_convert, dm_checkpoint_export_gguf};
    int dtype = 0, format = 0;
    bool format_given = false;
    const struct option options[] = {
        {OPTION_CHOICE, "format", &format, "FORMAT",
         .help = "transformers, a directory; or gguf, one file for llama.cpp with the weights, the "
                 "tokenizer, the tokens to stop at (three at most) and the chat template. Where "
                 "nothing names the end of a text, llama.cpp takes the id 11 for it: give it "
                 "--ignore-eos (default transformers, or gguf for an OUT that ends in .gguf)",
         .choices = format_names, .given = &format_given},
        {OPTION_CHOICE, "dtype", &dtype, "TYPE",
         .help =
             "type of the large matrices and the embedding: f32, bf16, f16, or auto: as they "
             "are stored (f32 where that is in blocks, as Q4_K); and in a GGUF file int8 (Q8_0) or "
             "q4 (Q4_K; Q8_0 where rows are no multiple of 256)",
         .choices = dtype_names},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {{"Options", options}, {0}};
    const char *operands[2];
    dm_error error;
    enum options_result result =
        options_read(&convert_command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);
    if (!format_given && names_gguf(operands[1]))
        format = 1;
    if (format == 0 && dtypes[dtype] >= DM_DTYPE_INT8) {
        fail_usage("--dtype %s: transformers has no such type: --format gguf writes it",
                   dtype_names[dtype]);
        return EXIT_FAILURE;
    }
    if (formats[format](operands[0], operands[1], dtypes[dtype], &error)) {
        fail_model(operands[0], &error);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

const struct command convert_command = {
    .name = "convert",
    .operands = "IN OUT",
    .summary = "Writes a checkpoint directory in transformers' dialect, or a GGUF file.",
    .notes = "IN is a MODEL: a directory or a GGUF file. The tokenizer's files, chat templates, "
             "generation_config.json and decimamba.json are copied where IN has them; of a GGUF "
             "file, they are made of its keys. OUT must not exist, or be an empty directory. A "
             "GGUF file replaces an OUT that exists; its decimamba.json is beside it, "
             "OUT.decimamba.json, and llama.cpp reads plain Mamba.",
    .example = "decimamba convert mamba-130m mamba-130m-bf16 --dtype bf16",
    .min_operand = 2,
    .max_operand = 2,
    .run = run,
};
