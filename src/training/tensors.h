/* A model's parameters while they are trained: values, gradients and moments, in the checkpoint's
 * layout, in the order of the parameter table. */
#ifndef DM_TRAINING_TENSORS_H
#define DM_TRAINING_TENSORS_H

#include "checkpoint/parameters.h"
#include "ops/real.h"

struct dm_tensor {
    char name[DM_MAX_NAME];               /* in transformers' spelling */
    const struct dm_parameter *parameter; /* in the tensors' list; NULL: LoRA's */
    size_t n;
    bool trained;      /* the optimizer changes it */
    bool decays;       /* and its weight decay applies */
    dm_real *value;    /* [n] */
    dm_real *gradient; /* [n]; NULL: nobody asks for it */
    dm_real *m, *v;    /* [n], AdamW's moments; NULL: not trained */
};

struct dm_tensors {
    struct dm_parameters parameters;
    size_t n, capacity;
    struct dm_tensor *list;
    size_t n_model; /* the first so many are the model's own, as `parameters` has them; the rest
                       LoRA's */
};

/* The model's parameters, all values 0, none trained. */
dm_status dm_tensors_new(const struct dm_model_config *config, struct dm_tensors *tensors,
                         dm_error *error);
void dm_tensors_free(struct dm_tensors *tensors);
/* One more, of `n` zeros. */
dm_status dm_tensors_add(struct dm_tensors *tensors, const char *name, size_t n,
                         struct dm_tensor **tensor, dm_error *error);

/* NULL: the model does not have it. */
struct dm_tensor *dm_tensors_find(const struct dm_tensors *tensors, size_t layer, size_t place);
struct dm_tensor *dm_tensors_find_name(const struct dm_tensors *tensors, const char *name);

/* Room for the gradient, and for the moments of what is trained; zeros. */
dm_status dm_tensor_reserve_gradient(struct dm_tensor *tensor, dm_error *error);
dm_status dm_tensor_train(struct dm_tensor *tensor, dm_error *error);
void dm_tensors_clear_gradients(const struct dm_tensors *tensors);

#endif
