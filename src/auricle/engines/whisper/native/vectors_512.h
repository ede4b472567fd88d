/* Sixteen floats at a time: AVX-512. */
#pragma once

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 16 };

typedef __m512 Floats;
typedef __m512i Integers; /* sixteen of 32 bits, or as many bytes as fit */

static inline Floats all(float value) { return _mm512_set1_ps(value); }
static inline Floats load(const float *from) { return _mm512_loadu_ps(from); }
static inline void store(float *to, Floats values) { _mm512_storeu_ps(to, values); }

/* The first n; in place of others what no exponential is made of. */
static inline Floats load_first(const float *from, int n) {
    return _mm512_mask_loadu_ps(all(-INFINITY), n < LANES ? (__mmask16)((1 << n) - 1) : (__mmask16)0xffff, from);
}

static inline Floats load_half(const uint16_t *from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from));
}
static inline void store_half(uint16_t *to, Floats values) {
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* a * b + c, and c - a * b, rounded once. */
static inline Floats fused(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
static inline Floats fused_less(Floats a, Floats b, Floats c) { return _mm512_fnmadd_ps(a, b, c); }

/* Where b is no number, it is that; so it is kept by `larger(limit, x)`. */
static inline Floats larger(Floats a, Floats b) { return _mm512_max_ps(a, b); }
static inline Floats square_root(Floats values) { return _mm512_sqrt_ps(values); }
static inline Floats size_of(Floats values) { return _mm512_abs_ps(values); }
static inline Floats whole(Floats values) {
    return _mm512_roundscale_ps(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline Floats about_one_by(Floats values) { return _mm512_rcp14_ps(values); } /* error 6e-5 */
static inline Floats times_two_to(Floats values, Floats power) { return _mm512_scalef_ps(values, power); }

static inline float sum_of(Floats values) { return _mm512_reduce_add_ps(values); }
static inline float greatest_in(Floats values) { return _mm512_reduce_max_ps(values); }

static inline Integers nearest(Floats values) { return _mm512_cvtps_epi32(values); }
static inline void store_integers(int32_t *to, Integers values) { _mm512_storeu_si512(to, values); }
static inline Floats as_floats(Integers values) { return _mm512_cvtepi32_ps(values); }
static inline void store_bytes(int8_t *to, Integers values) {
    _mm_storeu_si128((__m128i *)to, _mm512_cvtsepi32_epi8(values));
}

/* The larger of sizes, and of |values|: as whole numbers, so that what is no number is the largest. */
static inline Integers larger_size(Integers sizes, Floats values) {
    return _mm512_max_epu32(sizes, _mm512_castps_si512(size_of(values)));
}
static inline Integers smallest_size(void) { return _mm512_castps_si512(all(1e-20f)); }
static inline Floats sizes_as_floats(Integers sizes) { return _mm512_castsi512_ps(sizes); }
static inline float largest_of(Integers sizes) {
    const uint32_t bits = _mm512_reduce_max_epu32(sizes);
    float size;
    memcpy(&size, &bits, sizeof size);
    return size;
}

/* Each of sixteen vectors of 32-bit integers summed up: lane i is the sum of vectors[i]. */
static inline Integers sums_of(const Integers vectors[LANES]) {
    Integers quarters[4];
    for (int i = 0; i < 4; i++) {
        const Integers *v = vectors + 4 * i;
        const Integers ab = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
        const Integers cd = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
        quarters[i] = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    }
    Integers halves[2];
    for (int i = 0; i < 2; i++) {
        const Integers low = _mm512_shuffle_i32x4(quarters[2 * i], quarters[2 * i + 1], 0x88);
        const Integers high = _mm512_shuffle_i32x4(quarters[2 * i], quarters[2 * i + 1], 0xdd);
        halves[i] = _mm512_add_epi32(low, high);
    }
    const Integers low = _mm512_shuffle_i32x4(halves[0], halves[1], 0x88);
    const Integers high = _mm512_shuffle_i32x4(halves[0], halves[1], 0xdd);
    return _mm512_add_epi32(low, high);
}
