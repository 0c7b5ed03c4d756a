/* A LoRA adapter, as PEFT saves one: adapter_config.json beside adapter_model.safetensors or
 * adapter_model.bin. Merged, a weight W [n_out, n_in] is W + s B A, where lora_A is [r, n_in],
 * lora_B [n_out, r], and s = lora_alpha / r, or lora_alpha / sqrt(r) with "use_rslora"; the
 * embedding is E + s (B A)^T of lora_embedding_A [r, vocab_size] and lora_embedding_B [d_model, r].
 * Tensors of a weight's own name ("modules_to_save", "bias"), or with "base_layer" in it, replace
 * it. */
#ifndef DM_CHECKPOINT_ADAPTER_H
#define DM_CHECKPOINT_ADAPTER_H

#include "checkpoint/parameters.h"
#include "checkpoint/weight_files.h"

struct dm_adapter {
    char *base; /* the folder of the model that it belongs to; NULL: there is no adapter */
    double alpha;
    bool rank_stabilized;
    struct dm_weight_files files;
};

/* All zero where the directory is not that of an adapter. One that is no plain LoRA, or whose model
 * is not here, is an error that says so. */
dm_status dm_adapter_open(struct dm_adapter *adapter, const char *directory, bool copy,
                          dm_error *error);
void dm_adapter_close(struct dm_adapter *adapter); /* a zeroed struct is fine */
/* The tensor that replaces the weight of this name; NULL: none. */
struct dm_weight_entry *dm_adapter_find(const struct dm_adapter *adapter, const char *name);
/* Does it add to this weight? */
bool dm_adapter_has(const struct dm_adapter *adapter, const char *name);
/* Adds s B A to the weight, if it has any. */
dm_status dm_adapter_add(struct dm_adapter *adapter, const struct dm_parameter *parameter,
                         float *weight, dm_error *error);
/* Every tensor of it must have been used. */
dm_status dm_adapter_check_used(const struct dm_adapter *adapter, dm_error *error);

#endif
