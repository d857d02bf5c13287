// Normal equations of exact solves from rows in 16 bits (fixed.hpp): for kernels.cpp alone.
//
// With z = sqrt|c| y, what a row's entries add to its matrix is sum_e sign(c_e) z_e z_e'. The columns of y are
// scaled to about equal size and each row to its largest number, so that both keep 15 bits; z is rounded once
// more, to a unit u such that sums of a block of entries fit 32 bits. What that does to the solution is known
// beforehand. The error of A is D'Z + Z'D with D the rounding of Z, and Z'Z <= A: relative to A it is at most
//
//     2 |D| / sqrt(least eigenvalue of A),  |D| about u (sqrt n + sqrt f) / 3
//
// and that eigenvalue is at least that of a G + lambda I. Rows for which this is not small are left to full
// width.
#pragma once

#include "fixed.hpp"
#include "normal.hpp"

namespace alsatian::als {
namespace {

#if defined(ALSATIAN_FIXED)

// Entries after the first of a block from which on factors are asked for while the block is multiplied.
constexpr std::int64_t kAheadFixed = 128;
// Squared: how far, relative to itself, rounding may move a row's matrix. The error of the solution is of that
// order, that of the objective its square. In training it is a tenth of that and less (benchmarks/NOTES.md).
constexpr float kMostRounding = 1e-6f;

// What `factors` numbers of each of `count` rows become; false where one is not finite.
inline bool fix_rows(const float* rows, std::int64_t count, std::int64_t factors, std::int64_t stride,
                     const float* inverse_columns, float* room, std::int16_t* to, float* scales) {
    for (std::int64_t row = 0; row < count; ++row, rows += factors, to += stride) {
        copy_row(rows, factors, stride, room);
        FloatLanes sizes{}, wrong{};
        for (std::int64_t k = 0; k < stride; k += kWords) {
            const FloatLanes number = load(room + k) * load(inverse_columns + k);
            const FloatLanes size = number > 0.0f ? number : -number;
            sizes = size > sizes ? size : sizes;
            wrong += number - number;
        }
        if (!finite(sum_lanes<float>(wrong))) return false;
        float most = 0.0f;
        for (std::int64_t k = 0; k < kWords; ++k) most = sizes[k] > most ? sizes[k] : most;
        const float scale = most / kFixedMost;
        const bool some = scale > 1e-30f;
        scales[row] = some ? scale : 0.0f;
        to_fixed(room, inverse_columns, some ? kFixedMost / most : 0.0f, stride, to);
    }
    return true;
}

// Weights of a block of n entries: scratch.labels <- labels times the scales of their rows, scratch.excess <- the
// numbers by which rows are multiplied, `numbers` the same in 16 bits (a place more, 0, where n is odd). Bits of
// `turned` tell of entries with a negative weight. Returns the unit of what comes out, 0 where all weights are,
// and something not finite where they cannot be told apart.
inline float weigh_fixed(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch,
                         std::int64_t entry, std::int64_t n, std::int16_t* numbers, bool& negative) {
    weigh_entries(side, row, entry, n, padded(n, kPad), scratch.labels, scratch.excess);
    float sizes[kBlockRows];
    negative = false;
    for (std::int64_t e = 0; e < n; ++e) {
        const float scale = side.fixed_scales[side.indices[entry + e]];
        scratch.labels[e] *= scale;
        sizes[e] = scale;
    }
    for (std::int64_t e = n; e < padded(n, kPad); ++e) sizes[e] = 0.0f;
    FloatLanes squares{}, largest{}, least{};
    for (std::int64_t e = 0; e < n; e += kWords) {
        const FloatLanes c = load(scratch.excess + e), positive = c > 0.0f ? c : -c;
        float roots[kWords];
        store(roots, positive);
        for (std::int64_t k = 0; k < kWords; ++k) roots[k] = __builtin_sqrtf(roots[k]);
        const FloatLanes size = load(sizes + e) * load(roots);
        store(sizes + e, size);
        squares += size * size;
        largest = size > largest ? size : largest;
        least = c < least ? c : least;
    }
    float most = 0.0f;
    for (std::int64_t k = 0; k < kWords; ++k) {
        most = largest[k] > most ? largest[k] : most;
        negative |= least[k] < 0.0f;
    }
    const float square = sum_lanes<float>(squares);
    if (most == 0.0f) return 0.0f;
    const float length = __builtin_sqrtf(square);
    const float by_length = kFixedLength / length, by_most = kFixedMost / most;
    // The largest is a whole number: else rows of one weight would all be off by the same.
    const float scale = __builtin_floorf((by_length < by_most ? by_length : by_most) * most) / most;
    for (std::int64_t e = 0; e < n; ++e) numbers[e] = static_cast<std::int16_t>(sizes[e] * scale + 0.5f);
    numbers[n] = 0;
    return length > 1e-15f ? 32768.0f / scale : __builtin_inff();
}

// Entries [next, end) whose factors are to be asked for.
struct Asking {
    const Side<float>& side;
    std::int64_t next, end;

