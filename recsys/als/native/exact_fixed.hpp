// Normal equations of exact solves from rows in whole numbers of 16 bits: for kernels.cpp alone.
#pragma once

#include "fixed_entries.hpp"
#include "normal.hpp"

namespace alsatian::als {
namespace {

#if defined(ALSATIAN_FIXED)

// Squared: how far, relative to itself, rounding may move a row's matrix. The error of the solution is of that
// order, that of the objective its square. In training it is a tenth of that and less (benchmarks/NOTES.md).
constexpr float kMostRounding = 1e-6f;

// scratch.matrix (upper triangle) <- A, scratch.r <- b. `refused` where rounding would be felt.
template <std::int64_t S>
Fixed fixed_equations(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch) {
    const std::int64_t stride = known<S>(side.stride);
    const FixedRows rows{side.fixed, side.fixed_scales, stride};
    const float* start = side.gramian;
    if (row.weight != 1.0f) [[unlikely]] {
        const FloatLanes weight = spread<float>(row.weight);
        for (std::int64_t k = 0; k < stride * stride; k += kWords) {
            store(scratch.matrix + k, weight * load(side.gramian + k));
        }
        start = scratch.matrix;
    }
    fill(scratch.r, 0.0f, stride);
    Rounding rounding(kMostRounding, row.lambda + row.weight * side.fixed_least, side.factors, row.n);
    for (std::int64_t done = 0; done < row.n; done += side.fixed_entries) {
        if (side.stopping()) return Fixed::stopped;
        const std::int64_t entry = row.begin + done;
        const std::int64_t n = row.n - done < side.fixed_entries ? row.n - done : side.fixed_entries;
        const std::int32_t* const indices = side.indices + entry;
        std::int16_t numbers[kBlockRows + 1];
        bool negative = false;
        weigh_entries(side, row, entry, n, padded(n, kPad), scratch.labels, scratch.excess);
        const float unit = weigh_fixed(rows, indices, n, scratch.excess, scratch.labels, numbers, negative);
        if (!rounding.allows(n, unit)) return Fixed::refused;
        pack_fixed<S>(rows, indices, n, scratch.labels, numbers, scratch.r, scratch.right);
        if (negative) turn_over(scratch.right, scratch.excess, n, stride, scratch.left);
        float* const units = scratch.p;
        for (std::int64_t k = 0; k < stride; ++k) units[k] = unit * unit * side.fixed_columns[k];
        fixed_triangle({start, negative ? scratch.left : scratch.right, scratch.right, (n + 1) / 2, units,
                        side.fixed_columns},
                       scratch.matrix, stride, Asking::after(rows, side.indices, entry, n, row.ahead_end));
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
