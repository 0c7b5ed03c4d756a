#include "checkpoint/torch_pickle.h"

#include "base/memory.h"

/* Opcodes that torch.save gives a meaning to. */
enum { op_stop = '.', op_persistent_id = 'Q', op_reduce = 'R', op_build = 'b', op_global = 'c' };

struct storage {
    enum dm_element element;
    struct dm_pickle_text key;
    size_t n_element;
};

static const struct {
    const char *module, *name;
    enum dm_element element;
} globals[] = {
    {"collections", "OrderedDict", 0},
    {"torch._utils", "_rebuild_tensor_v2", 0},
    {"torch._utils", "_rebuild_parameter", 0},
    {"torch._utils", "_rebuild_parameter_with_state", 0},
    {"torch", "FloatStorage", DM_ELEMENT_F32},
    {"torch", "BFloat16Storage", DM_ELEMENT_BF16},
    {"torch", "HalfStorage", DM_ELEMENT_F16},
    {"torch", "DoubleStorage", DM_ELEMENT_F64},
    {"torch", "LongStorage", DM_ELEMENT_I64},
    {"torch", "IntStorage", DM_ELEMENT_I32},
    {"torch", "ShortStorage", DM_ELEMENT_OTHER},
    {"torch", "CharStorage", DM_ELEMENT_OTHER},
    {"torch", "ByteStorage", DM_ELEMENT_OTHER},
    {"torch", "BoolStorage", DM_ELEMENT_OTHER},
};
enum {
    global_ordered_dict,
    global_rebuild_tensor,
    global_rebuild_parameter,
    global_rebuild_parameter_with_state,
    global_first_storage,
    n_global = sizeof globals / sizeof *globals
};

static dm_status run_global(struct dm_pickle_machine *machine) {
    struct dm_pickle_text module, name;
    dm_status status = dm_pickle_take_line(machine, &module);
    if (!status)
        status = dm_pickle_take_line(machine, &name);
    if (status)
        return status;
    for (size_t i = 0; i < n_global; i++)
        if (dm_pickle_is_text(module, globals[i].module) &&
            dm_pickle_is_text(name, globals[i].name))
            return dm_pickle_push_index(machine, DM_PICKLE_GLOBAL, i);
    enum { shown = 100 };
    return dm_fail(machine->error, DM_ERROR_UNSUPPORTED,
                   "%s: data.pkl asks for %.*s.%.*s, which no plain state dict needs: refused",
                   machine->path, (int)(module.n_byte < shown ? module.n_byte : shown),
                   module.bytes, (int)(name.n_byte < shown ? name.n_byte : shown), name.bytes);
}

/* ("storage", torch.*Storage, key, location, number of elements) */
static dm_status run_persistent_id(struct dm_pickle_machine *machine) {
    struct dm_pickle_value id;
    size_t n;
    dm_status status =
        dm_pickle_pop(machine, DM_PICKLE_TUPLE, "a persistent id is not a tuple", &id);
    if (status)
        return status;
    const struct dm_pickle_value *items = dm_pickle_tuple_items(machine, id, &n);
    if (n != 5 || items[0].kind != DM_PICKLE_TEXT || !dm_pickle_is_text(items[0].text, "storage") ||
        items[1].kind != DM_PICKLE_GLOBAL || items[1].index < global_first_storage ||
        items[2].kind != DM_PICKLE_TEXT || items[3].kind != DM_PICKLE_TEXT ||
        items[4].kind != DM_PICKLE_INTEGER || items[4].integer < 0)
        return dm_pickle_refuse(machine, "a persistent id does not describe a storage");
    struct storage *storage = dm_pickle_grow(&machine->storages, sizeof *storage);
    if (!storage)
        return dm_pickle_short_memory(machine);
    *storage =
        (struct storage){globals[items[1].index].element, items[2].text, (size_t)items[4].integer};
    return dm_pickle_push_index(machine, DM_PICKLE_STORAGE, machine->storages.n - 1);
}

