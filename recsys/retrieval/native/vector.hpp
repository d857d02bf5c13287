// The few vector operations of the kernel, for the instruction set this file is compiled with.
// Everything is in an anonymous namespace: see kernel.hpp.
#pragma once

#include <cstdint>

#if !defined(ALSATIAN_TOPN_PORTABLE) && defined(__SSE2__)
#include <immintrin.h>
#endif

namespace {

// kQueryTile x kVectors accumulators, plus kVectors item vectors and one broadcast query value,
// are what the register file holds.
#if !defined(ALSATIAN_TOPN_PORTABLE) && defined(__AVX512F__)

using Vector = __m512;
constexpr int kWidth = 16, kVectors = 2, kQueryTile = 12;
inline Vector zero() { return _mm512_setzero_ps(); }
inline Vector load(const float* from) { return _mm512_load_ps(from); }
inline Vector spread(float value) { return _mm512_set1_ps(value); }
inline Vector add_product(Vector sum, Vector a, Vector b) { return _mm512_fmadd_ps(a, b, sum); }
inline void store(float* to, Vector v) { _mm512_store_ps(to, v); }
inline std::uint64_t above(Vector v, Vector limit) {
    return _mm512_cmp_ps_mask(v, limit, _CMP_GT_OQ);
}

#elif !defined(ALSATIAN_TOPN_PORTABLE) && defined(__AVX2__)

using Vector = __m256;
constexpr int kWidth = 8, kVectors = 2, kQueryTile = 6;
inline Vector zero() { return _mm256_setzero_ps(); }
inline Vector load(const float* from) { return _mm256_load_ps(from); }
inline Vector spread(float value) { return _mm256_set1_ps(value); }
inline Vector add_product(Vector sum, Vector a, Vector b) { return _mm256_fmadd_ps(a, b, sum); }
inline void store(float* to, Vector v) { _mm256_store_ps(to, v); }
inline std::uint64_t above(Vector v, Vector limit) {
    return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(v, limit, _CMP_GT_OQ)));
}

#elif !defined(ALSATIAN_TOPN_PORTABLE) && defined(__SSE2__)

using Vector = __m128;
constexpr int kWidth = 4, kVectors = 2, kQueryTile = 5;
inline Vector zero() { return _mm_setzero_ps(); }
inline Vector load(const float* from) { return _mm_load_ps(from); }
inline Vector spread(float value) { return _mm_set1_ps(value); }
inline Vector add_product(Vector sum, Vector a, Vector b) {
    return _mm_add_ps(sum, _mm_mul_ps(a, b));
}
inline void store(float* to, Vector v) { _mm_store_ps(to, v); }
inline std::uint64_t above(Vector v, Vector limit) {
    return static_cast<std::uint32_t>(_mm_movemask_ps(_mm_cmpgt_ps(v, limit)));
}

#else  // the compiler's own vectors: NEON on arm64, whatever there is elsewhere

typedef float Vector __attribute__((vector_size(16)));
typedef std::int32_t Mask __attribute__((vector_size(16)));
constexpr int kWidth = 4, kVectors = 3, kQueryTile = 8;
inline Vector zero() { return Vector{}; }
inline Vector load(const float* from) { return *reinterpret_cast<const Vector*>(from); }
inline Vector spread(float value) { return Vector{value, value, value, value}; }
inline Vector add_product(Vector sum, Vector a, Vector b) { return sum + a * b; }
inline void store(float* to, Vector v) { *reinterpret_cast<Vector*>(to) = v; }
inline std::uint64_t above(Vector v, Vector limit) {
    const Mask greater = v > limit;
    std::uint64_t bits = 0;
    for (int lane = 0; lane < kWidth; ++lane) {
        bits |= static_cast<std::uint64_t>(greater[lane] & 1) << lane;
    }
    return bits;
}

#endif

constexpr int kItemTile = kWidth * kVectors;

// Writes four consecutive factors of four items as four item-contiguous rows, `stride` apart.
inline void transpose4(const float* const* from, std::int64_t at, float* to, std::int64_t stride) {
#if !defined(ALSATIAN_TOPN_PORTABLE) && defined(__SSE2__)
    __m128 a = _mm_loadu_ps(from[0] + at), b = _mm_loadu_ps(from[1] + at);
    __m128 c = _mm_loadu_ps(from[2] + at), d = _mm_loadu_ps(from[3] + at);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_store_ps(to, a);
    _mm_store_ps(to + stride, b);
    _mm_store_ps(to + 2 * stride, c);
    _mm_store_ps(to + 3 * stride, d);
#else
    for (int factor = 0; factor < 4; ++factor) {
        for (int item = 0; item < 4; ++item) to[factor * stride + item] = from[item][at + factor];
    }
#endif
}

}  // namespace
