#include "backends/onednn_kernels.h"

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

static dnnl_data_type_t data_type(dm_dtype dtype) {
    return dtype == DM_DTYPE_BF16 ? dnnl_bf16 : dnnl_f32;
}

static dnnl_status_t describe_rows(dnnl_memory_desc_t *rows, size_t n_row, size_t n_column,
                                   dnnl_data_type_t type) {
    dnnl_dims_t size = {(dnnl_dim_t)n_row, (dnnl_dim_t)n_column};
    return dnnl_memory_desc_init_by_tag(rows, 2, size, type, dnnl_ab);
}

/* Describes the product of 2^i rows; the weight's layout is oneDNN's choice for the largest i (the
 * first one made), or plain with the stride that is given. */
static dnnl_status_t describe_product(const struct dm_onednn *onednn, struct dm_kernel *kernel,
                                      int i, dnnl_primitive_desc_t *description) {
    dnnl_dims_t size = {(dnnl_dim_t)kernel->n_in, (dnnl_dim_t)kernel->n_out};
    dnnl_data_type_t type = data_type(kernel->compute);
    dnnl_status_t status = describe_rows(&kernel->x[i], (size_t)1 << i, kernel->n_in, type);
    if (!status)
        status = describe_rows(&kernel->y[i], (size_t)1 << i, kernel->n_out, dnnl_f32);
    if (!status && i == DM_TILE_LOG2) {
        dnnl_dims_t strides = {(dnnl_dim_t)kernel->column_stride, 1};
        status =
            kernel->column_stride
                ? dnnl_memory_desc_init_by_strides(&kernel->weight, 2, size, type, strides)
                : dnnl_memory_desc_init_by_tag(&kernel->weight, 2, size, type, dnnl_format_tag_any);
    }
    dnnl_matmul_desc_t product;
    if (!status)
        status =
            dnnl_matmul_desc_init(&product, &kernel->x[i], &kernel->weight, NULL, &kernel->y[i]);
    dnnl_primitive_attr_t attributes = NULL;
    if (!status)
        status = dnnl_primitive_attr_create(&attributes);
    if (!status)
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (!status)
        status =
            dnnl_primitive_desc_create(description, &product, attributes, onednn->engine, NULL);
    dnnl_primitive_attr_destroy(attributes);
    return status;
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
    status = dnnl_primitive_create(&kernel->primitives[i], description);
    dnnl_primitive_desc_destroy(description);
    return status;
}

static void free_kernel(struct dm_kernel *kernel) {
    for (int i = 0; i <= DM_TILE_LOG2; i++)
        if (kernel->primitives[i])
            dnnl_primitive_destroy(kernel->primitives[i]);
    dm_memory_free(kernel);
}

dm_status dm_kernel_find(struct dm_onednn *onednn, size_t n_in, size_t n_out, size_t column_stride,
                         dm_dtype compute, const struct dm_kernel **result, dm_error *error) {
    for (struct dm_kernel *kernel = onednn->kernels; kernel; kernel = kernel->next)
        if (kernel->n_in == n_in && kernel->n_out == n_out &&
            kernel->column_stride == column_stride && kernel->compute == compute) {
            *result = kernel;
            return DM_OK;
        }
    struct dm_kernel *kernel = dm_memory_zeroed(1, sizeof *kernel);
    if (!kernel)
        return dm_fail_memory(error, "a matrix product");
    kernel->n_in = n_in;
    kernel->n_out = n_out;
    kernel->column_stride = column_stride;
    kernel->compute = compute;
    int n_thread = dm_onednn_alone();
    dnnl_status_t status = dnnl_success;
    for (int i = DM_TILE_LOG2; i >= 0 && !status; i--)
        status = make_primitive(onednn, kernel, i);
    dm_onednn_together(n_thread);
    if (status) {
        free_kernel(kernel);
        return dm_onednn_fail(error, status, "a matrix product");
    }
    kernel->next = onednn->kernels;
    onednn->kernels = kernel;
    *result = kernel;
    return DM_OK;
}

bool dm_kernel_is_blocked(const struct dm_kernel *kernel) {
    return kernel->weight.format_desc.blocking.inner_nblks > 0;
}

