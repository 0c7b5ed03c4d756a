#include "backends/onednn_kernels.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif

#include "base/memory.h"

/* libgomp's, which Debian's oneDNN runs on. */
int omp_get_max_threads(void);
void omp_set_num_threads(int n_thread);

int dm_onednn_alone(void) {
    int n_thread = omp_get_max_threads();
    omp_set_num_threads(1);
    return n_thread;
}

void dm_onednn_together(int n_thread) {
    omp_set_num_threads(n_thread);
}

dm_status dm_onednn_fail(dm_error *error, dnnl_status_t status, const char *what) {
    if (status == dnnl_out_of_memory)
        return dm_fail_memory(error, what);
    return dm_fail(error, DM_ERROR_UNSUPPORTED, "oneDNN cannot make %s (status %d)", what,
                   (int)status);
}

struct types {
    dnnl_data_type_t x, weight, y;
};

static struct types types_of(dm_dtype compute) {
    return compute == DM_DTYPE_INT8   ? (struct types){dnnl_u8, dnnl_s8, dnnl_s32}
           : compute == DM_DTYPE_BF16 ? (struct types){dnnl_bf16, dnnl_bf16, dnnl_f32}
                                      : (struct types){dnnl_f32, dnnl_f32, dnnl_f32};
}

static dnnl_status_t describe_rows(dnnl_memory_desc_t *rows, size_t n_row, size_t n_column,
                                   dnnl_data_type_t type) {
    dnnl_dims_t size = {(dnnl_dim_t)n_row, (dnnl_dim_t)n_column};
    return dnnl_memory_desc_init_by_tag(rows, 2, size, type, dnnl_ab);
}

static dnnl_status_t describe_weight(dnnl_memory_desc_t *weight, const struct dm_product *product) {
    dnnl_dims_t size = {(dnnl_dim_t)product->n_in, (dnnl_dim_t)product->n_out};
    dnnl_dims_t strides = {(dnnl_dim_t)product->column_stride, 1};
    dnnl_data_type_t type = types_of(product->compute).weight;
    return product->column_stride
               ? dnnl_memory_desc_init_by_strides(weight, 2, size, type, strides)
               : dnnl_memory_desc_init_by_tag(weight, 2, size, type, dnnl_format_tag_any);
}

static dnnl_status_t make_attributes(const struct dm_product *product,
                                     dnnl_primitive_attr_t *attributes) {
    dnnl_post_ops_t after = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(attributes);
    if (!status)
        status = dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user);
    if (status || !product->accumulate)
        return status;
    status = dnnl_post_ops_create(&after);
    if (!status)
        status = dnnl_post_ops_append_sum(after, 1);
    if (!status)
        status = dnnl_primitive_attr_set_post_ops(*attributes, after);
    dnnl_post_ops_destroy(after);
    return status;
}

/* Describes the product of 2^i rows; the weight's layout is settled by the largest i, the first one
 * made. */
static dnnl_status_t describe_product(const struct dm_onednn *onednn, struct dm_kernel *kernel,
                                      int i, dnnl_primitive_desc_t *description) {
    const struct dm_product *product = &kernel->product;
    struct types types = types_of(product->compute);
    dnnl_status_t status = describe_rows(&kernel->x[i], (size_t)1 << i, product->n_in, types.x);
    if (!status)
        status = describe_rows(&kernel->y[i], (size_t)1 << i, product->n_out, types.y);
    if (!status && i == DM_TILE_LOG2)
        status = describe_weight(&kernel->weight, product);
    dnnl_matmul_desc_t matmul;
    if (!status)
        status =
            dnnl_matmul_desc_init(&matmul, &kernel->x[i], &kernel->weight, NULL, &kernel->y[i]);
    dnnl_primitive_attr_t attributes = NULL;
    if (!status)
        status = make_attributes(product, &attributes);
    if (!status)
        status = dnnl_primitive_desc_create(description, &matmul, attributes, onednn->engine, NULL);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

/* Does the same implementation run 2^i rows as runs the largest i? */
static void compare_implementation(struct dm_kernel *kernel, int i,
                                   const_dnnl_primitive_desc_t description) {
    const char *name = "";
    dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name);
    if (i == DM_TILE_LOG2)
        snprintf(kernel->implementation, sizeof kernel->implementation, "%s", name);
    if (kernel->min_log2 == i + 1 && strcmp(name, kernel->implementation) == 0)
        kernel->min_log2 = i;
}

