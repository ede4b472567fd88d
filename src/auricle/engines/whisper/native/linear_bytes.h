/* Products of bytes with bytes (AVX-512 with VNNI): four inputs of sixteen outputs an instruction. */
#pragma once

#include "room.h"
#include "vectors.h"

#define TILE 3 /* rows computed together: as many as there are registers for */

enum {
    GROUP = 64,        /* inputs that share a scale */
    STRIPE = 64,       /* outputs computed together */
    PARTS = STRIPE / LANES,
    ADDED = 4,         /* inputs whose products an instruction adds up */
    WEIGHT_LIMIT = 127, /* the greatest level of a weight */
    AHEAD = 8192,      /* bytes of weights that are fetched before they are needed */
};

typedef uint8_t Weight; /* 128 more than the level */

/* Rows of inputs as bytes: (n_rows, n_in), their scales and -128 times their sums by group. */
typedef struct {
    int8_t *levels;
    float *steps;
    int32_t *offsets;
} Rounded;

static inline Weight weight_of(int32_t level) { return (Weight)(level + 128); }
static inline int groups_of(int n_in) { return n_in / GROUP; }
static inline int group_size(int n_in, int group) {
    (void)n_in, (void)group;
    return GROUP;
}

static inline Rounded rounded_room(char **from, size_t n_rows, size_t n_in) {
    const size_t n_groups = n_rows * n_in / GROUP;
    Rounded r;
    r.levels = taken(from, n_rows * n_in);
    r.steps = taken(from, sizeof(float) * n_groups);
    r.offsets = taken(from, sizeof(int32_t) * n_groups);
    return r;
}

static inline Rounded rows_behind(Rounded x, int row, int n_in) {
    const size_t n_groups = (size_t)row * groups_of(n_in);
    return (Rounded){x.levels + (size_t)row * n_in, x.steps + n_groups, x.offsets + n_groups};
}

/* A group of a row's values as levels, what they are to be multiplied by, and -128 times their sum. */
static inline void round_group(const float *x, int n_in, int row, int group, Rounded to) {
    const size_t at = (size_t)row * n_in + (size_t)group * GROUP, number = (size_t)row * groups_of(n_in) + group;
    Integers most = smallest_size(), sum = _mm512_setzero_si512();
    for (int i = 0; i < GROUP; i += LANES) most = larger_size(most, load(x + i));
    const float greatest = largest_of(most);
    const Floats times = all(127.0f / greatest);
    for (int i = 0; i < GROUP; i += LANES) {
        const Integers level = nearest(load(x + i) * times);
        sum = _mm512_add_epi32(sum, level);
        store_bytes(to.levels + at + i, level);
    }
    to.steps[number] = greatest / 127.0f;
    to.offsets[number] = (int32_t)(-128u * (uint32_t)_mm512_reduce_add_epi32(sum)); /* of no numbers: anything */
}

/* What is fetched beside four inputs: `n_lines` of 64 bytes, by inputs from `ahead` bytes on. */
typedef struct {
    size_t ahead;
    int n_lines;
} Fetched;

/* What a pass over a stripe, of n_passes, fetches: its share of the next stripe, or of this one if it is the only. */
static inline Fetched fetched_in(int pass, int n_passes, int n_in) {
    if (n_passes == 1) return (Fetched){AHEAD, 4};
    const int n_lines = n_passes < 4 ? 2 : 1, first = pass * n_lines;
    return (Fetched){(size_t)n_in * STRIPE + (size_t)first * GROUP * GROUP / 4, first < 4 ? n_lines : 0};
}

/* Four bytes sixteen times. */
static inline Integers all_of_four(const void *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return _mm512_set1_epi32(four);
}

/* Products of a group's inputs and weights, of n rows: sums of four, each times its weights' levels. */
__attribute__((always_inline)) static inline void multiply_group(const Weight *weights, Rounded x, int n, int n_in,
                                                                 int group, Fetched fetched,
                                                                 Integers (*products)[PARTS]) {
    for (int row = 0; row < n; row++)
        for (int part = 0; part < PARTS; part++)
            products[row][part] = _mm512_set1_epi32(x.offsets[row * groups_of(n_in) + group]);
    const char *next = (const char *)weights + fetched.ahead;
    for (int i = 0; i < GROUP; i += ADDED, weights += ADDED * STRIPE) {
        Integers four[PARTS];
        for (int part = 0; part < PARTS; part++) four[part] = _mm512_loadu_si512(weights + 64 * part);
        for (int line = 0; line < fetched.n_lines; line++, next += 64) _mm_prefetch(next, _MM_HINT_T1);
        for (int row = 0; row < n; row++) {
            const Integers level = all_of_four(x.levels + (size_t)row * n_in + group * GROUP + i);
            for (int part = 0; part < PARTS; part++)
                products[row][part] = _mm512_dpbusd_epi32(products[row][part], four[part], level);
        }
    }
}
