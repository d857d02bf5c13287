// Factors in 16 bits: half the bytes to fetch, for kernels.cpp alone.
//
// Where the processor computes in float16 (11 significant bits), that is what is stored, in order. Elsewhere
// it is bfloat16 (8 bits, the range of float32): a row of f factors is stored as groups of 32, word i of a
// group (32 bits) holds factor i in its low half and factor 16 + i in its high half. Sixteen words are one
// register of AVX-512; a shift makes the low halves 32-bit numbers, and the high ones are the words as they
// are: what stands below them is taken into account when they are rounded, which is as exact as if it were
// zeros. Both stand in their natural order.
#pragma once

#include <cstdint>
#include <cstring>

#include "lanes.hpp"

#if defined(__AVX512FP16__) && defined(__AVX512BW__)
#define ALSATIAN_NARROW 1
#elif defined(__AVX512F__)
#define ALSATIAN_LYING 1
#endif

namespace {

constexpr std::int64_t kHalfGroup = 32;

inline std::uint32_t bits_of(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

#if defined(ALSATIAN_NARROW)

// `factors` numbers into padded(factors, 32) / 2 words, zeros after the true factors.
inline void to_half(const float* from, std::int64_t factors, std::uint32_t* to) {
    for (std::int64_t k = 0; k < factors; k += kHalfGroup, to += 16) {
        const std::int64_t left = factors - k;
        const auto mask = [](std::int64_t n) {
            return static_cast<__mmask16>(n >= 16 ? 0xFFFFu : n > 0 ? (1u << n) - 1u : 0u);
        };
        const __m256i low = _mm256_castph_si256(_mm512_cvtxps_ph(_mm512_maskz_loadu_ps(mask(left), from + k)));
        const __m256i high =
            _mm256_castph_si256(_mm512_cvtxps_ph(_mm512_maskz_loadu_ps(mask(left - 16), from + k + 16)));
        _mm512_storeu_si512(to, _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
    }
}

// Both halves of a line, each read by itself: taking a register apart costs shuffles.
inline __attribute__((always_inline)) __m512 low_half(const std::uint32_t* line) {
    return _mm512_cvtxph_ps(_mm256_castsi256_ph(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(line))));
}
inline __attribute__((always_inline)) __m512 high_half(const std::uint32_t* line) { return low_half(line + 8); }

// The same way back, `stride` numbers (a multiple of 32).
inline __attribute__((always_inline)) void widen(const std::uint32_t* from, std::int64_t stride, float* to) {
    for (std::int64_t group = 0; group < stride; group += kHalfGroup, from += 16, to += kHalfGroup) {
        _mm512_storeu_ps(to, low_half(from));
        _mm512_storeu_ps(to + 16, high_half(from));
    }
}

#else

// To the nearest, ties away from zero; a finite number that would round up to infinity stays finite.
inline std::uint32_t half_bits(float value) {
    const std::uint32_t bits = bits_of(value);
    const std::uint32_t rounded = bits + 0x8000u;
    return ((rounded & 0x7F800000u) == 0x7F800000u ? bits : rounded) >> 16;
}

// The number nearest to `value` among those of 32 bits whose lower half is `low`; finite where that is. What is
// next to nothing becomes the least normal number or so, for arithmetic with less is slow.
inline std::uint32_t word_of(float value, std::uint32_t low) {
    constexpr std::uint32_t kLeast = 0x00800000u, kInfinite = 0x7F800000u;
    const std::uint32_t bits = bits_of(value), sign = bits & 0x80000000u, magnitude = bits & 0x7FFFFFFFu;
    if (magnitude >= kInfinite) return bits | low;
    const std::uint32_t nearest = (magnitude - low + 0x8000u) & 0xFFFF0000u;
    const std::uint32_t kept = nearest >= kInfinite ? nearest - 0x10000u : nearest;
    return sign | low | (magnitude < kLeast + 0x10000u ? kLeast : kept);
}

// `factors` numbers into padded(factors, 32) / 2 words, next to nothing after the true factors.
inline void to_half(const float* from, std::int64_t factors, std::uint32_t* to) {
    std::int64_t group = 0;
    for (; group + kHalfGroup <= factors; group += kHalfGroup, from += kHalfGroup, to += 16) {
        for (int i = 0; i < 16; ++i) to[i] = word_of(from[16 + i], half_bits(from[i]));
    }
    if (group == factors) return;
    for (int i = 0; i < 16; ++i) {
        const std::uint32_t low = group + i < factors ? half_bits(from[i]) : 0;
        to[i] = word_of(group + 16 + i < factors ? from[16 + i] : 0.0f, low);
    }
}

typedef std::uint32_t WordLanes __attribute__((vector_size(ALSATIAN_LANE_BYTES), aligned(4), may_alias));

// The same way back, `stride` numbers (a multiple of 32).
inline __attribute__((always_inline)) void widen(const std::uint32_t* from, std::int64_t stride, float* to) {
    constexpr std::int64_t width = ALSATIAN_LANE_BYTES / 4;
    for (std::int64_t group = 0; group < stride; group += kHalfGroup, from += 16, to += kHalfGroup) {
        for (std::int64_t i = 0; i < 16; i += width) {
            const WordLanes words = *reinterpret_cast<const WordLanes*>(from + i);
            *reinterpret_cast<WordLanes*>(to + i) = words << 16;
            *reinterpret_cast<WordLanes*>(to + 16 + i) = words;
        }
    }
}

#endif

inline void widen(const std::uint32_t*, std::int64_t, double*) {}

}  // namespace
