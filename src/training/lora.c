#include "training/lora.h"

#include <stdio.h>
#include <string.h>
#include <tgmath.h>

static const enum dm_parameter adapted[] = {DM_IN_PROJ, DM_OUT_PROJ};
enum { n_adapted = sizeof adapted / sizeof *adapted };

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

static dm_status adapt(struct dm_tensors *tensors, const struct dm_model_config *config,
                       enum dm_parameter parameter, size_t layer, size_t rank,
                       struct dm_random *random, dm_error *error) {
    struct dm_shape shape = dm_parameter_shape(parameter, config);
    size_t n_out = shape.size[0], n_in = shape.size[1];
    struct dm_tensor weight = *dm_tensors_find(tensors, parameter, layer), *A, *B;
    dm_status status = dm_tensor_reserve_gradient(&weight, error);
    dm_tensors_find(tensors, parameter, layer)->gradient = weight.gradient;
    if (!status)
        status = add_part(tensors, &weight, 'A', rank * n_in, &A, error);
    if (status)
        return status;
    for (size_t i = 0; i < A->n; i++)
        A->value[i] = (dm_real)(dm_random_normal(random) / sqrt((double)n_in));
    return add_part(tensors, &weight, 'B', n_out * rank, &B, error);
}

dm_status dm_lora_add(struct dm_tensors *tensors, const struct dm_model_config *config, size_t rank,
                      struct dm_random *random, dm_error *error) {
    dm_status status = DM_OK;
    for (size_t layer = 0; layer < config->n_layer && !status; layer++)
        for (size_t i = 0; i < n_adapted && !status; i++)
            status = adapt(tensors, config, adapted[i], layer, rank, random, error);
    return status;
}

bool dm_lora_has(const struct dm_lora *lora, enum dm_parameter parameter) {
    for (size_t i = 0; i < n_adapted && lora->rank; i++)
        if (adapted[i] == parameter)
            return true;
    return false;
}

void dm_lora_merge(const struct dm_lora *lora, const struct dm_tensors *tensors,
                   const struct dm_tensor *weight, size_t n_in, dm_real *merged) {
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
                    const struct dm_tensor *weight, size_t n_in) {
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

void dm_lora_collect(const struct dm_lora *lora, const struct dm_tensors *tensors,
                     const struct dm_model_config *config) {
    for (size_t i = 0; i < tensors->n_model && lora->rank; i++) {
        const struct dm_tensor *weight = &tensors->list[i];
        if (dm_lora_has(lora, weight->parameter))
            collect(lora, tensors, weight, dm_parameter_shape(weight->parameter, config).size[1]);
    }
}
