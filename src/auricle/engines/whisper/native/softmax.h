/* The exponentials of a row of scores. */
#pragma once

#include "vectors.h"

/* The first n scores to exp(score - greatest), the others up to n_all to next to nothing; gives their sum. */
static inline float exponentials(float *scores, int n, int n_all) {
    Floats most = all(-INFINITY), sum = all(0.0f);
    for (int i = n; i < n_all; i++) scores[i] = -INFINITY;
    for (int i = 0; i < n_all; i += LANES) most = _mm512_max_ps(most, load(scores + i));
    const Floats greatest = all(_mm512_reduce_max_ps(most));
    for (int i = 0; i < n_all; i += LANES) {
        const Floats e = exponential(_mm512_sub_ps(load(scores + i), greatest));
        store(scores + i, e);
        sum = _mm512_add_ps(sum, e);
    }
    return _mm512_reduce_add_ps(sum);
}
