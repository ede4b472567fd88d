/* Linear layers of bytes. Weights have a scale for each output; inputs are rounded too, with a
   scale for GROUP of them, so products are sums of integers: a row's do not depend on the others. */
#pragma once

#include "room.h"
#include "vectors.h"

enum {
    GROUP = 64,  /* inputs that share a scale */
    STRIPE = 64, /* outputs computed together */
    AHEAD = 8192, /* bytes of weights that are fetched before they are needed */
    TILE = 3,    /* rows computed together: as many as there are registers for */
};

typedef struct {
    const uint8_t *weights; /* 128 more than each: [n_out / STRIPE][n_in / 4][STRIPE][4] */
    const float *scales;    /* (n_out) */
    const float *bias;      /* (n_out) */
    int32_t n_in, n_out;    /* multiples of GROUP and of STRIPE */
} Linear;

/* Rows of inputs as bytes: (n_rows, n_in), their scales and -128 times their sums by group. */
typedef struct {
    int8_t *levels;
    float *steps;
    int32_t *offsets;
} Rounded;

static inline size_t computed_rows(size_t n) { return n; }

static inline Rounded rounded_room(char **from, size_t n_rows, size_t n_in) {
    const size_t n_groups = n_rows * n_in / GROUP;
    Rounded r;
    r.levels = taken(from, n_rows * n_in);
    r.steps = taken(from, sizeof(float) * n_groups);
    r.offsets = taken(from, sizeof(int32_t) * n_groups);
    return r;
}

/* Bytes need nothing of the kind that tiles do. */
static inline int may_use_tiles(void) { return 1; }
static inline void take_up_tiles(void) {}
static inline void put_down_tiles(void) {}

/* GROUP values as bytes, what they are to be multiplied by, and -128 times their sum. */
static inline void round_group(const float *x, int8_t *levels, float *step, int32_t *offset) {
    Bytes most = smallest_size();
    for (int i = 0; i < GROUP; i += LANES) most = larger_size(most, load(x + i));
    const float greatest = largest_of(most);
    const Floats times = all(127.0f / greatest);
    Bytes sum = _mm512_setzero_si512();
    for (int i = 0; i < GROUP; i += LANES) {
        const Bytes level = _mm512_cvtps_epi32(_mm512_mul_ps(load(x + i), times));
        sum = _mm512_add_epi32(sum, level);
        _mm_storeu_si128((__m128i *)(levels + i), _mm512_cvtsepi32_epi8(level));
    }
    *step = greatest / 127.0f;
    *offset = (int32_t)(-128u * (uint32_t)_mm512_reduce_add_epi32(sum)); /* of no numbers: anything */
}

static inline void round_rows(const float *x, int n_rows, int n_in, Rounded to) {
    const int n_groups = n_rows * n_in / GROUP;
    for (int i = 0; i < n_groups; i++)
        round_group(x + (size_t)i * GROUP, to.levels + (size_t)i * GROUP, to.steps + i, to.offsets + i);
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

/* One stripe of outputs for n <= TILE rows. Inlined with n known, so all sums stay in registers. */
__attribute__((always_inline)) static inline void stripe_of(
    const Linear *layer, int stripe, Rounded x, int n, Fetched fetched, float *out, size_t out_stride) {
    enum { PARTS = STRIPE / LANES };
    const int n_in = layer->n_in, n_groups = n_in / GROUP;
    const uint8_t *weights = layer->weights + (size_t)stripe * STRIPE * n_in;
    Floats sums[TILE][PARTS];
    for (int row = 0; row < n; row++)
        for (int part = 0; part < PARTS; part++) sums[row][part] = all(0.0f);
    for (int group = 0; group < n_groups; group++) {
        Bytes products[TILE][PARTS];
        for (int row = 0; row < n; row++)
            for (int part = 0; part < PARTS; part++)
                products[row][part] = _mm512_set1_epi32(x.offsets[row * n_groups + group]);
        const char *next = (const char *)weights + fetched.ahead;
        for (int i = 0; i < GROUP / 4; i++) {
            Bytes four[PARTS];
            for (int part = 0; part < PARTS; part++) four[part] = _mm512_loadu_si512(weights + 64 * part);
            for (int line = 0; line < fetched.n_lines; line++, next += 64) _mm_prefetch(next, _MM_HINT_T1);
            weights += 4 * STRIPE;
            for (int row = 0; row < n; row++) {
                const int8_t *levels = x.levels + (size_t)row * n_in + group * GROUP + 4 * i;
                const Bytes level = all_of_four(levels);
                for (int part = 0; part < PARTS; part++)
                    products[row][part] = _mm512_dpbusd_epi32(products[row][part], four[part], level);
            }
        }
        for (int row = 0; row < n; row++)
            for (int part = 0; part < PARTS; part++)
                sums[row][part] = _mm512_fmadd_ps(
                    _mm512_cvtepi32_ps(products[row][part]), all(x.steps[row * n_groups + group]), sums[row][part]);
    }
    for (int row = 0; row < n; row++)
        for (int part = 0; part < PARTS; part++) {
            const int at = stripe * STRIPE + part * LANES;
            store(out + row * out_stride + at,
                  _mm512_fmadd_ps(sums[row][part], load(layer->scales + at), load(layer->bias + at)));
        }
}

/* n_rows of rounded inputs to (n_rows, n_out). Each stripe of weights is read from memory once. */
static inline void linear(const Linear *layer, Rounded x, int n_rows, float *out) {
    const int n_in = layer->n_in, n_groups = n_in / GROUP;
    const int n_passes = (n_rows + TILE - 1) / TILE;
    for (int stripe = 0; stripe < layer->n_out / STRIPE; stripe++)
        for (int pass = 0; pass < n_passes; pass++) {
            const int row = pass * TILE;
            const Rounded tile = {x.levels + (size_t)row * n_in, x.steps + row * n_groups, x.offsets + row * n_groups};
            const Fetched fetched = fetched_in(pass, n_passes, n_in);
            float *to = out + (size_t)row * layer->n_out;
            switch (n_rows - row) {
            case 1: stripe_of(layer, stripe, tile, 1, fetched, to, layer->n_out); break;
            case 2: stripe_of(layer, stripe, tile, 2, fetched, to, layer->n_out); break;
            default: stripe_of(layer, stripe, tile, TILE, fetched, to, layer->n_out);
            }
        }
}

/* x += layer(from), by way of `to` */
static inline void add_layer(const Linear *layer, const float *from, int n_rows, Rounded rounded, float *to, float *x) {
    round_rows(from, n_rows, layer->n_in, rounded);
    linear(layer, rounded, n_rows, to);
    const size_t n = (size_t)n_rows * layer->n_out;
    for (size_t i = 0; i < n; i += LANES) store(x + i, _mm512_add_ps(load(x + i), load(to + i)));
}

/* x += down(gelu(up(normal))); `normal` is overwritten, `wide` has up->n_out columns */
static inline void feed_forward(const Linear *up, const Linear *down, float *normal, int n_rows, Rounded rounded,
                                float *wide, float *x) {
    round_rows(normal, n_rows, up->n_in, rounded);
    linear(up, rounded, n_rows, wide);
    const size_t n_wide = (size_t)n_rows * up->n_out;
    for (size_t i = 0; i < n_wide; i += LANES) store(wide + i, gelu(load(wide + i)));
    add_layer(down, wide, n_rows, rounded, normal, x);
}
