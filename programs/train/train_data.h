/* The sequences of a training: example number i is a function of the seed and i (and of how large
 * examples may be just now), so a training can go on at any of them. */
#ifndef DECIMAMBA_TRAIN_DATA_H
#define DECIMAMBA_TRAIN_DATA_H

#include "documents/documents_training.h"
#include "passkey/passkey.h"
#include "train_corpus.h"
#include "train_settings.h"

struct train_data {
    const struct train_settings *settings;
    struct corpus corpus;
    struct passkey_source passkey;     /* of TASK_PASSKEY: its text is the corpus */
    struct squad *squad;               /* of TASK_RETRIEVAL, ... */
    struct documents_source documents; /* ... which are made of it */
    const int32_t *before; /* [n_before]: with what a task's prompt begins, as every text does */
    size_t n_before;
    float text_weight, mention_weight;
    size_t *first_window; /* [n_document + 1]: a document's windows, counted through all of them */
    size_t n_window;      /* 0 for tasks */
    size_t stride;        /* from window to window */
    bool reads_on;        /* --carry-state next: windows follow each other, and share no token */
    size_t n_too_long;    /* prompts with their completions, or questions, left out */
    size_t n_too_short;   /* ends of texts left out, as they cannot be read in chunks */
};

/* Reads what is to be learned, or (held_out) what is to be looked at. A text is cut into windows of
 * settings->length tokens that share one token with the next, so that each token but a text's first
 * is predicted once; what is too short for --chunks is left out. A prompt with its completion is
 * one window, or left out where it is longer; it is not read in chunks, so that --chunks of more
 * than 1 refuses it. A question of TASK_RETRIEVAL is left out where it is longer with no paragraph but its own. The
 * tokenizer and the settings are borrowed. Faults print their line; freed either way. */
bool train_data_read(struct train_data *data, const struct train_settings *settings,
                     const dm_tokenizer *tokenizer, bool held_out);
void train_data_free(struct train_data *data);

/* Mixes all that is learned from, as ids, into `hash`. */
uint64_t train_data_hash(const struct train_data *data, uint64_t hash);
/* Whether there are completions or answers, which teach where a text ends. */
bool train_data_teaches_end(const struct train_data *data);
/* The highest id that occurs; -1: none does. */
int32_t train_data_highest_id(const struct train_data *data);

/* A sequence, before its tokens are written. */
struct example {
    size_t n;                           /* tokens */
    size_t n_label;                     /* the last of them count 1 in the loss, ... */
    const int32_t *ids;                 /* [n], in the corpus; NULL for tasks */
    bool from_zero;                     /* whatever states are carried */
    struct passkey_prompt prompt;       /* of TASK_PASSKEY */
    struct documents_example documents; /* of TASK_RETRIEVAL */
};

/* Example `number` of a training whose examples have the size `size` (see train_size_at). Of text
 * and lines: epochs of all windows, each shuffled anew, and of a window of more than `size` tokens
 * a run drawn from it. With --carry-state next, each of a step's sequences is the chunk after that
 * which the sequence of the same number in the step before was, or starts from zero. */
bool train_example(const struct train_data *data, uint64_t number, size_t size,
                   struct example *example);
/* Number `index` of train_data_held_out: windows spread evenly, or prompts. */
bool train_example_held_out(const struct train_data *data, size_t index, struct example *example);
size_t train_data_held_out(const struct train_data *data);

/* Sequences packed into one run of at most `capacity` tokens. */
struct train_batch {
    size_t capacity, most; /* tokens, and sequences; `most` may be lowered */
    size_t n_sequence;
    size_t *start, *keep_tail;
    int32_t *ids;
    float *weight;
    unsigned char *from_zero;
};
bool train_batch_init(struct train_batch *batch, size_t capacity);
void train_batch_free(struct train_batch *batch);
void train_batch_clear(struct train_batch *batch);
bool train_batch_fits(const struct train_batch *batch, const struct example *example);
/* Adds an example that fits. */
bool train_batch_add(struct train_batch *batch, const struct train_data *data,
                     const struct example *example);
/* The library's view of it, valid until the next change. */
dm_training_batch train_batch_view(const struct train_batch *batch);

#endif