static dnnl_status_t make_primitive(const struct dm_onednn *onednn, struct dm_kernel *kernel,
                                    int i) {
    dnnl_primitive_desc_t description;
    dnnl_status_t status = describe_product(onednn, kernel, i, &description);
    if (status)
        return status;
    kernel->weight = *dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
    kernel->scratch[i] = *dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    size_t scratch_bytes = dnnl_memory_desc_get_size(&kernel->scratch[i]);
    if (scratch_bytes > kernel->scratch_bytes)
        kernel->scratch_bytes = scratch_bytes;
    compare_implementation(kernel, i, description);
    status = dnnl_primitive_create(&kernel->primitives[i], description);
    dnnl_primitive_desc_destroy(description);
    return status;
}

/* The layouts that we can pack: plain floats; and blocks of columns, a block's units of inputs one
 * after the other, which oneDNN describes as inner blocks of some units, all columns, and a unit's
 * inputs. */
static dnnl_status_t read_layout(struct dm_kernel *kernel) {
    const dnnl_memory_desc_t *weight = &kernel->weight;
    const dnnl_blocking_desc_t *from = &weight->format_desc.blocking;
    dnnl_dim_t unit = (dnnl_dim_t)dm_inputs_of_unit(kernel->product.compute);
    if (weight->format_kind != dnnl_blocked || weight->offset0)
        return dnnl_unimplemented;
    kernel->blocked = from->inner_nblks > 0;
    if (!kernel->blocked) {
        kernel->layout = (struct dm_layout){(size_t)from->strides[0], 0};
        return from->strides[1] == 1 && unit == 1 ? dnnl_success : dnnl_unimplemented;
    }
    kernel->layout =
        (struct dm_layout){(size_t)from->inner_blks[1], (size_t)(from->strides[1] / unit)};
    bool known = from->inner_nblks == (unit > 1 ? 3 : 2) && from->inner_idxs[0] == 0 &&
                 from->inner_idxs[1] == 1 &&
                 (unit == 1 || (from->inner_idxs[2] == 0 && from->inner_blks[2] == unit)) &&
                 from->strides[0] == from->inner_blks[0] * from->inner_blks[1] * unit;
    return known ? dnnl_success : dnnl_unimplemented;
}

static void free_kernel(struct dm_kernel *kernel) {
    for (int i = 0; i <= DM_TILE_LOG2; i++)
        if (kernel->primitives[i])
            dnnl_primitive_destroy(kernel->primitives[i]);
    dm_memory_free(kernel);
}

static bool is_same(const struct dm_product *a, const struct dm_product *b) {
    return a->n_in == b->n_in && a->n_out == b->n_out && a->column_stride == b->column_stride &&
           a->compute == b->compute && a->accumulate == b->accumulate;
}

static dnnl_status_t make_primitives(const struct dm_onednn *onednn, struct dm_kernel *kernel) {
    int n_thread = dm_onednn_alone();
    dnnl_status_t status = dnnl_success;
    for (int i = DM_TILE_LOG2; i >= 0 && !status; i--) {
        if (!dm_memory_lend()) {
            status = dnnl_out_of_memory;
            break;
        }
        status = make_primitive(onednn, kernel, i);
        dm_memory_take_back();
    }
    dm_onednn_together(n_thread);
    return status;
}

static dm_status make_kernel(const struct dm_onednn *onednn, const struct dm_product *product,
                             struct dm_kernel **result, dm_error *error) {
    struct dm_kernel *kernel = dm_memory_zeroed(1, sizeof *kernel);
    if (!kernel)
        return dm_fail_memory(error, "a matrix product");
    kernel->product = *product;
    kernel->min_log2 = DM_TILE_LOG2 + 1;
    dnnl_status_t status = make_primitives(onednn, kernel);
    if (!status)
        status = read_layout(kernel);
    if (status) {
        free_kernel(kernel);
        return dm_onednn_fail(error, status, "a matrix product");
    }
    *result = kernel;
    return DM_OK;
}

dm_status dm_kernel_find(struct dm_onednn *onednn, const struct dm_product *product,
                         const struct dm_kernel **result, dm_error *error) {
    dm_status status = DM_OK;
    pthread_mutex_lock(&onednn->mutex);
    struct dm_kernel *kernel = onednn->kernels;
    while (kernel && !is_same(&kernel->product, product))
        kernel = kernel->next;
    if (!kernel && !(status = make_kernel(onednn, product, &kernel, error))) {
        kernel->next = onednn->kernels;
        onednn->kernels = kernel;
    }
    pthread_mutex_unlock(&onednn->mutex);
    if (!status)
        *result = kernel;
    return status;
}

int dm_kernel_rows_log2(const struct dm_kernel *kernel, size_t n_row) {
    enum { PLAIN_STEP = 2 }; /* plain kernels: products of 4, 16 and 64 rows */
    int step = kernel->blocked ? 1 : PLAIN_STEP, i = DM_TILE_LOG2;
    int min = kernel->blocked || kernel->min_log2 > PLAIN_STEP ? kernel->min_log2 : PLAIN_STEP;
    while (n_row < (size_t)1 << i && i - step >= min)
        i -= step;
    return i;
}

