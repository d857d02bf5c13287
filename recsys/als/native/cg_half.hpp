// Conjugate gradients from half-width rows: for kernels.cpp alone.
#pragma once

#include "cg_lying.hpp"
#include "cg_narrow.hpp"
#include "tiles.hpp"
#include "turn.hpp"

namespace alsatian::als {
namespace {

// Factors are turned into the eigenvectors of the Gramian, where it is a diagonal: a step then costs what
// the row's own entries cost. Conjugate gradients take the same steps in any orthogonal basis.

#if defined(ALSATIAN_TILES)

template <std::int64_t S>
ALSATIAN_INLINE void prefetch_half(const Side<float>& side, std::int64_t entry) {
    const std::int64_t words = S > 0 ? S / 2 : side.stride / 2;
    const std::uint32_t* const from = side.half + side.indices[entry] * words;
    for (std::int64_t k = 0; k < words; k += 16) __builtin_prefetch(from + k, 0, 2);  // as far as L2
}

// What one group of 32 factors of two entries becomes: words for the right side, words for the left one
// before they are transposed, and their part of b.
ALSATIAN_INLINE void lay_out_group(const std::uint32_t* words_a, const std::uint32_t* words_b, __m512 weight_a, __m512 weight_b,
                                   __m512 label_a, __m512 label_b, std::uint32_t* right,
                                   std::uint32_t* staged, __m512& low_sum, __m512& high_sum) {
    const __m512 low_a = low_half(words_a), high_a = high_half(words_a);
    const __m512 low_b = low_half(words_b), high_b = high_half(words_b);
    _mm512_store_si512(right, round_pairs(low_a, low_b));
    _mm512_store_si512(right + kTileWords, round_pairs(high_a, high_b));
    low_sum = _mm512_fmadd_ps(label_b, low_b, _mm512_fmadd_ps(label_a, low_a, low_sum));
    high_sum = _mm512_fmadd_ps(label_b, high_b, _mm512_fmadd_ps(label_a, high_a, high_sum));
    _mm512_store_si512(staged, round_pairs(_mm512_mul_ps(weight_a, low_a), _mm512_mul_ps(weight_b, low_b)));
    _mm512_store_si512(staged + kTileWords,
                       round_pairs(_mm512_mul_ps(weight_a, high_a), _mm512_mul_ps(weight_b, high_b)));
}

// Lays out the 32 entries of tile `d` of a block of n entries from `entry` on. Places after the last
// entry repeat it with weights of zero.
template <std::int64_t S>
ALSATIAN_INLINE void lay_out(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch,
                             std::int64_t entry, std::int64_t d, std::int64_t n, std::uint32_t* staged) {
    const std::int64_t stride = known<S>(side.stride), words = stride / 2;
    std::uint32_t* const right = scratch.right + d * (stride / 16) * kTileWords;
    __m512 sums[S > 0 ? S / 16 : 1];
    for (std::int64_t g = 0; g < S / 16; ++g) sums[g] = _mm512_load_ps(scratch.r + 16 * g);
    for (std::int64_t k = 0; k < 16; ++k) {
        const std::int64_t even = d * kTileEntries + 2 * k, odd = even + 1;
        if (k % 8 == 0) keep_awake();
        const std::int64_t ahead = entry + even + kAheadHalf;
        if (ahead + 1 < row.ahead_end) {
            prefetch_half<S>(side, ahead);
            prefetch_half<S>(side, ahead + 1);
        }
        const std::uint32_t* const a = side.half + side.indices[entry + (even < n ? even : n - 1)] * words;
        const std::uint32_t* const b = side.half + side.indices[entry + (odd < n ? odd : n - 1)] * words;
        const __m512 weight_a = _mm512_set1_ps(scratch.excess[even]);
        const __m512 weight_b = _mm512_set1_ps(scratch.excess[odd]);
        const __m512 label_a = _mm512_set1_ps(scratch.labels[even]);
        const __m512 label_b = _mm512_set1_ps(scratch.labels[odd]);
        for (std::int64_t g = 0; g < words / 16; ++g) {
            std::uint32_t* const to = right + 2 * g * kTileWords + 16 * k;
            std::uint32_t* const stage = staged + 2 * g * kTileWords + 16 * k;
            const std::uint32_t* const words_a = a + 16 * g;
            const std::uint32_t* const words_b = b + 16 * g;
            if constexpr (S > 0) {
                lay_out_group(words_a, words_b, weight_a, weight_b, label_a, label_b, to, stage,
                              sums[2 * g], sums[2 * g + 1]);
            } else {
                float* const sum = scratch.r + 32 * g;
                __m512 low = _mm512_load_ps(sum), high = _mm512_load_ps(sum + 16);
                lay_out_group(words_a, words_b, weight_a, weight_b, label_a, label_b, to, stage, low, high);
                _mm512_store_ps(sum, low);
                _mm512_store_ps(sum + 16, high);
            }
        }
    }
    for (std::int64_t g = 0; g < S / 16; ++g) _mm512_store_ps(scratch.r + 16 * g, sums[g]);
}

// Packs up to `side.half_entries` entries from `entry` on; adds their part of b to scratch.r. Returns
// how many tiles deep they are.
template <std::int64_t S>
ALSATIAN_INLINE std::int64_t pack_entries(const Side<float>& side, const Row<float>& row,
                                          const Scratch<float>& scratch, std::int64_t entry) {
    const std::int64_t blocks = known<S>(side.stride) / 16;
    const std::int64_t left = row.begin + row.n - entry;
    const std::int64_t n = left < side.half_entries ? left : side.half_entries;
    const std::int64_t depth = (n + kTileEntries - 1) / kTileEntries;
    weigh_entries(side, row, entry, n, depth * kTileEntries, scratch.labels, scratch.excess);
    alignas(64) std::uint32_t on_stack[S > 0 ? S / 16 * kTileWords : 1];
    std::uint32_t* const staged = S > 0 ? on_stack : scratch.staged;
    for (std::int64_t d = 0; d < depth; ++d) {
        lay_out<S>(side, row, scratch, entry, d, n, staged);
        std::uint32_t* const to = scratch.left + d * blocks * kTileWords;
        for (std::int64_t block = 0; block < blocks; ++block) {
            transpose_words(staged + block * kTileWords, 16, to + block * kTileWords, 16);
        }
    }
    return depth;
}

// scratch.matrix (both triangles) <- A, scratch.r <- b. False when told to stop.
template <std::int64_t S>
ALSATIAN_INLINE bool normal_equations_half(const Side<float>& side, const Row<float>& row,
                                           const Scratch<float>& scratch) {
    const std::int64_t stride = known<S>(side.stride);
    fill(scratch.r, 0.0f, stride);
    const float* start = side.gramian;
    for (std::int64_t done = 0; done < row.n; done += side.half_entries) {
        if (side.stopping()) return false;
        const std::int64_t depth = pack_entries<S>(side, row, scratch, row.begin + done);
        multiply_triangle(start, scratch.matrix, stride, scratch.left, scratch.right, depth);
        start = scratch.matrix;
    }
    mirror_tiles(scratch.matrix, stride);
    keep_awake();
    for (std::int64_t i = 0; i < side.factors; ++i) scratch.matrix[i * stride + i] += row.lambda;
    return true;
}

#endif

// r <- b - A x by tiles, where the variant has them and the row is long enough for them to pay.
template <std::int64_t S, class T>
ALSATIAN_INLINE bool tiled(const Side<T>& side, const Row<T>& row) {
#if defined(ALSATIAN_TILES)
    return sizeof(T) == 4 && row.n >= side.tiled_entries && row.weight == T(1);
#else
    static_cast<void>(side), static_cast<void>(row);
    return false;
#endif
}

template <std::int64_t S, class T>
Outcome iterate_cg_half(const Side<T>& side, const Row<T>& row, const Scratch<T>& scratch) {
#if defined(ALSATIAN_TILES)
    if constexpr (sizeof(T) == 4) {
        if (tiled<S>(side, row)) {
            const std::int64_t stride = known<S>(side.stride);
            if (!normal_equations_half<S>(side, row, scratch)) return Outcome::stopped;
            multiply_symmetric(scratch.matrix, stride, scratch.x, scratch.q);
            add_scaled(scratch.r, -1.0f, scratch.q, stride);
            return descend<S>(side, scratch, [&](bool, bool&) {
                keep_awake();
                multiply_symmetric(scratch.matrix, stride, scratch.p, scratch.q);
                return dot(scratch.p, scratch.q, stride);
            });
        }
    }
#endif
#if defined(ALSATIAN_NARROW)
    if constexpr (sizeof(T) == 4) {
        if (known<S>(side.stride) > kWideFactors) {
            const Weighed weighed = weigh_row(side, row, scratch);
            narrow_residual<S>(side, row, scratch, weighed);
            return descend<S>(side, scratch, [&](bool need_product, bool&) {
                return narrow_product<S>(side, row, scratch, weighed, need_product);
            });
        }
    }
#endif
#if defined(ALSATIAN_LYING)
    if constexpr (sizeof(T) == 4) {
        lying_residual<S>(side, row, scratch);
        return descend<S>(side, scratch, [&](bool need_product, bool&) {
            return lying_product<S>(side, row, scratch, need_product);
        });
    }
#endif
    return iterate_cg<S>(side, row, scratch);
}

template <std::int64_t S, class T>
Progress solve_cg_half_with(const Side<T>& side, std::int64_t begin, std::int64_t end,
                            const Scratch<T>& scratch) {
#if defined(ALSATIAN_TILES)
    const Tiles tiles;
#endif
    const std::int64_t stride = known<S>(side.stride), factors = side.factors;
    for (std::int64_t first = begin; first < end; first += side.batch) {
        const std::int64_t count = end - first < side.batch ? end - first : side.batch;
        T* const target = side.target + first * factors;
        for (std::int64_t i = 0; i < count; i += kTurned) {
            const std::int64_t n = count - i < kTurned ? count - i : kTurned;
            turn(target + i * factors, n, factors, factors, side.basis, stride, scratch.turned + i * stride,
                 scratch.turning);
        }
        Scratch<T> of_row = scratch;
        for (std::int64_t i = 0; i < count; ++i) {
            if (side.stopping()) return {Outcome::stopped, first};
            of_row.x = scratch.turned + i * stride;
            const Row<T> row = row_of(side, first + i, end);
            if (row.n == 0) {
                fill(of_row.x, T(0), stride);
                continue;
            }
            const Outcome outcome = iterate_cg_half<S>(side, row, of_row);
            if (outcome != Outcome::done) return {outcome, first + i};
            if (!finite(dot(of_row.x, of_row.x, stride))) return {Outcome::not_finite, first + i};
        }
        for (std::int64_t i = 0; i < count; i += kTurned) {
            const std::int64_t n = count - i < kTurned ? count - i : kTurned;
            turn(scratch.turned + i * stride, n, stride, factors, side.basis_back, stride, scratch.turned_back,
                 scratch.turning);
            for (std::int64_t row = 0; row < n; ++row) {
                for (std::int64_t k = 0; k < factors; ++k) {
                    target[(i + row) * factors + k] = scratch.turned_back[row * stride + k];
                }
            }
        }
    }
    return {Outcome::done, end};
}

template <class T>
Progress solve_cg_half(const Side<T>& side, std::int64_t begin, std::int64_t end,
                       const Scratch<T>& scratch) {
    if (side.stride == 32) return solve_cg_half_with<32>(side, begin, end, scratch);
    if (side.stride == 64) return solve_cg_half_with<64>(side, begin, end, scratch);
    if (side.stride == 128) return solve_cg_half_with<128>(side, begin, end, scratch);
    if (side.stride == 256) return solve_cg_half_with<256>(side, begin, end, scratch);
    return solve_cg_half_with<0>(side, begin, end, scratch);
}

}  // namespace
}  // namespace alsatian::als
