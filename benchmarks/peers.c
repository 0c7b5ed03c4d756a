#include "peers.h"

#include <stdlib.h>

#ifdef DM_WITH_ONEDNN
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

/* oneDNN 2, the weight in the layout that it likes best. */
struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_memory_t packed;
    dnnl_exec_arg_t arguments[3];
};

static void onednn_close(void *state) {
    struct onednn *onednn = state;
    for (int i = 0; i < 3; i++)
        dnnl_memory_destroy(onednn->arguments[i].memory);
    dnnl_primitive_destroy(onednn->primitive);
    dnnl_stream_destroy(onednn->stream);
    dnnl_engine_destroy(onednn->engine);
    free(onednn);
}

static dnnl_status_t pack(struct onednn *onednn, const dnnl_memory_desc_t *plain,
                          const dnnl_memory_desc_t *packed, const float *weight) {
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t reorder = NULL;
    dnnl_memory_t from = NULL;
    dnnl_status_t status = dnnl_memory_create(&from, plain, onednn->engine, (void *)weight);
    if (!status)
        status = dnnl_memory_create(&onednn->packed, packed, onednn->engine, DNNL_MEMORY_ALLOCATE);
    if (!status)
        status = dnnl_reorder_primitive_desc_create(&description, plain, onednn->engine, packed,
                                                    onednn->engine, NULL);
    if (!status)
        status = dnnl_primitive_create(&reorder, description);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, onednn->packed}};
    if (!status)
        status = dnnl_primitive_execute(reorder, onednn->stream, 2, arguments);
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(description);
    dnnl_memory_destroy(from);
    return status;
}

static dnnl_status_t onednn_make(struct onednn *onednn, const struct peer_product *product) {
    dnnl_dim_t m = (dnnl_dim_t)product->n_row, k = (dnnl_dim_t)product->n_in,
               n = (dnnl_dim_t)product->n_out;
    dnnl_memory_desc_t x, any, plain, y;
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_desc_t description;
    dnnl_dims_t of_x = {m, k}, of_weight = {k, n}, of_y = {m, n};
    dnnl_memory_desc_init_by_tag(&x, 2, of_x, dnnl_f32, dnnl_ab);
    dnnl_memory_desc_init_by_tag(&any, 2, of_weight, dnnl_f32, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&plain, 2, of_weight, dnnl_f32, dnnl_ba);
    dnnl_memory_desc_init_by_tag(&y, 2, of_y, dnnl_f32, dnnl_ab);
    dnnl_status_t status = dnnl_engine_create(&onednn->engine, dnnl_cpu, 0);
    if (!status)
        status = dnnl_stream_create(&onednn->stream, onednn->engine, dnnl_stream_default_flags);
    if (!status)
        status = dnnl_matmul_desc_init(&matmul, &x, &any, NULL, &y);
    if (!status)
        status = dnnl_primitive_desc_create(&description, &matmul, NULL, onednn->engine, NULL);
    if (status)
        return status;
    status =
        pack(onednn, &plain, dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0),
             product->weight);
    if (!status)
        status = dnnl_primitive_create(&onednn->primitive, description);
    dnnl_primitive_desc_destroy(description);
    onednn->arguments[0].arg = DNNL_ARG_SRC;
    onednn->arguments[1] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, onednn->packed};
    onednn->arguments[2].arg = DNNL_ARG_DST;
    if (!status)
        status = dnnl_memory_create(&onednn->arguments[0].memory, &x, onednn->engine,
                                    (void *)product->x);
    if (!status)
        status = dnnl_memory_create(&onednn->arguments[2].memory, &y, onednn->engine, product->y);
    return status;
}

static void *onednn_open(const struct peer_product *product) {
    struct onednn *onednn = calloc(1, sizeof *onednn);
    omp_set_num_threads(1);
    if (onednn && onednn_make(onednn, product)) {
        onednn_close(onednn);
        return NULL;
    }
    return onednn;
}

static void onednn_run(void *state) {
    struct onednn *onednn = state;
    dnnl_primitive_execute(onednn->primitive, onednn->stream, 3, onednn->arguments);
}

static const struct peer onednn_peer = {"oneDNN", onednn_open, onednn_run, onednn_close};
#endif

#ifdef DM_WITH_OPENBLAS
#include <cblas.h>
void openblas_set_num_threads(int n_thread);

static void *openblas_open(const struct peer_product *product) {
    openblas_set_num_threads(1);
    return (void *)product;
}

static void openblas_run(void *state) {
    const struct peer_product *p = state;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)p->n_row, (int)p->n_out, (int)p->n_in,
                1, p->x, (int)p->n_in, p->weight, (int)p->n_in, 0, p->y, (int)p->n_out);
}

static void openblas_close(void *state) {
    (void)state;
}

static const struct peer openblas_peer = {"OpenBLAS", openblas_open, openblas_run, openblas_close};
#endif

const struct peer *const peers[] = {
#ifdef DM_WITH_ONEDNN
    &onednn_peer,
#endif
#ifdef DM_WITH_OPENBLAS
    &openblas_peer,
#endif
    NULL,
};
