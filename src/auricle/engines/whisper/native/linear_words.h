/* Products of words with words (AVX2): two inputs of eight outputs an instruction. Inputs have 13 bits;
   weights as many as sums leave room for, or bytes, which are widened when they are read. */
#pragma once

#include "room.h"
#include "vectors.h"

#define TILE 6 /* rows computed together: as many as there are registers for */

enum {
    GROUP = 256,        /* inputs that share a scale: 256 * LEVEL_LIMIT * 2047 is within 31 bits */
    LEVEL_LIMIT = 4095, /* the greatest level of an input */
    STRIPE = 16,        /* outputs computed together */
    PARTS = STRIPE / LANES,
    ADDED = 2,          /* inputs whose products an instruction adds up */
    AHEAD = 4096,       /* bytes of weights that are fetched before they are needed */
};

#ifdef AURICLE_NARROW_WEIGHTS
typedef int8_t Weight;
enum { WEIGHT_LIMIT = 127 };
static inline Integers load_weights(const Weight *from) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)from));
}
#else
typedef int16_t Weight;
enum { WEIGHT_LIMIT = 2047 };
static inline Integers load_weights(const Weight *from) { return _mm256_loadu_si256((const Integers *)from); }
#endif

/* Rows of inputs as words, [n_rows / TILE][n_in / ADDED][TILE][ADDED], and their scales by group. */
typedef struct {
    int16_t *levels;
    float *steps;
} Rounded;

static inline Weight weight_of(int32_t level) { return (Weight)level; }
static inline int groups_of(int n_in) { return (n_in + GROUP - 1) / GROUP; }
static inline int group_size(int n_in, int group) {
    const int left = n_in - group * GROUP;
    return left < GROUP ? left : GROUP;
}

static inline Rounded rounded_room(char **from, size_t n_rows, size_t n_in) {
    Rounded r;
    r.levels = taken(from, sizeof(int16_t) * ((n_rows + TILE - 1) / TILE * TILE) * n_in);
    r.steps = taken(from, sizeof(float) * n_rows * (size_t)groups_of((int)n_in));
    return r;
}

/* From a row on that begins a tile. */
static inline Rounded rows_behind(Rounded x, int row, int n_in) {
    return (Rounded){x.levels + (size_t)row * n_in, x.steps + (size_t)row * groups_of(n_in)};
}

/* What n values are multiplied by to be levels, and, in `step`, what levels are to be the values. */
static inline Floats times_within(const float *x, int n, float *step) {
    Integers most = smallest_size();
    for (int i = 0; i < n; i += LANES) most = larger_size(most, load(x + i));
    const float greatest = largest_of(most);
    *step = greatest / (float)LEVEL_LIMIT;
    return all((float)LEVEL_LIMIT / greatest);
}

static inline __m128i words_of(const float *x, Floats times) { return as_words(nearest(load(x) * times)); }

/* A group of a row's values as levels, and what they are to be multiplied by. */
static inline void round_group(const float *x, int n_in, int row, int group, Rounded to) {
    const int n = group_size(n_in, group), between = TILE * ADDED;
    const Floats times = times_within(x, n, to.steps + (size_t)row * groups_of(n_in) + group);
    int16_t *levels = rows_behind(to, row / TILE * TILE, n_in).levels + group * GROUP * TILE + row % TILE * ADDED;
    for (int i = 0; i < n; i += LANES, levels += LANES * TILE) {
        const __m128i words = words_of(x + i, times);
        _mm_storeu_si32(levels, words);
        _mm_storeu_si32(levels + between, _mm_srli_si128(words, 4));
        _mm_storeu_si32(levels + 2 * between, _mm_srli_si128(words, 8));
        _mm_storeu_si32(levels + 3 * between, _mm_srli_si128(words, 12));
    }
}

/* Two words eight times. */
static inline Integers all_of_two(const void *words) {
    int32_t two;
    memcpy(&two, words, sizeof two);
    return _mm256_set1_epi32(two);
}

static inline Integers plus_products(Integers sums, Integers a, Integers b) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(a, b));
}

/* How far ahead, in bytes, a pass over a stripe fetches weights: the first the next stripe's, the only one its own. */
typedef int Fetched;
static inline Fetched fetched_in(int pass, int n_passes, int n_in) {
    if (n_passes == 1) return AHEAD;
    return pass == 0 ? n_in * STRIPE * (int)sizeof(Weight) : 0;
}

/* Products of a group's inputs and weights, of n rows. */
__attribute__((always_inline)) static inline void multiply_group(const Weight *weights, Rounded x, int n, int n_in,
                                                                 int group, Fetched fetched,
                                                                 Integers (*products)[PARTS]) {
    const int16_t *levels = x.levels + group * GROUP * TILE;
    for (int row = 0; row < n; row++) products[row][0] = products[row][1] = _mm256_setzero_si256();
    for (int i = 0; i < group_size(n_in, group); i += ADDED) {
        const Integers low = load_weights(weights), high = load_weights(weights + ADDED * LANES);
        if (fetched) _mm_prefetch((const char *)weights + fetched, _MM_HINT_T1);
        for (int row = 0; row < n; row++) {
            const Integers level = all_of_two(levels + row * ADDED);
            products[row][0] = plus_products(products[row][0], low, level);
            products[row][1] = plus_products(products[row][1], high, level);
        }
        weights += ADDED * STRIPE;
        levels += ADDED * TILE;
    }
}
