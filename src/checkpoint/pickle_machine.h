/* A pickle machine with a stack, a memo, tuples and dicts, which cannot call anything.
 * torch_pickle.c gives globals, persistent ids and calls their meaning. No function recurses, and
 * memory stays proportional to the pickle. */
#ifndef DM_CHECKPOINT_PICKLE_MACHINE_H
#define DM_CHECKPOINT_PICKLE_MACHINE_H

#include <stdbool.h>

#include "base/status.h"

/* Text inside the pickle; no NUL at its end. */
struct dm_pickle_text {
    const char *bytes;
    size_t n_byte;
};

enum dm_pickle_kind {
    DM_PICKLE_NONE,
    DM_PICKLE_BOOL,
    DM_PICKLE_INTEGER,
    DM_PICKLE_TEXT,
    DM_PICKLE_MARK,
    DM_PICKLE_TUPLE,
    DM_PICKLE_DICT,
    DM_PICKLE_GLOBAL,
    DM_PICKLE_STORAGE,
    DM_PICKLE_TENSOR
};

struct dm_pickle_value {
    enum dm_pickle_kind kind;
    union {
        int64_t integer;            /* DM_PICKLE_BOOL, DM_PICKLE_INTEGER */
        struct dm_pickle_text text; /* DM_PICKLE_TEXT */
        size_t index;               /* of a tuple, dict, global, storage or tensor */
    };
};

struct dm_pickle_tuple {
    size_t first, n; /* in `tuple_items` */
};
struct dm_pickle_dict {
    bool is_ordered;
    size_t n_item;
    struct dm_pickle_text first_key;
};
struct dm_pickle_item {
    size_t dict;
    struct dm_pickle_value key, value;
};

/* A list that only grows. */
struct dm_pickle_pool {
    void *entries;
    size_t n, capacity;
};

struct dm_pickle_machine {
    const unsigned char *next, *end;
    const char *path;
    dm_error *error;
    struct dm_pickle_pool stack, memo, tuple_items; /* struct dm_pickle_value */
    struct dm_pickle_pool tuples, dicts, dict_items, storages, tensors;
};

/* DM_ERROR_FORMAT, or DM_ERROR_MEMORY, with a line that names the file. */
dm_status dm_pickle_refuse(const struct dm_pickle_machine *machine, const char *reason);
dm_status dm_pickle_short_memory(const struct dm_pickle_machine *machine);

/* Room for one more entry of `size` bytes, counted as taken; NULL: memory is short. */
void *dm_pickle_grow(struct dm_pickle_pool *pool, size_t size);

dm_status dm_pickle_push_index(struct dm_pickle_machine *machine, enum dm_pickle_kind kind,
                               size_t index);
/* Pops the topmost value; one of another kind is an error that says `reason`. */
dm_status dm_pickle_pop(struct dm_pickle_machine *machine, enum dm_pickle_kind kind,
                        const char *reason, struct dm_pickle_value *value);

bool dm_pickle_is_text(struct dm_pickle_text text, const char *expected);
/* The text up to the next line feed. */
dm_status dm_pickle_take_line(struct dm_pickle_machine *machine, struct dm_pickle_text *line);
/* Pushes a new, empty dict. */
dm_status dm_pickle_make_dict(struct dm_pickle_machine *machine, bool is_ordered);
const struct dm_pickle_value *dm_pickle_tuple_items(const struct dm_pickle_machine *machine,
                                                    struct dm_pickle_value tuple, size_t *n);

/* Takes the next opcode. */
dm_status dm_pickle_next(struct dm_pickle_machine *machine, unsigned *opcode);
/* Runs one that moves or makes values; an unknown one is DM_ERROR_UNSUPPORTED, named. */
dm_status dm_pickle_run(struct dm_pickle_machine *machine, unsigned opcode);
void dm_pickle_free(struct dm_pickle_machine *machine);

#endif
