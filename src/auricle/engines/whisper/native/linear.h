/* Linear layers of whole numbers. Weights have a scale for each output; inputs are rounded too, with a
   scale for GROUP of them, so products are sums of integers: a row's do not depend on the others. */
#pragma once

#ifdef __AVX512VNNI__
#include "linear_bytes.h"
#else
#include "linear_words.h"
#endif

typedef struct {
    const Weight *weights; /* [n_out / STRIPE][n_in / ADDED][STRIPE][ADDED] */
    const float *scales;   /* (n_out) */
    const float *bias;     /* (n_out) */
    int32_t n_in, n_out;   /* of the first whole groups, or vectors; a multiple of STRIPE */
} Linear;

/* Whole numbers need nothing of the kind that tiles do. */
static inline int may_use_tiles(void) { return 1; }
static inline void take_up_tiles(void) {}
static inline void put_down_tiles(void) {}

static inline size_t computed_rows(size_t n) { return n; }

/* Where the weight of an input for an output is. */
static inline size_t weight_at(int n_in, int output, int input) {
    const size_t stripe = (size_t)(output / STRIPE) * STRIPE * (size_t)n_in;
    return stripe + (size_t)(input / ADDED) * ADDED * STRIPE + (size_t)(output % STRIPE * ADDED + input % ADDED);
}

static inline void round_rows(const float *x, int n_rows, int n_in, Rounded to) {
    const int n_groups = groups_of(n_in);
    for (int row = 0; row < n_rows; row++, x += n_in)
        for (int group = 0; group < n_groups; group++) round_group(x + group * GROUP, n_in, row, group, to);
}

/* One stripe of outputs for n <= TILE rows. Inlined with n known, so all products stay in registers. */
__attribute__((always_inline)) static inline void stripe_of(const Linear *layer, int stripe, Rounded x, int n,
                                                            Fetched fetched, float *out) {
    const int n_in = layer->n_in, n_groups = groups_of(n_in);
    const Weight *weights = layer->weights + (size_t)stripe * STRIPE * n_in;
    Floats sums[TILE][PARTS];
    for (int row = 0; row < n; row++)
        for (int part = 0; part < PARTS; part++) sums[row][part] = all(0.0f);
    for (int group = 0; group < n_groups; group++) {
        Integers products[TILE][PARTS];
        multiply_group(weights, x, n, n_in, group, fetched, products);
        weights += group_size(n_in, group) * STRIPE;
        for (int row = 0; row < n; row++)
            for (int part = 0; part < PARTS; part++)
                sums[row][part] =
                    fused(as_floats(products[row][part]), all(x.steps[row * n_groups + group]), sums[row][part]);
    }
    for (int row = 0; row < n; row++, out += layer->n_out)
        for (int part = 0; part < PARTS; part++) {
            const int at = stripe * STRIPE + part * LANES;
            store(out + at, fused(sums[row][part], load(layer->scales + at), load(layer->bias + at)));
        }
}

static inline void tile_of(const Linear *layer, int stripe, Rounded x, int n, Fetched fetched, float *out) {
    switch (n) {
    case 1: stripe_of(layer, stripe, x, 1, fetched, out); break;
    case 2: stripe_of(layer, stripe, x, 2, fetched, out); break;
#if TILE > 3
    case 3: stripe_of(layer, stripe, x, 3, fetched, out); break;
    case 4: stripe_of(layer, stripe, x, 4, fetched, out); break;
    case 5: stripe_of(layer, stripe, x, 5, fetched, out); break;
#endif
    default: stripe_of(layer, stripe, x, TILE, fetched, out);
    }
}

/* n_rows of rounded inputs to (n_rows, n_out). Each stripe of weights is read from memory once. */
static inline void linear(const Linear *layer, Rounded x, int n_rows, float *out) {
    const int n_passes = (n_rows + TILE - 1) / TILE;
    for (int stripe = 0; stripe < layer->n_out / STRIPE; stripe++)
        for (int pass = 0; pass < n_passes; pass++) {
            const int row = pass * TILE, n = n_rows - row < TILE ? n_rows - row : TILE;
            tile_of(layer, stripe, rows_behind(x, row, layer->n_in), n, fetched_in(pass, n_passes, layer->n_in),
                    out + (size_t)row * layer->n_out);
        }
}

/* x += layer(from), by way of `to` */
static inline void add_layer(const Linear *layer, const float *from, int n_rows, Rounded rounded, float *to, float *x) {
    round_rows(from, n_rows, layer->n_in, rounded);
    linear(layer, rounded, n_rows, to);
    const size_t n = (size_t)n_rows * layer->n_out;
    for (size_t i = 0; i < n; i += LANES) store(x + i, load(x + i) + load(to + i));
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
