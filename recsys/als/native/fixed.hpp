// Whole numbers of 16 bits, multiplied in pairs and added up in 32: for objects of one SIMD variant alone.
//
// One instruction multiplies 16 (AVX2) or 32 (AVX-512) such numbers and adds each two products: twice what
// multiplication in float32 does. Rows are kept to 15 bits of their largest number; what is multiplied is
// rounded anew so that no sum can leave 32 bits: with z the numbers of a column, |sum of products| is at most
// the product of two columns' lengths, and no column is longer than 46,340.
#pragma once

#include <cstdint>

#include "lanes.hpp"

#if (defined(__AVX512F__) && defined(__AVX512BW__)) || defined(__AVX2__)
#define ALSATIAN_FIXED 1

namespace {

constexpr float kFixedMost = 32767.0f;
// The length that a column may have, less what rounding up to 128 numbers can add to it.
constexpr float kFixedLength = 46300.0f;

#if defined(__AVX512F__)

using Words = __m512i;
constexpr std::int64_t kWords = 16;  // of 32 bits, in a register
constexpr int kFixedRows = 8;        // 8 x 2 sums of the 32 registers

inline __attribute__((always_inline)) Words load_words(const void* from) { return _mm512_loadu_si512(from); }
inline __attribute__((always_inline)) void store_words(void* to, Words v) { _mm512_storeu_si512(to, v); }
inline __attribute__((always_inline)) Words no_words() { return _mm512_setzero_si512(); }
inline __attribute__((always_inline)) Words spread_number(std::int16_t number) { return _mm512_set1_epi16(number); }
inline __attribute__((always_inline)) Words spread_word(const std::uint32_t* word) {
    return _mm512_set1_epi32(static_cast<int>(*word));
}
// sum + the products of each two numbers of 16 bits
inline __attribute__((always_inline)) Words add_pairs(Words sum, Words a, Words b) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
}
// a b / 2^15, rounded
inline __attribute__((always_inline)) Words scale_numbers(Words a, Words b) { return _mm512_mulhrs_epi16(a, b); }
inline __attribute__((always_inline)) Words below_pairs(Words a, Words b) { return _mm512_unpacklo_epi16(a, b); }
inline __attribute__((always_inline)) Words above_pairs(Words a, Words b) { return _mm512_unpackhi_epi16(a, b); }
inline __attribute__((always_inline)) FloatLanes to_lanes(Words v) { return (FloatLanes)_mm512_cvtepi32_ps(v); }
inline __attribute__((always_inline)) Words to_words(FloatLanes v) { return _mm512_cvtps_epi32((__m512)v); }
inline __attribute__((always_inline)) Words packed(Words a, Words b) { return _mm512_packs_epi32(a, b); }

#else

using Words = __m256i;
constexpr std::int64_t kWords = 8;
constexpr int kFixedRows = 6;  // 6 x 2 sums of the 16 registers

inline __attribute__((always_inline)) Words load_words(const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
inline __attribute__((always_inline)) void store_words(void* to, Words v) {
    _mm256_storeu_si256(static_cast<__m256i*>(to), v);
}
inline __attribute__((always_inline)) Words no_words() { return _mm256_setzero_si256(); }
inline __attribute__((always_inline)) Words spread_number(std::int16_t number) { return _mm256_set1_epi16(number); }
// In the order in which they are written, for in the one that the compiler finds a loop of these may take twice as
// long.
inline __attribute__((always_inline)) Words spread_word(const std::uint32_t* word) {
    Words spread;
    asm volatile("vpbroadcastd %1, %0" : "=x"(spread) : "m"(*word));
    return spread;
}
inline __attribute__((always_inline)) Words add_pairs(Words sum, Words a, Words b) {
    Words product;
    asm volatile("vpmaddwd %1, %2, %0" : "=x"(product) : "x"(a), "x"(b));
    asm volatile("vpaddd %1, %0, %0" : "+x"(sum) : "x"(product));
    return sum;
}
inline __attribute__((always_inline)) Words scale_numbers(Words a, Words b) { return _mm256_mulhrs_epi16(a, b); }
inline __attribute__((always_inline)) Words below_pairs(Words a, Words b) { return _mm256_unpacklo_epi16(a, b); }
inline __attribute__((always_inline)) Words above_pairs(Words a, Words b) { return _mm256_unpackhi_epi16(a, b); }
inline __attribute__((always_inline)) FloatLanes to_lanes(Words v) { return (FloatLanes)_mm256_cvtepi32_ps(v); }
inline __attribute__((always_inline)) Words to_words(FloatLanes v) { return _mm256_cvtps_epi32((__m256)v); }
inline __attribute__((always_inline)) Words packed(Words a, Words b) { return _mm256_packs_epi32(a, b); }

#endif

// `numbers` (a multiple of 2 kWords, none above kFixedMost when scaled) in 16 bits. Within each 2 kWords they
// stand as packing leaves them, which is what interleaving two rows puts right.
inline __attribute__((always_inline)) void to_fixed(const float* numbers, const float* inverse_columns, float scale,
                                                    std::int64_t stride, std::int16_t* to) {
    const FloatLanes s = spread<float>(scale);
    for (std::int64_t k = 0; k < stride; k += 2 * kWords) {
        const auto part = [&](std::int64_t at) {
            return to_words(s * (load(numbers + at) * load(inverse_columns + at)));
        };
        store_words(to + k, packed(part(k), part(k + kWords)));
    }
}

}  // namespace
#endif
