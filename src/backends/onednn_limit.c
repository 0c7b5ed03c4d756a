#include "backends/onednn_limit.h"

#include <math.h>
#include <time.h>

#include "backends/onednn_kernels.h"
#include "base/memory.h"

struct limit {
    size_t n_thread;
    dnnl_primitive_t primitive;
    dnnl_stream_t stream;
    dnnl_exec_arg_t *arguments; /* [thread][3] */
    dnnl_status_t failure;
};

static void run_share(void *context, size_t thread) {
    struct limit *limit = context;
    int n_thread = dm_onednn_alone();
    dnnl_status_t status =
        dnnl_primitive_execute(limit->primitive, limit->stream, 3, limit->arguments + 3 * thread);
    dm_onednn_together(n_thread);
    if (status)
        __atomic_store_n(&limit->failure, status, __ATOMIC_RELAXED);
}

static dnnl_status_t make_primitive(dnnl_engine_t engine, const size_t size[3], dm_dtype compute,
                                    bool packed, dnnl_memory_desc_t at[3],
                                    dnnl_primitive_t *primitive) {
    dnnl_data_type_t type = compute == DM_DTYPE_BF16 ? dnnl_bf16 : dnnl_f32;
    dnnl_dims_t x = {(dnnl_dim_t)size[0], (dnnl_dim_t)size[1]};
    dnnl_dims_t weight = {(dnnl_dim_t)size[1], (dnnl_dim_t)size[2]};
    dnnl_dims_t y = {(dnnl_dim_t)size[0], (dnnl_dim_t)size[2]};
    dnnl_matmul_desc_t product;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = dnnl_memory_desc_init_by_tag(&at[0], 2, x, type, dnnl_ab);
    if (!status)
        status = dnnl_memory_desc_init_by_tag(&at[1], 2, weight, type,
                                              packed ? dnnl_format_tag_any : dnnl_ab);
    if (!status)
        status = dnnl_memory_desc_init_by_tag(&at[2], 2, y, dnnl_f32, dnnl_ab);
    if (!status)
        status = dnnl_matmul_desc_init(&product, &at[0], &at[1], NULL, &at[2]);
    if (!status)
        status = dnnl_primitive_desc_create(&description, &product, NULL, engine, NULL);
    if (status)
        return status;
    at[1] = *dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0);
    status = dnnl_primitive_create(primitive, description);
    dnnl_primitive_desc_destroy(description);
    return status;
}

/* Zeros for every thread's x and y; the weight is the first one's. */
static dnnl_status_t make_arguments(dnnl_engine_t engine, const dnnl_memory_desc_t at[3],
                                    struct limit *limit) {
    static const int names[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    for (size_t i = 0; i < 3 * limit->n_thread; i++) {
        dnnl_exec_arg_t *argument = &limit->arguments[i];
        void *data = NULL;
        argument->arg = names[i % 3];
        dnnl_status_t status = dnnl_success;
        if (i > 2 && i % 3 == 1)
            status = dnnl_memory_get_data_handle(limit->arguments[1].memory, &data);
        else if (!(data = dm_memory_zeroed(dnnl_memory_desc_get_size(&at[i % 3]), 1)))
            status = dnnl_out_of_memory;
        if (!status)
            status = dnnl_memory_create(&argument->memory, &at[i % 3], engine, data);
        if (status)
            return status;
    }
    return dnnl_success;
}

static void free_limit(struct limit *limit, dnnl_engine_t engine) {
    for (size_t i = 0; limit->arguments && i < 3 * limit->n_thread; i++) {
        void *data = NULL;
        if (!limit->arguments[i].memory)
            continue;
        dnnl_memory_get_data_handle(limit->arguments[i].memory, &data);
        if (i < 3 || i % 3 != 1)
            dm_memory_free(data);
        dnnl_memory_destroy(limit->arguments[i].memory);
    }
    dm_memory_free(limit->arguments);
    if (limit->primitive)
        dnnl_primitive_destroy(limit->primitive);
    if (limit->stream)
        dnnl_stream_destroy(limit->stream);
    dnnl_engine_destroy(engine);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

dm_status dm_onednn_limit(size_t n_row, size_t n_in, size_t n_out, dm_dtype compute, bool packed,
                          size_t n_repeat, struct dm_threads *threads, double *seconds,
                          dm_error *error) {
    struct limit limit = {.n_thread = dm_threads_count(threads)};
    const size_t size[] = {n_row / limit.n_thread, n_in, n_out};
    dnnl_engine_t engine;
    dnnl_memory_desc_t at[3];
    dnnl_status_t status = dnnl_engine_create(&engine, dnnl_cpu, 0);
    if (status)
        return dm_onednn_fail(error, status, "an engine");
    int n_thread = dm_onednn_alone();
    status = make_primitive(engine, size, compute, packed, at, &limit.primitive);
    dm_onednn_together(n_thread);
    limit.arguments = dm_memory_zeroed(3 * limit.n_thread, sizeof *limit.arguments);
    if (!status && !limit.arguments)
        status = dnnl_out_of_memory;
    if (!status)
        status = make_arguments(engine, at, &limit);
    if (!status)
        status = dnnl_stream_create(&limit.stream, engine, dnnl_stream_default_flags);
    double best = INFINITY;
    for (size_t i = 0; i < n_repeat && !status; i++) {
        double begin = now();
        dm_parallel_for(threads, limit.n_thread, run_share, &limit);
        best = fmin(best, now() - begin);
        status = limit.failure;
    }
    free_limit(&limit, engine);
    if (status)
        return dm_onednn_fail(error, status, "a large product");
    *seconds = best;
    return DM_OK;
}
