#include "perplexity.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { piece_length = 4096 };

static dm_status fail_memory(dm_error *error) {
    error->status = DM_ERROR_MEMORY;
    snprintf(error->message, sizeof error->message, "memory is short for the logits");
    return error->status;
}

static float *new_logits(const struct perplexity *task, size_t n) {
    size_t n_value;
    if (__builtin_mul_overflow(n, task->vocab_size, &n_value) || n_value > SIZE_MAX / sizeof(float))
        return NULL;
    return malloc(n_value * sizeof(float));
}

/* Adds the losses of ids[first .. first + n), whose logits are the rows of `logits`. */
static void add_losses(const struct perplexity *task, const float *logits, size_t first, size_t n,
                       struct perplexity_result *result) {
    for (size_t i = 0; i < n; i++)
        result->sum += dm_negative_log_likelihood(logits + i * task->vocab_size, task->vocab_size,
                                                  task->ids[first + i]);
    result->n_loss += n;
    if (task->byte_ends)
        result->n_byte += task->byte_ends[first + n - 1] - task->byte_ends[first - 1];
}

dm_status perplexity_stream(const struct perplexity *task, struct perplexity_result *result,
                            dm_error *error) {
    struct perplexity_result sums = {0};
    dm_session *session = NULL;
    float *logits = new_logits(task, task->target);
    dm_status status =
        logits ? dm_session_new(task->model, task->context, &session, error) : fail_memory(error);
    /* the text's last token is never read: nothing follows that it could predict */
    for (size_t read = 0, n; !status && read < task->n_id - 1; read += n) {
        n = task->n_id - 1 - read < task->target ? task->n_id - 1 - read : task->target;
        status = dm_session_append(session, task->ids + read, n, error);
        if (!status)
            status = dm_session_logits(session, n, logits, error);
        if (!status) {
            add_losses(task, logits, read + 1, n, &sums);
            task->progress(read + n, task->user);
        }
    }
    dm_session_free(session);
    free(logits);
    if (!status)
        *result = sums;
    return status;
}

size_t perplexity_stride(size_t n_id, size_t window) {
    size_t stride = (n_id - window) / 10;
    return stride > 10 ? stride : 10;
}

size_t perplexity_window_count(size_t n_id, size_t window, size_t stride) {
    size_t room = n_id - window;
    return room ? (room - 1) / stride + 1 : 1;
}

static dm_status read_window(const struct perplexity *task, dm_session *session, size_t start,
                             size_t window, size_t n_read, dm_error *error) {
    for (size_t i = 0; i < window; i += piece_length) {
        size_t n = window - i < piece_length ? window - i : piece_length;
        dm_status status = dm_session_append(session, task->ids + start + i, n, error);
        if (status)
            return status;
        task->progress(n_read + i + n, task->user);
    }
    return DM_OK;
}

dm_status perplexity_windows(const struct perplexity *task, size_t window, size_t stride,
                             struct perplexity_result *result, dm_error *error) {
    struct perplexity_result sums = {0};
    dm_session *session = NULL;
    size_t n_window = perplexity_window_count(task->n_id, window, stride);
    float *logits = new_logits(task, task->target + 1);
    dm_status status =
        logits ? dm_session_new(task->model, task->context, &session, error) : fail_memory(error);
    for (; !status && sums.n_window < n_window; sums.n_window++) {
        size_t start = sums.n_window * stride;
        dm_session_reset(session);
        status = read_window(task, session, start, window, sums.n_window * window, error);
        if (!status)
            status = dm_session_logits(session, task->target + 1, logits, error);
        if (!status)
            add_losses(task, logits, start + window - task->target, task->target, &sums);
    }
    dm_session_free(session);
    free(logits);
    if (!status)
        *result = sums;
    return status;
}

dm_status perplexity_byte_ends(const dm_tokenizer *tokenizer, const int32_t *ids, size_t n_id,
                               size_t *byte_ends, dm_error *error) {
    dm_decoder *decoder;
    dm_status status = dm_decoder_new(tokenizer, 1, &decoder, error);
    if (status)
        return status;
    size_t end = 0;
    for (size_t i = 0; !status && i < n_id; i++) {
        const char *text;
        size_t n_byte = 0;
        status = dm_decoder_push(decoder, ids[i], &text, &n_byte, error);
        end += n_byte;
        byte_ends[i] = end;
    }
    dm_decoder_free(decoder);
    return status;
}
