#include "train_data.h"

#include <stdlib.h>
#include <string.h>

#include "cli/fail.h"
#include "draw.h"
#include "passkey/passkey_training.h"
#include "train_curriculum.h"

/* What a draw is for, so that equal numbers are drawn independently. */
enum purpose { FOR_ORDER = 1, FOR_PLACE, FOR_HELD_OUT, FOR_RESET };

static uint64_t seed_for(const struct train_data *data, enum purpose purpose) {
    uint64_t state = data->settings->seed;
    return draw_bits(&state, purpose);
}

/* A text of n tokens makes n - 1 predictions, length - 1 to a window. Its last window is left out
 * where a pass over it would have no label. Chunks that follow each other share no token, as it would
 * be read twice. */
static size_t count_windows(struct train_data *data, const struct document *document) {
    size_t length = data->settings->length;
    if (document->has_prompt) {
        data->n_too_long += document->n > length;
        return document->n >= 2 && document->n <= length;
    }
    if (document->n < 2)
        return 0;
    if (data->reads_on)
        return document->n / length + (document->n % length >= 2);
    size_t n = (document->n - 2) / (length - 1) + 1;
    bool too_short = document->n - (n - 1) * (length - 1) < 2 * data->settings->chunks;
    data->n_too_short += too_short;
    return n - too_short;
}

/* Sequences in a step of --carry-state next, each of which reads a text on. */
static size_t streams_of(const struct train_settings *settings) {
    return settings->accumulate * train_batch_chunks(settings);
}

/* `name`: of the data, for messages. */
static bool index_windows(struct train_data *data, const char *name) {
    const struct corpus *corpus = &data->corpus;
    data->first_window = malloc((corpus->n_document + 1) * sizeof *data->first_window);
    if (!data->first_window)
        return fail_memory();
    for (size_t i = 0; i < corpus->n_document; i++) {
        if (corpus->documents[i].has_prompt && data->settings->chunks > 1)
            return fail_usage(
                "--chunks %zu: text is read in chunks, prompts with completions are not",
                data->settings->chunks);
        if (corpus->documents[i].has_prompt && data->settings->carry == CARRY_NEXT)
            return fail_usage("--carry-state next: text is read on from chunk to chunk, prompts "
                              "with completions are not");
        data->first_window[i] = data->n_window;
        data->n_window += count_windows(data, &corpus->documents[i]);
    }
    data->first_window[corpus->n_document] = data->n_window;
    if (data->n_window && data->reads_on && data->n_window < streams_of(data->settings))
        return fail("%s: %zu chunks of text are too few for steps of %zu sequences, each of which "
                    "reads on where it was: a smaller --batch-tokens, --accumulate or --length",
                    name, data->n_window, streams_of(data->settings));
    if (data->n_window)
        return true;
    if (data->n_too_short)
        return fail("%s: no text is long enough for --chunks %zu", name, data->settings->chunks);
    return data->n_too_long
               ? fail("%s: every prompt with its completion is longer than --length %zu", name,
                      data->settings->length)
               : fail("%s: nothing to learn: no text has two tokens", name);
}

/* Of so many tokens, those that are left to a prompt of a task. */
static size_t prompt_size(const struct train_data *data, size_t size) {
    return size > data->n_before ? size - data->n_before : 0;
}

/* Whether the shortest and the longest prompt can be made of the text. */
static bool check_prompts(const struct train_data *data) {
    const struct train_settings *settings = data->settings;
    size_t lengths[] = {train_length_at(settings, 0), settings->length};
    struct passkey_prompt prompt;
    dm_error error;
    if (settings->shortest_given && settings->shortest < lengths[0])
        lengths[0] = settings->shortest;
    for (int i = 0; i < 2; i++) {
        size_t size = prompt_size(data, lengths[i]);
        if (passkey_draw_example(&data->passkey, 0, size, size, &prompt, &error))
            return fail("%s", error.message);
    }
    return true;
}

