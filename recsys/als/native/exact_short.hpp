// Exact solutions of short rows on the matrix unit (AMX): for kernels.cpp alone, in the variant that has it.
//
// In the basis of the Gramian's eigenvectors a row's matrix is D + Y'CY with D a diagonal (the eigenvalues
// and lambda), Y its n entries and C their excess. Where D and C are safely positive,
//
//     x = D^-1/2 B' (I + B B')^-1 C^-1/2 l,    B = C^1/2 Y D^-1/2,    l the labels:
//
// a system of n instead of f unknowns. None of its eigenvalues is below 1, and it loses nothing by
// cancellation. B is taken in two parts of bfloat16, as in exact_tiles.hpp.
#pragma once

#include "block_cholesky.hpp"
#include "exact_tiles.hpp"

#if defined(ALSATIAN_TILES)

namespace alsatian::als {
namespace {

// Excess that is less than this part of the row's largest, or a diagonal whose least number is, leaves the
// row to its normal equations.
constexpr float kLeastExcess = 1e-6f;
constexpr float kLeastDiagonal = 1e-5f;

// The least and the largest number of an array, a multiple of 16 of them, where those after `n` count as
// the first.
struct Range {
    float least, most;
};

inline Range range_of(const float* numbers, std::int64_t n) {
    __m512 least = _mm512_set1_ps(numbers[0]), most = least;
    for (std::int64_t at = 0; at < n; at += 16) {
        const auto mask = static_cast<__mmask16>(n - at >= 16 ? 0xFFFFu : (1u << (n - at)) - 1u);
        const __m512 part = _mm512_mask_loadu_ps(least, mask, numbers + at);
        least = _mm512_min_ps(least, part);
        most = _mm512_mask_max_ps(most, mask, most, part);
    }
    return {_mm512_reduce_min_ps(least), _mm512_reduce_max_ps(most)};
}

// roots (stride) <- D^-1/2 of a row, zeros after the true factors. False where D is not safely positive.
inline bool take_inverse_roots(const Side<float>& side, const Row<float>& row, float* roots) {
    for (std::int64_t k = 0; k < side.stride; k += 16) {
        const __m512 d = _mm512_fmadd_ps(_mm512_set1_ps(row.weight), _mm512_load_ps(side.diagonal + k),
                                         _mm512_set1_ps(row.lambda));
        _mm512_store_ps(roots + k, d);
    }
    const Range range = range_of(roots, side.factors);
    if (!(range.least > kLeastDiagonal * range.most) || !finite(range.most)) return false;
    for (std::int64_t k = 0; k < side.stride; k += 16) {
        const std::int64_t left = side.factors - k;
        const auto mask = static_cast<__mmask16>(left >= 16 ? 0xFFFFu : left > 0 ? (1u << left) - 1u : 0u);
        _mm512_store_ps(roots + k, _mm512_maskz_div_ps(mask, _mm512_set1_ps(1.0f),
                                                       _mm512_sqrt_ps(_mm512_load_ps(roots + k))));
    }
    return true;
}

// The right side of a block of 16 entries from its left one, while that is in the nearest cache.
inline void turn_short(const Scratch<float>& scratch, std::int64_t block, std::int64_t groups,
                       std::int64_t part) {
    const std::int64_t at = block * groups * kTileWords;
    turn_tiles(scratch.left + at, groups, scratch.right + at);
    turn_tiles(scratch.left + at + part, groups, scratch.right + at + part);
}

// Lays out B, 16 entries and 32 factors a tile: a row of words, two factors a word, is what the unit takes on
// the left, its transpose on the right. `roots` are D^-1/2, scratch.excess those of C.
template <std::int64_t S>
ALSATIAN_INLINE void lay_out_short(const Side<float>& side, const Row<float>& row,
                                   const Scratch<float>& scratch, const float* roots, std::int64_t part) {
    const std::int64_t stride = known<S>(side.stride), groups = stride / 32;
    for (std::int64_t e = 0; e < padded(row.n, 16); ++e) {
        if (e % 8 == 0) keep_awake();
        if (e % 16 == 0 && e > 0) turn_short(scratch, e / 16 - 1, groups, part);
        std::uint32_t* const to = scratch.left + e / 16 * groups * kTileWords + e % 16 * 16;
        if (e >= row.n) {
            for (std::int64_t g = 0; g < groups; ++g) {
                _mm512_store_si512(to + g * kTileWords, _mm512_setzero_si512());
                _mm512_store_si512(to + part + g * kTileWords, _mm512_setzero_si512());
            }
            continue;
        }
        const std::int64_t ahead = row.begin + e + kAheadExact;
        if (ahead < row.ahead_end) {
            const float* const from = side.turned + side.indices[ahead] * stride;
#pragma GCC unroll 8
            for (std::int64_t k = 0; k < stride; k += 16) __builtin_prefetch(from + k, 0, 2);
        }
        const float* const y = side.turned + side.indices[row.begin + e] * stride;
        const __m512 root = _mm512_set1_ps(scratch.excess[e]);
#pragma GCC unroll 4
        for (std::int64_t g = 0; g < groups; ++g) {
            const __m512 low = _mm512_mul_ps(root, _mm512_load_ps(roots + 32 * g));
            const __m512 high = _mm512_mul_ps(root, _mm512_load_ps(roots + 32 * g + 16));
            const SplitPairs b = split_pairs(_mm512_mul_ps(low, _mm512_load_ps(y + 32 * g)),
                                             _mm512_mul_ps(high, _mm512_load_ps(y + 32 * g + 16)));
            _mm512_store_si512(to + g * kTileWords, b.high);
            _mm512_store_si512(to + part + g * kTileWords, b.low);
        }
    }
    turn_short(scratch, padded(row.n, 16) / 16 - 1, groups, part);
}

// matrix (16 or 32 rows and columns) <- left right' over `groups` of factors, of numbers in two parts.
template <bool diagonal, bool wide>
inline void multiply_short(float* matrix, std::int64_t stride, const std::uint32_t* left,
                           const std::uint32_t* right, std::int64_t part, std::int64_t groups) {
    constexpr bool tall = wide || !diagonal;
    const std::int64_t bytes = stride * 4, step = groups * kTileWords;
    written();
    _tile_zero(0);
    if constexpr (wide) _tile_zero(1);
    if constexpr (!diagonal) _tile_zero(2);
    if constexpr (wide) _tile_zero(3);
    for (std::int64_t g = 0; g < groups; ++g, left += kTileWords, right += kTileWords) {
        for (int product = 0; product < 3; ++product) {  // high x high, low x high, high x low
            const std::uint32_t* const a = left + (product == 1 ? part : 0);
            const std::uint32_t* const b = right + (product == 2 ? part : 0);
            _tile_loadd(4, a, 64);
            if constexpr (tall) _tile_loadd(5, a + step, 64);
            if (product != 1) {
                _tile_loadd(6, b, 64);
                if constexpr (wide) _tile_loadd(7, b + step, 64);
            }
            _tile_dpbf16ps(0, 4, 6);
            if constexpr (wide) _tile_dpbf16ps(1, 4, 7);
            if constexpr (!diagonal) _tile_dpbf16ps(2, 5, 6);
            if constexpr (wide) _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, matrix, bytes);
    if constexpr (wide) _tile_stored(1, matrix + 16, bytes);
    if constexpr (!diagonal) _tile_stored(2, matrix + 16 * stride, bytes);
    if constexpr (wide) _tile_stored(3, matrix + 16 * stride + 16, bytes);
    written();
}

// Upper triangle of matrix (places x places, a multiple of 16) <- I + B B'.
inline void short_matrix(const Scratch<float>& scratch, std::int64_t places, std::int64_t groups,
                         std::int64_t part) {
    const std::int64_t step = groups * kTileWords;
    for (std::int64_t i = 0; i < places; i += 32) {
        float* const rows = scratch.matrix + i * places;
        const std::uint32_t* const left = scratch.left + i / 16 * step;
        const std::uint32_t* const right = scratch.right + i / 16 * step;
        if (i + 16 == places) {
            multiply_short<true, false>(rows + i, places, left, right, part, groups);
            break;
        }
        multiply_short<true, true>(rows + i, places, left, right, part, groups);
        for (std::int64_t j = i + 32; j < places; j += 32) {
            const std::uint32_t* const other = scratch.right + j / 16 * step;
            if (j + 16 == places) {
                multiply_short<false, false>(rows + j, places, left, other, part, groups);
            } else {
                multiply_short<false, true>(rows + j, places, left, other, part, groups);
            }
        }
    }
    for (std::int64_t i = 0; i < places; ++i) scratch.matrix[i * places + i] += 1.0f;
}

// x <- D^-1 Y' weights
template <std::int64_t S>
ALSATIAN_INLINE void combine_short(const Side<float>& side, const Row<float>& row, const float* roots,
                                   const float* weights, float* x) {
    const std::int64_t stride = known<S>(side.stride);
    if constexpr (S > 0) {
        __m512 sums[S / 16];
#pragma GCC unroll 8
        for (std::int64_t k = 0; k < S / 16; ++k) sums[k] = _mm512_setzero_ps();
        for (std::int64_t e = 0; e < row.n; ++e) {
            const float* const y = side.turned + side.indices[row.begin + e] * stride;
            const __m512 weight = _mm512_set1_ps(weights[e]);
#pragma GCC unroll 8
            for (std::int64_t k = 0; k < S / 16; ++k) {
                sums[k] = _mm512_fmadd_ps(weight, _mm512_load_ps(y + 16 * k), sums[k]);
            }
        }
#pragma GCC unroll 8
        for (std::int64_t k = 0; k < S / 16; ++k) _mm512_store_ps(x + 16 * k, sums[k]);
    } else {
        fill(x, 0.0f, stride);
        for (std::int64_t e = 0; e < row.n; ++e) {
            add_scaled(x, weights[e], side.turned + side.indices[row.begin + e] * stride, stride);
        }
    }
    for (std::int64_t k = 0; k < stride; k += 16) {
        const __m512 root = _mm512_load_ps(roots + k);
        _mm512_store_ps(x + k, _mm512_mul_ps(_mm512_mul_ps(root, root), _mm512_load_ps(x + k)));
    }
}

// x (stride, in the basis of the eigenvectors) <- the solution of a short row. False where it is to be
// found by its normal equations.
template <std::int64_t S>
bool solve_short(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch, float* x) {
    const std::int64_t stride = known<S>(side.stride), groups = stride / 32;
    const std::int64_t part = side.split_entries * stride / 2, places = padded(row.n, 16);
    float* const roots = scratch.q;
    if (!take_inverse_roots(side, row, roots)) return false;
    weigh_entries(side, row, row.begin, row.n, padded(row.n, kTileEntries), scratch.labels, scratch.excess);
    const Range excess = range_of(scratch.excess, row.n);
    if (!(excess.least > 0.0f && excess.least >= kLeastExcess * excess.most)) return false;
    for (std::int64_t at = 0; at < places; at += 16) {
        const __m512 c = _mm512_load_ps(scratch.excess + at);
        const __mmask16 mask = _mm512_cmp_ps_mask(c, _mm512_setzero_ps(), _CMP_GT_OQ);
        const __m512 root = _mm512_sqrt_ps(c);
        _mm512_store_ps(scratch.excess + at, root);
        const __m512 labels = _mm512_load_ps(scratch.labels + at);
        _mm512_store_ps(scratch.labels + at, _mm512_maskz_div_ps(mask, labels, root));
    }
    lay_out_short<S>(side, row, scratch, roots, part);
    short_matrix(scratch, places, groups, part);
    float* const diagonal = scratch.scaled;
    float* const inverses = diagonal + kMostSplitEntries;
    float* const found = inverses + kMostSplitEntries * kPanel;
    if (!factorize(scratch.matrix, places, diagonal, inverses, scratch.labels)) return false;
    substitute(scratch.matrix, places, inverses, scratch.labels, found);
    for (std::int64_t at = 0; at < places; at += 16) {
        const __m512 root = _mm512_load_ps(scratch.excess + at);
        _mm512_store_ps(found + at, _mm512_mul_ps(_mm512_load_ps(found + at), root));
    }
    combine_short<S>(side, row, roots, found, x);
    return finite(dot(x, x, stride));
}

}  // namespace
}  // namespace alsatian::als
#endif
