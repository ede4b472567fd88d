/* Linear layers of bfloat16 by tiles (AMX): products of sixteen rows of 64 bytes with sixteen
   outputs are one instruction, and their sums are float32. */
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include "room.h"
#include "vectors.h"

enum {
    TILE_ROWS = 16,             /* of a tile, be they positions or outputs */
    TILE_IN = 32,               /* inputs of a tile */
    TILE = TILE_ROWS * TILE_IN, /* values of a tile */
    PAIR_ROWS = 32,             /* rows computed together: two tiles */
    STRIPE = 32,                /* outputs computed together: two tiles */
    FETCHED = 256,              /* bytes of weights that are fetched beside four products */
};

typedef struct {
    const uint16_t *weights; /* [n_out / STRIPE][n_in / TILE_IN][2][TILE_IN / 2][TILE_ROWS][2] */
    const float *scales;     /* none */
    const float *bias;       /* (n_out) */
    int32_t n_in, n_out;     /* multiples of TILE_IN and of STRIPE */
} Linear;

/* Rows of inputs in tiles: [n_rows / TILE_ROWS][n_in / TILE_IN][TILE_ROWS][TILE_IN]. */
typedef struct {
    uint16_t *tiles;
} Rounded;

/* Rows of a product of n: whole pairs are computed. */
static inline size_t computed_rows(size_t n) { return (n + PAIR_ROWS - 1) / PAIR_ROWS * PAIR_ROWS; }

static inline Rounded rounded_room(char **from, size_t n_rows, size_t n_in) {
    return (Rounded){taken(from, sizeof(uint16_t) * computed_rows(n_rows) * n_in)};
}

/* Where a row's values from `i`, a multiple of TILE_IN, are. */
static inline uint16_t *in_tiles(Rounded x, int n_in, int row, int i) {
    const size_t tile = (size_t)(row / TILE_ROWS) * (size_t)(n_in / TILE_IN) + (size_t)(i / TILE_IN);
    return x.tiles + tile * TILE + (size_t)(row % TILE_ROWS) * TILE_IN;
}

static inline void store_rounded(uint16_t *to, Floats low, Floats high) {
    _mm512_storeu_si512(to, (Integers)_mm512_cvtne2ps_pbh(high, low));
}

static inline void round_rows(const float *x, int n_rows, int n_in, Rounded to) {
    for (int row = 0; row < n_rows; row++)
        for (int i = 0; i < n_in; i += TILE_IN, x += TILE_IN)
            store_rounded(in_tiles(to, n_in, row, i), load(x), load(x + LANES));
}

/* Asks the system to keep tiles for this process and its copies (Linux since 5.16). */
static inline int may_use_tiles(void) {
    enum { REQUEST = 0x1023, TILE_DATA = 18 }; /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */
    return syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
}

/* What a thread does before its first product of tiles, and behind its last. */
static inline void take_up_tiles(void) {
    struct {
        uint8_t palette, start, none[14];
        uint16_t n_bytes[16];
        uint8_t n_rows[16];
    } shape = {.palette = 1};
    for (int i = 0; i < 8; i++) shape.n_bytes[i] = 64, shape.n_rows[i] = TILE_ROWS;
    _tile_loadconfig(&shape);
}
static inline void put_down_tiles(void) { _tile_release(); }

/* PAIR_ROWS by STRIPE outputs to where rows are n_out apart. Meanwhile a share of the next stripe of
   weights is fetched. */
