// Steps of the subspace solver from the block's rows in whole numbers of 16 bits: for subspace.cpp alone.
//
// The rows that everything reads (scores, the gradient, the matrix) are the same, rounded to 15 bits of their
// largest number. The gradient and the scores are in 32 bits of those rows; the matrix is of what is rounded
// once more (fixed_entries.hpp), so that a step is off by a part in a hundred at most, and what it gains falls
// short by the square of that. The next sweep makes up for it, for its gradient is right again.
#pragma once

#include "block_cholesky.hpp"
#include "fixed_entries.hpp"
#include "subspace_entries.hpp"

#if defined(ALSATIAN_FIXED)

namespace alsatian::als {
namespace {

// Squared: how far, relative to itself, rounding may move a row's matrix.
constexpr float kMostRoundingOfStep = 1e-4f;
// Entries ahead of the one being read whose block is asked for.
constexpr std::int64_t kAheadDots = 32;

ALSATIAN_INLINE FixedRows rows_of(const Slice<float>& slice) {
    return {slice.fixed, slice.fixed_scales, slice.stride};
}

// scores[i] += v . y for each of n entries; `v` is scaled by columns. `ahead` counts the entries, these and later
// ones, that are worth a prefetch.
template <std::int64_t S>
void add_fixed_dots(const FixedRows& rows, const std::int32_t* indices, std::int64_t n, std::int64_t ahead,
                    const float* v, float* scores) {
    const std::int64_t stride = S > 0 ? S : rows.stride;
    const Words none = no_words();
    for (std::int64_t done = 0; done < n; done += kGroup) {
        const std::int16_t* places[kGroup];
        float scales[kGroup], dots[kGroup];
        for (std::int64_t i = 0; i < kGroup; ++i) {
            const std::int64_t entry = done + i, later = entry + kAheadDots;
            if (later < ahead) {
                const std::int16_t* const from = rows.numbers + indices[later] * stride;
                for (std::int64_t k = 0; k < stride; k += 32) __builtin_prefetch(from + k);
            }
            const std::int32_t row = indices[entry < n ? entry : n - 1];
            places[i] = rows.numbers + row * stride;
            scales[i] = rows.scales[row] * 0x1p-16f;
        }
        FloatLanes sum[kGroup] = {};
        for (std::int64_t k = 0; k < stride; k += 2 * kWords) {
            const FloatLanes low = load(v + k), high = load(v + k + kWords);
            for (std::int64_t i = 0; i < kGroup; ++i) {
                const Words words = load_words(places[i] + k);
                sum[i] += low * to_lanes(below_pairs(none, words)) + high * to_lanes(above_pairs(none, words));
            }
        }
        sum_lanes8<float>(sum, dots);
        const std::int64_t left = n - done < kGroup ? n - done : kGroup;
        for (std::int64_t i = 0; i < left; ++i) scores[done + i] += scales[i] * dots[i];
    }
}

template <std::int64_t S>
void add_scores_fixed(const Side<float>& side, const Slice<float>& slice, std::int64_t begin, std::int64_t end,
                      std::int64_t first, float* scores, const SubspaceScratch<float>& scratch) {
    const FixedRows rows = rows_of(slice);
    for (std::int64_t k = 0; k < slice.stride; ++k) scratch.step[k] = 0.0f;
    for (std::int64_t u = begin; u < end; ++u) {
        const float* const x = side.target + u * side.factors + slice.begin;
        for (std::int64_t k = 0; k < slice.width; ++k) scratch.step[k] = x[k] * slice.fixed_columns[k];
        const std::int64_t entry = side.indptr[u], n = side.indptr[u + 1] - entry;
        add_fixed_dots<S>(rows, side.indices + entry, n, side.indptr[end] - entry, scratch.step,
                          scores + (entry - first));
    }
}

// scratch.matrix <- the upper triangle of A_BB, ones on the diagonal of the padding, and scratch.gradient <-
// (b - A x)_B; `refused` where rounding would be felt.
template <std::int64_t S>
Fixed fixed_equations(const Side<float>& side, const Slice<float>& slice, const Row<float>& row,
                      const float* product, const float* scores, const SubspaceScratch<float>& scratch) {
    const std::int64_t stride = S > 0 ? S : slice.stride;
    const FixedRows rows = rows_of(slice);
    // The first products are added to the Gramian's block where it stands, if it needs no more than lambda.
    const bool plain = row.weight == 1.0f && slice.width == stride;
    const float* start = plain ? slice.gramian + slice.begin * stride : scratch.matrix;
    if (!plain) start_matrix(slice, row, scratch);
    float* const sums = scratch.start;
    for (std::int64_t k = 0; k < stride; ++k) sums[k] = 0.0f;
    Rounding rounding(kMostRoundingOfStep, row.lambda + row.weight * slice.fixed_least, slice.width, row.n);
    for (std::int64_t done = 0; done < row.n; done += slice.fixed_entries) {
        if (side.stopping()) return Fixed::stopped;
        const std::int64_t entry = row.begin + done;
        const std::int64_t n = row.n - done < slice.fixed_entries ? row.n - done : slice.fixed_entries;
        const std::int32_t* const indices = side.indices + entry;
        alignas(64) float excess[kBlockRows + kGroup], rest[kBlockRows + kGroup];
        std::int16_t numbers[kBlockRows + 1];
        bool negative = false;
        weigh(side, row, entry, n, scores + done, excess, rest);
        for (std::int64_t e = n; e < padded(n, kPad); ++e) excess[e] = 0.0f;
        const float unit = weigh_fixed(rows, indices, n, excess, rest, numbers, negative);
        if (!rounding.allows(n, unit)) return Fixed::refused;
        pack_fixed<S>(rows, indices, n, rest, numbers, sums, scratch.right);
        if (negative) turn_over(scratch.right, excess, n, stride, scratch.left);
        float* const units = scratch.step;
        for (std::int64_t k = 0; k < stride; ++k) units[k] = unit * unit * slice.fixed_columns[k];
        fixed_triangle({start, negative ? scratch.left : scratch.right, scratch.right, (n + 1) / 2, units,
                        slice.fixed_columns},
                       scratch.matrix, stride, Asking::after(rows, side.indices, entry, n, row.ahead_end));
        start = scratch.matrix;
    }
    for (std::int64_t k = 0; plain && k < stride; ++k) scratch.matrix[k * stride + k] += row.lambda;
    start_gradient(side, slice, row, product, scratch);
    for (std::int64_t k = 0; k < slice.width; ++k) scratch.gradient[k] += slice.fixed_columns[k] * sums[k];
    return Fixed::done;
}

}  // namespace
}  // namespace alsatian::als
#endif
