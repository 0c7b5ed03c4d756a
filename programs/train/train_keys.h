/* What a training is told: one value for each key, which a run file and the command line set. */
#ifndef DECIMAMBA_TRAIN_KEYS_H
#define DECIMAMBA_TRAIN_KEYS_H

#include <jansson.h>

#include "cli/method_flags.h"
#include "cli/options.h"
#include "decimamba.h"

enum train_task { TASK_NONE, TASK_PASSKEY, TASK_RETRIEVAL };
enum train_loss { LOSS_COMPLETION, LOSS_ALL, LOSS_LAST };
enum train_average { AVERAGE_LABELS, AVERAGE_SEQUENCES };
enum train_carry { CARRY_NONE, CARRY_NEXT, CARRY_OTHER, CARRY_NOISE, CARRY_FITTED };
enum train_on_nan { ON_NAN_STOP, ON_NAN_SKIP };

struct train_settings {
    dm_trainer_options trainer; /* those of the keys that the library takes as they are */
    /* model and data */
    const char *model, *config, *tokenizer, *output, *squad, *held_out_squad;
    size_t seed;
    struct text_list text, jsonl, held_out_text, held_out_jsonl;
    size_t held_out;
    int task;
    /* sequences and loss */
    size_t length, shortest, length_start, batch_tokens, accumulate, labels, chunks;
    double length_over, text_weight, mention_weight;
    bool text_weight_given, shortest_given, length_start_given;
    size_t documents, documents_start; /* of TASK_RETRIEVAL */
    double documents_over;
    bool documents_given, documents_start_given, documents_over_given;
    int loss, average;
    bool loss_given, labels_given, average_given;
    bool chunks_given; /* 1, too, says which labels and tail a text has: see train_data.c */
    /* steps */
    size_t steps;
    int schedule, decay, dtype;
    struct text_list freeze;
    /* decimation */
    struct method_flags method;
    double kept_share, kept_share_start, kept_share_over;
    bool kept_share_given, kept_share_start_given;
    /* states that sequences start from */
    int carry;
    double carry_reset;
    bool carry_given, carry_reset_given, carry_noise_given; /* the noise itself: in `trainer` */
    /* the run */
    size_t evaluate_every, save_every, keep, patience;
    bool recompute;
    int on_nan;

    const char *run_file; /* NULL: none */
    json_t *file;         /* what is in it; texts above may live there */
};

#endif