    ALSATIAN_INLINE void ask(std::int64_t count) {
        const std::int64_t stop = end - next < count ? end : next + count;
        for (; next < stop; ++next) {
            const std::int16_t* const from = side.fixed + side.indices[next] * side.stride;
            for (std::int64_t k = 0; k < side.stride; k += 32) __builtin_prefetch(from + k, 0, 2);
        }
    }
};

// scratch.right <- pairs of entries side by side, times `numbers`; scratch.r += labels times rows.
template <std::int64_t S>
__attribute__((noinline)) void pack_fixed(const Side<float>& side, const Scratch<float>& scratch, std::int64_t entry,
                                          std::int64_t n, const std::int16_t* numbers) {
    const std::int64_t stride = known<S>(side.stride);
    constexpr std::int64_t kHeld = S > 0 && S <= 8 * kWords ? S / kWords : 0;  // sums that stay in registers
    FloatLanes sums[kHeld > 0 ? kHeld : 1];
    for (std::int64_t k = 0; k < kHeld; ++k) sums[k] = load(scratch.r + k * kWords);
    const Words none = no_words();
    std::uint32_t* to = scratch.right;
    for (std::int64_t e = 0; e < n; e += 2, to += stride) {
        const std::int64_t odd = e + 1 < n ? e + 1 : e;
        const std::int16_t* const a = side.fixed + side.indices[entry + e] * stride;
        const std::int16_t* const b = side.fixed + side.indices[entry + odd] * stride;
        const Words number_a = spread_number(numbers[e]), number_b = spread_number(numbers[e + 1]);
        // Below, a number of 16 bits becomes the upper half of one of 32.
        const FloatLanes label_a = spread<float>(scratch.labels[e] * 0x1p-16f);
        const FloatLanes label_b = spread<float>(odd > e ? scratch.labels[odd] * 0x1p-16f : 0.0f);
#pragma GCC unroll 8
        for (std::int64_t k = 0; k < stride; k += 2 * kWords) {
            const Words row_a = load_words(a + k), row_b = load_words(b + k);
            const Words part_a = scale_numbers(row_a, number_a), part_b = scale_numbers(row_b, number_b);
            store_words(to + k, below_pairs(part_a, part_b));
            store_words(to + k + kWords, above_pairs(part_a, part_b));
            const auto add = [&](FloatLanes sum, Words half_a, Words half_b) {
                return sum + label_a * to_lanes(half_a) + label_b * to_lanes(half_b);
            };
            if constexpr (kHeld > 0) {
                FloatLanes* const sum = sums + k / kWords;
                sum[0] = add(sum[0], below_pairs(none, row_a), below_pairs(none, row_b));
                sum[1] = add(sum[1], above_pairs(none, row_a), above_pairs(none, row_b));
            } else {
                float* const sum = scratch.r + k;
                store(sum, add(load(sum), below_pairs(none, row_a), below_pairs(none, row_b)));
                store(sum + kWords, add(load(sum + kWords), above_pairs(none, row_a), above_pairs(none, row_b)));
            }
        }
    }
    for (std::int64_t k = 0; k < kHeld; ++k) store(scratch.r + k * kWords, sums[k]);
}

// scratch.left <- the same with entries of a negative weight turned over.
inline void turn_over(const Scratch<float>& scratch, std::int64_t n, std::int64_t stride) {
    for (std::int64_t e = 0; e < n; e += 2) {
        const auto sign = [&](std::int64_t i) { return i < n && scratch.excess[i] < 0.0f ? -1 : 1; };
        const std::int32_t a = sign(e), b = sign(e + 1);
        const auto from = reinterpret_cast<const std::int16_t*>(scratch.right + e / 2 * stride);
        auto* const to = reinterpret_cast<std::int16_t*>(scratch.left + e / 2 * stride);
        for (std::int64_t k = 0; k < 2 * stride; k += 2) {
            to[k] = static_cast<std::int16_t>(a * from[k]);
            to[k + 1] = static_cast<std::int16_t>(b * from[k + 1]);
        }
    }
}

// What a block of packed entries adds to a row's matrix: numbers from `start`, units by row and by column.
struct FixedBlock {
    const float* start;
    const std::uint32_t* left;
    const std::uint32_t* right;
    std::int64_t pairs;
    const float* row_units;
    const float* column_units;
};

// matrix[i.., j..] <- start + left' right, for `rows` rows and `vectors` registers.
template <int rows, int vectors>
void fixed_tile(const FixedBlock& block, float* matrix, std::int64_t stride, std::int64_t i, std::int64_t j) {
    Words sum[rows][vectors];  // in registers only where every loop over them is unrolled
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) sum[r][v] = no_words();
    }
    const std::uint32_t *left = block.left + i, *right = block.right + j;
    for (std::int64_t p = 0; p < block.pairs; ++p, left += stride, right += stride) {
        Words part[vectors];
        for (int v = 0; v < vectors; ++v) part[v] = load_words(right + v * kWords);
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) {
            const Words s = spread_word(left + r);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) sum[r][v] = add_pairs(sum[r][v], s, part[v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
        const FloatLanes unit = spread<float>(block.row_units[i + r]);
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) {
            const std::int64_t at = (i + r) * stride + j + v * kWords;
            store(matrix + at,
                  load(block.start + at) + (unit * load(block.column_units + j + v * kWords)) * to_lanes(sum[r][v]));
        }
    }
}

