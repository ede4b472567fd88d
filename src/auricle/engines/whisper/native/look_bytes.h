/* What attention over a window of bytes computes, by bytes (AVX-512 with VNNI). */
#pragma once

#include "heads.h"
#include "linear.h"

enum {
    SHARE_LIMIT = 255, /* the greatest share of a position */
    MIXED = 4,         /* vectors of a head's values, in an order of their own */
};

typedef uint8_t Share;

/* A head of a token as levels. */
typedef struct {
    Integers levels;
    float step;
    int32_t offset;
} Query;

static inline Query query_of(const float *values) {
    int8_t levels[HEAD];
    Query query;
    round_group(values, HEAD, 0, 0, (Rounded){levels, &query.step, &query.offset});
    query.levels = _mm512_loadu_si512(levels);
    return query;
}

static inline void store_shares(Share *to, Integers values) {
    _mm_storeu_si128((__m128i *)to, _mm512_cvtusepi32_epi8(values));
}

/* Scores of n <= LOOKERS queries at every position of a head's keys. */
__attribute__((always_inline)) static inline void scores_of(const int8_t *keys, int n_positions, const Query *queries,
                                                            int n, float (*scores)[MOST_SEEN]) {
    const Integers sign = _mm512_set1_epi8((char)0x80); /* to 128 more, which has none */
    for (int first = 0; first < n_positions; first += LANES) {
        Integers products[LOOKERS][LANES];
        for (int i = 0; i < LANES; i++) {
            const int p = first + i < n_positions ? first + i : n_positions - 1;
            _mm_prefetch((const char *)keys + (size_t)(p + FETCHED) * HEAD, _MM_HINT_T0);
            const Integers key = _mm512_xor_si512(_mm512_loadu_si512(keys + (size_t)p * HEAD), sign);
            for (int q = 0; q < n; q++)
                products[q][i] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), key, queries[q].levels);
        }
        for (int q = 0; q < n; q++) {
            const Integers sums = _mm512_add_epi32(sums_of(products[q]), _mm512_set1_epi32(queries[q].offset));
            store(scores[q] + first, as_floats(sums) * all(queries[q].step));
        }
    }
}

/* The head's values, each position's times its share of n <= LOOKERS tokens. */
__attribute__((always_inline)) static inline void mix_of(const int8_t *values, int n_positions,
                                                         Share (*shares)[MOST_SEEN], int n, Integers (*mixed)[MIXED]) {
    for (int q = 0; q < n; q++)
        for (int i = 0; i < MIXED; i++) mixed[q][i] = _mm512_setzero_si512();
    for (int first = 0; first < n_positions; first += 4) {
        Integers v[4];
        for (int i = 0; i < 4; i++) {
            const int p = first + i < n_positions ? first + i : n_positions - 1; /* its share is 0 */
            _mm_prefetch((const char *)values + (size_t)(p + FETCHED) * HEAD, _MM_HINT_T0);
            v[i] = _mm512_loadu_si512(values + (size_t)p * HEAD);
        }
        const Integers low01 = _mm512_unpacklo_epi8(v[0], v[1]), high01 = _mm512_unpackhi_epi8(v[0], v[1]);
        const Integers low23 = _mm512_unpacklo_epi8(v[2], v[3]), high23 = _mm512_unpackhi_epi8(v[2], v[3]);
        const Integers four[4] = {
            _mm512_unpacklo_epi16(low01, low23), _mm512_unpackhi_epi16(low01, low23),
            _mm512_unpacklo_epi16(high01, high23), _mm512_unpackhi_epi16(high01, high23)};
        for (int q = 0; q < n; q++) {
            const Integers share = all_of_four(shares[q] + first);
            for (int i = 0; i < MIXED; i++) mixed[q][i] = _mm512_dpbusd_epi32(mixed[q][i], share, four[i]);
        }
    }
}

/* Lanes of `mix_of`'s vectors back in the order of the head's values. */
static void store_mixed(const Integers mixed[MIXED], float times, float *out) {
    for (int i = 0; i < MIXED; i++) {
        float lanes[LANES];
        store(lanes, as_floats(mixed[i]) * all(times));
        for (int lane = 0; lane < LANES; lane++) out[lane / 4 * 16 + 4 * i + lane % 4] = lanes[lane];
    }
}
