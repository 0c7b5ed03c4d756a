/* decimamba init: a checkpoint with random weights. */
#include <stdlib.h>

#include "cli/fail.h"
#include "commands.h"
#include "decimamba.h"

static int run(int n_argument, char **arguments) {
    static const char *const dtype_names[] = {"f32", "bf16", "f16", NULL};
    const dm_dtype dtypes[] = {DM_DTYPE_F32, DM_DTYPE_BF16, DM_DTYPE_F16};
    int dtype = 0;
    uint64_t seed = 0;
    const struct option options[] = {
        {OPTION_SEED, "seed", &seed, "S", .help = "the same seed gives the same bytes"},
        {OPTION_CHOICE, "dtype", &dtype, "TYPE",
         .help = "type of the large matrices and the embedding: f32, bf16 or f16",
         .choices = dtype_names},
        {.kind = OPTION_END},
    };
    const struct option_group groups[] = {{"Options", options}, {0}};
    const char *operands[2];
    dm_error error;
    enum options_result result =
        options_read(&init_command, groups, n_argument, arguments, operands);
    if (result != OPTIONS_READ)
        return options_status(result);
    if (dm_checkpoint_init(operands[0], operands[1], dtypes[dtype], seed, &error)) {
        complain("%s", error.message);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

const struct command init_command = {
    .name = "init",
    .operands = "CONFIG.json OUT",
    .summary = "Writes a checkpoint with random weights of a given shape.",
    .notes = "CONFIG.json is a config.json in either dialect. OUT must not exist, or be an empty "
             "directory.",
    .example = "decimamba init mamba-130m/config.json random-130m --seed 1",
    .min_operand = 2,
    .max_operand = 2,
    .run = run,
};
