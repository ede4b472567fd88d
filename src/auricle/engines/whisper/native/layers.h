/* Layer normalisation, of whatever the linear layers are. */
#pragma once

#include "vectors.h"

typedef struct {
    const float *weight, *bias;
} Norm;

static inline void normalise_row(const float *x, Norm norm, int d, float *out) {
    Floats sum = all(0.0f), square = all(0.0f);
    for (int i = 0; i < d; i += LANES) sum = sum + load(x + i);
    const Floats mean = all(sum_of(sum) / (float)d);
    for (int i = 0; i < d; i += LANES) {
        const Floats away = load(x + i) - mean;
        square = fused(away, away, square);
    }
    const Floats variance = all(sum_of(square) / (float)d + 1e-5f);
    const Floats times = all(1.0f) / square_root(variance);
    for (int i = 0; i < d; i += LANES) {
        const Floats normal = (load(x + i) - mean) * times;
        store(out + i, fused(normal, load(norm.weight + i), load(norm.bias + i)));
    }
}

/* Layer normalisation of (n_rows, d). */
static inline void normalise(const float *x, int n_rows, Norm norm, int d, float *out) {
    for (int row = 0; row < n_rows; row++) normalise_row(x + (size_t)row * d, norm, d, out + (size_t)row * d);
}