size_t dm_kernel_weight_bytes(const struct dm_kernel *kernel) {
    return dnnl_memory_desc_get_size(&kernel->weight);
}

dnnl_status_t dm_runner_open(struct dm_runner *runner, const struct dm_onednn *onednn) {
    *runner = (struct dm_runner){.engine = onednn->engine};
    if (!dm_memory_lend())
        return dnnl_out_of_memory;
    dnnl_status_t status =
        dnnl_stream_create(&runner->stream, onednn->engine, dnnl_stream_default_flags);
    dm_memory_take_back();
    return status;
}

static void forget(struct dm_runner *runner) {
    runner->kernel = NULL;
    for (int k = 0; k < 4; k++) {
        if (runner->operands[k])
            dnnl_memory_destroy(runner->operands[k]);
        runner->operands[k] = NULL;
    }
}

void dm_runner_close(struct dm_runner *runner) {
    forget(runner);
    if (runner->stream)
        dnnl_stream_destroy(runner->stream);
}

static dnnl_status_t prepare(struct dm_runner *runner, const struct dm_kernel *kernel, int i) {
    const dnnl_memory_desc_t *descriptions[] = {&kernel->x[i], &kernel->weight, &kernel->y[i],
                                                &kernel->scratch[i]};
    if (runner->kernel == kernel && runner->i == i)
        return dnnl_success;
    forget(runner);
    for (int k = 0; k < 4; k++) {
        dnnl_status_t status = dnnl_memory_create(&runner->operands[k], descriptions[k],
                                                  runner->engine, DNNL_MEMORY_NONE);
        if (status)
            return status;
    }
    runner->kernel = kernel;
    runner->i = i;
    return dnnl_success;
}

/* The code that oneDNN makes where there is no AVX-512 keeps numbers below the stack's end, where a
 * signal's handler would write over them, and over the heap through them: a signal waits so
 * long. */
static dnnl_status_t execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream, int n,
                             const dnnl_exec_arg_t *arguments) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    dnnl_status_t status = dnnl_primitive_execute(primitive, stream, n, arguments);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

dnnl_status_t dm_runner_run(struct dm_runner *runner, const struct dm_kernel *kernel, int i,
                            const void *x, const void *packed, void *y, void *scratch) {
    static const int names[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD};
    void *data[] = {(void *)(uintptr_t)x, (void *)(uintptr_t)packed, y, scratch};
    dnnl_exec_arg_t arguments[4];
    dnnl_status_t status = prepare(runner, kernel, i);
    for (int k = 0; k < 4 && !status; k++) {
        arguments[k] = (dnnl_exec_arg_t){names[k], runner->operands[k]};
        status = dnnl_memory_set_data_handle(runner->operands[k], data[k]);
    }
    return status ? status : execute(kernel->primitives[i], runner->stream, 4, arguments);
}

/* Where the environment has ONEDNN_VERBOSE or DNNL_VERBOSE, oneDNN tells of each primitive on
 * standard output, which is the caller's: unless it is told before its first call, and once, so
 * that a caller who uses oneDNN too may turn it on. */
static void be_silent(void) {
    dnnl_set_verbose(0);
}

/* libgomp, which oneDNN brings, ends its threads by pthread_exit. glibc loads what that takes when
 * it is first needed, and ends the process where memory is too short then: load it while a failure
 * can still be told. */
static bool load_unwinder(void) {
#ifdef __GLIBC__
    void *frame;
    return backtrace(&frame, 1) > 0;
#else
    return true;
#endif
}

dm_status dm_onednn_open(struct dm_onednn *onednn, dm_error *error) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, be_silent);
    *onednn = (struct dm_onednn){0};
    if (!load_unwinder() || !dm_memory_lend())
        return dm_fail_memory(error, "the matrix products");
    dnnl_status_t status = dnnl_engine_create(&onednn->engine, dnnl_cpu, 0);
    dm_memory_take_back();
    if (status)
        return dm_onednn_fail(error, status, "an engine");
    pthread_mutex_init(&onednn->mutex, NULL);
    return DM_OK;
}

void dm_onednn_close(struct dm_onednn *onednn) {
    while (onednn->kernels) {
        struct dm_kernel *kernel = onednn->kernels;
        onednn->kernels = kernel->next;
        free_kernel(kernel);
    }
    dnnl_engine_destroy(onednn->engine);
    pthread_mutex_destroy(&onednn->mutex);
}

bool dm_onednn_has(dm_dtype compute) {
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    dnnl_cpu_isa_t need =
        compute == DM_DTYPE_INT8 ? dnnl_cpu_isa_avx512_core_vnni : dnnl_cpu_isa_avx512_core_bf16;
    return compute == DM_DTYPE_F32 || (isa & need) == need;
}
