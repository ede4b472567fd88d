/* A head of the encoder's attention by tiles: two linear layers, of its keys and of its values. */
#pragma once

#include "heads.h"
#include "linear_tiles.h"
#include "softmax.h"

enum {
    BLOCK = 256,             /* positions whose linear layers are computed together */
    QUERY_BLOCK = PAIR_ROWS, /* positions whose attention is */
};

/* What a thread computes a head in: n_all is a multiple of STRIPE. */
typedef struct {
    float *scores, *mixed;   /* (QUERY_BLOCK, n_all), (QUERY_BLOCK, HEAD) */
    uint16_t *keys, *values; /* packed as weights: n_all * HEAD */
    Rounded queries, shares; /* (QUERY_BLOCK, HEAD), (QUERY_BLOCK, n_all) */
} HeadRoom;

static HeadRoom head_room(char **from, size_t n_all) {
    HeadRoom r;
    r.scores = taken(from, sizeof(float) * QUERY_BLOCK * n_all);
    r.mixed = taken(from, sizeof(float) * QUERY_BLOCK * HEAD);
    r.keys = taken(from, sizeof(uint16_t) * n_all * HEAD);
    r.values = taken(from, sizeof(uint16_t) * n_all * HEAD);
    r.queries = rounded_room(from, QUERY_BLOCK, HEAD);
    r.shares = rounded_room(from, QUERY_BLOCK, n_all);
    return r;
}

/* Keys as the weights of a layer from a query to a score for each position, without what they have in
   common (see `heads_whole.h`). Sixteen positions become columns, of two values each. */
static void pack_keys(const float *keys, int n, size_t stride, HeadRoom r, int n_all) {
    const Integers numbers = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const Integers each_row = _mm512_mullo_epi32(numbers, _mm512_set1_epi32(HEAD / 2));
    Floats mean[HEAD / LANES];
    mean_of(keys, n, stride, mean);
    for (int p = 0; p < n_all; p += TILE_ROWS) {
        uint32_t rows[TILE_ROWS][HEAD / 2] = {0};
        uint16_t *to = r.keys + (size_t)(p / STRIPE) * STRIPE * HEAD + (size_t)(p / TILE_ROWS % 2) * TILE;
        for (int i = 0; i < TILE_ROWS && p + i < n; i++)
            for (int j = 0; j < HEAD; j += TILE_IN) {
                const float *key = keys + (p + i) * stride + j;
                const Floats low = load(key) - mean[j / LANES];
                const Floats high = load(key + LANES) - mean[j / LANES + 1];
                store_rounded((uint16_t *)(rows[i] + j / 2), low, high);
            }
        for (int j = 0; j < HEAD / 2; j++) {
            const size_t at = (size_t)(j / LANES) * 2 * TILE + (size_t)(j % LANES) * TILE_IN;
            _mm512_storeu_si512(to + at, _mm512_i32gather_epi32(each_row, rows[0] + j, 4));
        }
    }
}

static inline Integers rounded(Floats values) { return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(values)); }

/* Values as the weights of a layer from shares of all positions to the mixed value: two positions side by side. */
static void pack_values(const float *values, int n, size_t stride, HeadRoom r, int n_all) {
    for (int p = 0; p < n_all; p += 2)
        for (int i = 0; i < HEAD; i += LANES) {
            const float *at = values + p * stride + i;
            const Floats even = p < n ? load(at) : all(0.0f), odd = p + 1 < n ? load(at + stride) : all(0.0f);
            const size_t tile = (size_t)(p / TILE_IN) * 2 + (size_t)(i / LANES % 2);
            uint16_t *to = r.values + (size_t)(i / STRIPE) * STRIPE * n_all + tile * TILE + (p % TILE_IN) * LANES;
            _mm512_storeu_si512(to, _mm512_or_si512(rounded(even), _mm512_slli_epi32(rounded(odd), 16)));
        }
}

static void round_query(const float *query, Rounded queries, int row) {
    for (int i = 0; i < HEAD; i += TILE_IN) {
        const Floats low = load(query + i) * all(0.125f);
        const Floats high = load(query + i + LANES) * all(0.125f);
        store_rounded(in_tiles(queries, HEAD, row, i), low, high);
    }
}

/* The shares of a row of scores, but for their sum, which it gives. */
static float shares_of(float *scores, int n, int n_all, Rounded shares, int row) {
    const Floats less = all(-TWO_FOR_E * greatest_of(scores, n, n_all));
    Floats sum = all(0.0f);
    for (int i = 0; i < n_all; i += TILE_IN) {
        fetch_vectors(scores + n_all + i, 2);
        const Floats low = power_of_two(fused(load(scores + i), all(TWO_FOR_E), less));
        const Floats high = power_of_two(fused(load(scores + i + LANES), all(TWO_FOR_E), less));
        sum = sum + (low + high);
        store_rounded(in_tiles(shares, n_all, row, i), low, high);
    }
    return sum_of(sum);
}

/* n_rows <= QUERY_BLOCK queries over all n positions. */
static void attend_block(const float *queries, int n_rows, int n, size_t stride, HeadRoom r, int n_all, float *out,
                         size_t out_stride) {
    const Linear to_scores = {r.keys, NULL, no_bias, HEAD, n_all}, to_mixed = {r.values, NULL, no_bias, n_all, HEAD};
    float sums[QUERY_BLOCK];
    for (int row = 0; row < n_rows; row++) round_query(queries + row * stride, r.queries, row);
    linear(&to_scores, r.queries, n_rows, r.scores);
    for (int row = 0; row < n_rows; row++)
        sums[row] = shares_of(r.scores + (size_t)row * n_all, n, n_all, r.shares, row);
    linear(&to_mixed, r.shares, n_rows, r.mixed);
    for (int row = 0; row < n_rows; row++)
        for (int i = 0; i < HEAD; i += LANES)
            store(out + row * out_stride + i, load(r.mixed + row * HEAD + i) * all(1.0f / sums[row]));
}
