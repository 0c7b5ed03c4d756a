#include "training/tensors.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static dm_status reserve(size_t n, const char *name, dm_real **reals, dm_error *error) {
    if (!*reals)
        *reals = dm_memory_zeroed(n, sizeof **reals);
    return *reals ? DM_OK : dm_fail_memory(error, name);
}

dm_status dm_tensors_add(struct dm_tensors *tensors, const char *name, size_t n,
                         struct dm_tensor **result, dm_error *error) {
    if (tensors->n == tensors->capacity) {
        size_t capacity = 2 * tensors->capacity + 16;
        struct dm_tensor *list =
            dm_memory_resize(tensors->list, tensors->n, capacity, sizeof *list);
        if (!list)
            return dm_fail_memory(error, "the parameters");
        tensors->list = list;
        tensors->capacity = capacity;
    }
    struct dm_tensor tensor = {.n = n};
    snprintf(tensor.name, sizeof tensor.name, "%s", name);
    dm_status status = reserve(n, tensor.name, &tensor.value, error);
    if (status)
        return status;
    tensors->list[tensors->n] = tensor;
    *result = &tensors->list[tensors->n++];
    return DM_OK;
}

dm_status dm_tensors_new(const struct dm_model_config *config, struct dm_tensors *tensors,
                         dm_error *error) {
    *tensors = (struct dm_tensors){0};
    dm_status status = dm_parameters_new(config, &tensors->parameters, error);
    for (size_t i = 0; i < tensors->parameters.n && !status; i++) {
        const struct dm_parameter *parameter = &tensors->parameters.list[i];
        struct dm_tensor *tensor;
        status = dm_tensors_add(tensors, parameter->name, parameter->n_element, &tensor, error);
        if (!status)
            tensor->parameter = parameter;
    }
    tensors->n_model = tensors->n;
    if (status)
        dm_tensors_free(tensors);
    return status;
}

void dm_tensors_free(struct dm_tensors *tensors) {
    for (size_t i = 0; i < tensors->n; i++) {
        dm_memory_free(tensors->list[i].value);
        dm_memory_free(tensors->list[i].gradient);
        dm_memory_free(tensors->list[i].m);
        dm_memory_free(tensors->list[i].v);
    }
    dm_memory_free(tensors->list);
    dm_parameters_free(&tensors->parameters);
    *tensors = (struct dm_tensors){0};
}

struct dm_tensor *dm_tensors_find(const struct dm_tensors *tensors, size_t layer, size_t place) {
    size_t i = dm_parameters_find(&tensors->parameters, layer, place);
    return i == DM_NO_PARAMETER ? NULL : &tensors->list[i];
}

struct dm_tensor *dm_tensors_find_name(const struct dm_tensors *tensors, const char *name) {
    for (size_t i = 0; i < tensors->n; i++)
        if (!strcmp(tensors->list[i].name, name))
            return &tensors->list[i];
    return NULL;
}

dm_status dm_tensor_reserve_gradient(struct dm_tensor *tensor, dm_error *error) {
    return reserve(tensor->n, tensor->name, &tensor->gradient, error);
}

dm_status dm_tensor_train(struct dm_tensor *tensor, dm_error *error) {
    dm_status status = dm_tensor_reserve_gradient(tensor, error);
    if (!status)
        status = reserve(tensor->n, tensor->name, &tensor->m, error);
    if (!status)
        status = reserve(tensor->n, tensor->name, &tensor->v, error);
    tensor->trained = status == DM_OK;
    return status;
}

void dm_tensors_clear_gradients(const struct dm_tensors *tensors) {
    for (size_t i = 0; i < tensors->n; i++)
        if (tensors->list[i].gradient)
            memset(tensors->list[i].gradient, 0, tensors->list[i].n * sizeof(dm_real));
}
