/* What all attention has in common: heads of HEAD values, and those as bytes. */
#pragma once

#include "vectors.h"

enum {
    HEAD = 64,
    MOST_SEEN = 1536, /* positions of a window or a text */
};

static const float no_bias[MOST_SEEN]; /* of the layers that attention is */

/* Of n rows, which are stride apart. */
static inline void mean_of(const float *values, int n, size_t stride, Floats mean[HEAD / LANES]) {
    for (int i = 0; i < HEAD / LANES; i++) {
        Floats sum = all(0.0f);
        for (int p = 0; p < n; p++) sum = sum + load(values + p * stride + i * LANES);
        mean[i] = sum / all((float)n);
    }
}

/* A head's channels as bytes: their scales, with which each lies within the limit, and what divides by those. */
typedef struct {
    Floats times[HEAD / LANES];
} Channels;

static inline Channels channels_of(const float *values, int n, size_t stride, float limit, float *scales) {
    Channels channels;
    for (int i = 0; i < HEAD / LANES; i++) {
        Integers most = smallest_size();
        for (int p = 0; p < n; p++) most = larger_size(most, load(values + p * stride + i * LANES));
        const Floats scale = sizes_as_floats(most) / all(limit);
        store(scales + i * LANES, scale);
        channels.times[i] = all(1.0f) / scale;
    }
    return channels;
}

static inline Integers levels_of(const float *values, const Channels *channels, int part) {
    return nearest(load(values + part * LANES) * channels->times[part]);
}