/* A tuple of at most DM_TENSOR_MAX_DIM whole numbers >= 0. */
static dm_status read_sizes(const struct dm_pickle_machine *machine, struct dm_pickle_value tuple,
                            size_t *n, size_t sizes[DM_TENSOR_MAX_DIM]) {
    const struct dm_pickle_value *items = dm_pickle_tuple_items(machine, tuple, n);
    if (*n > DM_TENSOR_MAX_DIM)
        return dm_pickle_refuse(machine, "a tensor has too many dimensions");
    for (size_t i = 0; i < *n; i++) {
        if (items[i].kind != DM_PICKLE_INTEGER || items[i].integer < 0)
            return dm_pickle_refuse(machine, "a size or stride is not a whole number >= 0");
        sizes[i] = (size_t)items[i].integer;
    }
    return DM_OK;
}

/* (storage, offset, size, stride, requires_grad, backward_hooks) */
static dm_status rebuild_tensor(struct dm_pickle_machine *machine,
                                struct dm_pickle_value arguments) {
    static const enum dm_pickle_kind kinds[] = {DM_PICKLE_STORAGE, DM_PICKLE_INTEGER,
                                                DM_PICKLE_TUPLE,   DM_PICKLE_TUPLE,
                                                DM_PICKLE_BOOL,    DM_PICKLE_DICT};
    enum { n_argument = sizeof kinds / sizeof *kinds };
    size_t n, n_stride;
    const struct dm_pickle_value *items = dm_pickle_tuple_items(machine, arguments, &n);
    bool sound = n == n_argument;
    for (size_t i = 0; sound && i < n_argument; i++)
        sound = items[i].kind == kinds[i];
    if (!sound || items[1].integer < 0)
        return dm_pickle_refuse(machine,
                                "the arguments of _rebuild_tensor_v2 are not those of a tensor");
    const struct storage *storage =
        (const struct storage *)machine->storages.entries + items[0].index;
    struct dm_pickle_tensor tensor = {.storage = storage->key,
                                      .element = storage->element,
                                      .n_storage = storage->n_element,
                                      .offset = (size_t)items[1].integer};
    dm_status status = read_sizes(machine, items[2], &tensor.n_dim, tensor.shape);
    if (!status)
        status = read_sizes(machine, items[3], &n_stride, tensor.stride);
    if (!status && n_stride != tensor.n_dim)
        return dm_pickle_refuse(machine, "a tensor has more sizes than strides, or fewer");
    if (status)
        return status;
    struct dm_pickle_tensor *entry = dm_pickle_grow(&machine->tensors, sizeof *entry);
    if (!entry)
        return dm_pickle_short_memory(machine);
    *entry = tensor;
    return dm_pickle_push_index(machine, DM_PICKLE_TENSOR, machine->tensors.n - 1);
}

/* (tensor, requires_grad, backward_hooks), then, where it has attributes of its own (state-spaces'
 * Mamba hangs _no_weight_decay on A_log), their dict: read and forgotten. What is left is the
 * tensor. */
static dm_status rebuild_parameter(struct dm_pickle_machine *machine,
                                   struct dm_pickle_value arguments, bool has_state) {
    size_t n;
    const struct dm_pickle_value *items = dm_pickle_tuple_items(machine, arguments, &n);
    if (n != (has_state ? 4 : 3) || items[0].kind != DM_PICKLE_TENSOR ||
        items[1].kind != DM_PICKLE_BOOL || items[2].kind != DM_PICKLE_DICT ||
        (has_state && items[3].kind != DM_PICKLE_DICT))
        return dm_pickle_refuse(machine,
                                "the arguments of _rebuild_parameter are not those of a parameter");
    return dm_pickle_push_index(machine, DM_PICKLE_TENSOR, items[0].index);
}

static dm_status run_reduce(struct dm_pickle_machine *machine) {
    struct dm_pickle_value arguments, function;
    dm_status status =
        dm_pickle_pop(machine, DM_PICKLE_TUPLE, "the arguments of a call are no tuple", &arguments);
    if (!status)
        status = dm_pickle_pop(machine, DM_PICKLE_GLOBAL, "it calls something that is no function",
                               &function);
    if (status)
        return status;
    if (function.index == global_rebuild_tensor)
        return rebuild_tensor(machine, arguments);
    if (function.index == global_rebuild_parameter ||
        function.index == global_rebuild_parameter_with_state)
        return rebuild_parameter(machine, arguments,
                                 function.index == global_rebuild_parameter_with_state);
    size_t n;
    dm_pickle_tuple_items(machine, arguments, &n);
    if (function.index != global_ordered_dict || n)
        return dm_pickle_refuse(machine,
                                "it makes something that is no tensor and no empty OrderedDict");
    return dm_pickle_make_dict(machine, true);
}

