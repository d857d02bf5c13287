// Products of rows with a block's columns of the Gramian on the matrix unit: for subspace.cpp alone, in
// the variant that has it.
//
// They are a part of the gradient, so each number is taken in two parts of 8 significant bits, of which
// the product of both low ones is left out; sums are in 32 bits.
#pragma once

#include "rows.hpp"
#include "subspace.hpp"
#include "tiles.hpp"

#if defined(ALSATIAN_TILES)

namespace alsatian::als {
namespace {

// Words of one part of `factors` numbers of 32 rows or 32 columns.
constexpr std::int64_t part_words(std::int64_t factors) {
    return padded(factors, kTileEntries) / kTileEntries * 2 * kTileWords;
}

// Rounded to 8 significant bits, to the nearest: what is left over has either sign, and the products that
// are left out do not add up.
ALSATIAN_INLINE __m512 high_part(__m512 v) {
    const __m512i up = _mm512_add_epi32(_mm512_castps_si512(v), _mm512_set1_epi32(0x8000));
    return _mm512_castsi512_ps(_mm512_and_si512(up, _mm512_set1_epi32(static_cast<int>(0xFFFF0000u))));
}

// to <- columns [j, j + 32) of a block of the Gramian, of which two rows come side by side: all high
// parts, then all low ones.
inline void pack_columns(const float* gramian, std::int64_t factors, std::int64_t stride,
                         std::uint32_t* to) {
    const std::int64_t part = part_words(factors);
    for (std::int64_t k = 0; k < padded(factors, kTileEntries); k += 2) {
        for (std::int64_t half = 0; half < 2; ++half) {
            const float* const from = gramian + k * stride + 16 * half;
            const __m512 even = k < factors ? _mm512_loadu_ps(from) : _mm512_setzero_ps();
            const __m512 odd = k + 1 < factors ? _mm512_loadu_ps(from + stride) : _mm512_setzero_ps();
            std::uint32_t* const at =
                to + (k / kTileEntries * 2 + half) * kTileWords + k % kTileEntries / 2 * 16;
            const SplitPairs pairs = split_pairs(even, odd);
            _mm512_store_si512(at, pairs.high);
            _mm512_store_si512(at + part, pairs.low);
        }
    }
}

inline void pack_gramian(const float* gramian, std::int64_t factors, std::int64_t stride,
                         std::uint32_t* to) {
    for (std::int64_t j = 0; j < stride; j += kTileColumns, to += 2 * part_words(factors)) {
        pack_columns(gramian + j, factors, stride, to);
    }
}

// to <- up to 32 rows of x: all high parts, then all low ones.
inline void pack_left(const float* x, std::int64_t count, std::int64_t factors, std::uint32_t* to) {
    alignas(64) static constexpr std::uint16_t kOdd[32] = {
        1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
        33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
    const __m512i odd = _mm512_load_si512(kOdd);
    const std::int64_t part = part_words(factors);
    for (std::int64_t row = 0; row < count; ++row, x += factors) {
        std::uint32_t* at = to + row / 16 * kTileWords + row % 16 * 16;
        for (std::int64_t k = 0; k < factors; k += kTileEntries, at += 2 * kTileWords) {
            const std::int64_t left = factors - k;
            const __mmask32 mask = left >= kTileEntries ? 0xFFFFFFFFu : (1u << left) - 1u;
            const __m512 a = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), x + k);
            const __m512 b = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16), x + k + 16);
            const __m512 high_a = high_part(a), high_b = high_part(b);
            const __m512 low_a = _mm512_sub_ps(a, high_a), low_b = _mm512_sub_ps(b, high_b);
            _mm512_store_si512(at, _mm512_permutex2var_epi16(_mm512_castps_si512(high_a), odd,
                                                             _mm512_castps_si512(high_b)));
            _mm512_store_si512(at + part, (__m512i)_mm512_cvtne2ps_pbh(low_b, low_a));
        }
    }
}

// products (count, stride) <- `count` rows of the target from `begin` on, at most kTogetherTiled, times
// the block's columns of the Gramian.
inline void multiply_gramian_tiled(const Side<float>& side, const Slice<float>& slice, std::int64_t begin,
                                   std::int64_t count, const SubspaceScratch<float>& scratch) {
    const std::int64_t factors = side.factors, stride = slice.stride;
    const std::int64_t part = part_words(factors), depth = part / (2 * kTileWords);
    pack_left(side.target + begin * factors, count, factors, scratch.packed_rows);
    for (std::int64_t k = 0; k < kTogetherTiled * stride; ++k) scratch.products[k] = 0.0f;
    const std::uint32_t* right = slice.packed_gramian;
    for (std::int64_t j = 0; j < stride; j += kTileColumns, right += 2 * part) {
        multiply_tiles_split<false>(scratch.products + j, scratch.products + j, stride, scratch.packed_rows,
                                    right, part, 2 * kTileWords, depth);
    }
}

}  // namespace
}  // namespace alsatian::als
#endif
