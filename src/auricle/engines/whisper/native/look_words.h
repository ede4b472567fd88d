/* What attention over a window of bytes computes, by words (AVX2): see `look_bytes.h`. */
#pragma once

#include "heads.h"
#include "linear.h"

enum {
    SHARE_LIMIT = 8191, /* 8191 * 127 * MOST_SEEN is within 31 bits */
    MIXED = 8,
    WIDE = 2 * LANES, /* words of a vector */
};

typedef int16_t Share;

typedef struct {
    Integers levels[HEAD / WIDE];
    float step;
} Query;

static inline Integers widened(const int8_t *bytes) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)bytes));
}

static inline Query query_of(const float *values) {
    Query query;
    const Floats times = times_within(values, HEAD, &query.step);
    for (int i = 0; i < HEAD / WIDE; i++) {
        const __m128i low = words_of(values + i * WIDE, times), high = words_of(values + i * WIDE + LANES, times);
        query.levels[i] = _mm256_set_m128i(high, low);
    }
    return query;
}

static inline void store_shares(Share *to, Integers values) { store_words(to, values); }

__attribute__((always_inline)) static inline void scores_of(const int8_t *keys, int n_positions, const Query *queries,
                                                            int n, float (*scores)[MOST_SEEN]) {
    for (int first = 0; first < n_positions; first += LANES) {
        Integers products[LOOKERS][LANES];
        for (int i = 0; i < LANES; i++) {
            const int p = first + i < n_positions ? first + i : n_positions - 1;
            const int8_t *key = keys + (size_t)p * HEAD;
            _mm_prefetch((const char *)key + FETCHED * HEAD, _MM_HINT_T0);
            for (int part = 0; part < HEAD / WIDE; part++) {
                const Integers k = widened(key + part * WIDE);
                for (int q = 0; q < n; q++)
                    products[q][i] = part ? plus_products(products[q][i], k, queries[q].levels[part])
                                          : _mm256_madd_epi16(k, queries[q].levels[part]);
            }
        }
        for (int q = 0; q < n; q++) store(scores[q] + first, as_floats(sums_of(products[q])) * all(queries[q].step));
    }
}

__attribute__((always_inline)) static inline void mix_of(const int8_t *values, int n_positions,
                                                         Share (*shares)[MOST_SEEN], int n, Integers (*mixed)[MIXED]) {
    for (int q = 0; q < n; q++)
        for (int i = 0; i < MIXED; i++) mixed[q][i] = _mm256_setzero_si256();
    for (int first = 0; first < n_positions; first += 2) {
        const int8_t *v = values + (size_t)first * HEAD;
        const int8_t *next = first + 1 < n_positions ? v + HEAD : v; /* its share is 0 */
        _mm_prefetch((const char *)v + FETCHED * HEAD, _MM_HINT_T0);
        _mm_prefetch((const char *)next + FETCHED * HEAD, _MM_HINT_T0);
        for (int part = 0; part < HEAD / WIDE; part++) {
            const Integers even = widened(v + part * WIDE), odd = widened(next + part * WIDE);
            const Integers low = _mm256_unpacklo_epi16(even, odd), high = _mm256_unpackhi_epi16(even, odd);
            for (int q = 0; q < n; q++) {
                const Integers share = all_of_two(shares[q] + first);
                mixed[q][2 * part] = plus_products(mixed[q][2 * part], low, share);
                mixed[q][2 * part + 1] = plus_products(mixed[q][2 * part + 1], high, share);
            }
        }
    }
}

static void store_mixed(const Integers mixed[MIXED], float times, float *out) {
    for (int i = 0; i < MIXED; i += 2, out += WIDE) {
        const Integers low = _mm256_permute2x128_si256(mixed[i], mixed[i + 1], 0x20);
        const Integers high = _mm256_permute2x128_si256(mixed[i], mixed[i + 1], 0x31);
        store(out, as_floats(low) * all(times));
        store(out + LANES, as_floats(high) * all(times));
    }
}
