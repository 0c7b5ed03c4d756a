#include "sampling_flags.h"

#include <jansson.h>
#include <string.h>

#include "fail.h"

void sampling_flags_table(struct sampling_flags *flags, struct option table[n_sampling_option]) {
    dm_sampler_options *sampler = &flags->sampler;
    const struct option options[n_sampling_option] = {
        {OPTION_REAL, "temperature", &sampler->temperature, "X",
         .help = "0 takes the best token, always. The default is 0, or 1 with --top-k, --top-p or "
                 "--min-p, where these are not off",
         .max = 1e6, .given = &flags->temperature_given},
        {OPTION_SIZE, "top-k", &sampler->top_k, "N", .help = "draw from the N best; 0: off"},
        {OPTION_REAL, "top-p", &sampler->top_p, "X",
         .help = "draw from the best that together have this probability; 1: off", .min = 1e-9,
         .max = 1},
        {OPTION_REAL, "min-p", &sampler->min_p, "X",
         .help = "drop what is less likely than X times the best; 0: off", .max = 1},
        {OPTION_REAL, "repetition-penalty", &sampler->repetition_penalty, "X",
         .help = "divides the positive logits of tokens in the prompt and the answer, multiplies "
                 "the negative ones; 1: off",
         .min = 1e-6, .max = 1e6},
        {OPTION_SEED, "seed", &sampler->seed, "S",
         .help = "the same seed gives the same draws (default 0); there are none at temperature 0, "
                 "which a seed alone does not change. A loaded session of the same seed, or where "
                 "none is given, draws on from where it stood",
         .given = &flags->seed_given},
        {.kind = OPTION_END},
    };
    *flags = (struct sampling_flags){.max_tokens = 128, .sampler = DM_SAMPLER_OPTIONS_INIT};
    memcpy(table, options, sizeof options);
}

void ending_flags_rows(struct sampling_flags *flags, struct option rows[n_ending_option]) {
    const struct option options[n_ending_option] = {
        {OPTION_SIZE, "max-tokens", &flags->max_tokens, "N",
         .help = "tokens to generate at most; 0: none", .max = 1e9},
        {OPTION_TEXTS, "stop", &flags->stops, "TEXT",
         .help = "end before this text, which is not printed; may be repeated"},
        {OPTION_FLAG, "ignore-eos", &flags->ignore_end,
         .help =
             "do not end at the model's stop tokens: the eos_token_id (a number or a list) of "
             "generation_config.json, else of config.json, else the tokenizer's end token (the "
             "eos_token of tokenizer_config.json or special_tokens_map.json, else <|endoftext|>)"},
    };
    memcpy(rows, options, sizeof options);
}

bool sampling_flags_settle(struct sampling_flags *flags, const char *command) {
    dm_sampler_options *sampler = &flags->sampler;
    for (size_t i = 0; i < flags->stops.n; i++) {
        json_t *text = json_string(flags->stops.items[i]); /* NULL where it is not UTF-8 */
        json_decref(text);
        if (!text || !*flags->stops.items[i])
            return fail_usage("%s: --stop: the text is %s", command, text ? "empty" : "not UTF-8");
    }
    if (flags->temperature_given)
        return true;
    if (sampler->top_k || sampler->top_p < 1 || sampler->min_p > 0)
        sampler->temperature = 1;
    else if (flags->seed_given)
        complain("%s: --seed: nothing is drawn without --temperature, --top-k, --top-p or --min-p: "
                 "the best token is taken",
                 command);
    return true;
}
