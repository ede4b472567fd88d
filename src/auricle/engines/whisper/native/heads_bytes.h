/* A head of the encoder's attention over bytes: two linear layers, of its keys and of its values. */
#pragma once

#include "heads.h"
#include "linear_bytes.h"
#include "softmax.h"

enum {
    BLOCK = 96,       /* positions whose linear layers are computed together */
    QUERY_BLOCK = 48, /* positions whose attention is */
};

/* What a thread computes a head in: n_all is a multiple of STRIPE. */
typedef struct {
    float *scores, *mixed;     /* (QUERY_BLOCK, n_all), (QUERY_BLOCK, HEAD) */
    uint8_t *keys, *values;    /* packed as weights: n_all * HEAD */
    float *key_scales;         /* (n_all) */
    float *value_scales;       /* (HEAD) */
    Rounded rounded;           /* of (QUERY_BLOCK, n_all) */
} HeadRoom;

static HeadRoom head_room(char **from, size_t n_all) {
    HeadRoom r;
    r.scores = taken(from, sizeof(float) * QUERY_BLOCK * n_all);
    r.mixed = taken(from, sizeof(float) * QUERY_BLOCK * HEAD);
    r.keys = taken(from, n_all * HEAD);
    r.values = taken(from, n_all * HEAD);
    r.key_scales = taken(from, sizeof(float) * n_all);
    r.value_scales = taken(from, sizeof(float) * HEAD);
    r.rounded = rounded_room(from, QUERY_BLOCK, n_all);
    return r;
}

/* Keys as the weights of a layer from a query to a score for each position. What all keys have in
   common adds the same to each score, so it is left out (SageAttention, arXiv 2410.02367). */
static void pack_keys(const float *keys, int n, size_t stride, HeadRoom r, int n_all) {
    Floats mean[HEAD / LANES];
    mean_of(keys, n, stride, mean);
    for (int p = 0; p < n_all; p++) {
        int8_t levels[HEAD] = {0};
        float key[HEAD];
        int32_t offset;
        r.key_scales[p] = 0.0f;
        if (p < n) {
            for (int i = 0; i < HEAD / LANES; i++)
                store(key + i * LANES, _mm512_sub_ps(load(keys + p * stride + i * LANES), mean[i]));
            round_group(key, levels, r.key_scales + p, &offset);
        }
        uint8_t *stripe = r.keys + (size_t)(p / STRIPE) * STRIPE * HEAD + 4 * (p % STRIPE);
        for (int i = 0; i < HEAD; i++) stripe[(size_t)(i / 4) * 4 * STRIPE + i % 4] = (uint8_t)(levels[i] + 128);
    }
}

/* Values as the weights of a layer from shares of all positions to the mixed value. */
static void pack_values(const float *values, int n, size_t stride, HeadRoom r, int n_all) {
    const Channels channels = channels_of(values, n, stride, 127.0f, r.value_scales);
    for (int p = 0; p < n_all; p++) {
        int32_t levels[HEAD] = {0};
        for (int i = 0; i < HEAD / LANES && p < n; i++)
            _mm512_storeu_si512(levels + i * LANES, levels_of(values + p * stride, &channels, i));
        uint8_t *four = r.values + (size_t)(p / 4) * 4 * HEAD + p % 4;
        for (int i = 0; i < HEAD; i++) four[4 * i] = (uint8_t)(levels[i] + 128);
    }
}

/* n_rows <= QUERY_BLOCK queries over all n positions. */
static void attend_block(const float *queries, int n_rows, int n, size_t stride, HeadRoom r, int n_all, float *out,
                         size_t out_stride) {
    const Linear to_scores = {r.keys, r.key_scales, no_bias, HEAD, n_all};
    const Linear to_mixed = {r.values, r.value_scales, no_bias, n_all, HEAD};
    float sums[QUERY_BLOCK];
    for (int row = 0; row < n_rows; row++) {
        round_group(queries + row * stride, r.rounded.levels + row * HEAD, r.rounded.steps + row, r.rounded.offsets + row);
        r.rounded.steps[row] *= 0.125f;
    }
    linear(&to_scores, r.rounded, n_rows, r.scores);
    for (int row = 0; row < n_rows; row++) sums[row] = exponentials(r.scores + (size_t)row * n_all, n, n_all);
    round_rows(r.scores, n_rows, n_all, r.rounded);
    linear(&to_mixed, r.rounded, n_rows, r.mixed);
    for (int row = 0; row < n_rows; row++)
        for (int i = 0; i < HEAD; i += LANES)
            store(out + row * out_stride + i, _mm512_mul_ps(load(r.mixed + row * HEAD + i), all(1.0f / sums[row])));
}
