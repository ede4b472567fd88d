/* Eight floats at a time: AVX2, with FMA and F16C. As in `vectors_512.h`. */
#pragma once

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 8 };

typedef __m256 Floats;
typedef __m256i Integers; /* eight of 32 bits, or as many words of 16 as fit */

static inline Floats all(float value) { return _mm256_set1_ps(value); }
static inline Floats load(const float *from) { return _mm256_loadu_ps(from); }
static inline void store(float *to, Floats values) { _mm256_storeu_ps(to, values); }

static inline Floats load_first(const float *from, int n) {
    const Integers lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const Integers is_first = _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lanes);
    return _mm256_blendv_ps(all(-INFINITY), _mm256_maskload_ps(from, is_first), _mm256_castsi256_ps(is_first));
}

static inline Floats load_half(const uint16_t *from) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from)); }
static inline void store_half(uint16_t *to, Floats values) {
    _mm_storeu_si128((__m128i *)to, _mm256_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline Floats fused(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
static inline Floats fused_less(Floats a, Floats b, Floats c) { return _mm256_fnmadd_ps(a, b, c); }

static inline Floats larger(Floats a, Floats b) { return _mm256_max_ps(a, b); }
static inline Floats square_root(Floats values) { return _mm256_sqrt_ps(values); }
static inline Floats size_of(Floats values) { return _mm256_andnot_ps(all(-0.0f), values); }
static inline Floats whole(Floats values) {
    return _mm256_round_ps(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* The instruction's error is 4e-4; one step of Newton's method leaves 1e-7. */
static inline Floats about_one_by(Floats values) {
    const Floats about = _mm256_rcp_ps(values);
    return about * fused_less(values, about, all(2.0f));
}

/* Powers between -126 and 127. */
static inline Floats times_two_to(Floats values, Floats power) {
    const Integers exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
    return values * _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}

static inline float sum_of(Floats values) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(values), _mm256_extractf128_ps(values, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
static inline float greatest_in(Floats values) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(values), _mm256_extractf128_ps(values, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

static inline Integers nearest(Floats values) { return _mm256_cvtps_epi32(values); }
static inline void store_integers(int32_t *to, Integers values) { _mm256_storeu_si256((Integers *)to, values); }
static inline Floats as_floats(Integers values) { return _mm256_cvtepi32_ps(values); }
static inline __m128i as_words(Integers values) {
    return _mm_packs_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
}
static inline void store_words(int16_t *to, Integers values) { _mm_storeu_si128((__m128i *)to, as_words(values)); }
static inline void store_bytes(int8_t *to, Integers values) {
    const __m128i words = as_words(values);
    _mm_storel_epi64((__m128i *)to, _mm_packs_epi16(words, words));
}

static inline Integers larger_size(Integers sizes, Floats values) {
    return _mm256_max_epu32(sizes, _mm256_castps_si256(size_of(values)));
}
static inline Integers smallest_size(void) { return _mm256_castps_si256(all(1e-20f)); }
static inline Floats sizes_as_floats(Integers sizes) { return _mm256_castsi256_ps(sizes); }
static inline float largest_of(Integers sizes) {
    const __m128i four = _mm_max_epu32(_mm256_castsi256_si128(sizes), _mm256_extracti128_si256(sizes, 1));
    const __m128i two = _mm_max_epu32(four, _mm_unpackhi_epi64(four, four));
    const uint32_t bits = (uint32_t)_mm_cvtsi128_si32(_mm_max_epu32(two, _mm_shuffle_epi32(two, 1)));
    float size;
    memcpy(&size, &bits, sizeof size);
    return size;
}

static inline Integers sums_of(const Integers v[LANES]) {
    const Integers ab = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    const Integers cd = _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(ab, cd, 0x20), _mm256_permute2x128_si256(ab, cd, 0x31));
}