static bool read_passkey(struct train_data *data, const dm_tokenizer *tokenizer, uint64_t seed) {
    data->passkey =
        (struct passkey_source){.tokenizer = tokenizer,
                                .text = token_text_of(data->corpus.ids, data->corpus.n_id),
                                .seed = seed};
    return check_prompts(data);
}

static bool read_questions(struct train_data *data, const dm_tokenizer *tokenizer, const char *path,
                           uint64_t seed) {
    const struct train_settings *settings = data->settings;
    dm_error error;
    if (squad_read(path, &data->squad, &error))
        return fail("%s", error.message);
    if (settings->documents > data->squad->n_paragraph)
        return fail("%s: %zu paragraphs are too few for --documents %zu", path,
                    data->squad->n_paragraph, settings->documents);
    if (documents_source_init(&data->documents, data->squad, tokenizer, seed,
                              prompt_size(data, settings->length), &error))
        return fail("%s", error.message);
    data->n_too_long = data->documents.n_too_long;
    return true;
}

bool train_data_read(struct train_data *data, const struct train_settings *settings,
                     const dm_tokenizer *tokenizer, bool held_out) {
    const struct text_list *texts = held_out ? &settings->held_out_text : &settings->text;
    const struct text_list *lines = held_out ? &settings->held_out_jsonl : &settings->jsonl;
    *data = (struct train_data){.settings = settings};
    data->reads_on = settings->carry == CARRY_NEXT && !held_out;
    data->stride = settings->length - !data->reads_on;
    dm_tokenizer_template(tokenizer, &data->before, &data->n_before, NULL, NULL);
    if (!corpus_read(&data->corpus, tokenizer, texts, lines, settings->task == TASK_NONE))
        return false;
    /* held-out loss is that of the labels alone */
    data->text_weight = held_out ? 0 : (float)settings->text_weight;
    data->mention_weight = held_out ? 0 : (float)settings->mention_weight;
    uint64_t seed = held_out ? seed_for(data, FOR_HELD_OUT) : settings->seed;
    if (settings->task == TASK_PASSKEY)
        return read_passkey(data, tokenizer, seed);
    if (settings->task == TASK_RETRIEVAL)
        return read_questions(data, tokenizer,
                              held_out ? settings->held_out_squad : settings->squad, seed);
    return index_windows(data, (texts->n ? texts : lines)->items[0]);
}

void train_data_free(struct train_data *data) {
    corpus_free(&data->corpus);
    free(data->first_window);
    data->first_window = NULL;
    documents_source_free(&data->documents);
    squad_free(data->squad);
    data->squad = NULL;
}

uint64_t train_data_hash(const struct train_data *data, uint64_t hash) {
    hash = corpus_hash(&data->corpus, hash);
    return data->squad ? draw_bits(&hash, data->documents.hash) : hash;
}

bool train_data_teaches_end(const struct train_data *data) {
    for (size_t i = 0; i < data->corpus.n_document; i++)
        if (data->corpus.documents[i].has_prompt)
            return true;
    return data->squad != NULL;
}

int32_t train_data_highest_id(const struct train_data *data) {
    int32_t highest = data->squad ? data->documents.highest_id : -1;
    for (size_t i = 0; i < data->corpus.n_id; i++)
        highest = data->corpus.ids[i] > highest ? data->corpus.ids[i] : highest;
    return highest;
}

/* Draws a task's example. */
static bool draw_prompt(const struct train_data *data, uint64_t number, size_t size,
                        struct example *example) {
    const struct train_settings *settings = data->settings;
    dm_error error;
    size = prompt_size(data, size);
    if (data->squad) {
        if (documents_draw_example(&data->documents, number, size, &example->documents, &error))
            return fail("%s", error.message);
        example->n = data->n_before + example->documents.n;
        example->n_label = example->documents.n_label;
        return true;
    }
    size_t least = prompt_size(data, settings->shortest);
    size_t shortest = settings->shortest_given && least < size ? least : size;
    if (passkey_draw_example(&data->passkey, number, shortest, size, &example->prompt, &error))
        return fail("%s", error.message);
    example->n = data->n_before + example->prompt.length + passkey_key_length;
    example->n_label = passkey_key_length;
    return true;
}