bool dm_kernel_can_slice(const struct dm_kernel *kernel, size_t *block_bytes) {
    const dnnl_memory_desc_t *weight = &kernel->weight;
    const dnnl_blocking_desc_t *layout = &weight->format_desc.blocking;
    dnnl_dim_t columns = 1;
    if (weight->format_kind != dnnl_blocked || weight->offset0)
        return false;
    size_t element = weight->data_type == dnnl_bf16 ? 2 : 4;
    if (layout->inner_nblks == 0) { /* plain, inputs outermost */
        *block_bytes = DM_COLUMN_BLOCK * element;
        return layout->strides[1] == 1;
    }
    for (int i = 0; i < layout->inner_nblks; i++)
        if (layout->inner_idxs[i] == 1)
            columns *= layout->inner_blks[i];
    /* blocks of columns outermost, so that a slice is a run of bytes */
    *block_bytes = (size_t)layout->strides[1] * element;
    return columns == DM_COLUMN_BLOCK &&
           layout->strides[1] == weight->padded_dims[0] * DM_COLUMN_BLOCK;
}

size_t dm_kernel_weight_bytes(const struct dm_kernel *kernel) {
    return dnnl_memory_desc_get_size(&kernel->weight);
}

static dnnl_status_t reorder(const struct dm_onednn *onednn, const dnnl_memory_desc_t *from,
                             void *source, const dnnl_memory_desc_t *to, void *target) {
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t memory[2] = {NULL, NULL};
    dnnl_stream_t stream = NULL;
    dnnl_status_t status = dnnl_reorder_primitive_desc_create(&description, from, onednn->engine,
                                                              to, onednn->engine, NULL);
    if (!status)
        status = dnnl_primitive_create(&primitive, description);
    if (!status)
        status = dnnl_memory_create(&memory[0], from, onednn->engine, source);
    if (!status)
        status = dnnl_memory_create(&memory[1], to, onednn->engine, target);
    if (!status)
        status = dnnl_stream_create(&stream, onednn->engine, dnnl_stream_default_flags);
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, memory[0]}, {DNNL_ARG_TO, memory[1]}};
    if (!status)
        status = dnnl_primitive_execute(primitive, stream, 2, arguments);
    if (stream)
        dnnl_stream_destroy(stream);
    for (int i = 0; i < 2; i++)
        if (memory[i])
            dnnl_memory_destroy(memory[i]);
    if (primitive)
        dnnl_primitive_destroy(primitive);
    if (description)
        dnnl_primitive_desc_destroy(description);
    return status;
}

dnnl_status_t dm_kernel_pack(const struct dm_onednn *onednn, const struct dm_kernel *kernel,
                             float *rows, void *packed) {
    dnnl_dims_t size = {(dnnl_dim_t)kernel->n_in, (dnnl_dim_t)kernel->n_out};
    dnnl_dims_t strides = {1, (dnnl_dim_t)kernel->n_in};
    dnnl_memory_desc_t from;
    dnnl_status_t status = dnnl_memory_desc_init_by_strides(&from, 2, size, dnnl_f32, strides);
    return status ? status : reorder(onednn, &from, rows, &kernel->weight, packed);
}

dnnl_status_t dm_kernel_run(const struct dm_onednn *onednn, const struct dm_kernel *kernel, int i,
                            dnnl_stream_t stream, void *x, void *packed, void *y, void *scratch) {
    const dnnl_memory_desc_t *descriptions[] = {&kernel->x[i], &kernel->weight, &kernel->y[i],
                                                &kernel->scratch[i]};
    static const int names[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD};
    void *data[] = {x, packed, y, scratch};
    dnnl_exec_arg_t arguments[4];
    dnnl_status_t status = dnnl_success;
    int n = 0;
    for (; n < 4 && !status; n++) {
        arguments[n].arg = names[n];
        arguments[n].memory = NULL;
        status = dnnl_memory_create(&arguments[n].memory, descriptions[n], onednn->engine, data[n]);
    }
    if (!status)
        status = dnnl_primitive_execute(kernel->primitives[i], stream, n, arguments);
    for (int k = 0; k < n; k++)
        if (arguments[k].memory)
            dnnl_memory_destroy(arguments[k].memory);
    return status;
}

dm_status dm_onednn_open(struct dm_onednn *onednn, dm_error *error) {
    *onednn = (struct dm_onednn){0};
    dnnl_status_t status = dnnl_engine_create(&onednn->engine, dnnl_cpu, 0);
    return status ? dm_onednn_fail(error, status, "an engine") : DM_OK;
}

void dm_onednn_close(struct dm_onednn *onednn) {
    while (onednn->kernels) {
        struct dm_kernel *kernel = onednn->kernels;
        onednn->kernels = kernel->next;
        free_kernel(kernel);
    }
    dnnl_engine_destroy(onednn->engine);
}

bool dm_onednn_has_bf16(void) {
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}
