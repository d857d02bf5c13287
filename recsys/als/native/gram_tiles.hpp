// Gramians on the matrix unit: for kernels.cpp alone.
#pragma once

#include "passes.hpp"

namespace alsatian::als {
namespace {

#if defined(ALSATIAN_TILES)

// Up to 32 rows, two by two, as tiles.hpp has them: `right` and `left`, high parts first, the low ones `part`
// words after them.
inline void lay_out_gram(const float* rows, std::int64_t count, std::int64_t factors, std::int64_t stride,
                         std::int64_t part, std::uint32_t* left, std::uint32_t* right) {
    for (std::int64_t j = 0; j < stride; j += 16, left += kTileWords, right += kTileWords) {
        const std::int64_t room = factors - j;
        const auto mask = static_cast<__mmask16>(room >= 16 ? 0xFFFFu : room > 0 ? (1u << room) - 1u : 0u);
        for (std::int64_t k = 0; k < 16; ++k) {
            const auto row = [&](std::int64_t i) {
                return i < count ? _mm512_maskz_loadu_ps(mask, rows + i * factors + j) : _mm512_setzero_ps();
            };
            const SplitPairs pairs = split_pairs(row(2 * k), row(2 * k + 1));
            _mm512_store_si512(right + 16 * k, pairs.high);
            _mm512_store_si512(right + part + 16 * k, pairs.low);
        }
        transpose_words(right, 16, left, 16);
        transpose_words(right + part, 16, left + part, 16);
    }
}

#endif

// matrix (stride, stride; a multiple of 32), upper triangle, += rows' rows, numbers in two parts of bfloat16
// each. `room` has places for (2 kBlockRows, stride) numbers. For variants with a matrix unit.
template <class T>
void gram_by_tiles(const T* rows, std::int64_t count, std::int64_t factors, std::int64_t stride, T* room, T* matrix) {
#if defined(ALSATIAN_TILES)
    if constexpr (sizeof(T) == 4) {
        const Tiles tiles;
        const std::int64_t part = kBlockRows * stride / 2, step = stride / 16 * kTileWords;
        std::uint32_t* const left = reinterpret_cast<std::uint32_t*>(room);
        std::uint32_t* const right = left + 2 * part;
        for (std::int64_t at = 0; at < count; at += kBlockRows) {
            const std::int64_t n = count - at < kBlockRows ? count - at : kBlockRows;
            const std::int64_t depth = (n + kTileEntries - 1) / kTileEntries;
            for (std::int64_t d = 0; d < depth; ++d) {
                const std::int64_t first = d * kTileEntries;
                lay_out_gram(rows + (at + first) * factors, n - first, factors, stride, part, left + d * step,
                             right + d * step);
            }
            multiply_triangle_split(matrix, matrix, stride, left, right, part, depth);
            // The products of low parts are small, but squares on the diagonal, and all of one sign.
            multiply_triangle(matrix, matrix, stride, left + part, right + part, depth);
        }
        return;
    }
#endif
    static_cast<void>(rows), static_cast<void>(count), static_cast<void>(factors);
    static_cast<void>(stride), static_cast<void>(room), static_cast<void>(matrix);
}

}  // namespace
}  // namespace alsatian::als