/* The document that window `window` belongs to. */
static const struct document *find_document(const struct train_data *data, size_t window,
                                            size_t *first_window) {
    size_t low = 0, high = data->corpus.n_document;
    while (high - low > 1) { /* first_window[low] <= window < first_window[high] */
        size_t middle = low + (high - low) / 2;
        if (data->first_window[middle] <= window)
            low = middle;
        else
            high = middle;
    }
    *first_window = data->first_window[low];
    return &data->corpus.documents[low];
}

static size_t count_labels(const struct train_settings *settings, const struct document *document,
                           size_t n) {
    if (settings->loss == LOSS_LAST)
        return settings->labels < n ? settings->labels : n;
    if (settings->loss == LOSS_COMPLETION && document->has_prompt)
        return document->n - document->n_prompt;
    return n;
}

/* Leaves the example what pass `pass` over it reads (official code): of n tokens the first
 * (pass + 1) n / chunks. Its labels are those that no pass before it read, but for the first one;
 * with the token before them they are its tail, so that pass 0 drops nothing. */
static void cut_chunk(struct example *example, size_t pass, size_t chunks) {
    size_t n = example->n;
    example->n = n * (pass + 1) / chunks;
    example->n_label = example->n - n * pass / chunks - 1;
}

/* Pass `pass` over window `window`, or over `length` tokens of it from a place that `place`
 * decides. */
static void cut(const struct train_data *data, size_t window, size_t pass, size_t length,
                uint64_t place, struct example *example) {
    const struct train_settings *settings = data->settings;
    size_t first_window;
    const struct document *document = find_document(data, window, &first_window);
    size_t begin = (window - first_window) * data->stride, n = document->n - begin;
    if (n > settings->length)
        n = settings->length;
    if (n > length && !document->has_prompt) {
        begin += (size_t)(place % (n - length + 1));
        n = length;
    }
    example->ids = data->corpus.ids + document->first + begin;
    example->n = n;
    example->n_label = count_labels(settings, document, n);
    if (settings->chunks_given && !document->has_prompt)
        cut_chunk(example, pass, settings->chunks);
}

/* The window of example `number` where texts are read on: each of a step's sequences reads a part of
 * the corpus in order, and in each epoch the parts begin elsewhere. */
static size_t next_window(const struct train_data *data, uint64_t number, bool *is_first) {
    uint64_t n_stream = streams_of(data->settings), n_turn = data->n_window / n_stream;
    uint64_t turn = number / n_stream, stream = number % n_stream,
             order = seed_for(data, FOR_ORDER);
    uint64_t begin = draw_bits(&order, turn / n_turn) % data->n_window;
    size_t window = (size_t)((begin + stream * n_turn + turn % n_turn) % data->n_window), first;
    find_document(data, window, &first);
    *is_first = turn % n_turn == 0 || window == first;
    return window;
}

static bool is_reset(const struct train_data *data, uint64_t number) {
    uint64_t draw = seed_for(data, FOR_RESET);
    return (double)(draw_bits(&draw, number) >> 11) * 0x1p-53 < data->settings->carry_reset;
}

bool train_example(const struct train_data *data, uint64_t number, size_t size,
                   struct example *example) {
    *example = (struct example){.from_zero = is_reset(data, number)};
    if (!data->n_window)
        return draw_prompt(data, number, size, example);
    if (data->reads_on) {
        bool is_first;
        cut(data, next_window(data, number, &is_first), 0, size, 0, example);
        example->from_zero |= is_first;
        return true;
    }
    size_t chunks = data->settings->chunks;
    uint64_t turn = number / chunks; /* the passes over a window follow each other */
    uint64_t order = seed_for(data, FOR_ORDER), place = seed_for(data, FOR_PLACE);
    uint64_t key = draw_bits(&order, turn / data->n_window);
    uint64_t window = draw_shuffled(key, turn % data->n_window, data->n_window);
    cut(data, (size_t)window, (size_t)(number % chunks), size, draw_bits(&place, turn), example);
    return true;
}

