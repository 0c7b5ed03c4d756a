#include "training/optimizer.h"

#include <math.h>

#include "base/threads.h"

enum { piece_size = 1 << 16, pieces_at_once = 64 };

double dm_learning_rate(const dm_trainer_options *options, size_t step) {
    const double pi = 3.14159265358979323846;
    double peak = options->learning_rate, share;
    if (step <= options->warmup)
        return peak * (double)step / (double)options->warmup;
    if (options->schedule == DM_SCHEDULE_CONSTANT || options->n_step <= options->warmup)
        return peak;
    double done = (double)(step - options->warmup) / (double)(options->n_step - options->warmup);
    done = done < 1 ? done : 1;
    share = options->schedule == DM_SCHEDULE_COSINE ? (1 + cos(pi * done)) / 2 : 1 - done;
    return peak * (options->final_rate + (1 - options->final_rate) * share);
}

struct pieces {
    const struct dm_ops *ops;
    struct dm_adamw adamw;
    const struct dm_tensor *tensor;
    size_t first; /* piece */
    double sums[pieces_at_once];
};

static size_t piece_length(const struct dm_tensor *tensor, size_t piece) {
    size_t left = tensor->n - piece * piece_size;
    return left < piece_size ? left : piece_size;
}

static void sum_piece(void *context, size_t i) {
    struct pieces *pieces = context;
    size_t piece = pieces->first + i;
    pieces->sums[i] = pieces->ops->square_sum(pieces->tensor->gradient + piece * piece_size,
                                              piece_length(pieces->tensor, piece));
}

static double square_sum(const struct dm_tensor *tensor, const struct dm_ops *ops,
                         struct dm_threads *threads) {
    struct pieces pieces = {.ops = ops, .tensor = tensor};
    size_t n_piece = (tensor->n + piece_size - 1) / piece_size;
    double sum = 0;
    for (; pieces.first < n_piece; pieces.first += pieces_at_once) {
        size_t left = n_piece - pieces.first, n = left < pieces_at_once ? left : pieces_at_once;
        dm_parallel_for(threads, n, sum_piece, &pieces);
        for (size_t i = 0; i < n; i++)
            sum += pieces.sums[i];
    }
    return sum;
}

double dm_gradient_norm(const struct dm_tensors *tensors, const struct dm_ops *ops,
                        struct dm_threads *threads) {
    double sum = 0;
    for (size_t i = 0; i < tensors->n; i++)
        if (tensors->list[i].trained)
            sum += square_sum(&tensors->list[i], ops, threads);
    return sqrt(sum);
}

static void step_piece(void *context, size_t piece) {
    const struct pieces *pieces = context;
    pieces->ops->adamw(&pieces->adamw, piece * piece_size, piece_length(pieces->tensor, piece));
}

void dm_optimizer_step(const struct dm_tensors *tensors, const struct dm_adamw *op,
                       const struct dm_ops *ops, struct dm_threads *threads) {
    for (size_t i = 0; i < tensors->n; i++) {
        const struct dm_tensor *tensor = &tensors->list[i];
        struct pieces pieces = {.ops = ops, .adamw = *op, .tensor = tensor};
        pieces.adamw.weight_decay = tensor->decays ? op->weight_decay : 0;
        pieces.adamw.gradient = tensor->gradient;
        pieces.adamw.value = tensor->value;
        pieces.adamw.m = tensor->m;
        pieces.adamw.v = tensor->v;
        if (tensor->trained)
            dm_parallel_for(threads, (tensor->n + piece_size - 1) / piece_size, step_piece,
                            &pieces);
    }
}
