/* Sixteen floats at a time: sums, exponentials, the error function. */
#pragma once

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 16 };

typedef __m512 Floats;
typedef __m512i Bytes;

static inline Floats all(float value) { return _mm512_set1_ps(value); }
static inline Floats load(const float *from) { return _mm512_loadu_ps(from); }
/* Four bytes sixteen times. */
static inline Bytes all_of_four(const void *bytes) {
    int32_t four;
    memcpy(&four, bytes, sizeof four);
    return _mm512_set1_epi32(four);
}

/* The first n; in place of others what no exponential is made of. */
static inline Floats load_first(const float *from, int n) {
    return _mm512_mask_loadu_ps(all(-INFINITY), n < LANES ? (__mmask16)((1 << n) - 1) : (__mmask16)0xffff, from);
}
static inline void store(float *to, Floats values) { _mm512_storeu_ps(to, values); }

static inline Floats load_half(const uint16_t *from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from));
}
static inline void store_half(uint16_t *to, Floats values) {
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* The larger of sizes, and of |values|: as whole numbers, so that what is no number is the largest. */
static inline Bytes larger_size(Bytes sizes, Floats values) {
    return _mm512_max_epu32(sizes, _mm512_castps_si512(_mm512_abs_ps(values)));
}
static inline Bytes smallest_size(void) { return _mm512_castps_si512(all(1e-20f)); }
static inline float largest_of(Bytes sizes) {
    const uint32_t bits = _mm512_reduce_max_epu32(sizes);
    float size;
    memcpy(&size, &bits, sizeof size);
    return size;
}

/* e to the power of x, from e^-60 on: results too small for a float's whole precision (denormal) take
   Intel's processors many times as long. Cephes' polynomial over [-ln 2 / 2, ln 2 / 2]; relative error 2e-7. */
static inline Floats exponential(Floats x) {
    x = _mm512_max_ps(all(-60.0f), x); /* in this order it keeps what is no number */
    const Floats n = _mm512_roundscale_ps(_mm512_mul_ps(x, all(1.44269504f)), _MM_FROUND_TO_NEAREST_INT);
    Floats r = _mm512_fnmadd_ps(n, all(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, all(-2.12194440e-4f), r);
    Floats p = all(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, all(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, all(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, all(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, all(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, all(5.0000001201e-1f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, all(1.0f)));
    return _mm512_scalef_ps(p, n);
}

/* 2 to the power of x, from 2^-80 on (as above), as precise as attention over bytes or bfloat16 can tell:
   a polynomial of least relative error, 7.5e-5, over [-1/2, 1/2]. */
static inline Floats power_of_two(Floats x) {
    x = _mm512_max_ps(all(-80.0f), x);
    const Floats n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), r = _mm512_sub_ps(x, n);
    Floats p = _mm512_fmadd_ps(all(0.0551716701f), r, all(0.242611128f));
    p = _mm512_fmadd_ps(p, r, all(0.693260986f));
    p = _mm512_fmadd_ps(p, r, all(0.999928073f));
    return _mm512_scalef_ps(p, n);
}

/* x / 2 * (1 + erf(x / sqrt 2)). Abramowitz and Stegun 7.1.25 for erf; error of that 1e-4. */
static inline Floats gelu(Floats x) {
    const Floats size = _mm512_abs_ps(x), half = _mm512_mul_ps(x, all(0.5f));
    const Floats t = _mm512_rcp14_ps(_mm512_fmadd_ps(size, all(0.33267253f), all(1.0f)));
    Floats p = _mm512_fmadd_ps(all(0.7478556f), t, all(-0.0958798f));
    p = _mm512_mul_ps(_mm512_fmadd_ps(p, t, all(0.3480242f)), t);
    const Floats fall = power_of_two(_mm512_mul_ps(_mm512_mul_ps(size, size), all(-0.72134752f)));
    const Floats error = _mm512_fnmadd_ps(p, fall, all(1.0f)); /* of |x| */
    return _mm512_fmadd_ps(_mm512_abs_ps(half), error, half);
}

/* Each of sixteen vectors of 32-bit integers summed up: lane i is the sum of vectors[i]. */
static inline Bytes sums_of(const Bytes vectors[LANES]) {
    Bytes quarters[4];
    for (int i = 0; i < 4; i++) {
        const Bytes *v = vectors + 4 * i;
        const Bytes ab = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
        const Bytes cd = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
        quarters[i] = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    }
    Bytes halves[2];
    for (int i = 0; i < 2; i++) {
        const Bytes low = _mm512_shuffle_i32x4(quarters[2 * i], quarters[2 * i + 1], 0x88);
        const Bytes high = _mm512_shuffle_i32x4(quarters[2 * i], quarters[2 * i + 1], 0xdd);
        halves[i] = _mm512_add_epi32(low, high);
    }
    const Bytes low = _mm512_shuffle_i32x4(halves[0], halves[1], 0x88);
    const Bytes high = _mm512_shuffle_i32x4(halves[0], halves[1], 0xdd);
    return _mm512_add_epi32(low, high);
}
