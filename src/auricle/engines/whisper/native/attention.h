/* Attention: of a token over its own text, and over its window of bytes. Heads have HEAD values. */
#pragma once

#include "heads.h"
#include "softmax.h"

enum {
    PAGE = 32,    /* positions of one page of a text's keys or values */
    LOOKERS = 4,  /* tokens whose look at a window is computed together */
    FETCHED = 96, /* positions that are fetched before they are needed */
};

#ifdef __AVX512VNNI__
#include "look_bytes.h"
#else
#include "look_words.h"
#endif

static inline int whole_vectors(int n) { return (n + LANES - 1) / LANES * LANES; }

/* One head of one token over the n first positions of its pages, whose positions have d values. */
static void look_back(const float *query, const uint16_t *keys, const uint16_t *values,
                      const int32_t *pages, int n, int d, float *out) {
    enum { PARTS = HEAD / LANES };
    float scores[MOST_SEEN];
    Floats q[PARTS], mixed[PARTS];
    for (int i = 0; i < PARTS; i++) {
        q[i] = load(query + LANES * i) * all(0.125f);
        mixed[i] = all(0.0f);
    }
    for (int p = 0; p < n; p++) {
        const uint16_t *key = keys + ((size_t)pages[p / PAGE] * PAGE + p % PAGE) * d;
        Floats product = all(0.0f);
        for (int i = 0; i < PARTS; i++) product = fused(q[i], load_half(key + LANES * i), product);
        scores[p] = sum_of(product);
    }
    const float sum = exponentials(scores, n, whole_vectors(n));
    for (int p = 0; p < n; p++) {
        const uint16_t *value = values + ((size_t)pages[p / PAGE] * PAGE + p % PAGE) * d;
        for (int i = 0; i < PARTS; i++)
            mixed[i] = fused(all(scores[p]), load_half(value + LANES * i), mixed[i]);
    }
    for (int i = 0; i < PARTS; i++) store(out + LANES * i, mixed[i] * all(1.0f / sum));
}

/* One head of n <= LOOKERS tokens over a window. */
__attribute__((always_inline)) static inline void look_at(
    const int8_t *keys, const int8_t *values, int n_positions, const float *queries, int n, int d, float *out) {
    float scores[LOOKERS][MOST_SEEN], sums[LOOKERS];
    Share shares[LOOKERS][MOST_SEEN];
    Query rounded[LOOKERS];
    Integers mixed[LOOKERS][MIXED];
    for (int q = 0; q < n; q++) rounded[q] = query_of(queries + (size_t)q * d);
    scores_of(keys, n_positions, rounded, n, scores);
    for (int q = 0; q < n; q++) {
        sums[q] = exponentials(scores[q], n_positions, whole_vectors(n_positions));
        for (int i = 0; i < n_positions; i += LANES)
            store_shares(shares[q] + i, nearest(load(scores[q] + i) * all((float)SHARE_LIMIT)));
    }
    mix_of(values, n_positions, shares, n, mixed);
    for (int q = 0; q < n; q++) store_mixed(mixed[q], 1.0f / ((float)SHARE_LIMIT * sums[q]), out + (size_t)q * d);
}

/* All heads of n tokens over a window: keys and values (n_heads, n_positions, HEAD). */
static void look_at_window(const int8_t *keys, const int8_t *values, int n_positions, const float *queries,
                           int n, int d, float *out) {
    for (int head = 0; head < d / HEAD; head++) {
        const int8_t *k = keys + (size_t)head * n_positions * HEAD, *v = values + (size_t)head * n_positions * HEAD;
        for (int q = 0; q < n; q += LOOKERS) {
            const float *from = queries + (size_t)q * d + head * HEAD;
            float *to = out + (size_t)q * d + head * HEAD;
            switch (n - q) {
            case 1: look_at(k, v, n_positions, from, 1, d, to); break;
            case 2: look_at(k, v, n_positions, from, 2, d, to); break;
            case 3: look_at(k, v, n_positions, from, 3, d, to); break;
            default: look_at(k, v, n_positions, from, LOOKERS, d, to);
            }
        }
    }
}
