#include "checkpoint/pickle_machine.h"

#include <string.h>

#include "base/memory.h"

/* Pickle's opcodes, as far as they are known here. */
enum opcode {
    OP_MARK = '(',
    OP_EMPTY_TUPLE = ')',
    OP_BININT = 'J',
    OP_BININT1 = 'K',
    OP_BININT2 = 'M',
    OP_NONE = 'N',
    OP_BINUNICODE = 'X',
    OP_BINGET = 'h',
    OP_LONG_BINGET = 'j',
    OP_BINPUT = 'q',
    OP_LONG_BINPUT = 'r',
    OP_SETITEM = 's',
    OP_TUPLE = 't',
    OP_SETITEMS = 'u',
    OP_EMPTY_DICT = '}',
    OP_PROTO = 0x80,
    OP_TUPLE1 = 0x85,
    OP_TUPLE2,
    OP_TUPLE3,
    OP_NEWTRUE,
    OP_NEWFALSE,
    OP_LONG1
};

dm_status dm_pickle_refuse(const struct dm_pickle_machine *machine, const char *reason) {
    return dm_fail(machine->error, DM_ERROR_FORMAT, "%s: data.pkl: %s", machine->path, reason);
}

/* Room for one more entry of `size` bytes, counted as taken; NULL: memory is short. */
void *dm_pickle_grow(struct dm_pickle_pool *pool, size_t size) {
    if (pool->n == pool->capacity) {
        size_t capacity = pool->capacity ? 2 * pool->capacity : 64;
        void *entries = dm_memory_resize(pool->entries, pool->n, capacity, size);
        if (!entries)
            return NULL;
        pool->entries = entries;
        pool->capacity = capacity;
    }
    return (char *)pool->entries + size * pool->n++;
}

dm_status dm_pickle_short_memory(const struct dm_pickle_machine *machine) {
    return dm_fail_memory(machine->error, machine->path);
}

static dm_status append(struct dm_pickle_machine *machine, struct dm_pickle_pool *pool,
                        struct dm_pickle_value value) {
    struct dm_pickle_value *entry = dm_pickle_grow(pool, sizeof value);
    if (!entry)
        return dm_pickle_short_memory(machine);
    *entry = value;
    return DM_OK;
}

static dm_status push(struct dm_pickle_machine *machine, struct dm_pickle_value value) {
    return append(machine, &machine->stack, value);
}

static dm_status push_integer(struct dm_pickle_machine *machine, enum dm_pickle_kind kind,
                              int64_t integer) {
    return push(machine, (struct dm_pickle_value){.kind = kind, .integer = integer});
}

dm_status dm_pickle_push_index(struct dm_pickle_machine *machine, enum dm_pickle_kind kind,
                               size_t index) {
    return push(machine, (struct dm_pickle_value){.kind = kind, .index = index});
}

static struct dm_pickle_value *stack_of(const struct dm_pickle_machine *machine) {
    return machine->stack.entries;
}

/* Takes the topmost value; a mark is none. */
static dm_status pop(struct dm_pickle_machine *machine, struct dm_pickle_value *value) {
    if (!machine->stack.n || stack_of(machine)[machine->stack.n - 1].kind == DM_PICKLE_MARK)
        return dm_pickle_refuse(machine, "it takes a value where there is none");
    *value = stack_of(machine)[--machine->stack.n];
    return DM_OK;
}

dm_status dm_pickle_pop(struct dm_pickle_machine *machine, enum dm_pickle_kind kind,
                        const char *reason, struct dm_pickle_value *value) {
    dm_status status = pop(machine, value);
    return !status && value->kind != kind ? dm_pickle_refuse(machine, reason) : status;
}

/* The next `n` bytes of the pickle; NULL: it ends before them. */
static const unsigned char *take(struct dm_pickle_machine *machine, size_t n) {
    if (n > (size_t)(machine->end - machine->next))
        return NULL;
    machine->next += n;
    return machine->next - n;
}

static dm_status cut_short(const struct dm_pickle_machine *machine) {
    return dm_pickle_refuse(machine, "it is cut short");
}

/* A little-endian number of `n` <= 8 bytes. */
static dm_status take_number(struct dm_pickle_machine *machine, size_t n, uint64_t *number) {
    const unsigned char *bytes = take(machine, n);
    if (!bytes)
        return cut_short(machine);
    *number = 0;
    for (size_t i = n; i--;)
        *number = *number << 8 | bytes[i];
    return DM_OK;
}

bool dm_pickle_is_text(struct dm_pickle_text text, const char *expected) {
    return text.n_byte == strlen(expected) && !memcmp(text.bytes, expected, text.n_byte);
}

dm_status dm_pickle_take_line(struct dm_pickle_machine *machine, struct dm_pickle_text *line) {
    const unsigned char *start = machine->next;
    const unsigned char *end = memchr(start, '\n', (size_t)(machine->end - start));
    if (!end)
        return cut_short(machine);
    *line = (struct dm_pickle_text){(const char *)start, (size_t)(end - start)};
    machine->next = end + 1;
    return DM_OK;
}

