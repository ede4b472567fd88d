/* Chunks of work for several threads, which end with it: so a process may be forked in between. Behind
   the header of an arithmetic, whose tiles each thread takes up. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

enum { MOST_THREADS = 16 };

typedef void Work(const void *job, int hand, int chunk);

typedef struct {
    Work *work;
    const void *job;
    int n_chunks;
    atomic_int next;
} Heap;

typedef struct {
    Heap *heap;
    int number;
} Hand;

static inline void *take_chunks(void *given) {
    const Hand *hand = given;
    Heap *heap = hand->heap;
    take_up_tiles();
    for (int chunk; (chunk = atomic_fetch_add(&heap->next, 1)) < heap->n_chunks;)
        heap->work(heap->job, hand->number, chunk);
    put_down_tiles();
    return NULL;
}

/* Does all chunks; a thread that cannot be had leaves its share to the others. */
static inline void spread(Work *work, const void *job, int n_chunks, int n_threads) {
    Heap heap = {.work = work, .job = job, .n_chunks = n_chunks, .next = 0};
    Hand hands[MOST_THREADS];
    pthread_t threads[MOST_THREADS];
    int n_helpers = 0;
    for (int i = 1; i < n_threads && i < n_chunks; i++) {
        hands[i] = (Hand){&heap, i};
        if (pthread_create(&threads[n_helpers], NULL, take_chunks, &hands[i]) != 0) break;
        n_helpers++;
    }
    hands[0] = (Hand){&heap, 0};
    take_chunks(&hands[0]);
    for (int i = 0; i < n_helpers; i++) pthread_join(threads[i], NULL);
}
