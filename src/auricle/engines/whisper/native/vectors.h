/* As many floats at a time as the processor has room for: exponentials, the error function. */
#pragma once

#ifdef __AVX512F__
#include "vectors_512.h"
#else
#include "vectors_256.h"
#endif

/* e to the power of x, from e^-60 on: results too small for a float's whole precision (denormal) take
   Intel's processors many times as long. Cephes' polynomial over [-ln 2 / 2, ln 2 / 2]; relative error 2e-7. */
static inline Floats exponential(Floats x) {
    x = larger(all(-60.0f), x);
    const Floats n = whole(x * all(1.44269504f));
    Floats r = fused_less(n, all(0.693359375f), x);
    r = fused_less(n, all(-2.12194440e-4f), r);
    Floats p = all(1.9875691500e-4f);
    p = fused(p, r, all(1.3981999507e-3f));
    p = fused(p, r, all(8.3334519073e-3f));
    p = fused(p, r, all(4.1665795894e-2f));
    p = fused(p, r, all(1.6666665459e-1f));
    p = fused(p, r, all(5.0000001201e-1f));
    p = fused(p, r * r, r + all(1.0f));
    return times_two_to(p, n);
}

/* 2 to the power of x, from 2^-80 on (as above), as precise as attention over bytes or bfloat16 can tell:
   a polynomial of least relative error, 7.5e-5, over [-1/2, 1/2]. */
static inline Floats power_of_two(Floats x) {
    x = larger(all(-80.0f), x);
    const Floats n = whole(x), r = x - n;
    Floats p = fused(all(0.0551716701f), r, all(0.242611128f));
    p = fused(p, r, all(0.693260986f));
    p = fused(p, r, all(0.999928073f));
    return times_two_to(p, n);
}

/* x / 2 * (1 + erf(x / sqrt 2)). Abramowitz and Stegun 7.1.25 for erf; error of that 1e-4. */
static inline Floats gelu(Floats x) {
    const Floats size = size_of(x), half = x * all(0.5f);
    const Floats t = about_one_by(fused(size, all(0.33267253f), all(1.0f)));
    Floats p = fused(all(0.7478556f), t, all(-0.0958798f));
    p = fused(p, t, all(0.3480242f)) * t;
    const Floats fall = power_of_two(size * size * all(-0.72134752f));
    const Floats error = fused_less(p, fall, all(1.0f)); /* of |x| */
    return fused(size_of(half), error, half);
}
