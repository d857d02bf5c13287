// What entries add to a row's matrix, from rows in whole numbers of 16 bits (fixed.hpp): for kernels.cpp and
// subspace.cpp alone.
//
// With z = sqrt|c| y, a row's entries add sum_e sign(c_e) z_e z_e'. The columns of y are scaled to about equal
// size and each row to its largest number, so that both keep 15 bits; z is rounded once more, to a unit u such
// that sums of a block of entries fit 32 bits. What that does to a solution is known beforehand. The error of
// the matrix A is D'Z + Z'D with D the rounding of Z, and Z'Z <= A: relative to A it is at most
//
//     2 |D| / sqrt(least eigenvalue of A),  |D| about u (sqrt n + sqrt f) / 3
//
// and that eigenvalue is at least that of a G + lambda I. Rows for which this is not small are left to full
// width.
#pragma once

#include "fixed.hpp"
#include "kernels.hpp"

#if defined(ALSATIAN_FIXED)

namespace alsatian::als {
namespace {

// Entries after the first of a block from which on rows are asked for while the block is multiplied.
constexpr std::int64_t kAheadFixed = 128;

enum class Fixed { done, stopped, refused };

// Rows in 16 bits, `stride` numbers each, to be multiplied by a scale for each (and one for each column).
struct FixedRows {
    const std::int16_t* numbers;
    const float* scales;
    std::int64_t stride;

    inline __attribute__((always_inline)) const std::int16_t* at(std::int64_t row) const {
        return numbers + row * stride;
    }
};

// What `factors` numbers of each of `count` rows, `row_stride` apart, become; false where one is not finite.
inline bool fix_rows(const float* rows, std::int64_t count, std::int64_t factors, std::int64_t row_stride,
                     std::int64_t stride, const float* inverse_columns, float* room, std::int16_t* to,
                     float* scales) {
    for (std::int64_t k = factors; k < stride; ++k) room[k] = 0.0f;
    for (std::int64_t row = 0; row < count; ++row, rows += row_stride, to += stride) {
        for (std::int64_t k = 0; k < factors; ++k) room[k] = rows[k];
        FloatLanes sizes{}, wrong{};
        for (std::int64_t k = 0; k < stride; k += kWords) {
            const FloatLanes number = load(room + k) * load(inverse_columns + k);
            const FloatLanes size = number > 0.0f ? number : -number;
            sizes = size > sizes ? size : sizes;
            wrong += number - number;
        }
        const float none = sum_lanes<float>(wrong);
        if (none != none) return false;
        float most = 0.0f;
        for (std::int64_t k = 0; k < kWords; ++k) most = sizes[k] > most ? sizes[k] : most;
        const float scale = most / kFixedMost;
        const bool some = scale > 1e-30f;
        scales[row] = some ? scale : 0.0f;
        to_fixed(room, inverse_columns, some ? kFixedMost / most : 0.0f, stride, to);
    }
    return true;
}

// Of a block of n entries at `indices`, whose weights in the matrix are `excess` and on the right side `labels`
// (both 0 up to the next kPad): labels <- times the scales of their rows; numbers <- what rows are multiplied by, 0
// after the last; `negative`: whether any excess is. Returns the unit of z, 0 where all excess is, and something
// not finite where it is too small to tell.
inline float weigh_fixed(const FixedRows& rows, const std::int32_t* indices, std::int64_t n, const float* excess,
                         float* labels, std::int16_t* numbers, bool& negative) {
    float sizes[kBlockRows];
    for (std::int64_t e = 0; e < n; ++e) {
        sizes[e] = rows.scales[indices[e]];
        labels[e] *= sizes[e];
    }
    for (std::int64_t e = n; e < padded(n, kPad); ++e) sizes[e] = 0.0f;
    FloatLanes squares{}, largest{}, least{};
    for (std::int64_t e = 0; e < n; e += kWords) {
        const FloatLanes c = load(excess + e), positive = c > 0.0f ? c : -c;
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
    negative = false;
    for (std::int64_t k = 0; k < kWords; ++k) {
        most = largest[k] > most ? largest[k] : most;
        negative |= least[k] < 0.0f;
    }
    const float square = sum_lanes<float>(squares);
    float scale = 0.0f, unit = 0.0f;
    if (most > 0.0f) {
        const float by_length = kFixedLength / __builtin_sqrtf(square), by_most = kFixedMost / most;
        // The largest is a whole number: else rows of one weight would all be off by the same.
        scale = __builtin_floorf((by_length < by_most ? by_length : by_most) * most) / most;
        unit = most > 1e-15f ? 32768.0f / scale : __builtin_inff();
    }
    for (std::int64_t e = 0; e < n; ++e) numbers[e] = static_cast<std::int16_t>(sizes[e] * scale + 0.5f);
    numbers[n] = 0;
    return unit;
}

// How far rounding may have moved a row's matrix, against how far it may.
class Rounding {
   public:
    // `most`: squared, relative to the matrix, of `width` columns, n entries and no eigenvalue below `least`.
    inline __attribute__((always_inline)) Rounding(float most, float least, std::int64_t width, std::int64_t n) {
        const float size = 1.0f + __builtin_sqrtf(static_cast<float>(width) / static_cast<float>(n));
        most_ = most * least / (size * size);
    }
    // Adds n entries in a unit; false where that is too far.
    inline __attribute__((always_inline)) bool allows(std::int64_t n, float unit) {
        sum_ += static_cast<float>(n) * unit * unit * (4.0f / 9.0f);
        return sum_ <= most_;
    }

   private:
    float most_, sum_ = 0.0f;
};

// to <- pairs of entries side by side, times `numbers`; sums (stride) += labels times rows. S as elsewhere: the
// stride where the compiler knows it.
template <std::int64_t S>
__attribute__((noinline)) void pack_fixed(const FixedRows& rows, const std::int32_t* indices, std::int64_t n,
                                          const float* labels, const std::int16_t* numbers, float* sums,
                                          std::uint32_t* to) {
    const std::int64_t stride = S > 0 ? S : rows.stride;
    constexpr std::int64_t kHeld = S > 0 && S <= 8 * kWords ? S / kWords : 0;  // sums that stay in registers
    FloatLanes held[kHeld > 0 ? kHeld : 1];
    for (std::int64_t k = 0; k < kHeld; ++k) held[k] = load(sums + k * kWords);
    const Words none = no_words();
    for (std::int64_t e = 0; e < n; e += 2, to += stride) {
        const std::int64_t odd = e + 1 < n ? e + 1 : e;
        const std::int16_t* const a = rows.numbers + indices[e] * stride;
        const std::int16_t* const b = rows.numbers + indices[odd] * stride;
        const Words number_a = spread_number(numbers[e]), number_b = spread_number(numbers[e + 1]);
        // Below, a number of 16 bits becomes the upper half of one of 32.
        const FloatLanes label_a = spread<float>(labels[e] * 0x1p-16f);
        const FloatLanes label_b = spread<float>(odd > e ? labels[odd] * 0x1p-16f : 0.0f);
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
                FloatLanes* const sum = held + k / kWords;
                sum[0] = add(sum[0], below_pairs(none, row_a), below_pairs(none, row_b));
                sum[1] = add(sum[1], above_pairs(none, row_a), above_pairs(none, row_b));
            } else {
                float* const sum = sums + k;
                store(sum, add(load(sum), below_pairs(none, row_a), below_pairs(none, row_b)));
                store(sum + kWords, add(load(sum + kWords), above_pairs(none, row_a), above_pairs(none, row_b)));
            }
        }
    }
    for (std::int64_t k = 0; k < kHeld; ++k) store(sums + k * kWords, held[k]);
}

// to <- packed entries, those of negative excess turned over.
inline void turn_over(const std::uint32_t* packed, const float* excess, std::int64_t n, std::int64_t stride,
                      std::uint32_t* to) {
    for (std::int64_t e = 0; e < n; e += 2) {
        const auto sign = [&](std::int64_t i) { return i < n && excess[i] < 0.0f ? -1 : 1; };
        const std::int32_t a = sign(e), b = sign(e + 1);
        const std::uint32_t* const from = packed + e / 2 * stride;
        std::uint32_t* const turned = to + e / 2 * stride;
        for (std::int64_t k = 0; k < stride; ++k) {  // an even entry stands below, an odd one above
            const auto below = static_cast<std::int16_t>(from[k] & 0xFFFFu);
            const auto above = static_cast<std::int16_t>(from[k] >> 16);
            turned[k] = (static_cast<std::uint32_t>(a * below) & 0xFFFFu) | static_cast<std::uint32_t>(b * above) << 16;
        }
    }
}

// Entries [next, end) of `indices`, whose rows are to be asked for.
struct Asking {
    const FixedRows& rows;
    const std::int32_t* indices;
    std::int64_t next, end;

