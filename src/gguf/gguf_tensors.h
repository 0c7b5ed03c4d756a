/* The tensors of a GGUF file, as llama.cpp's converter names, shapes and types them. */
#ifndef DM_GGUF_GGUF_TENSORS_H
#define DM_GGUF_GGUF_TENSORS_H

#include "base/blocks.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/weight_writer.h"
#include "gguf/gguf_bytes.h"

struct dm_gguf_tensor {
    struct dm_stored_weight weight;
    const struct dm_block_kind *blocks; /* its rows are blocks; NULL: numbers of weight.dtype */
};

struct dm_gguf_tensors {
    struct dm_parameters parameters; /* of the model with every bias that GGUF needs */
    struct dm_gguf_tensor *list;
    size_t n;
};

/* Matrices have `dtype`; the rest, and scaled matrices, are float32. In DM_DTYPE_INT8 or DM_DTYPE_Q4
 * so are those whose products run in float32 anyway; the others are in blocks, as far as their rows are
 * whole blocks: Q4_K, else Q8_0, else float32. */
dm_status dm_gguf_tensors_list(struct dm_gguf_tensors *tensors,
                               const struct dm_model_config *config, dm_dtype dtype,
                               dm_error *error);
void dm_gguf_tensors_free(struct dm_gguf_tensors *tensors); /* a zeroed struct is fine */
/* Name, shape (the fastest dimension first), type and offset of each. */
void dm_gguf_put_tensors(struct dm_gguf_bytes *bytes, const struct dm_gguf_tensors *tensors,
                         const struct dm_model_config *config);
/* The bytes of each, padded to multiples of DM_GGUF_ALIGNMENT, as all the data is. What differs
 * from the checkpoint: A = -exp(A_log), a convolution without a bias has one of zeros, and
 * x_proj may be scaled. */
dm_status dm_gguf_write_tensors(struct dm_file_writer *writer,
                                const struct dm_gguf_tensors *tensors,
                                struct dm_checkpoint *checkpoint, dm_error *error);
dm_status dm_gguf_write_padding(struct dm_file_writer *writer, size_t n_byte, dm_error *error);

#endif
