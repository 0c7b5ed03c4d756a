#include "backends/gemm/workspace.h"

#include "base/memory.h"

static void free_workspace(struct dm_workspace *workspace) {
    dm_memory_free(workspace->bytes);
    dm_memory_free(workspace);
}

static bool enlarge(struct dm_workspace *workspace, size_t n_byte) {
    if (workspace->n_byte >= n_byte)
        return true;
    unsigned char *bytes = dm_memory_array(n_byte, 1);
    if (!bytes)
        return false;
    dm_memory_free(workspace->bytes);
    workspace->bytes = bytes;
    workspace->n_byte = n_byte;
    return true;
}

static struct dm_workspace *new_workspace(size_t n_byte) {
    struct dm_workspace *workspace = dm_memory_zeroed(1, sizeof *workspace);
    if (workspace && !enlarge(workspace, n_byte)) {
        free_workspace(workspace);
        workspace = NULL;
    }
    return workspace;
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
        if (!enlarge(workspace, workspaces->n_byte))
            return false;
    return true;
}

dm_status dm_workspaces_need(struct dm_gemm_memory *memory, size_t n_byte, dm_error *error) {
    struct dm_workspaces *workspaces = &memory->of_threads;
    pthread_mutex_lock(&memory->mutex);
    if (n_byte > workspaces->n_byte)
        workspaces->n_byte = n_byte;
    bool done = enlarge_idle(workspaces);
    pthread_mutex_unlock(&memory->mutex);
    return done ? DM_OK : dm_fail_memory(error, "the matrix products");
}

/* One caller at a time has the threads, the others run alone: so many are in use at most. */
dm_status dm_workspaces_begin(struct dm_gemm_memory *memory, size_t n_thread, dm_error *error) {
    struct dm_workspaces *workspaces = &memory->of_threads;
    pthread_mutex_lock(&memory->mutex);
    bool done = enlarge_idle(workspaces);
    while (done && workspaces->n_workspace < n_thread + workspaces->n_caller) {
        struct dm_workspace *workspace = new_workspace(workspaces->n_byte);
        if ((done = workspace != NULL)) {
            push(workspaces, workspace);
            workspaces->n_workspace++;
        }
    }
    workspaces->n_caller += done;
    pthread_mutex_unlock(&memory->mutex);
    return done ? DM_OK : dm_fail_memory(error, "the matrix products");
}

void dm_workspaces_end(struct dm_gemm_memory *memory) {
    pthread_mutex_lock(&memory->mutex);
    memory->of_threads.n_caller--;
    pthread_mutex_unlock(&memory->mutex);
}

struct dm_workspace *dm_workspace_take(struct dm_gemm_memory *memory,
                                       struct dm_workspaces *workspaces, size_t n_byte) {
    pthread_mutex_lock(&memory->mutex);
    struct dm_workspace *workspace = pop(workspaces);
    workspaces->n_workspace += workspace == NULL;
    pthread_mutex_unlock(&memory->mutex);
    bool done =
        workspace ? enlarge(workspace, n_byte) : (workspace = new_workspace(n_byte)) != NULL;
    if (done)
        return workspace;
    pthread_mutex_lock(&memory->mutex);
    if (workspace)
        push(workspaces, workspace);
    else
        workspaces->n_workspace--;
    pthread_mutex_unlock(&memory->mutex);
    return NULL;
}

void dm_workspace_give_back(struct dm_gemm_memory *memory, struct dm_workspaces *workspaces,
                            struct dm_workspace *workspace) {
    pthread_mutex_lock(&memory->mutex);
    push(workspaces, workspace);
    pthread_mutex_unlock(&memory->mutex);
}

/* ---- Packed weights ---- */

enum { pages_bytes = 1 << 25 };

static struct dm_weight_pages *new_pages(size_t n_byte) {
    struct dm_weight_pages *pages = dm_memory_zeroed(1, sizeof *pages);
    if (!pages)
        return NULL;
    pages->n_byte = n_byte > pages_bytes ? n_byte : pages_bytes;
    if (!(pages->bytes = dm_memory_large(pages->n_byte))) {
        dm_memory_free(pages);
        return NULL;
    }
    return pages;
}

void *dm_weight_room(struct dm_gemm_memory *memory, size_t n_byte) {
    pthread_mutex_lock(&memory->mutex);
    struct dm_weight_pages *pages = memory->pages;
    if ((!pages || pages->n_byte - pages->used < n_byte) && (pages = new_pages(n_byte))) {
        pages->next = memory->pages;
        memory->pages = pages;
    }
    unsigned char *room = pages ? pages->bytes + pages->used : NULL;
    if (pages) {
        size_t left = pages->n_byte - pages->used;
        pages->used += left < dm_round_up(n_byte) ? left : dm_round_up(n_byte);
    }
    pthread_mutex_unlock(&memory->mutex);
    return room;
}

/* ---- Life ---- */

void dm_gemm_memory_open(struct dm_gemm_memory *memory) {
    *memory = (struct dm_gemm_memory){0};
    pthread_mutex_init(&memory->mutex, NULL);
}

static void free_all(struct dm_workspaces *workspaces) {
    struct dm_workspace *workspace;
    while ((workspace = pop(workspaces)))
        free_workspace(workspace);
}

void dm_gemm_memory_close(struct dm_gemm_memory *memory) {
    free_all(&memory->of_threads);
    free_all(&memory->of_calls);
    while (memory->pages) {
        struct dm_weight_pages *pages = memory->pages;
        memory->pages = pages->next;
        dm_memory_large_free(pages->bytes, pages->n_byte);
        dm_memory_free(pages);
    }
    pthread_mutex_destroy(&memory->mutex);
}
