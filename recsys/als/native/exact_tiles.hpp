// Normal equations of exact solves on the matrix unit (AMX): for kernels.cpp alone, in the variant that has
// it.
//
// With z = sqrt|c| y, what a row's entries add to its matrix is sum_e sign(c_e) z_e z_e'. Each z is taken in
// two parts of bfloat16 (some 17 bits, three products), once for both sides of a product: the left side is
// the right one transposed, with the columns of negative c turned over.
#pragma once

#include "cg_half.hpp"

#if defined(ALSATIAN_TILES)

namespace alsatian::als {
namespace {

// Entries ahead of the one being laid out whose factors are asked for.
constexpr std::int64_t kAheadExact = 32;

// excess (places, a multiple of 32) <- square roots of its magnitudes. Bits 15 and 31 of signs[k] are set
// where entries 2k and 2k + 1 are to be turned over. Says whether there are any.
inline bool take_roots(float* excess, std::int64_t places, std::uint32_t* signs) {
    __mmask16 negative = 0;
    for (std::int64_t at = 0; at < places; at += 16) {
        const __m512 c = _mm512_load_ps(excess + at);
        const __m512i pairs = _mm512_castps_si512(c);
        const __m512i even = _mm512_and_si512(_mm512_srli_epi64(pairs, 16), _mm512_set1_epi64(0x8000));
        const __m512i odd = _mm512_and_si512(_mm512_srli_epi64(pairs, 32), _mm512_set1_epi64(0x80000000));
        _mm256_store_si256(reinterpret_cast<__m256i*>(signs + at / 2),
                           _mm512_cvtepi64_epi32(_mm512_or_si512(even, odd)));
        negative |= _mm512_movepi32_mask(pairs);
        _mm512_store_ps(excess + at, _mm512_sqrt_ps(_mm512_abs_ps(c)));
    }
    return negative != 0;
}

template <std::int64_t S, std::int64_t count>
ALSATIAN_INLINE void prefetch_blocks(const Side<float>& side, std::int64_t entry, std::int64_t first) {
    const std::int64_t factors = known<S>(side.factors);
    const float* const from = side.other + side.indices[entry] * factors + 16 * first;
#pragma GCC unroll 8
    for (std::int64_t block = 0; block < count; ++block) __builtin_prefetch(from + 16 * block, 0, 2);
    // What does not begin with a line ends in one line more.
    if (reinterpret_cast<std::uintptr_t>(from) % kCacheLine != 0) {
        __builtin_prefetch(from + 16 * count - 1, 0, 2);
    }
}

// Lays out the 32 entries of tile `d` of a block of n entries from `entry` on, for the right side, factors of
// `count` blocks of 16 from `first` on; adds their part of b to scratch.r. Places after the last entry
// repeat it with weights of zero.
template <std::int64_t S, std::int64_t count>
ALSATIAN_INLINE void lay_out_split(const Side<float>& side, const Row<float>& row,
                                   const Scratch<float>& scratch, std::int64_t entry, std::int64_t d,
                                   std::int64_t n, std::int64_t part, std::int64_t first) {
    const std::int64_t stride = known<S>(side.stride), factors = known<S>(side.factors);
    __m512 sums[count];
#pragma GCC unroll 8
    for (std::int64_t block = 0; block < count; ++block) {
        sums[block] = _mm512_load_ps(scratch.r + 16 * (first + block));
    }
    std::uint32_t* const right = scratch.right + (d * (stride / 16) + first) * kTileWords;
    for (std::int64_t k = 0; k < 16; ++k) {
        const std::int64_t even = d * kTileEntries + 2 * k, odd = even + 1;
        if (k % 8 == 0) keep_awake();
        const float* const a = side.other + side.indices[entry + (even < n ? even : n - 1)] * factors;
        const float* const b = side.other + side.indices[entry + (odd < n ? odd : n - 1)] * factors;
        const std::int64_t ahead = entry + even + kAheadExact;
        if (ahead + 1 < row.ahead_end) {
            prefetch_blocks<S, count>(side, ahead, first);
            prefetch_blocks<S, count>(side, ahead + 1, first);
        }
        const __m512 root_a = _mm512_set1_ps(scratch.excess[even]);
        const __m512 root_b = _mm512_set1_ps(scratch.excess[odd]);
        const __m512 label_a = _mm512_set1_ps(scratch.labels[even]);
        const __m512 label_b = _mm512_set1_ps(scratch.labels[odd]);
#pragma GCC unroll 8
        for (std::int64_t block = 0; block < count; ++block) {
            const std::int64_t at = 16 * (first + block);
            __m512 of_a, of_b;
            if constexpr (S > 0) {
                of_a = _mm512_loadu_ps(a + at);
                of_b = _mm512_loadu_ps(b + at);
            } else {
                const std::int64_t left = factors - at;
                const auto mask =
                    static_cast<__mmask16>(left >= 16 ? 0xFFFFu : left > 0 ? (1u << left) - 1u : 0u);
                of_a = _mm512_maskz_loadu_ps(mask, a + at);
                of_b = _mm512_maskz_loadu_ps(mask, b + at);
            }
            sums[block] = _mm512_fmadd_ps(label_b, of_b, _mm512_fmadd_ps(label_a, of_a, sums[block]));
            const SplitPairs z = split_pairs(_mm512_mul_ps(root_a, of_a), _mm512_mul_ps(root_b, of_b));
            std::uint32_t* const to = right + block * kTileWords + 16 * k;
            _mm512_store_si512(to, z.high);
            _mm512_store_si512(to + part, z.low);
        }
    }
#pragma GCC unroll 8
    for (std::int64_t block = 0; block < count; ++block) {
        _mm512_store_ps(scratch.r + 16 * (first + block), sums[block]);
    }
}

// `count` tiles of the left side from those of the right.
inline void turn_tiles(const std::uint32_t* right, std::int64_t count, std::uint32_t* left) {
    for (std::int64_t tile = 0; tile < count; ++tile) {
        transpose_words(right + tile * kTileWords, 16, left + tile * kTileWords, 16);
    }
}

// Turns over the signs of entries in `count` tiles of the left side.
inline void turn_signs(const std::uint32_t* signs, std::int64_t count, std::uint32_t* left) {
    const __m512i over = _mm512_load_si512(signs);
    for (std::int64_t at = 0; at < count * kTileWords; at += 16) {
        _mm512_store_si512(left + at, _mm512_xor_si512(over, _mm512_load_si512(left + at)));
    }
}

// scratch.matrix (upper triangle) <- A, scratch.r <- b. False when told to stop.
template <std::int64_t S>
bool normal_equations_split(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch) {
    const std::int64_t stride = known<S>(side.stride), blocks = stride / 16;
    const std::int64_t part = side.split_entries * stride / 2;
    alignas(64) std::uint32_t signs[kMostSplitEntries / 2];
    fill(scratch.r, 0.0f, stride);
    start_right_side(side, row, scratch.r);
    const float* start = side.gramian;
    for (std::int64_t done = 0; done < row.n; done += side.split_entries) {
        if (side.stopping()) return false;
        const std::int64_t left = row.n - done, n = left < side.split_entries ? left : side.split_entries;
        const std::int64_t depth = (n + kTileEntries - 1) / kTileEntries;
        weigh_entries(side, row, row.begin + done, n, depth * kTileEntries, scratch.labels, scratch.excess);
        const bool negative = take_roots(scratch.excess, depth * kTileEntries, signs);
        // Half of 128 factors at once: a tile of entries is turned before it leaves the nearest cache.
        constexpr std::int64_t kBlocksAtOnce = S > 0 ? 4 : 2;
        for (std::int64_t d = 0; d < depth; ++d) {
            for (std::int64_t first = 0; first < blocks; first += kBlocksAtOnce) {
                lay_out_split<S, kBlocksAtOnce>(side, row, scratch, row.begin + done, d, n, part, first);
                std::int64_t at = (d * blocks + first) * kTileWords;
                for (int half = 0; half < 2; ++half, at += part) {
                    turn_tiles(scratch.right + at, kBlocksAtOnce, scratch.left + at);
                    if (negative) turn_signs(signs + 16 * d, kBlocksAtOnce, scratch.left + at);
                }
            }
        }
        multiply_triangle_split(start, scratch.matrix, stride, scratch.left, scratch.right, part, depth);
        start = scratch.matrix;
    }
    for (std::int64_t i = 0; i < side.factors; ++i) scratch.matrix[i * stride + i] += row.lambda;
    return true;
}

}  // namespace
}  // namespace alsatian::als
#endif
