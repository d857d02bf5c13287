// Factors in bfloat16: half the bytes to fetch, for kernels.cpp alone.
//
// A row of f factors is stored as groups of 32: word i of a group (32 bits) holds factor i in its low
// half and factor 16 + i in its high half. Sixteen words are one register of AVX-512, and both halves
// become 32-bit numbers with one operation each and stand in their natural order: no shuffles.
#pragma once

#include <cstdint>
#include <cstring>

#include "lanes.hpp"

namespace {

constexpr std::int64_t kHalfGroup = 32;

inline std::uint32_t bits_of(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

// To the nearest, ties away from zero; a finite number that would round up to infinity stays finite.
inline std::uint32_t half_bits(float value) {
    const std::uint32_t bits = bits_of(value);
    const std::uint32_t rounded = bits + 0x8000u;
    return ((rounded & 0x7F800000u) == 0x7F800000u ? bits : rounded) >> 16;
}

// `factors` numbers into padded(factors, 32) / 2 words, zeros after the true factors.
inline void to_half(const float* from, std::int64_t factors, std::uint32_t* to) {
    std::int64_t group = 0;
    for (; group + kHalfGroup <= factors; group += kHalfGroup, from += kHalfGroup, to += 16) {
        for (int i = 0; i < 16; ++i) to[i] = half_bits(from[i]) | half_bits(from[16 + i]) << 16;
    }
    if (group == factors) return;
    for (int i = 0; i < 16; ++i) {
        const std::uint32_t low = group + i < factors ? half_bits(from[i]) : 0;
        const std::uint32_t high = group + 16 + i < factors ? half_bits(from[16 + i]) : 0;
        to[i] = low | high << 16;
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
            *reinterpret_cast<WordLanes*>(to + 16 + i) = words & 0xFFFF0000u;
        }
    }
}

inline void widen(const std::uint32_t*, std::int64_t, double*) {}

#if defined(__AVX512F__)
inline __m512 low_half(__m512i words) { return _mm512_castsi512_ps(_mm512_slli_epi32(words, 16)); }
inline __m512 high_half(__m512i words) {
    return _mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32(static_cast<int>(0xFFFF0000u))));
}
#endif

}  // namespace
