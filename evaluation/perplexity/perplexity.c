#include "perplexity.h"
#include "base/status.h"

#include <stdint.h>
#include <stdlib.h>

enum {
    piece_length = 4096,
    lead = 3 /* tokens before one that may hold a part of its first character, of 4 bytes at most */
};

/* A text that is being read. */
struct reading {
    const struct perplexity *task;
    dm_session *session;
    dm_decoder *decoder; /* NULL: bytes are not counted */
    int32_t *ids;        /* [n_id] */
    float *logits;       /* [n_row, vocab_size] */
    struct perplexity_result sums;
};

static void close_reading(struct reading *reading) {
    dm_session_free(reading->session);
    dm_decoder_free(reading->decoder);
    free(reading->ids);
    free(reading->logits);
}

static dm_status open_reading(struct reading *reading, const struct perplexity *task, size_t n_id,
                              size_t n_row, dm_error *error) {
    size_t n_value;
    *reading = (struct reading){.task = task};
    if (__builtin_mul_overflow(n_row, task->vocab_size, &n_value))
        return dm_fail_memory(error, "the logits");
    reading->logits = calloc(n_value, sizeof *reading->logits);
    reading->ids = calloc(n_id, sizeof *reading->ids);
    if (!reading->logits || !reading->ids)
        return dm_fail_memory(error, "the logits");
    dm_status status = dm_session_new(task->model, task->method, &reading->session, error);
    if (!status && task->tokenizer)
        status = dm_decoder_new(task->tokenizer, 1, &reading->decoder, error);
    return status;
}

/* Bytes of text that ids[n_id] add to the text so far. */
static dm_status count_bytes(struct reading *reading, const int32_t *ids, size_t n_id,
                             size_t *n_byte, dm_error *error) {
    dm_status status = DM_OK;
    *n_byte = 0;
    for (size_t i = 0; reading->decoder && !status && i < n_id; i++) {
        const char *text;
        size_t n = 0;
        status = dm_decoder_push(reading->decoder, ids[i], &text, &n, error);
        *n_byte += n;
    }
    return status;
}

/* Adds the losses of ids[n], whose logits are the first rows. */
static void add_losses(struct reading *reading, const int32_t *ids, size_t n) {
    size_t vocab_size = reading->task->vocab_size;
    for (size_t i = 0; i < n; i++)
        reading->sums.sum +=
            dm_negative_log_likelihood(reading->logits + i * vocab_size, vocab_size, ids[i]);
    reading->sums.n_loss += n;
}

/* ---- One session through the whole text ---- */

/* A stream, taken in pieces of other lengths. */
struct queue {
    struct token_stream stream;
    const int32_t *ids; /* [n_id] left of its last piece */
    size_t n_id;
};

/* `*n` more ids, fewer where the text ends. */
static dm_status take(struct queue *queue, int32_t *ids, size_t *n, dm_error *error) {
    size_t n_taken = 0;
    while (n_taken < *n) {
        if (!queue->n_id) {
            dm_status status =
                queue->stream.next(queue->stream.user, &queue->ids, &queue->n_id, error);
            if (status)
                return status;
            if (!queue->n_id)
                break;
        }
        size_t n_now = *n - n_taken < queue->n_id ? *n - n_taken : queue->n_id;
        memcpy(ids + n_taken, queue->ids, n_now * sizeof *ids);
        queue->ids += n_now;
        queue->n_id -= n_now;
        n_taken += n_now;
    }
    *n = n_taken;
    return DM_OK;
}

/* Reads ids[0 .. n), each of which predicts the next of ids[0 .. n + 1). */
static dm_status score_next(struct reading *reading, size_t n, dm_error *error) {
    size_t n_byte;
    dm_status status = dm_session_append(reading->session, reading->ids, n, error);
    if (!status)
        status = dm_session_logits(reading->session, n, reading->logits, error);
    if (!status)
        status = count_bytes(reading, reading->ids + 1, n, &n_byte, error);
    if (status)
        return status;
    add_losses(reading, reading->ids + 1, n);
    reading->sums.n_byte += n_byte;
    reading->task->progress(reading->sums.n_loss, reading->task->user);
    return DM_OK;
}

dm_status perplexity_stream(const struct perplexity *task, struct token_stream stream,
                            struct perplexity_result *result, dm_error *error) {
    struct reading reading;
    struct queue queue = {stream, NULL, 0};
    size_t n = 1, n_byte;
    dm_status status = open_reading(&reading, task, task->target + 1, task->target, error);
    if (!status)
        status = take(&queue, reading.ids, &n, error);
    if (!status)
        status = count_bytes(&reading, reading.ids, n, &n_byte, error);
    reading.sums.n_id = n;
    /* the text's last token is never read: nothing follows that it could predict */
    while (!status && n) {
        n = task->target;
        status = take(&queue, reading.ids + 1, &n, error);
        if (!status && n)
            status = score_next(&reading, n, error);
        reading.ids[0] = reading.ids[n];
        reading.sums.n_id += n;
    }
    if (!status)
        *result = reading.sums;
    close_reading(&reading);
    return status;
}

