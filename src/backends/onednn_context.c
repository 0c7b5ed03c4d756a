#include "backends/onednn_context.h"

#include "base/memory.h"

static void free_workspace(struct dm_workspace *workspace) {
    dm_runner_close(&workspace->runner);
    dm_memory_free(workspace->bytes);
    dm_memory_free(workspace);
}

static struct dm_workspace *new_workspace(const struct dm_matmul_context *context, size_t n_byte) {
    struct dm_workspace *workspace = dm_memory_zeroed(1, sizeof *workspace);
    if (!workspace)
        return NULL;
    workspace->n_byte = n_byte;
    workspace->bytes = dm_memory_array(n_byte, 1);
    if (!workspace->bytes || dm_runner_open(&workspace->runner, &context->onednn)) {
        free_workspace(workspace);
        return NULL;
    }
    return workspace;
}

static bool enlarge(struct dm_workspace *workspace, size_t n_byte) {
    unsigned char *bytes = dm_memory_array(n_byte, 1);
    if (!bytes)
        return false;
    dm_memory_free(workspace->bytes);
    workspace->bytes = bytes;
    workspace->n_byte = n_byte;
    return true;
}

static void push(struct dm_workspaces *workspaces, struct dm_workspace *workspace) {
    workspace->next = workspaces->idle;
    workspaces->idle = workspace;
}

static struct dm_workspace *pop(struct dm_workspaces *workspaces) {
    struct dm_workspace *workspace = workspaces->idle;
    if (workspace)
        workspaces->idle = workspace->next;
    return workspace;
}

static bool enlarge_idle(struct dm_workspaces *workspaces) {
    for (struct dm_workspace *workspace = workspaces->idle; workspace; workspace = workspace->next)
        if (workspace->n_byte < workspaces->n_byte && !enlarge(workspace, workspaces->n_byte))
            return false;
    return true;
}

dm_status dm_matmul_context_need(struct dm_matmul_context *context, size_t n_byte,
                                 dm_error *error) {
    struct dm_workspaces *workspaces = &context->workspaces;
    pthread_mutex_lock(&context->mutex);
    if (n_byte > workspaces->n_byte)
        workspaces->n_byte = n_byte;
    bool done = enlarge_idle(workspaces);
    pthread_mutex_unlock(&context->mutex);
    return done ? DM_OK : dm_fail_memory(error, "the matrix products");
}

/* One caller at a time has the threads, the others run alone: so many workspaces are in use at
 * most. */
dm_status dm_matmul_context_begin(struct dm_matmul_context *context, size_t n_thread,
                                  dm_error *error) {
    struct dm_workspaces *workspaces = &context->workspaces;
    pthread_mutex_lock(&context->mutex);
    bool done = enlarge_idle(workspaces);
    while (done && workspaces->n_workspace < n_thread + workspaces->n_caller) {
        struct dm_workspace *workspace = new_workspace(context, workspaces->n_byte);
        if ((done = workspace != NULL)) {
            push(workspaces, workspace);
            workspaces->n_workspace++;
        }
    }
    done = done && dm_memory_has_room();
    workspaces->n_caller += done;
    pthread_mutex_unlock(&context->mutex);
    return done ? DM_OK : dm_fail_memory(error, "the matrix products");
}

void dm_matmul_context_end(struct dm_matmul_context *context) {
    pthread_mutex_lock(&context->mutex);
    context->workspaces.n_caller--;
    pthread_mutex_unlock(&context->mutex);
}

struct dm_workspace *dm_workspace_take(struct dm_matmul_context *context,
                                       struct dm_workspaces *workspaces, size_t n_byte) {
    pthread_mutex_lock(&context->mutex);
    struct dm_workspace *workspace = pop(workspaces);
    workspaces->n_workspace += workspace == NULL;
    pthread_mutex_unlock(&context->mutex);
    bool done = workspace ? workspace->n_byte >= n_byte || enlarge(workspace, n_byte)
                          : (workspace = new_workspace(context, n_byte)) != NULL;
    if (done)
        return workspace;
    pthread_mutex_lock(&context->mutex);
    if (workspace)
        push(workspaces, workspace);
    else
        workspaces->n_workspace--;
    pthread_mutex_unlock(&context->mutex);
    return NULL;
}

void dm_workspace_give_back(struct dm_matmul_context *context, struct dm_workspaces *workspaces,
                            struct dm_workspace *workspace) {
    pthread_mutex_lock(&context->mutex);
    push(workspaces, workspace);
    pthread_mutex_unlock(&context->mutex);
}

enum { block_bytes = 1 << 25 };

static struct dm_pack_block *new_block(size_t n_byte) {
    struct dm_pack_block *block = dm_memory_zeroed(1, sizeof *block);
    if (!block)
        return NULL;
    block->n_byte = n_byte > block_bytes ? n_byte : block_bytes;
    if (!(block->bytes = dm_memory_large(block->n_byte))) {
        dm_memory_free(block);
        return NULL;
    }
    return block;
}

unsigned char *dm_matmul_context_pack_room(struct dm_matmul_context *context, size_t n_byte) {
    pthread_mutex_lock(&context->mutex);
    struct dm_pack_block *block = context->blocks;
    if ((!block || block->n_byte - block->used < n_byte) && (block = new_block(n_byte))) {
        block->next = context->blocks;
        context->blocks = block;
    }
    unsigned char *room = block ? block->bytes + block->used : NULL;
    if (block) {
        size_t left = block->n_byte - block->used;
        block->used += left < dm_round_up(n_byte) ? left : dm_round_up(n_byte);
    }
    pthread_mutex_unlock(&context->mutex);
    return room;
}

static void free_blocks(struct dm_matmul_context *context) {
    while (context->blocks) {
        struct dm_pack_block *block = context->blocks;
        context->blocks = block->next;
        dm_memory_large_free(block->bytes, block->n_byte);
        dm_memory_free(block);
    }
}

dm_status dm_matmul_context_open(struct dm_matmul_context *context,
                                 const struct dm_convert *convert, dm_error *error) {
    *context = (struct dm_matmul_context){.convert = *convert};
    dm_status status = dm_onednn_open(&context->onednn, error);
    if (!status)
        pthread_mutex_init(&context->mutex, NULL);
    return status;
}

static void free_workspaces(struct dm_workspaces *workspaces) {
    struct dm_workspace *workspace;
    while ((workspace = pop(workspaces)))
        free_workspace(workspace);
}

void dm_matmul_context_close(struct dm_matmul_context *context) {
    free_workspaces(&context->workspaces);
    free_workspaces(&context->shared);
    free_blocks(context);
    dm_onednn_close(&context->onednn);
    pthread_mutex_destroy(&context->mutex);
}