// Rows [i, i + rows) of the upper triangle of matrix <- start + left' right; what it writes left of the diagonal is
// of no account.
template <int rows>
void fixed_rows(const FixedBlock& block, float* matrix, std::int64_t stride, std::int64_t i) {
    std::int64_t j = i / kWords * kWords;
    for (; j + 2 * kWords <= stride; j += 2 * kWords) fixed_tile<rows, 2>(block, matrix, stride, i, j);
    if (j < stride) fixed_tile<rows, 1>(block, matrix, stride, i, j);
}

__attribute__((noinline)) inline void fixed_triangle(const FixedBlock& block, float* matrix, std::int64_t stride,
                                                     Asking asking) {
    const std::int64_t share = (asking.end - asking.next) * kFixedRows / stride + 1;
    std::int64_t i = 0;
    for (; i + kFixedRows <= stride; i += kFixedRows) {
        asking.ask(share);
        fixed_rows<kFixedRows>(block, matrix, stride, i);
    }
    for (; i < stride; i += 2) fixed_rows<2>(block, matrix, stride, i);
}

enum class Fixed { done, stopped, refused };

// scratch.matrix (upper triangle) <- A, scratch.r <- b. `refused` where rounding would be felt.
template <std::int64_t S>
Fixed fixed_equations(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch) {
    const std::int64_t stride = known<S>(side.stride);
    const float* start = side.gramian;
    if (row.weight != 1.0f) [[unlikely]] {
        const FloatLanes weight = spread<float>(row.weight);
        for (std::int64_t k = 0; k < stride * stride; k += kWords) {
            store(scratch.matrix + k, weight * load(side.gramian + k));
        }
        start = scratch.matrix;
    }
    fill(scratch.r, 0.0f, stride);
    const float size = 1.0f + __builtin_sqrtf(static_cast<float>(side.factors) / static_cast<float>(row.n));
    const float most = kMostRounding * (row.lambda + row.weight * side.fixed_least) / (size * size);
    float rounding = 0.0f;
    for (std::int64_t done = 0; done < row.n; done += side.fixed_entries) {
        if (side.stopping()) return Fixed::stopped;
        const std::int64_t n = row.n - done < side.fixed_entries ? row.n - done : side.fixed_entries;
        std::int16_t numbers[kBlockRows + 1];
        bool negative = false;
        const float unit = weigh_fixed(side, row, scratch, row.begin + done, n, numbers, negative);
        rounding += static_cast<float>(n) * unit * unit * (4.0f / 9.0f);
        if (!(rounding <= most)) return Fixed::refused;
        pack_fixed<S>(side, scratch, row.begin + done, n, numbers);
        if (negative) turn_over(scratch, n, stride);
        const std::int64_t ahead = row.begin + done + kAheadFixed, end = row.ahead_end;
        const Asking asking{side, ahead < end ? ahead : end, ahead + n < end ? ahead + n : end};
        float* const units = scratch.p;
        for (std::int64_t k = 0; k < stride; ++k) units[k] = unit * unit * side.fixed_columns[k];
        fixed_triangle({start, negative ? scratch.left : scratch.right, scratch.right, (n + 1) / 2, units,
                        side.fixed_columns},
                       scratch.matrix, stride, asking);
        start = scratch.matrix;
    }
    for (std::int64_t k = 0; k < stride; ++k) scratch.r[k] *= side.fixed_columns[k];
    start_right_side(side, row, scratch.r);
    for (std::int64_t i = 0; i < side.factors; ++i) scratch.matrix[i * stride + i] += row.lambda;
    return Fixed::done;
}

#endif

}  // namespace
}  // namespace alsatian::als
