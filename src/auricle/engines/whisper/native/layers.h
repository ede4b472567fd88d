/* Layer normalisation, of whatever the linear layers are. */
#pragma once

#include "vectors.h"

typedef struct {
    const float *weight, *bias;
} Norm;

static inline void normalise_row(const float *x, Norm norm, int d, float *out) {
    Floats sum = all(0.0f), square = all(0.0f);
    for (int i = 0; i < d; i += LANES) sum = _mm512_add_ps(sum, load(x + i));
    const Floats mean = all(_mm512_reduce_add_ps(sum) / (float)d);
    for (int i = 0; i < d; i += LANES) {
        const Floats away = _mm512_sub_ps(load(x + i), mean);
        square = _mm512_fmadd_ps(away, away, square);
    }
    const Floats variance = all(_mm512_reduce_add_ps(square) / (float)d + 1e-5f);
    const Floats times = _mm512_div_ps(all(1.0f), _mm512_sqrt_ps(variance));
    for (int i = 0; i < d; i += LANES) {
        const Floats normal = _mm512_mul_ps(_mm512_sub_ps(load(x + i), mean), times);
        store(out + i, _mm512_fmadd_ps(normal, load(norm.weight + i), load(norm.bias + i)));
    }
}

/* Layer normalisation of (n_rows, d). */
static inline void normalise(const float *x, int n_rows, Norm norm, int d, float *out) {
    for (int row = 0; row < n_rows; row++) normalise_row(x + (size_t)row * d, norm, d, out + (size_t)row * d);
}
