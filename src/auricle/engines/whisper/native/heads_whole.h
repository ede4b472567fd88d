/* A head of the encoder's attention over whole numbers: two linear layers, of its keys and of its values. */
#pragma once

#include "heads.h"
#include "linear.h"
#include "softmax.h"

enum {
    BLOCK = 96,       /* positions whose linear layers are computed together */
    QUERY_BLOCK = 48, /* positions whose attention is */
};

/* What a thread computes a head in: n_all is a multiple of STRIPE. */
typedef struct {
    float *scores, *mixed; /* (QUERY_BLOCK, n_all), (QUERY_BLOCK, HEAD) */
    Weight *keys, *values; /* packed: n_all * HEAD */
    float *key_scales;     /* (n_all) */
    float *value_scales;   /* (HEAD) */
    Rounded rounded;       /* of queries, then of shares: (QUERY_BLOCK, HEAD), (QUERY_BLOCK, n_all) */
} HeadRoom;

static HeadRoom head_room(char **from, size_t n_all) {
    HeadRoom r;
    r.scores = taken(from, sizeof(float) * QUERY_BLOCK * n_all);
    r.mixed = taken(from, sizeof(float) * QUERY_BLOCK * HEAD);
    r.keys = taken(from, sizeof(Weight) * n_all * HEAD);
    r.values = taken(from, sizeof(Weight) * n_all * HEAD);
    r.key_scales = taken(from, sizeof(float) * n_all);
    r.value_scales = taken(from, sizeof(float) * HEAD);
    r.rounded = rounded_room(from, QUERY_BLOCK, n_all > HEAD ? n_all : HEAD);
    return r;
}

/* A key without what all have in common, as levels of a weight; gives their scale. */
static float levels_of_key(const float *key, const Floats mean[HEAD / LANES], int32_t levels[HEAD]) {
    Floats left[HEAD / LANES];
    Integers most = smallest_size();
    for (int i = 0; i < HEAD / LANES; i++) {
        left[i] = load(key + i * LANES) - mean[i];
        most = larger_size(most, left[i]);
    }
    const float greatest = largest_of(most);
    const Floats times = all((float)WEIGHT_LIMIT / greatest);
    for (int i = 0; i < HEAD / LANES; i++) store_integers(levels + i * LANES, nearest(left[i] * times));
    return greatest / (float)WEIGHT_LIMIT;
}

/* Keys as the weights of a layer from a query to a score for each position. What all keys have in
   common adds the same to each score, so it is left out (SageAttention, arXiv 2410.02367). */
static void pack_keys(const float *keys, int n, size_t stride, HeadRoom r, int n_all) {
    Floats mean[HEAD / LANES];
    mean_of(keys, n, stride, mean);
    for (int p = 0; p < n_all; p++) {
        int32_t levels[HEAD] = {0};
        r.key_scales[p] = p < n ? levels_of_key(keys + p * stride, mean, levels) : 0.0f;
        for (int i = 0; i < HEAD; i++) r.keys[weight_at(HEAD, p, i)] = weight_of(levels[i]);
    }
}

/* Values as the weights of a layer from shares of all positions to the mixed value. */
static void pack_values(const float *values, int n, size_t stride, HeadRoom r, int n_all) {
    const Channels channels = channels_of(values, n, stride, (float)WEIGHT_LIMIT, r.value_scales);
    for (int p = 0; p < n_all; p++) {
        int32_t levels[HEAD] = {0};
        for (int i = 0; i < HEAD / LANES && p < n; i++)
            store_integers(levels + i * LANES, levels_of(values + p * stride, &channels, i));
        for (int i = 0; i < HEAD; i++) r.values[weight_at(n_all, i, p)] = weight_of(levels[i]);
    }
}

/* n_rows <= QUERY_BLOCK queries over all n positions. */
static void attend_block(const float *queries, int n_rows, int n, size_t stride, HeadRoom r, int n_all, float *out,
                         size_t out_stride) {
    const Linear to_scores = {r.keys, r.key_scales, no_bias, HEAD, n_all};
    const Linear to_mixed = {r.values, r.value_scales, no_bias, n_all, HEAD};
    float sums[QUERY_BLOCK];
    for (int row = 0; row < n_rows; row++) {
        round_group(queries + row * stride, HEAD, row, 0, r.rounded);
        r.rounded.steps[row] *= 0.125f;
    }
    linear(&to_scores, r.rounded, n_rows, r.scores);
    for (int row = 0; row < n_rows; row++) sums[row] = exponentials(r.scores + (size_t)row * n_all, n, n_all);
    round_rows(r.scores, n_rows, n_all, r.rounded);
    linear(&to_mixed, r.rounded, n_rows, r.mixed);
    for (int row = 0; row < n_rows; row++)
        for (int i = 0; i < HEAD; i += LANES)
            store(out + row * out_stride + i, load(r.mixed + row * HEAD + i) * all(1.0f / sums[row]));
}
