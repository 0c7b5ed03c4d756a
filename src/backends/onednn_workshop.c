#include "backends/onednn_workshop.h"

#include "base/memory.h"

static void free_bench(struct dm_bench *bench) {
    dm_runner_close(&bench->runner);
    dm_memory_free(bench->bytes);
    dm_memory_free(bench);
}

static struct dm_bench *new_bench(const struct dm_workshop *workshop, size_t n_byte) {
    struct dm_bench *bench = dm_memory_zeroed(1, sizeof *bench);
    if (!bench)
        return NULL;
    bench->n_byte = n_byte;
    bench->bytes = dm_memory_array(n_byte, 1);
    if (!bench->bytes || dm_runner_open(&bench->runner, &workshop->onednn)) {
        free_bench(bench);
        return NULL;
    }
    return bench;
}

static bool enlarge(struct dm_bench *bench, size_t n_byte) {
    unsigned char *bytes = dm_memory_array(n_byte, 1);
    if (!bytes)
        return false;
    dm_memory_free(bench->bytes);
    bench->bytes = bytes;
    bench->n_byte = n_byte;
    return true;
}

static void push(struct dm_benches *benches, struct dm_bench *bench) {
    bench->next = benches->idle;
    benches->idle = bench;
}

static struct dm_bench *pop(struct dm_benches *benches) {
    struct dm_bench *bench = benches->idle;
    if (bench)
        benches->idle = bench->next;
    return bench;
}

static bool enlarge_idle(struct dm_benches *benches) {
    for (struct dm_bench *bench = benches->idle; bench; bench = bench->next)
        if (bench->n_byte < benches->n_byte && !enlarge(bench, benches->n_byte))
            return false;
    return true;
}

dm_status dm_workshop_need(struct dm_workshop *workshop, size_t n_byte, dm_error *error) {
    struct dm_benches *benches = &workshop->benches;
    pthread_mutex_lock(&workshop->mutex);
    if (n_byte > benches->n_byte)
        benches->n_byte = n_byte;
    bool done = enlarge_idle(benches);
    pthread_mutex_unlock(&workshop->mutex);
    return done ? DM_OK : dm_fail_memory(error, "the matrix products");
}

/* One caller at a time has the threads, the others run alone: so many benches are in use at most.
 */
dm_status dm_workshop_begin(struct dm_workshop *workshop, size_t n_thread, dm_error *error) {
    struct dm_benches *benches = &workshop->benches;
    pthread_mutex_lock(&workshop->mutex);
    bool done = enlarge_idle(benches);
    while (done && benches->n_bench < n_thread + benches->n_caller) {
        struct dm_bench *bench = new_bench(workshop, benches->n_byte);
        if ((done = bench != NULL)) {
            push(benches, bench);
            benches->n_bench++;
        }
    }
    done = done && dm_memory_has_room();
    benches->n_caller += done;
    pthread_mutex_unlock(&workshop->mutex);
    return done ? DM_OK : dm_fail_memory(error, "the matrix products");
}

void dm_workshop_end(struct dm_workshop *workshop) {
    pthread_mutex_lock(&workshop->mutex);
    workshop->benches.n_caller--;
    pthread_mutex_unlock(&workshop->mutex);
}

struct dm_bench *dm_workshop_take(struct dm_workshop *workshop, struct dm_benches *benches,
                                  size_t n_byte) {
    pthread_mutex_lock(&workshop->mutex);
    struct dm_bench *bench = pop(benches);
    benches->n_bench += bench == NULL;
    pthread_mutex_unlock(&workshop->mutex);
    bool done = bench ? bench->n_byte >= n_byte || enlarge(bench, n_byte)
                      : (bench = new_bench(workshop, n_byte)) != NULL;
    if (done)
        return bench;
    pthread_mutex_lock(&workshop->mutex);
    if (bench)
        push(benches, bench);
    else
        benches->n_bench--;
    pthread_mutex_unlock(&workshop->mutex);
    return NULL;
}

void dm_workshop_give_back(struct dm_workshop *workshop, struct dm_benches *benches,
                           struct dm_bench *bench) {
    pthread_mutex_lock(&workshop->mutex);
    push(benches, bench);
    pthread_mutex_unlock(&workshop->mutex);
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

unsigned char *dm_workshop_pack_room(struct dm_workshop *workshop, size_t n_byte) {
    pthread_mutex_lock(&workshop->mutex);
    struct dm_pack_block *block = workshop->blocks;
    if ((!block || block->n_byte - block->used < n_byte) && (block = new_block(n_byte))) {
        block->next = workshop->blocks;
        workshop->blocks = block;
    }
    unsigned char *room = block ? block->bytes + block->used : NULL;
    if (block) {
        size_t left = block->n_byte - block->used;
        block->used += left < dm_round_up(n_byte) ? left : dm_round_up(n_byte);
    }
    pthread_mutex_unlock(&workshop->mutex);
    return room;
}

static void free_blocks(struct dm_workshop *workshop) {
    while (workshop->blocks) {
        struct dm_pack_block *block = workshop->blocks;
        workshop->blocks = block->next;
        dm_memory_large_free(block->bytes, block->n_byte);
        dm_memory_free(block);
    }
}

dm_status dm_workshop_open(struct dm_workshop *workshop, const struct dm_convert *convert,
                           dm_error *error) {
    *workshop = (struct dm_workshop){.convert = *convert};
    dm_status status = dm_onednn_open(&workshop->onednn, error);
    if (!status)
        pthread_mutex_init(&workshop->mutex, NULL);
    return status;
}

static void free_benches(struct dm_benches *benches) {
    struct dm_bench *bench;
    while ((bench = pop(benches)))
        free_bench(bench);
}

void dm_workshop_close(struct dm_workshop *workshop) {
    free_benches(&workshop->benches);
    free_benches(&workshop->tables);
    free_blocks(workshop);
    dm_onednn_close(&workshop->onednn);
    pthread_mutex_destroy(&workshop->mutex);
}
