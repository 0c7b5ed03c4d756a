/* The loss: rows that predict something, some at a time, through the head and back. */
#include <math.h>

#include "layers/gather.h"
#include "ops/split.h"
#include "training/pass_parts.h"

/* Some rows of the last span on their way through the head. */
struct labels {
    const struct dm_pass *pass;
    const size_t *rows;    /* [n] */
    const dm_real *weight; /* [n] */
    size_t n;
};

static size_t position_of(const struct dm_span *span, size_t row) {
    return span->position ? span->position[row] : row;
}

static dm_real weight_of(const struct dm_pass *pass, size_t position) {
    return pass->batch->weight ? (dm_real)pass->batch->weight[position] : 1;
}

/* Has the n weights sum to 1. */
static void share_out(dm_real *weight, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)weight[i];
    for (size_t i = 0; i < n; i++)
        weight[i] = (dm_real)((double)weight[i] / sum);
}

/* The rows of the last span whose next token counts, and what it counts. */
static size_t list_labelled(const struct dm_pass *pass) {
    const struct dm_span *span = &pass->spans[pass->n_stage];
    size_t n = 0;
    for (size_t s = 0; s < pass->batch->n_sequence; s++) {
        size_t first = n;
        for (size_t row = span->start[s]; row < span->start[s + 1]; row++) {
            size_t next = position_of(span, row) + 1;
            dm_real weight = next < pass->batch->start[s + 1] ? weight_of(pass, next) : 0;
            if (weight > 0) {
                pass->label_weight[n] = weight;
                pass->labelled[n++] = row;
            }
        }
        if (pass->batch->by_sequence)
            share_out(pass->label_weight + first, n - first);
    }
    return n;
}

static void row_loss(const void *context, size_t first, size_t n) {
    const struct labels *labels = context;
    const struct dm_pass *pass = labels->pass;
    const struct dm_network *network = &pass->trained->network;
    size_t vocab_size = network->config.vocab_size;
    for (size_t i = first; i < first + n; i++) {
        size_t next = position_of(&pass->spans[pass->n_stage], labels->rows[i]) + 1;
        dm_real *logits = pass->logits + i * vocab_size;
        int32_t id = pass->batch->ids[next];
        pass->nll[i] = pass->backward ? network->ops.cross_entropy_backward(logits, vocab_size, id,
                                                                            labels->weight[i])
                                      : network->ops.cross_entropy(logits, vocab_size, id);
    }
}

/* logits hold their own gradient: on to the head's weight, the final norm and the residual. */
static dm_status go_back(struct dm_pass *pass, const struct labels *labels, dm_error *error) {
    struct dm_trained_network *trained = pass->trained;
    const struct dm_network *network = &trained->network;
    const struct dm_matmul_backend *matmul = &network->ops.matmul;
    size_t D = network->config.d_model, n = labels->n;
    dm_real *residual = pass->label_rows, *normed = residual + n * D;
    dm_real *dnormed = pass->label_gradients, *dresidual = dnormed + n * D;
    const struct dm_tensor *head = dm_trained_network_head(trained);
    const struct dm_tensor *weight = dm_tensors_find(&trained->tensors, DM_NO_LAYER, DM_FINAL_NORM);
    const struct dm_matmul back = {n, pass->logits, trained->head_transposed, dnormed, false};
    const struct dm_matmul_grad gradient = {
        n, D, network->config.vocab_size, normed, pass->logits, head->gradient, trained->compute};
    dm_status status = matmul->multiply(&back, 1, network->threads, error);
    if (!status && head->gradient)
        status = matmul->weight_gradient(matmul->state, &gradient, network->threads, error);
    if (status)
        return status;
    const struct dm_rms_norm op = {
        D, D, (dm_real)network->config.rms_norm_eps, residual, network->final_norm, NULL};
    const struct dm_rms_norm_grad grad = {dnormed, dresidual, pass->gradients.rstd,
                                          weight->gradient};
    dm_rows_clear(dresidual, n, D);
    dm_back_norm(network, &op, &grad, n);
    dm_rows_scatter_add(network->threads, dresidual, labels->rows, n, D, pass->gradients.dresidual);
    return DM_OK;
}

static dm_status run_labels(struct dm_pass *pass, const struct labels *labels,
                            struct dm_pass_loss *loss, dm_error *error) {
    const struct dm_network *network = &pass->trained->network;
    size_t D = network->config.d_model;
    struct dm_buffers at = {.residual = pass->label_rows,
                            .normed = pass->label_rows + labels->n * D};
    const struct dm_span span = {labels->n, NULL, NULL};
    const struct dm_batch batch = dm_pass_batch_of(pass, &at, &span);
    dm_rows_gather(network->threads, pass->top, labels->rows, labels->n, D, at.residual);
    dm_status status = dm_head(&batch, pass->logits, error);
    if (status)
        return status;
    dm_split(network->threads, labels, row_loss, labels->n, 1, network->config.vocab_size);
    for (size_t i = 0; i < labels->n; i++) {
        double weight = (double)labels->weight[i];
        loss->sum += weight * pass->nll[i];
        loss->weight += weight;
    }
    if (!isfinite(loss->sum))
        return dm_fail(error, DM_ERROR_NUMBER, "the loss is %g", loss->sum / loss->weight);
    return pass->backward ? go_back(pass, labels, error) : DM_OK;
}

dm_status dm_pass_find_loss(struct dm_pass *pass, struct dm_pass_loss *loss, dm_error *error) {
    size_t n = list_labelled(pass), n_row = pass->spans[pass->n_stage].n_token;
    dm_status status = DM_OK;
    *loss = (struct dm_pass_loss){0, 0, n};
    if (pass->backward)
        dm_rows_clear(pass->gradients.dresidual, n_row, pass->trained->network.config.d_model);
    for (size_t first = 0, piece; first < n && !status; first += piece) {
        piece = n - first < pass->label_capacity ? n - first : pass->label_capacity;
        const struct labels labels = {pass, pass->labelled + first, pass->label_weight + first,
                                      piece};
        status = run_labels(pass, &labels, loss, error);
    }
    return status;
}
