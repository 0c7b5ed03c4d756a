#include "train_table.h"

#include <string.h>

#include "cli/model_flags.h"

static const char *const task_names[] = {"none", "passkey", "retrieval", NULL};
static const char *const loss_names[] = {"completion", "all", "last", NULL};
static const char *const average_names[] = {"labels", "sequences", NULL};
static const char *const schedule_names[] = {"constant", "cosine", "linear", NULL};
static const char *const decay_names[] = {"all", "matrices", NULL};
static const char *const dtype_names[] = {"f32", "bf16", NULL};
static const char *const carry_names[] = {"none", "next", "other", "noise", "fitted", NULL};
static const char *const on_nan_names[] = {"stop", "skip", NULL};

static const double whole = 9007199254740992.0; /* beyond it not every number is a double */

static void model_options(struct train_settings *s, struct option *table) {
    const struct option options[] = {
        {OPTION_TEXT, "model", &s->model, "DIR", .help = "the checkpoint to start from",
         .path = true},
        {OPTION_TEXT, "config", &s->config, "FILE",
         .help = "or start from random weights of the shape in this config.json", .path = true},
        {OPTION_TEXT, "settings", &s->trainer.settings, "FILE",
         .help = "a decimamba.json from which --score global takes its channels, in place of the "
                 "model's own; a resumed training keeps those it began with",
         .path = true},
        {OPTION_SIZE, "seed", &s->seed, "S", .help = "of random weights, and of every draw of data",
         .max = whole},
        {OPTION_TEXT, "output", &s->output, "DIR",
         .help = "the folder to write; a training that is there is resumed", .path = true},
        {OPTION_TEXT, "tokenizer", &s->tokenizer, "PATH",
         .help = "a tokenizer.json, or a directory with one, of which every checkpoint gets a copy "
                 "(default the model's, or the one beside the config.json)",
         .path = true},
        {OPTION_TEXTS, "text", &s->text, "PATH",
         .help = "text to learn, or to hide keys in: a file, or a folder for all its .txt files; "
                 "may be "
                 "repeated",
         .path = true},
        {OPTION_TEXTS, "jsonl", &s->jsonl, "PATH",
         .help = "lines of {\"text\": ...} or {\"prompt\": ..., \"completion\": ...}, whose other "
                 "keys are "
                 "passed over: a file, or a folder for all its .jsonl files; may be repeated",
         .path = true},
        {OPTION_CHOICE, "task", &s->task, "TASK",
         .help =
             "passkey: prompts with a hidden key, made of the text as evaluate passkey makes them; "
             "retrieval: which document answers the question, made of --squad as evaluate "
             "retrieval "
             "makes them; none: what --text and --jsonl hold, as it is",
         .choices = task_names},
        {OPTION_TEXT, "squad", &s->squad, "FILE",
         .help =
             "questions about paragraphs for --task retrieval, in SQuAD's format, or its rows as "
             "Hugging Face's datasets have them, one a line or in a list",
         .path = true},
        {OPTION_TEXTS, "held-out-text", &s->held_out_text, "PATH",
         .help = "the same of text that is not trained on: its loss says which checkpoint is best",
         .path = true},
        {OPTION_TEXTS, "held-out-jsonl", &s->held_out_jsonl, "PATH", .help = "the same of lines",
         .path = true},
        {OPTION_TEXT, "held-out-squad", &s->held_out_squad, "FILE", .help = "the same of questions",
         .path = true},
        {OPTION_SIZE, "held-out", &s->held_out, "N", .help = "sequences of them that are looked at",
         .min = 1, .max = 1e9},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

static void sequence_options(struct train_settings *s, struct option *table) {
    const struct option options[] = {
        {OPTION_SIZE, "length", &s->length, "N", .help = "most tokens in a sequence", .min = 2,
         .max = 1e9},
        {OPTION_SIZE, "length-start", &s->length_start, "N",
         .help = "begin with sequences so short; their length grows in a straight line", .min = 2,
         .max = 1e9, .given = &s->length_start_given},
        {OPTION_REAL, "length-over", &s->length_over, "X",
         .help = "over this share of the steps --length-start grows to --length", .max = 1},
        {OPTION_SIZE, "shortest", &s->shortest, "N",
         .help = "pass-key prompts of this many tokens and more (default all as long as can be)",
         .min = 2, .max = 1e9, .given = &s->shortest_given},
        {OPTION_SIZE, "documents", &s->documents, "N",
         .help = "documents in a prompt of --task retrieval (default 12); fewer where it would be "
                 "longer "
                 "than --length",
         .min = 1, .max = 1000, .given = &s->documents_given},
        {OPTION_SIZE, "documents-start", &s->documents_start, "N",
         .help = "begin with so few; their number grows in a straight line", .min = 1, .max = 1000,
         .given = &s->documents_start_given},
        {OPTION_REAL, "documents-over", &s->documents_over, "X",
         .help = "over this share of the steps --documents-start grows to --documents (default 1)",
         .max = 1, .given = &s->documents_over_given},
        {OPTION_SIZE, "batch-tokens", &s->batch_tokens, "N", .help = "most tokens in a batch",
         .min = 2, .max = 1e9},
        {OPTION_SIZE, "accumulate", &s->accumulate, "N", .help = "batches in a step", .min = 1,
         .max = 1e6},
        {OPTION_CHOICE, "loss", &s->loss, "WHAT",
         .help =
             "labels: completion (of lines with a prompt; of text, all), all tokens, or the last "
             "--labels of each sequence",
         .choices = loss_names, .given = &s->loss_given},
        {OPTION_SIZE, "labels", &s->labels, "N",
         .help = "with --loss last: the last N tokens (default 1)", .min = 1, .max = 1e9,
         .given = &s->labels_given},
        {OPTION_REAL, "text-weight", &s->text_weight, "X",
         .help =
             "what a token that is no label counts in the loss (default 0; pass-key prompts 0.2)",
         .max = 1e6, .given = &s->text_weight_given},
        {OPTION_REAL, "mention-weight", &s->mention_weight, "X",
         .help = "what the second mention of the key counts", .max = 1e6},
        {OPTION_CHOICE, "average", &s->average, "WHAT",
         .help = "the loss is the mean over all labels of a step, or over its sequences' means, as "
                 "in the official code (default labels, and with --chunks sequences)",
         .choices = average_names, .given = &s->average_given},
        {OPTION_SIZE, "chunks", &s->chunks, "N",
         .help =
             "the official deci_num_chunks: read each window of text N times, the first 1/N, 2/N, "
             "... "
             "of it, with the loss on what is new but for its first token, all of which is kept "
             "(default: read it once, and let decimation drop of it)",
         .min = 1, .max = 1000, .given = &s->chunks_given},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

static void step_options(struct train_settings *s, struct option *table) {
    const struct option options[] = {
        {OPTION_SIZE, "steps", &s->steps, "N", .help = "steps of AdamW", .min = 1, .max = 99999999},
        {OPTION_REAL, "learning-rate", &s->trainer.learning_rate, "X", .help = "the highest rate",
         .max = 1e3},
        {OPTION_CHOICE, "schedule", &s->schedule, "NAME",
         .help = "of the learning rate: constant, or down to the last step, as a cosine or linear",
         .choices = schedule_names},
        {OPTION_SIZE, "warmup", &s->trainer.warmup, "N",
         .help = "steps in which the rate rises from 0", .max = 1e9},
        {OPTION_REAL, "final-rate", &s->trainer.final_rate, "X",
         .help = "share of the rate at the last step, where it falls", .max = 1},
        {OPTION_REAL, "beta1", &s->trainer.beta1, "X", .help = "decay of the mean gradient",
         .max = 0.9999999},
        {OPTION_REAL, "beta2", &s->trainer.beta2, "X", .help = "decay of the mean square",
         .max = 0.9999999},
        {OPTION_REAL, "epsilon", &s->trainer.epsilon, "X",
         .help = "added to the root of the mean square", .min = 1e-30, .max = 1},
        {OPTION_REAL, "weight-decay", &s->trainer.weight_decay, "X",
         .help = "share of the learning rate by which "
                 "weights shrink",
         .max = 1e3},
        {OPTION_CHOICE, "decay", &s->decay, "WHAT",
         .help = "what shrinks: all parameters, as in the official code, or matrices only",
         .choices = decay_names},
        {OPTION_REAL, "clip", &s->trainer.clip, "X", .help = "largest norm of the gradient; 0: any",
         .max = 1e30},
        {OPTION_CHOICE, "dtype", &s->dtype, "TYPE",
         .help = "of the large matrix products: f32 or bf16; all else is f32",
         .choices = dtype_names},
        {OPTION_TEXTS, "freeze", &s->freeze, "PATTERN",
         .help = "leave parameters of such names as they are, as 'backbone.layers.0.*'; may be "
                 "repeated"},
        {OPTION_SIZE, "lora-rank", &s->trainer.lora_rank, "N",
         .help = "train only a product of so low a rank beside each in_proj and out_proj; 0: "
                 "everything",
         .max = 1e6},
        {OPTION_REAL, "lora-alpha", &s->trainer.lora_alpha, "X",
         .help = "the product of --lora-rank counts alpha / rank", .max = 1e9},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

static void share_options(struct train_settings *s, struct option *table) {
    const struct option options[] = {
        {OPTION_REAL, "kept-share", &s->kept_share, "X",
         .help = "the base length as a share of the longest sequence", .min = 1e-9, .max = 1,
         .given = &s->kept_share_given},
        {OPTION_REAL, "kept-share-start", &s->kept_share_start, "X",
         .help = "begin with this share; it goes to --kept-share in a straight line", .min = 1e-9,
         .max = 1, .given = &s->kept_share_start_given},
        {OPTION_REAL, "kept-share-over", &s->kept_share_over, "X",
         .help = "over this share of the steps --kept-share-start comes to --kept-share", .max = 1},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

static void carry_options(struct train_settings *s, struct option *table) {
    const struct option options[] = {
        {OPTION_CHOICE, "carry-state", &s->carry, "WHAT",
         .help =
             "none: sequences start from zero; next: from what the chunk of text before ended "
             "with (truncated back-propagation); other: from what another sequence ended with "
             "(state passing); noise: from Gaussian noise; fitted: from noise with the mean and "
             "variance of what sequences ended with (default none)",
         .choices = carry_names, .given = &s->carry_given},
        {OPTION_REAL, "carry-reset", &s->carry_reset, "X",
         .help = "the probability with which a sequence starts from zero all the same (default 0)",
         .max = 1, .given = &s->carry_reset_given},
        {OPTION_REAL, "carry-noise", &s->trainer.carry_noise, "X",
         .help = "the deviation of --carry-state noise", .min = 1e-30, .max = 1e30,
         .given = &s->carry_noise_given},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

static void run_options(struct train_settings *s, struct option *table) {
    const struct option options[] = {
        threads_option(&s->trainer.n_thread),
        cpu_option(&s->trainer.cpu),
        {OPTION_FLAG, "recompute", &s->recompute,
         .help = "compute activations again instead of keeping them: less memory, a third more "
                 "work"},
        {OPTION_SIZE, "evaluate-every", &s->evaluate_every, "N",
         .help = "steps from one look at the held-out data to the next", .min = 1, .max = 1e9},
        {OPTION_SIZE, "save-every", &s->save_every, "N",
         .help = "steps from checkpoint to checkpoint", .min = 1, .max = 1e9},
        {OPTION_SIZE, "keep", &s->keep, "N",
         .help = "keep the newest N checkpoints, and the best one", .min = 1, .max = 1e9},
        {OPTION_SIZE, "patience", &s->patience, "N",
         .help = "end when N evaluations in a row were no better than the best; 0: never",
         .max = 1e9},
        {OPTION_CHOICE, "on-nan", &s->on_nan, "WHAT",
         .help = "when the loss or the gradient is not finite, or too large: stop, or skip the "
                 "step's data",
         .choices = on_nan_names},
        {OPTION_REAL, "spike", &s->trainer.spike, "X",
         .help = "a gradient norm over X times its running mean is too large; 0: none is",
         .max = 1e30},
        {.kind = OPTION_END},
    };
    memcpy(table, options, sizeof options);
}

void train_table_make(struct train_settings *settings, struct train_table *table) {
    model_options(settings, table->options[TRAIN_MODEL]);
    sequence_options(settings, table->options[TRAIN_SEQUENCES]);
    step_options(settings, table->options[TRAIN_STEPS]);
    method_flags_table(&settings->method, table->options[TRAIN_METHOD]);
    share_options(settings, table->options[TRAIN_SHARE]);
    carry_options(settings, table->options[TRAIN_CARRY]);
    run_options(settings, table->options[TRAIN_RUN]);
    const char *const titles[] = {
        "Model and data",
        "Sequences and loss",
        "Steps",
        "Decimation while training (the model's own settings do not count)",
        "How much is kept, where --base-length does not say it",
        "What states sequences start from",
        "The run (these may change when a training is resumed)"};
    for (int i = 0; i < N_TRAIN_GROUP; i++)
        table->groups[i] = (struct option_group){titles[i], table->options[i]};
    table->groups[N_TRAIN_GROUP] = (struct option_group){0};
}
