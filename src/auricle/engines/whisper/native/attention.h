/* Attention: of a token over its own text, and over its window of bytes. Heads have HEAD values. */
#pragma once

#include "heads.h"
#include "linear_bytes.h"
#include "softmax.h"

enum {
    PAGE = 32,      /* positions of one page of a text's keys or values */
    LOOKERS = 4,    /* tokens whose look at a window is computed together */
    FETCHED = 96,   /* positions that are fetched before they are needed */
};

static inline int whole_vectors(int n) { return (n + LANES - 1) / LANES * LANES; }

/* One head of one token over the n first positions of its pages, whose positions have d values. */
static void look_back(const float *query, const uint16_t *keys, const uint16_t *values,
                      const int32_t *pages, int n, int d, float *out) {
    enum { PARTS = HEAD / LANES };
    float scores[MOST_SEEN];
    Floats q[PARTS], mixed[PARTS];
    for (int i = 0; i < PARTS; i++) {
        q[i] = _mm512_mul_ps(load(query + LANES * i), all(0.125f));
        mixed[i] = all(0.0f);
    }
    for (int p = 0; p < n; p++) {
        const uint16_t *key = keys + ((size_t)pages[p / PAGE] * PAGE + p % PAGE) * d;
        Floats product = all(0.0f);
        for (int i = 0; i < PARTS; i++) product = _mm512_fmadd_ps(q[i], load_half(key + LANES * i), product);
        scores[p] = _mm512_reduce_add_ps(product);
    }
    const float sum = exponentials(scores, n, whole_vectors(n));
    for (int p = 0; p < n; p++) {
        const uint16_t *value = values + ((size_t)pages[p / PAGE] * PAGE + p % PAGE) * d;
        for (int i = 0; i < PARTS; i++)
            mixed[i] = _mm512_fmadd_ps(all(scores[p]), load_half(value + LANES * i), mixed[i]);
    }
    for (int i = 0; i < PARTS; i++) store(out + LANES * i, _mm512_mul_ps(mixed[i], all(1.0f / sum)));
}

/* Scores of n <= LOOKERS rounded queries at every position of a head's keys. */
__attribute__((always_inline)) static inline void scores_of(
    const int8_t *keys, int n_positions, const Bytes *queries, const float *steps, const int32_t *offsets,
    int n, float (*scores)[MOST_SEEN]) {
    const Bytes sign = _mm512_set1_epi8((char)0x80); /* to 128 more, which has none */
    for (int first = 0; first < n_positions; first += LANES) {
        Bytes products[LOOKERS][LANES];
        for (int i = 0; i < LANES; i++) {
            const int p = first + i < n_positions ? first + i : n_positions - 1;
            _mm_prefetch((const char *)keys + (size_t)(p + FETCHED) * HEAD, _MM_HINT_T0);
            const Bytes key = _mm512_xor_si512(_mm512_loadu_si512(keys + (size_t)p * HEAD), sign);
            for (int q = 0; q < n; q++)
                products[q][i] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), key, queries[q]);
        }
        for (int q = 0; q < n; q++) {
            const Bytes sums = _mm512_add_epi32(sums_of(products[q]), _mm512_set1_epi32(offsets[q]));
            store(scores[q] + first, _mm512_mul_ps(_mm512_cvtepi32_ps(sums), all(steps[q])));
        }
    }
}

/* The head's values, each position's times its share of n <= LOOKERS tokens (0 to 255). */
__attribute__((always_inline)) static inline void mix_of(
    const int8_t *values, int n_positions, uint8_t (*shares)[MOST_SEEN], int n, Bytes (*mixed)[4]) {
    for (int q = 0; q < n; q++)
        for (int i = 0; i < 4; i++) mixed[q][i] = _mm512_setzero_si512();
    for (int first = 0; first < n_positions; first += 4) {
        Bytes v[4];
        for (int i = 0; i < 4; i++) {
            const int p = first + i < n_positions ? first + i : n_positions - 1; /* its share is 0 */
            _mm_prefetch((const char *)values + (size_t)(p + FETCHED) * HEAD, _MM_HINT_T0);
            v[i] = _mm512_loadu_si512(values + (size_t)p * HEAD);
        }
        const Bytes low01 = _mm512_unpacklo_epi8(v[0], v[1]), high01 = _mm512_unpackhi_epi8(v[0], v[1]);
        const Bytes low23 = _mm512_unpacklo_epi8(v[2], v[3]), high23 = _mm512_unpackhi_epi8(v[2], v[3]);
        const Bytes four[4] = {
            _mm512_unpacklo_epi16(low01, low23), _mm512_unpackhi_epi16(low01, low23),
            _mm512_unpacklo_epi16(high01, high23), _mm512_unpackhi_epi16(high01, high23)};
        for (int q = 0; q < n; q++) {
            const Bytes share = all_of_four(shares[q] + first);
            for (int i = 0; i < 4; i++) mixed[q][i] = _mm512_dpbusd_epi32(mixed[q][i], share, four[i]);
        }
    }
}

/* Lanes of `mix_of`'s four vectors back in the order of the head's values. */
static void store_mixed(const Bytes mixed[4], float times, float *out) {
    for (int i = 0; i < 4; i++) {
        float lanes[LANES];
        store(lanes, _mm512_mul_ps(_mm512_cvtepi32_ps(mixed[i]), all(times)));
        for (int lane = 0; lane < LANES; lane++) out[lane / 4 * 16 + 4 * i + lane % 4] = lanes[lane];
    }
}

/* One head of n <= LOOKERS tokens over a window. */
__attribute__((always_inline)) static inline void look_at(
    const int8_t *keys, const int8_t *values, int n_positions, const float *queries, int n, int d, float *out) {
    float scores[LOOKERS][MOST_SEEN], steps[LOOKERS], sums[LOOKERS];
    uint8_t shares[LOOKERS][MOST_SEEN];
    int32_t offsets[LOOKERS];
    Bytes rounded[LOOKERS], mixed[LOOKERS][4];
    for (int q = 0; q < n; q++) {
        int8_t levels[HEAD];
        round_group(queries + (size_t)q * d, levels, steps + q, offsets + q);
        rounded[q] = _mm512_loadu_si512(levels);
    }
    scores_of(keys, n_positions, rounded, steps, offsets, n, scores);
    for (int q = 0; q < n; q++) {
        sums[q] = exponentials(scores[q], n_positions, whole_vectors(n_positions));
        for (int i = 0; i < n_positions; i += LANES) {
            const Bytes share = _mm512_cvtps_epi32(_mm512_mul_ps(load(scores[q] + i), all(255.0f)));
            _mm_storeu_si128((__m128i *)(shares[q] + i), _mm512_cvtusepi32_epi8(share));
        }
    }
    mix_of(values, n_positions, shares, n, mixed);
    for (int q = 0; q < n; q++) store_mixed(mixed[q], 1.0f / (255.0f * sums[q]), out + (size_t)q * d);
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
