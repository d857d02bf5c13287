// SIMD lanes for kernels.cpp alone: vector extensions of GCC and Clang, as wide as the variant allows.
#pragma once

#include <cstdint>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
#define ALSATIAN_LANE_BYTES 64
#elif defined(__AVX2__)
#define ALSATIAN_LANE_BYTES 32
#else
#define ALSATIAN_LANE_BYTES 16
#endif

// Alignment of one number: the same type serves for aligned and for unaligned addresses.
typedef float FloatLanes __attribute__((vector_size(ALSATIAN_LANE_BYTES), aligned(4), may_alias));
typedef double DoubleLanes __attribute__((vector_size(ALSATIAN_LANE_BYTES), aligned(8), may_alias));

template <class T>
struct LanesOf;
template <>
struct LanesOf<float> {
    using type = FloatLanes;
};
template <>
struct LanesOf<double> {
    using type = DoubleLanes;
};
template <class T>
using Lanes = typename LanesOf<T>::type;

template <class T>
constexpr std::int64_t kWidth = ALSATIAN_LANE_BYTES / static_cast<std::int64_t>(sizeof(T));

template <class T>
inline Lanes<T> load(const T* from) {
    return *reinterpret_cast<const Lanes<T>*>(from);
}

template <class T>
inline void store(T* to, Lanes<T> value) {
    *reinterpret_cast<Lanes<T>*>(to) = value;
}

template <class T>
inline Lanes<T> spread(T value) {
    return value - Lanes<T>{};
}

template <class T>
inline T sum_lanes(Lanes<T> v) {
    T part[kWidth<T>];
    store(part, v);
    for (std::int64_t half = kWidth<T> / 2; half > 0; half /= 2) {
        for (std::int64_t i = 0; i < half; ++i) part[i] += part[i + half];
    }
    return part[0];
}

// sums[i] <- sum of the lanes of v[i], for eight vectors at once: three operations a vector instead of
// eight, which is what makes the short dot products cheap.
template <class T>
inline void sum_lanes8(const Lanes<T>* v, T* sums) {
    for (int i = 0; i < 8; ++i) sums[i] = sum_lanes<T>(v[i]);
}

#if defined(__AVX512F__)
template <>
inline float sum_lanes<float>(FloatLanes v) {
    return _mm512_reduce_add_ps((__m512)v);
}

template <>
inline double sum_lanes<double>(DoubleLanes v) {
    return _mm512_reduce_add_pd((__m512d)v);
}

template <>
inline void sum_lanes8<float>(const FloatLanes* v, float* sums) {
    const auto fold = [](__m512 a, __m512 b) {  // halves of a, then of b
        return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
    };
    const auto fold_quarters = [](__m512 a, __m512 b) {
        return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
    };
    const __m512 low = fold_quarters(fold((__m512)v[0], (__m512)v[1]), fold((__m512)v[2], (__m512)v[3]));
    const __m512 high = fold_quarters(fold((__m512)v[4], (__m512)v[5]), fold((__m512)v[6], (__m512)v[7]));
    __m512 both = _mm512_add_ps(_mm512_unpacklo_ps(low, high), _mm512_unpackhi_ps(low, high));
    both = _mm512_add_ps(both, _mm512_permute_ps(both, 0x4E));
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 0, 0, 0, 0, 0, 0, 0);
    _mm256_storeu_ps(sums, _mm512_castps512_ps256(_mm512_permutexvar_ps(order, both)));
}

// 16 x 16 words, rows `from_stride` words apart, transposed. Pieces of four words are put in place by
// masked loads, which leaves the one shuffle port half of the work.
inline __attribute__((always_inline)) void transpose_words(const std::uint32_t* from,
                                                           std::int64_t from_stride,
                                                           std::uint32_t* to, std::int64_t to_stride) {
    for (int quarter = 0; quarter < 4; ++quarter) {
        __m512i part[4];
        for (int i = 0; i < 4; ++i) {
            const std::uint32_t* const at = from + i * from_stride + 4 * quarter;
            const auto piece = [at, from_stride](int n) {
                return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 4 * n * from_stride));
            };
            __m512i words = _mm512_castsi128_si512(piece(0));
            words = _mm512_mask_broadcast_i32x4(words, 0x00F0, piece(1));
            words = _mm512_mask_broadcast_i32x4(words, 0x0F00, piece(2));
            part[i] = _mm512_mask_broadcast_i32x4(words, 0xF000, piece(3));
        }
        const __m512i low01 = _mm512_unpacklo_epi32(part[0], part[1]);
        const __m512i high01 = _mm512_unpackhi_epi32(part[0], part[1]);
        const __m512i low23 = _mm512_unpacklo_epi32(part[2], part[3]);
        const __m512i high23 = _mm512_unpackhi_epi32(part[2], part[3]);
        std::uint32_t* const out = to + 4 * quarter * to_stride;
        _mm512_storeu_si512(out, _mm512_unpacklo_epi64(low01, low23));
        _mm512_storeu_si512(out + to_stride, _mm512_unpackhi_epi64(low01, low23));
        _mm512_storeu_si512(out + 2 * to_stride, _mm512_unpacklo_epi64(high01, high23));
        _mm512_storeu_si512(out + 3 * to_stride, _mm512_unpackhi_epi64(high01, high23));
    }
}
#elif defined(__AVX2__)
template <>
inline void sum_lanes8<float>(const FloatLanes* v, float* sums) {
    const __m256 a = _mm256_hadd_ps(_mm256_hadd_ps((__m256)v[0], (__m256)v[1]),
                                    _mm256_hadd_ps((__m256)v[2], (__m256)v[3]));
    const __m256 b = _mm256_hadd_ps(_mm256_hadd_ps((__m256)v[4], (__m256)v[5]),
                                    _mm256_hadd_ps((__m256)v[6], (__m256)v[7]));
    _mm256_storeu_ps(sums, _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20),
                                         _mm256_permute2f128_ps(a, b, 0x31)));
}

// 8 x 8 numbers, rows `from_stride` apart, transposed; halves of rows are put in place by loads.
inline __attribute__((always_inline)) void transpose8(const float* from, std::int64_t from_stride, float* to) {
    for (int half = 0; half < 2; ++half) {
        __m256 part[4];
        for (int i = 0; i < 4; ++i) {
            const float* const at = from + i * from_stride + 4 * half;
            part[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(at)), _mm_loadu_ps(at + 4 * from_stride),
                                           1);
        }
        const __m256 low01 = _mm256_unpacklo_ps(part[0], part[1]), high01 = _mm256_unpackhi_ps(part[0], part[1]);
        const __m256 low23 = _mm256_unpacklo_ps(part[2], part[3]), high23 = _mm256_unpackhi_ps(part[2], part[3]);
        float* const out = to + 32 * half;
        _mm256_storeu_ps(out, _mm256_shuffle_ps(low01, low23, 0x44));
        _mm256_storeu_ps(out + 8, _mm256_shuffle_ps(low01, low23, 0xEE));
        _mm256_storeu_ps(out + 16, _mm256_shuffle_ps(high01, high23, 0x44));
        _mm256_storeu_ps(out + 24, _mm256_shuffle_ps(high01, high23, 0xEE));
    }
}
#endif

}  // namespace