static dm_status run_unicode(struct dm_pickle_machine *machine) {
    uint64_t n_byte = 0;
    dm_status status = take_number(machine, 4, &n_byte);
    if (status)
        return status;
    const unsigned char *bytes = take(machine, n_byte);
    if (!bytes)
        return cut_short(machine);
    return push(machine, (struct dm_pickle_value){.kind = DM_PICKLE_TEXT,
                                                  .text = {(const char *)bytes, n_byte}});
}

/* Two's complement, little-endian, of at most 8 bytes. */
static dm_status run_long1(struct dm_pickle_machine *machine) {
    uint64_t n_byte = 0, number = 0;
    dm_status status = take_number(machine, 1, &n_byte);
    if (status)
        return status;
    if (n_byte > 8)
        return dm_pickle_refuse(machine, "it holds a number beyond 64 bits");
    status = take_number(machine, n_byte, &number);
    if (status)
        return status;
    if (n_byte && n_byte < 8 && number >> (8 * n_byte - 1))
        number -= (uint64_t)1 << 8 * n_byte;
    return push_integer(machine, DM_PICKLE_INTEGER, (int64_t)number);
}

static dm_status run_integer(struct dm_pickle_machine *machine, size_t n_byte) {
    uint64_t number = 0;
    dm_status status = take_number(machine, n_byte, &number);
    if (status)
        return status;
    return push_integer(machine, DM_PICKLE_INTEGER,
                        n_byte == 4 ? (int32_t)number : (int64_t)number);
}

/* Writers number the memo from 0 in steps of 1. */
static dm_status run_put(struct dm_pickle_machine *machine, size_t n_byte) {
    uint64_t index = 0;
    dm_status status = take_number(machine, n_byte, &index);
    if (status)
        return status;
    if (index != machine->memo.n)
        return dm_pickle_refuse(machine, "it numbers its memo out of order");
    if (!machine->stack.n)
        return dm_pickle_refuse(machine, "it takes a value where there is none");
    return append(machine, &machine->memo, stack_of(machine)[machine->stack.n - 1]);
}

static dm_status run_get(struct dm_pickle_machine *machine, size_t n_byte) {
    uint64_t index = 0;
    dm_status status = take_number(machine, n_byte, &index);
    if (status)
        return status;
    if (index >= machine->memo.n)
        return dm_pickle_refuse(machine, "it names a memo entry that there is not");
    return push(machine, ((const struct dm_pickle_value *)machine->memo.entries)[index]);
}

/* The number of values above the topmost mark. */
static dm_status count_to_mark(struct dm_pickle_machine *machine, size_t *n) {
    const struct dm_pickle_value *stack = stack_of(machine);
    for (*n = 0; *n < machine->stack.n; ++*n)
        if (stack[machine->stack.n - 1 - *n].kind == DM_PICKLE_MARK)
            return DM_OK;
    return dm_pickle_refuse(machine, "it goes back to a mark that there is not");
}

/* Makes a tuple of the topmost n values. */
static dm_status make_tuple(struct dm_pickle_machine *machine, size_t n) {
    size_t first = machine->tuple_items.n;
    if (n > machine->stack.n)
        return dm_pickle_refuse(machine, "it takes a value where there is none");
    for (size_t i = machine->stack.n - n; i < machine->stack.n; i++) {
        if (stack_of(machine)[i].kind == DM_PICKLE_MARK)
            return dm_pickle_refuse(machine, "it takes a value where there is none");
        dm_status status = append(machine, &machine->tuple_items, stack_of(machine)[i]);
        if (status)
            return status;
    }
    machine->stack.n -= n;
    struct dm_pickle_tuple *tuple = dm_pickle_grow(&machine->tuples, sizeof *tuple);
    if (!tuple)
        return dm_pickle_short_memory(machine);
    *tuple = (struct dm_pickle_tuple){first, n};
    return dm_pickle_push_index(machine, DM_PICKLE_TUPLE, machine->tuples.n - 1);
}

static dm_status run_tuple(struct dm_pickle_machine *machine) {
    size_t n = 0;
    dm_status status = count_to_mark(machine, &n);
    if (status)
        return status;
    size_t mark = machine->stack.n - n - 1;
    status = make_tuple(machine, n);
    if (status)
        return status;
    stack_of(machine)[mark] = stack_of(machine)[mark + 1];
    machine->stack.n--;
    return DM_OK;
}

dm_status dm_pickle_make_dict(struct dm_pickle_machine *machine, bool is_ordered) {
    struct dm_pickle_dict *dict = dm_pickle_grow(&machine->dicts, sizeof *dict);
    if (!dict)
        return dm_pickle_short_memory(machine);
    *dict = (struct dm_pickle_dict){.is_ordered = is_ordered};
    return dm_pickle_push_index(machine, DM_PICKLE_DICT, machine->dicts.n - 1);
}

