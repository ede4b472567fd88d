/* The exponentials of a row of scores. */
#pragma once

#include "vectors.h"

static const float TWO_FOR_E = 1.44269504f; /* e to the power of x is 2 to that of x times this */

/* The greatest of the first n scores; those behind, up to n_all, become next to nothing. */
static inline float greatest_of(float *scores, int n, int n_all) {
    Floats most = all(-INFINITY);
    for (int i = n; i < n_all; i++) scores[i] = -INFINITY;
    for (int i = 0; i < n_all; i += LANES) most = larger(most, load(scores + i));
    return greatest_in(most);
}

/* Of the row behind this one, while this one is computed. */
static inline void fetch_vectors(const float *from, int n) {
    for (int i = 0; i < n; i++) _mm_prefetch((const char *)(from + i * LANES), _MM_HINT_T0);
}

/* The first n scores to exp(score - greatest), the others up to n_all to nothing; gives their sum. */
static inline float exponentials(float *scores, int n, int n_all) {
    const Floats less = all(-TWO_FOR_E * greatest_of(scores, n, n_all));
    Floats sum = all(0.0f);
    for (int i = 0; i < n_all; i += LANES) {
        fetch_vectors(scores + n_all + i, 1);
        const Floats e = power_of_two(fused(load(scores + i), all(TWO_FOR_E), less));
        store(scores + i, e);
        sum = sum + e;
    }
    return sum_of(sum);
}
