#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cpu_quota.h"
#include "base/memory.h"
#include "base/system.h"

/* A worker spins this often for the next loop before it sleeps: the gap between two ops of one
 * layer is shorter than a wake-up. */
enum { n_spin = 4000 };

/* Some systems give a thread 128 KB (musl) or 512 (macOS); the backward pass of the scan takes 83, and a
 * host's signal handler may come on top. */
enum { min_stack = 1 << 20 };

/* A round is one loop. `gate` holds its number, whether it is open, and how many workers are
 * inside: the caller closes it when no piece is left and waits for those inside only, so a worker
 * that has not woken up in time (or that the system does not run just now) holds nobody up. */
enum { gate_open = 1 << 16, gate_inside = gate_open - 1 };
static const uint64_t gate_round = (uint64_t)1 << 17; /* the lowest bit of the number */

struct dm_threads {
    size_t n_worker;
    pthread_t *workers;
    pthread_mutex_t caller; /* held by whoever has the pool */
    pthread_mutex_t mutex;  /* guards sleeping and stopping */
    pthread_cond_t wake;
    atomic_uint_fast64_t gate;
    atomic_bool stopping;
    atomic_size_t n_asleep;

    /* of the round; only written while the gate is shut and nobody is inside */
    void (*body)(void *context, size_t i);
    void *context;
    size_t n;
    atomic_size_t next; /* first index that nobody took */
};

static void pause_briefly(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void take_pieces(struct dm_threads *threads) {
    size_t i;
    while ((i = atomic_fetch_add_explicit(&threads->next, 1, memory_order_relaxed)) < threads->n)
        threads->body(threads->context, i);
}

/* Is there an open round other than the last one that this worker saw? */
static bool is_news(const struct dm_threads *threads, uint64_t gate, uint64_t seen) {
    return atomic_load_explicit(&threads->stopping, memory_order_relaxed) ||
           (gate & gate_open && gate / gate_round != seen);
}

/* Waits for news: spinning first, then asleep. */
static uint64_t wait_for_news(struct dm_threads *threads, uint64_t seen) {
    for (int i = 0; i < n_spin; i++) {
        uint64_t gate = atomic_load_explicit(&threads->gate, memory_order_acquire);
        if (is_news(threads, gate, seen))
            return gate;
        pause_briefly();
    }
    pthread_mutex_lock(&threads->mutex);
    atomic_fetch_add(&threads->n_asleep, 1);
    uint64_t gate;
    while (!is_news(threads, gate = atomic_load(&threads->gate), seen))
        pthread_cond_wait(&threads->wake, &threads->mutex);
    atomic_fetch_sub(&threads->n_asleep, 1);
    pthread_mutex_unlock(&threads->mutex);
    return gate;
}

static void *work(void *argument) {
    struct dm_threads *threads = argument;
    uint64_t seen = 0;
    for (;;) {
        uint64_t gate = wait_for_news(threads, seen);
        if (atomic_load_explicit(&threads->stopping, memory_order_relaxed))
            return NULL;
        /* enter, unless the gate has moved since it was read */
        if (!atomic_compare_exchange_strong(&threads->gate, &gate, gate + 1))
            continue;
        seen = gate / gate_round;
        take_pieces(threads);
        atomic_fetch_sub_explicit(&threads->gate, 1, memory_order_release);
    }
}

static int start_worker(pthread_t *worker, struct dm_threads *threads) {
    pthread_attr_t attributes;
    size_t stack;
    int fault = pthread_attr_init(&attributes);
    if (fault)
        return fault;
    if (pthread_attr_getstacksize(&attributes, &stack) == 0 && stack < min_stack)
        fault = pthread_attr_setstacksize(&attributes, min_stack);
    if (!fault)
        fault = pthread_create(worker, &attributes, work, threads);
    pthread_attr_destroy(&attributes);
    return fault;
}

/* More threads than the quota has processors would use it up early in each period, and then all wait
 * for the next. */
static size_t default_count(void) {
    size_t available = dm_system_processors(), quota = dm_cpu_quota("");
    return quota && quota < available ? quota : available;
}

dm_status dm_threads_new(size_t n_thread, struct dm_threads **result, dm_error *error) {
    if (n_thread == 0)
        n_thread = default_count();
    if (n_thread > 1024)
        return dm_fail(error, DM_ERROR_ARGUMENT, "%zu threads: at most 1024", n_thread);
    struct dm_threads *threads = dm_memory_zeroed(1, sizeof *threads);
    pthread_t *workers = dm_memory_array(n_thread, sizeof *workers);
    if (!threads || !workers) {
        dm_memory_free(threads);
        dm_memory_free(workers);
        return dm_fail_memory(error, "the threads");
    }
    threads->workers = workers;
    pthread_mutex_init(&threads->caller, NULL);
    pthread_mutex_init(&threads->mutex, NULL);
    pthread_cond_init(&threads->wake, NULL);
    for (; threads->n_worker + 1 < n_thread; threads->n_worker++)
        if (start_worker(&workers[threads->n_worker], threads)) {
            dm_threads_free(threads);
            return dm_fail(error, DM_ERROR_MEMORY, "cannot start %zu threads", n_thread);
        }
    *result = threads;
    return DM_OK;
}

static void wake_sleepers(struct dm_threads *threads) {
    if (!atomic_load(&threads->n_asleep))
        return;
    pthread_mutex_lock(&threads->mutex);
    pthread_cond_broadcast(&threads->wake);
    pthread_mutex_unlock(&threads->mutex);
}

void dm_threads_free(struct dm_threads *threads) {
    if (!threads)
        return;
    pthread_mutex_lock(&threads->mutex);
    atomic_store(&threads->stopping, true);
    pthread_cond_broadcast(&threads->wake);
    pthread_mutex_unlock(&threads->mutex);
    for (size_t i = 0; i < threads->n_worker; i++)
        pthread_join(threads->workers[i], NULL);
    pthread_cond_destroy(&threads->wake);
    pthread_mutex_destroy(&threads->mutex);
    pthread_mutex_destroy(&threads->caller);
    dm_memory_free(threads->workers);
    dm_memory_free(threads);
}

size_t dm_threads_count(const struct dm_threads *threads) {
    return threads ? threads->n_worker + 1 : 1;
}

void dm_parallel_for(struct dm_threads *threads, size_t n, void (*body)(void *context, size_t i),
                     void *context) {
    if (!threads || n < 2 || !threads->n_worker || pthread_mutex_trylock(&threads->caller)) {
        for (size_t i = 0; i < n; i++)
            body(context, i);
        return;
    }
    threads->body = body;
    threads->context = context;
    threads->n = n;
    atomic_store_explicit(&threads->next, 0, memory_order_relaxed);
    atomic_fetch_add(&threads->gate, gate_round + gate_open);
    wake_sleepers(threads);
    take_pieces(threads);
    uint64_t gate = atomic_fetch_sub(&threads->gate, gate_open) - gate_open;
    for (int spins = 0; gate & gate_inside; spins++) {
        if (spins < n_spin)
            pause_briefly();
        else
            sched_yield();
        gate = atomic_load_explicit(&threads->gate, memory_order_acquire);
    }
    pthread_mutex_unlock(&threads->caller);
}
