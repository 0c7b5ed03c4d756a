#include "training/lora.h"

#include <stdio.h>
#include <string.h>
#include <tgmath.h>

static size_t n_in_of(const struct dm_tensor *weight) {
    return weight->parameter->shape.size[1];
}

/* "x.weight" -> "x.lora_A". */
static void name_part(const struct dm_tensor *weight, char part, char name[DM_MAX_NAME]) {
    size_t n = strlen(weight->name) - strlen("weight");
    snprintf(name, DM_MAX_NAME, "%s", weight->name);
    snprintf(name + n, DM_MAX_NAME - n, "lora_%c", part);
}

static struct dm_tensor *find_part(const struct dm_tensors *tensors, const struct dm_tensor *weight,
                                   char part) {
    char name[DM_MAX_NAME];
    name_part(weight, part, name);
    return dm_tensors_find_name(tensors, name);
}

static dm_status add_part(struct dm_tensors *tensors, const struct dm_tensor *weight, char part,
                          size_t n, struct dm_tensor **result, dm_error *error) {
    char name[DM_MAX_NAME];
    name_part(weight, part, name);
    dm_status status = dm_tensors_add(tensors, name, n, result, error);
    if (!status)
        status = dm_tensor_train(*result, error);
    if (!status)
        (*result)->decays = true;
    return status;
}

static dm_status adapt(struct dm_tensors *tensors, size_t layer, size_t place, size_t rank,
                       struct dm_random *random, dm_error *error) {
    struct dm_tensor weight = *dm_tensors_find(tensors, layer, place), *A, *B;
    size_t n_in = n_in_of(&weight), n_out = weight.n / n_in;
    dm_status status = dm_tensor_reserve_gradient(&weight, error);
    dm_tensors_find(tensors, layer, place)->gradient = weight.gradient;
    if (!status)
        status = add_part(tensors, &weight, 'A', rank * n_in, &A, error);
    if (status)
        return status;
    for (size_t i = 0; i < A->n; i++)
        A->value[i] = (dm_real)(dm_random_normal(random) / sqrt((double)n_in));
    return add_part(tensors, &weight, 'B', n_out * rank, &B, error);
}

dm_status dm_lora_check_rank(const struct dm_tensors *tensors, size_t rank, dm_error *error) {
    size_t most = 0;
    for (size_t i = 0; i < tensors->n_model; i++) {
        const struct dm_parameter *parameter = tensors->list[i].parameter;
        const size_t *size = parameter->shape.size;
        if (!parameter->row->is_adapted)
            continue;
        size_t least = size[0] < size[1] ? size[0] : size[1];
        most = !most || least < most ? least : most;
    }
    return rank <= most ? DM_OK
                        : dm_fail(error, DM_ERROR_ARGUMENT,
                                  "lora_rank %zu: at most %zu for this model", rank, most);
}

dm_status dm_lora_add(struct dm_tensors *tensors, size_t rank, struct dm_random *random,
                      dm_error *error) {
    dm_status status = DM_OK;
    for (size_t layer = 0; layer < tensors->parameters.n_layer; layer++)
        for (size_t place = 0; place < DM_MAX_PARAMETER && !status; place++) {
            const struct dm_tensor *tensor = dm_tensors_find(tensors, layer, place);
            if (tensor && tensor->parameter->row->is_adapted)
                status = adapt(tensors, layer, place, rank, random, error);
        }
    return status;
}

bool dm_lora_has(const struct dm_lora *lora, const struct dm_tensor *tensor) {
    return lora->rank && tensor->parameter && tensor->parameter->row->is_adapted;
}

void dm_lora_merge(const struct dm_lora *lora, const struct dm_tensors *tensors,
                   const struct dm_tensor *weight, dm_real *merged) {
    size_t n_in = n_in_of(weight);
    const dm_real *A = find_part(tensors, weight, 'A')->value;
    const dm_real *B = find_part(tensors, weight, 'B')->value;
    memcpy(merged, weight->value, weight->n * sizeof *merged);
    for (size_t o = 0; o < weight->n / n_in; o++)
        for (size_t r = 0; r < lora->rank; r++) {
            dm_real factor = lora->scale * B[o * lora->rank + r];
            for (size_t i = 0; i < n_in; i++)
                merged[o * n_in + i] += factor * A[r * n_in + i];
        }
}

/* dB[o,r] += scale * sum_i dW[o,i] A[r,i];   dA[r,i] += scale * sum_o B[o,r] dW[o,i] */
static void collect(const struct dm_lora *lora, const struct dm_tensors *tensors,
                    const struct dm_tensor *weight) {
    size_t n_in = n_in_of(weight);
    struct dm_tensor *A = find_part(tensors, weight, 'A'), *B = find_part(tensors, weight, 'B');
    for (size_t o = 0; o < weight->n / n_in; o++)
        for (size_t r = 0; r < lora->rank; r++) {
            const dm_real *dW = weight->gradient + o * n_in;
            dm_real factor = lora->scale * B->value[o * lora->rank + r], sum = 0;
            for (size_t i = 0; i < n_in; i++) {
                sum += dW[i] * A->value[r * n_in + i];
                A->gradient[r * n_in + i] += factor * dW[i];
            }
            B->gradient[o * lora->rank + r] += lora->scale * sum;
        }
    memset(weight->gradient, 0, weight->n * sizeof *weight->gradient);
}

void dm_lora_collect(const struct dm_lora *lora, const struct dm_tensors *tensors) {
    for (size_t i = 0; i < tensors->n_model; i++)
        if (dm_lora_has(lora, &tensors->list[i]))
            collect(lora, tensors, &tensors->list[i]);
}