/* torch.save hangs {"_metadata": ...} on the OrderedDict of a module: read and forgotten. */
static dm_status run_build(struct dm_pickle_machine *machine) {
    struct dm_pickle_value state, object;
    dm_status status = dm_pickle_pop(machine, DM_PICKLE_DICT,
                                     "it sets the state of an object from no dict", &state);
    if (!status)
        status = dm_pickle_pop(machine, DM_PICKLE_DICT,
                               "it sets the state of something that is no dict", &object);
    if (status)
        return status;
    const struct dm_pickle_dict *dicts = machine->dicts.entries, *attributes = &dicts[state.index];
    if (!dicts[object.index].is_ordered || attributes->n_item != 1 ||
        !dm_pickle_is_text(attributes->first_key, "_metadata"))
        return dm_pickle_refuse(machine,
                                "it sets attributes other than the _metadata of an OrderedDict");
    return dm_pickle_push_index(machine, DM_PICKLE_DICT, object.index);
}

static dm_status run_one(struct dm_pickle_machine *machine, unsigned opcode) {
    switch (opcode) {
    case op_global:
        return run_global(machine);
    case op_persistent_id:
        return run_persistent_id(machine);
    case op_reduce:
        return run_reduce(machine);
    case op_build:
        return run_build(machine);
    default:
        return dm_pickle_run(machine, opcode);
    }
}

static dm_status run(struct dm_pickle_machine *machine) {
    unsigned opcode;
    dm_status status;
    while (!(status = dm_pickle_next(machine, &opcode)) && opcode != op_stop &&
           !(status = run_one(machine, opcode)))
        ;
    if (!status && machine->next != machine->end)
        return dm_pickle_refuse(machine, "bytes follow its end");
    return status;
}

/* The tensors of the dict that was left on the stack, under their keys. */
static dm_status list_tensors(struct dm_pickle_machine *machine, struct dm_pickle_tensor **tensors,
                              size_t *n_tensor) {
    struct dm_pickle_value root;
    dm_status status =
        dm_pickle_pop(machine, DM_PICKLE_DICT, "it holds something that is no dict", &root);
    if (status)
        return status;
    if (machine->stack.n)
        return dm_pickle_refuse(machine, "it leaves more than one value");
    const struct dm_pickle_dict *dict =
        (const struct dm_pickle_dict *)machine->dicts.entries + root.index;
    const struct dm_pickle_item *item = machine->dict_items.entries;
    struct dm_pickle_tensor *list = dm_memory_array(dict->n_item, sizeof *list);
    if (!list)
        return dm_pickle_short_memory(machine);
    size_t n = 0;
    for (size_t i = 0; i < machine->dict_items.n; i++, item++) {
        if (item->dict != root.index)
            continue;
        if (item->value.kind != DM_PICKLE_TENSOR) {
            dm_memory_free(list);
            return dm_pickle_refuse(machine, "its dict holds something that is no tensor");
        }
        list[n] = ((const struct dm_pickle_tensor *)machine->tensors.entries)[item->value.index];
        list[n++].name = item->key.text;
    }
    *tensors = list;
    *n_tensor = n;
    return DM_OK;
}

dm_status dm_torch_pickle_read(const unsigned char *bytes, size_t n_byte, const char *path,
                               struct dm_pickle_tensor **tensors, size_t *n_tensor,
                               dm_error *error) {
    struct dm_pickle_machine machine = {
        .next = bytes, .end = bytes + n_byte, .path = path, .error = error};
    dm_status status = run(&machine);
    if (!status)
        status = list_tensors(&machine, tensors, n_tensor);
    dm_pickle_free(&machine);
    return status;
}