/* ---- Windows ---- */

size_t perplexity_stride(size_t n_id, size_t window) {
    size_t stride = (n_id - window) / 10;
    return stride > 10 ? stride : 10;
}

size_t perplexity_window_count(size_t n_id, size_t window, size_t stride) {
    size_t room = n_id - window;
    return room ? (room - 1) / stride + 1 : 1;
}

static dm_status read_window(struct reading *reading, const struct token_text *text, size_t start,
                             size_t window, size_t n_read, dm_error *error) {
    for (size_t i = 0, n; i < window; i += n) {
        n = window - i < piece_length ? window - i : piece_length;
        dm_status status = text->read(text->user, start + i, n, reading->ids, error);
        if (!status)
            status = dm_session_append(reading->session, reading->ids, n, error);
        if (status)
            return status;
        reading->task->progress(n_read + i + n, reading->task->user);
    }
    return DM_OK;
}

/* Adds the losses of the `target` tokens before `end`. */
static dm_status score_window(struct reading *reading, const struct token_text *text, size_t end,
                              size_t target, dm_error *error) {
    size_t first = end - target, n_byte;
    size_t n_lead = first < lead ? first : lead;
    dm_status status = dm_session_logits(reading->session, target + 1, reading->logits, error);
    if (!status)
        status = text->read(text->user, first - n_lead, n_lead + target, reading->ids, error);
    if (!status)
        status = count_bytes(reading, reading->ids, n_lead, &n_byte, error);
    if (!status)
        status = count_bytes(reading, reading->ids + n_lead, target, &n_byte, error);
    if (status)
        return status;
    add_losses(reading, reading->ids + n_lead, target);
    reading->sums.n_byte += n_byte;
    return DM_OK;
}

dm_status perplexity_windows(const struct perplexity *task, const struct token_text *text,
                             size_t window, size_t stride, struct perplexity_result *result,
                             dm_error *error) {
    struct reading reading;
    size_t n_window = perplexity_window_count(text->n_id, window, stride);
    size_t n_scored = task->target + lead;
    dm_status status = open_reading(
        &reading, task, n_scored > piece_length ? n_scored : piece_length, task->target + 1, error);
    for (size_t w = 0; !status && w < n_window; w++) {
        dm_session_reset(reading.session);
        status = read_window(&reading, text, w * stride, window, w * window, error);
        if (!status)
            status = score_window(&reading, text, w * stride + window, task->target, error);
    }
    reading.sums.n_id = text->n_id;
    reading.sums.n_window = n_window;
    if (!status)
        *result = reading.sums;
    close_reading(&reading);
    return status;
}

/* ---- Windows by strides ---- */

/* The first tokens of a text, as a stream. */
struct beginning {
    const struct token_text *text;
    size_t n_id, n_given;
    int32_t ids[piece_length];
};

static dm_status next_of_beginning(void *user, const int32_t **ids, size_t *n_id, dm_error *error) {
    struct beginning *beginning = user;
    size_t left = beginning->n_id - beginning->n_given;
    *ids = beginning->ids;
    *n_id = left < piece_length ? left : piece_length;
    dm_status status = beginning->text->read(beginning->text->user, beginning->n_given, *n_id,
                                             beginning->ids, error);
    beginning->n_given += *n_id;
    return status;
}

/* All of the first window but its first token. */
static dm_status score_beginning(const struct perplexity *task, const struct token_text *text,
                                 size_t n_id, struct perplexity_result *result, dm_error *error) {
    struct beginning *beginning = calloc(1, sizeof *beginning);
    if (!beginning)
        return dm_fail_memory(error, "a window");
    beginning->text = text;
    beginning->n_id = n_id;
    dm_status status =
        perplexity_stream(task, (struct token_stream){next_of_beginning, beginning}, result, error);
    free(beginning);
    return status;
}

dm_status perplexity_strided(const struct perplexity *task, const struct token_text *text,
                             size_t window, struct perplexity_result *result, dm_error *error) {
    struct reading reading;
    struct perplexity_result sums;
    size_t stride = task->target, n_id = text->n_id, n_scored = stride + lead;
    size_t end = window < n_id ? window : n_id, n_read = end;
    dm_status status = score_beginning(task, text, end, &sums, error);
    if (status)
        return status;
    status = open_reading(&reading, task, n_scored > piece_length ? n_scored : piece_length,
                          stride + 1, error);
    reading.sums = sums;
    reading.sums.n_window = 1;
    for (size_t begin = stride, before = end; !status && before < n_id; begin += stride) {
        end = n_id - begin > window ? begin + window : n_id;
        size_t n = end - begin, n_target = end - before < n ? end - before : n - 1;
        before = end;
        if (!n_target)
            continue;
        dm_session_reset(reading.session);
        status = read_window(&reading, text, begin, n, n_read, error);
        if (!status)
            status = score_window(&reading, text, end, n_target, error);
        reading.sums.n_window++;
        n_read += n;
    }
    reading.sums.n_id = n_id;
    if (!status)
        *result = reading.sums;
    close_reading(&reading);
    return status;
}