size_t train_data_held_out(const struct train_data *data) {
    size_t wanted = data->settings->held_out;
    if (!data->n_window)
        return data->corpus.n_id || data->squad ? wanted : 0;
    return (wanted < data->n_window ? wanted : data->n_window) * data->settings->chunks;
}

bool train_example_held_out(const struct train_data *data, size_t index, struct example *example) {
    const struct train_settings *settings = data->settings;
    *example = (struct example){0};
    if (!data->n_window)
        return draw_prompt(data, index, train_size_at(settings, settings->steps), example);
    size_t n = train_data_held_out(data) / settings->chunks, turn = index / settings->chunks;
    size_t window = (size_t)((double)turn * ((double)data->n_window / (double)n));
    cut(data, window, index % settings->chunks, settings->length, 0, example);
    return true;
}

bool train_batch_init(struct train_batch *batch, size_t capacity) {
    size_t most = capacity / 2 + 1; /* a sequence has two tokens at least */
    *batch = (struct train_batch){
        .capacity = capacity,
        .most = most,
        .start = calloc(most + 1, sizeof *batch->start),
        .keep_tail = calloc(most, sizeof *batch->keep_tail),
        .ids = calloc(capacity, sizeof *batch->ids),
        .weight = calloc(capacity, sizeof *batch->weight),
        .from_zero = calloc(most, sizeof *batch->from_zero),
    };
    return (batch->start && batch->keep_tail && batch->ids && batch->weight && batch->from_zero) ||
           fail_memory();
}

void train_batch_free(struct train_batch *batch) {
    free(batch->start);
    free(batch->keep_tail);
    free(batch->ids);
    free(batch->weight);
    free(batch->from_zero);
    *batch = (struct train_batch){0};
}

void train_batch_clear(struct train_batch *batch) {
    batch->n_sequence = 0;
}

bool train_batch_fits(const struct train_batch *batch, const struct example *example) {
    return batch->n_sequence < batch->most &&
           example->n <= batch->capacity - batch->start[batch->n_sequence];
}

bool train_batch_add(struct train_batch *batch, const struct train_data *data,
                     const struct example *example) {
    const struct method_flags *method = &data->settings->method;
    size_t start = batch->start[batch->n_sequence], tail = example->n_label + 1;
    int32_t *ids = batch->ids + start;
    float *weight = batch->weight + start;
    dm_error error;
    for (size_t t = 0; t < example->n; t++)
        weight[t] = t < example->n - example->n_label ? data->text_weight : 1;
    if (example->ids) {
        memcpy(ids, example->ids, example->n * sizeof *ids);
        /* where all is label, no tail stands out */
        tail = example->n_label < example->n ? tail : 1;
    } else if (data->n_before) {
        memcpy(ids, data->before, data->n_before * sizeof *ids);
        ids += data->n_before;
        weight += data->n_before;
    }
    if (example->ids) {
        ; /* they are there */
    } else if (data->squad) {
        if (documents_write_example(&data->documents, &example->documents, ids, &error))
            return fail("%s", error.message);
    } else if (passkey_write_example(&data->passkey, &example->prompt, data->mention_weight,
                                     data->text_weight, ids, weight, &error)) {
        return fail("%s", error.message);
    }
    batch->from_zero[batch->n_sequence] = example->from_zero;
    batch->keep_tail[batch->n_sequence++] = method->keep_tail_given ? method->keep_tail : tail;
    batch->start[batch->n_sequence] = start + example->n;
    return true;
}

dm_training_batch train_batch_view(const struct train_batch *batch) {
    dm_training_batch view = DM_TRAINING_BATCH_INIT;
    view.n_sequence = batch->n_sequence;
    view.start = batch->start;
    view.ids = batch->ids;
    view.weight = batch->weight;
    view.keep_tail = batch->keep_tail;
    view.from_zero = batch->from_zero;
    return view;
}