static inline void square_of(const Linear *layer, const uint16_t *stripe, Rounded x, int row, int at, float *to,
                             size_t n_out) {
    const size_t n_tiles = (size_t)(layer->n_in / TILE_IN), n_bytes = n_out * sizeof(float);
    const uint16_t *w = stripe, *x0 = x.tiles + (size_t)(row / TILE_ROWS) * n_tiles * TILE, *x1 = x0 + n_tiles * TILE;
    const char *next = (const char *)(stripe + n_tiles * 2 * TILE) + (size_t)(row / PAIR_ROWS) * n_tiles * FETCHED;
    float *below = to + TILE_ROWS * n_out;
    _tile_loadd(0, layer->bias + at, 0);
    _tile_loadd(1, layer->bias + at + TILE_ROWS, 0);
    _tile_loadd(2, layer->bias + at, 0);
    _tile_loadd(3, layer->bias + at + TILE_ROWS, 0);
    for (size_t i = 0; i < n_tiles; i++, w += 2 * TILE, x0 += TILE, x1 += TILE, next += FETCHED) {
        for (int j = 0; j < FETCHED; j += 64) _mm_prefetch(next + j, _MM_HINT_T1);
        _tile_loadd(4, x0, 64);
        _tile_loadd(5, x1, 64);
        _tile_loadd(6, w, 64);
        _tile_loadd(7, w + TILE, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, to, n_bytes);
    _tile_stored(1, to + TILE_ROWS, n_bytes);
    _tile_stored(2, below, n_bytes);
    _tile_stored(3, below + TILE_ROWS, n_bytes);
}

/* n_rows of rounded inputs to (computed_rows(n_rows), n_out). Each stripe of weights is read once. */
static inline void linear(const Linear *layer, Rounded x, int n_rows, float *out) {
    const size_t n_out = (size_t)layer->n_out;
    const uint16_t *stripe = layer->weights;
    for (int at = 0; at < layer->n_out; at += STRIPE, stripe += (size_t)layer->n_in * STRIPE)
        for (int row = 0; row < n_rows; row += PAIR_ROWS)
            square_of(layer, stripe, x, row, at, out + (size_t)row * n_out + at, n_out);
}

/* What becomes of a square of outputs, those from `row` and `at` on: its first n rows are wanted. */
typedef void Finish(const float *square, int n, int row, int at, int n_out, void *to);

__attribute__((always_inline)) static inline void linear_then(const Linear *layer, Rounded x, int n_rows, Finish *finish,
                                                              void *to) {
    _Alignas(64) float square[PAIR_ROWS * STRIPE];
    const uint16_t *stripe = layer->weights;
    for (int at = 0; at < layer->n_out; at += STRIPE, stripe += (size_t)layer->n_in * STRIPE)
        for (int row = 0; row < n_rows; row += PAIR_ROWS) {
            square_of(layer, stripe, x, row, at, square, STRIPE);
            finish(square, n_rows - row < PAIR_ROWS ? n_rows - row : PAIR_ROWS, row, at, layer->n_out, to);
        }
}

__attribute__((always_inline)) static inline void add(const float *square, int n, int row, int at, int n_out, void *to) {
    float *out = (float *)to + (size_t)row * n_out + at;
    for (int i = 0; i < n; i++, square += STRIPE, out += n_out) {
        store(out, load(out) + load(square));
        store(out + LANES, load(out + LANES) + load(square + LANES));
    }
}

__attribute__((always_inline)) static inline void put_gelu(const float *square, int n, int row, int at, int n_out,
                                                           void *to) {
    const Rounded next = {to};
    for (int i = 0; i < n; i++, square += STRIPE)
        store_rounded(in_tiles(next, n_out, row + i, at), gelu(load(square)), gelu(load(square + LANES)));
}

/* x += layer(from) */
static inline void add_layer(const Linear *layer, const float *from, int n_rows, Rounded rounded, float *room, float *x) {
    (void)room;
    round_rows(from, n_rows, layer->n_in, rounded);
    linear_then(layer, rounded, n_rows, add, x);
}

/* x += down(gelu(up(normal))); `room` has up->n_out columns */
static inline void feed_forward(const Linear *up, const Linear *down, float *normal, int n_rows, Rounded rounded,
                                float *room, float *x) {
    const Rounded wide = {(uint16_t *)room};
    round_rows(normal, n_rows, up->n_in, rounded);
    linear_then(up, rounded, n_rows, put_gelu, wide.tiles);
    linear_then(down, wide, n_rows, add, x);
}