    // Of those kAheadFixed after n entries from `entry` on, as far as `end`.
    static Asking after(const FixedRows& rows, const std::int32_t* indices, std::int64_t entry, std::int64_t n,
                        std::int64_t end) {
        const std::int64_t ahead = entry + kAheadFixed;
        return {rows, indices, ahead < end ? ahead : end, ahead + n < end ? ahead + n : end};
    }

    void ask(std::int64_t count) {
        const std::int64_t stop = end - next < count ? end : next + count;
        for (; next < stop; ++next) {
            const std::int16_t* const from = rows.at(indices[next]);
            for (std::int64_t k = 0; k < rows.stride; k += 32) __builtin_prefetch(from + k, 0, 2);
        }
    }
};

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
void fixed_stripe(const FixedBlock& block, float* matrix, std::int64_t stride, std::int64_t i) {
    std::int64_t j = i / kWords * kWords;
    for (; j + 2 * kWords <= stride; j += 2 * kWords) fixed_tile<rows, 2>(block, matrix, stride, i, j);
    if (j < stride) fixed_tile<rows, 1>(block, matrix, stride, i, j);
}

// Upper triangle of matrix (stride x stride, a multiple of 2 kWords) <- start + left' right.
__attribute__((noinline)) inline void fixed_triangle(const FixedBlock& block, float* matrix, std::int64_t stride,
                                                     Asking asking) {
    const std::int64_t share = (asking.end - asking.next) * kFixedRows / stride + 1;
    std::int64_t i = 0;
    for (; i + kFixedRows <= stride; i += kFixedRows) {
        asking.ask(share);
        fixed_stripe<kFixedRows>(block, matrix, stride, i);
    }
    for (; i < stride; i += 2) fixed_stripe<2>(block, matrix, stride, i);
}

}  // namespace
}  // namespace alsatian::als
#endif
