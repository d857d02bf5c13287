// Steps of the subspace solver from the block's rows in whole numbers of 16 bits: for subspace.cpp alone.
//
// The rows that everything reads (scores, the gradient, the matrix) are the same, in the basis of
// whitened_store.hpp and rounded to 15 bits of their largest number. The gradient and the scores are in 32 bits of
// those rows; the matrix is of what is rounded once more (fixed_entries.hpp), so that a step is off by a part in a
// hundred at most, and what it gains falls short by the square of that. The next sweep makes up for it, for its
// gradient is right again.
#pragma once

#include "block_cholesky.hpp"
#include "fixed_entries.hpp"
#include "subspace_entries.hpp"
#include "subspace_rows.hpp"

#if defined(ALSATIAN_FIXED)

namespace alsatian::als {
namespace {

// Squared: how far, relative to itself, rounding may move a row's matrix.
constexpr float kMostRoundingOfStep = 1e-4f;
// Entries ahead of the one being read whose block is asked for.
constexpr std::int64_t kAheadDots = 32;

ALSATIAN_INLINE FixedRows rows_of(const Slice<float>& slice) {
    return {slice.whitened->numbers, slice.whitened->scales, slice.stride};
}

// scores[i] += v . y for each of n entries; `v` is in their basis. `ahead` counts the entries, these and later
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

// The largest number of a register, none of which is less than 0.
ALSATIAN_INLINE float largest_lane(FloatLanes v) {
    float largest = 0.0f;
    for (std::int64_t k = 0; k < kWidth<float>; ++k) largest = v[k] > largest ? v[k] : largest;
    return largest;
}

// See SubspaceKernels::whiten.
inline float whiten_rows(const float* rows, std::int64_t count, std::int64_t width, std::int64_t row_stride,
                         std::int64_t stride, const float* turn, float* room, std::int16_t* to, float* scales) {
    float longest = 0.0f;
    for (std::int64_t done = 0; done < count; done += kTogether) {
        const std::int64_t n = count - done < kTogether ? count - done : kTogether;
        multiply_rows(rows + done * row_stride, row_stride, n, width, turn, stride, room);
        for (std::int64_t r = 0; r < n; ++r, to += stride) {
            const float* const row = room + r * stride;
            FloatLanes sizes{}, squares{};
            for (std::int64_t k = 0; k < stride; k += kWords) {
                const FloatLanes number = load(row + k), size = number > 0.0f ? number : -number;
                sizes = size > sizes ? size : sizes;
                squares += number * number;
            }
            const float most = largest_lane(sizes), square = sum_lanes<float>(squares);
            if (square - square != 0.0f) return square - square;
            const float scale = most / kFixedMost;
            const bool some = scale > 1e-15f;
            const float inverse = some ? kFixedMost / most : 0.0f;
            scales[done + r] = some ? scale : 0.0f;
            const auto whole = [row, inverse](std::int64_t k) { return to_words(inverse * load(row + k)); };
            for (std::int64_t k = 0; k < stride; k += 2 * kWords) {
                store_words(to + k, packed(whole(k), whole(k + kWords)));
            }
            const float length = __builtin_sqrtf(square) * inverse;
            longest = length > longest ? length : longest;
        }
    }
    return longest;
}

// scratch.turned <- rows [begin, begin + count) of the target in the basis of the block.
inline void turn_rows(const Side<float>& side, const Slice<float>& slice, std::int64_t begin, std::int64_t count,
                      const SubspaceScratch<float>& scratch) {
    multiply_rows(side.target + begin * side.factors + slice.begin, side.factors, count, slice.width,
                  slice.whitened->turn_target, slice.stride, scratch.turned);
}

// The same, less their priors, and scratch.products <- their products with the Gramian in that basis.
inline void turn_target(const Side<float>& side, const Slice<float>& slice, std::int64_t begin, std::int64_t count,
                        const SubspaceScratch<float>& scratch) {
    multiply_rows(side.target + begin * side.factors, side.factors, count, side.factors, slice.whitened->gramian,
                  slice.stride, scratch.products);
    if (side.priors == nullptr) [[likely]] return turn_rows(side, slice, begin, count, scratch);
    for (std::int64_t r = 0; r < count; ++r) {
        const std::int64_t at = (begin + r) * side.factors + slice.begin;
        float* const to = scratch.moved + r * slice.stride;
        for (std::int64_t k = 0; k < slice.width; ++k) to[k] = side.target[at + k] - side.priors[at + k];
    }
    multiply_rows(scratch.moved, slice.stride, count, slice.width, slice.whitened->turn_target, slice.stride,
                  scratch.turned);
}

template <std::int64_t S>
void add_scores_fixed(const Side<float>& side, const Slice<float>& slice, std::int64_t begin, std::int64_t end,
                      std::int64_t first, float* scores, const SubspaceScratch<float>& scratch) {
    const FixedRows rows = rows_of(slice);
    for (std::int64_t next = begin; next < end; next += kTogether) {
        const std::int64_t count = end - next < kTogether ? end - next : kTogether;
        turn_rows(side, slice, next, count, scratch);
        for (std::int64_t r = 0; r < count; ++r) {
            const std::int64_t entry = side.indptr[next + r], n = side.indptr[next + r + 1] - entry;
            add_fixed_dots<S>(rows, side.indices + entry, n, side.indptr[end] - entry,
                              scratch.turned + r * slice.stride, scores + (entry - first));
        }
    }
}

// gradient <- what a row's is in the basis before any entry; the row's own numbers in scratch.products and .turned.
inline void start_turned(const Slice<float>& slice, const Row<float>& row, const SubspaceScratch<float>& scratch,
                         float* gradient) {
    const Whitened<float>& block = *slice.whitened;
    const FloatLanes weight = spread<float>(row.weight), lambda = spread<float>(row.lambda);
    for (std::int64_t k = 0; k < slice.stride; k += kWidth<float>) {
        store(gradient + k, weight * (load(block.linear + k) - load(scratch.products + k)) -
                                lambda * load(block.lambdas + k) * load(scratch.turned + k));
    }
}

// diagonal <- what a row's matrix is in the basis before any entry, ones in the padding. Returns the least of it.
inline float start_diagonal(const Slice<float>& slice, const Row<float>& row, float* diagonal) {
    const Whitened<float>& block = *slice.whitened;
    float least = __builtin_inff();
    for (std::int64_t k = 0; k < slice.width; ++k) {
        diagonal[k] = row.weight * block.holds[k] + row.lambda * block.lambdas[k];
        least = diagonal[k] < least ? diagonal[k] : least;
    }
    for (std::int64_t k = slice.width; k < slice.stride; ++k) diagonal[k] = 1.0f;
    return least;
}

// scratch.matrix <- the upper triangle of A_BB in the basis, ones on the diagonal of the padding, and
// scratch.gradient <- (b - A x)_B; `refused` where rounding would be felt.
template <std::int64_t S>
Fixed fixed_equations(const Side<float>& side, const Slice<float>& slice, const Row<float>& row,
                      const float* scores, const SubspaceScratch<float>& scratch) {
    const std::int64_t stride = S > 0 ? S : slice.stride;
    const FixedRows rows = rows_of(slice);
    const std::int64_t most = slice.whitened->entries;
    const float* start = slice.whitened->zeros;
    Rounding rounding(kMostRoundingOfStep, start_diagonal(slice, row, scratch.diagonal), slice.width, row.n);
    start_turned(slice, row, scratch, scratch.gradient);
    for (std::int64_t done = 0; done < row.n; done += most) {
        if (side.stopping()) return Fixed::stopped;
        const std::int64_t entry = row.begin + done;
        const std::int64_t n = row.n - done < most ? row.n - done : most;
        const std::int32_t* const indices = side.indices + entry;
        alignas(64) float excess[kBlockRows + kGroup], rest[kBlockRows + kGroup];
        std::int16_t numbers[kBlockRows + 1];
        bool negative = false;
        weigh(side, row, entry, n, scores + done, excess, rest);
        for (std::int64_t e = n; e < padded(n, kPad); ++e) excess[e] = 0.0f;
        const float unit = weigh_fixed(rows, indices, n, excess, rest, numbers, negative);
        if (!rounding.allows(n, unit)) return Fixed::refused;
        pack_fixed<S>(rows, indices, n, rest, numbers, scratch.gradient, scratch.right);
        if (negative) turn_over(scratch.right, excess, n, stride, scratch.left);
        for (std::int64_t k = 0; k < stride; ++k) scratch.start[k] = unit;
        fixed_triangle({start, negative ? scratch.left : scratch.right, scratch.right, (n + 1) / 2, scratch.start,
                        scratch.start},
                       scratch.matrix, stride, Asking::after(rows, side.indices, entry, n, row.ahead_end));
        start = scratch.matrix;
    }
    for (std::int64_t k = 0; k < stride; ++k) scratch.matrix[k * stride + k] += scratch.diagonal[k];
    return Fixed::done;
}

}  // namespace
}  // namespace alsatian::als
#endif