/* Puts the topmost n values, keys and values in turn, into the dict below them. */
static dm_status set_items(struct dm_pickle_machine *machine, size_t n) {
    const struct dm_pickle_value *stack = stack_of(machine);
    size_t first = machine->stack.n - n, below = first - 1;
    struct dm_pickle_dict *dict =
        (struct dm_pickle_dict *)machine->dicts.entries + stack[below].index;
    for (size_t i = first; i < machine->stack.n; i += 2) {
        if (stack[i].kind != DM_PICKLE_TEXT)
            return dm_pickle_refuse(machine, "a key of a dict is not text");
        struct dm_pickle_item *item = dm_pickle_grow(&machine->dict_items, sizeof *item);
        if (!item)
            return dm_pickle_short_memory(machine);
        *item = (struct dm_pickle_item){stack[below].index, stack[i], stack[i + 1]};
        if (!dict->n_item++)
            dict->first_key = stack[i].text;
    }
    machine->stack.n = first;
    return DM_OK;
}

static dm_status run_setitem(struct dm_pickle_machine *machine) {
    size_t n = machine->stack.n;
    const struct dm_pickle_value *stack = stack_of(machine);
    if (n < 3 || stack[n - 1].kind == DM_PICKLE_MARK || stack[n - 3].kind != DM_PICKLE_DICT)
        return dm_pickle_refuse(machine, "it puts an item into something that is no dict");
    return set_items(machine, 2);
}

static dm_status run_setitems(struct dm_pickle_machine *machine) {
    size_t n = 0;
    dm_status status = count_to_mark(machine, &n);
    if (status)
        return status;
    struct dm_pickle_value *stack = stack_of(machine);
    size_t mark = machine->stack.n - n - 1;
    if (n % 2 || !mark || stack[mark - 1].kind != DM_PICKLE_DICT)
        return dm_pickle_refuse(machine, "it puts items into something that is no dict");
    memmove(stack + mark, stack + mark + 1, n * sizeof *stack);
    machine->stack.n--;
    return set_items(machine, n);
}

const struct dm_pickle_value *dm_pickle_tuple_items(const struct dm_pickle_machine *machine,
                                                    struct dm_pickle_value tuple, size_t *n) {
    const struct dm_pickle_tuple *entry =
        (const struct dm_pickle_tuple *)machine->tuples.entries + tuple.index;
    const struct dm_pickle_value *items = machine->tuple_items.entries; /* NULL: none has any */
    *n = entry->n;
    return items ? items + entry->first : NULL;
}

static dm_status run_protocol(struct dm_pickle_machine *machine) {
    uint64_t protocol = 0;
    dm_status status = take_number(machine, 1, &protocol);
    return !status && protocol != 2 ? dm_pickle_refuse(machine, "its protocol is not 2") : status;
}

dm_status dm_pickle_run(struct dm_pickle_machine *machine, unsigned opcode) {
    switch (opcode) {
    case OP_PROTO:
        return run_protocol(machine);
    case OP_MARK:
        return push_integer(machine, DM_PICKLE_MARK, 0);
    case OP_NONE:
        return push_integer(machine, DM_PICKLE_NONE, 0);
    case OP_NEWTRUE:
        return push_integer(machine, DM_PICKLE_BOOL, 1);
    case OP_NEWFALSE:
        return push_integer(machine, DM_PICKLE_BOOL, 0);
    case OP_BININT:
        return run_integer(machine, 4);
    case OP_BININT1:
        return run_integer(machine, 1);
    case OP_BININT2:
        return run_integer(machine, 2);
    case OP_LONG1:
        return run_long1(machine);
    case OP_BINUNICODE:
        return run_unicode(machine);
    case OP_EMPTY_TUPLE:
        return make_tuple(machine, 0);
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        return make_tuple(machine, opcode - OP_TUPLE1 + 1);
    case OP_TUPLE:
        return run_tuple(machine);
    case OP_EMPTY_DICT:
        return dm_pickle_make_dict(machine, false);
    case OP_SETITEM:
        return run_setitem(machine);
    case OP_SETITEMS:
        return run_setitems(machine);
    case OP_BINPUT:
        return run_put(machine, 1);
    case OP_LONG_BINPUT:
        return run_put(machine, 4);
    case OP_BINGET:
        return run_get(machine, 1);
    case OP_LONG_BINGET:
        return run_get(machine, 4);
    default:
        return dm_fail(machine->error, DM_ERROR_UNSUPPORTED,
                       "%s: data.pkl: opcode 0x%02x, which no plain state dict needs: refused",
                       machine->path, opcode);
    }
}

dm_status dm_pickle_next(struct dm_pickle_machine *machine, unsigned *opcode) {
    uint64_t number = 0;
    dm_status status = take_number(machine, 1, &number);
    *opcode = (unsigned)number;
    return status;
}

void dm_pickle_free(struct dm_pickle_machine *machine) {
    dm_memory_free(machine->stack.entries);
    dm_memory_free(machine->memo.entries);
    dm_memory_free(machine->tuple_items.entries);
    dm_memory_free(machine->tuples.entries);
    dm_memory_free(machine->dicts.entries);
    dm_memory_free(machine->dict_items.entries);
    dm_memory_free(machine->storages.entries);
    dm_memory_free(machine->tensors.entries);
}
