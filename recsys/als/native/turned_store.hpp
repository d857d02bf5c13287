// The other side's factors in the basis of the eigenvectors of their Gramian, for short rows of `cholesky`,
// and what a Side needs of that basis.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core.hpp"
#include "kernels.hpp"
#include "parallel.hpp"
#include "scratch.hpp"

namespace alsatian::als {

template <class T>
class TurnedStore {
   public:
    // Does nothing where it would not pay; `side.split_entries` is to be known.
    TurnedStore(const Csr& matrix, const T* other, std::int64_t factors, const Basis* basis,
                const Weights& weights, const Run& run, Side<T>& side) {
        if (basis == nullptr || side.split_entries == 0 || side.linear || side.priors) return;
        const std::int64_t longest = std::min(side.split_entries, factors * kShortParts / 8);
        if (factors < kLeastFactors || !pays(matrix, factors, side.stride, longest)) return;
        const std::int64_t stride = side.stride;
        forth_.emplace(factors * stride), back_.emplace(factors * stride), diagonal_.emplace(stride);
        for (std::int64_t i = 0; i < factors; ++i) {
            diagonal_->get()[i] = static_cast<T>(weights.unobserved * std::max(0.0, basis->values[i]));
            for (std::int64_t j = 0; j < factors; ++j) {
                forth_->get()[i * stride + j] = static_cast<T>(basis->vectors[i * factors + j]);
                back_->get()[i * stride + j] = static_cast<T>(basis->vectors[j * factors + i]);
            }
        }
        turned_.emplace(matrix.columns * stride);
        constexpr std::int64_t kRows = 1024;
        parallel_for(
            run.threads, (matrix.columns + kRows - 1) / kRows,
            [&](std::int64_t part, int) {
                const std::int64_t from = part * kRows, n = std::min(kRows, matrix.columns - from);
                kernels<T>(run.simd).turn(other + from * factors, n, factors, forth_->get(),
                                          turned_->get() + from * stride);
            },
            run.interrupted);
        side.diagonal = diagonal_->get();
        side.basis.matrix = forth_->get();
        side.basis_back.matrix = back_->get();
        side.turned = turned_->get();
        side.short_entries = longest;
    }

   private:
    // A row is short up to so many eighths of the factors; below so many factors it never is. Measured
    // (benchmarks/NOTES.md).
    static constexpr std::int64_t kShortParts = 7;
    static constexpr std::int64_t kLeastFactors = 96;
    // The copy takes at most this part of both orientations and both sides' factors, which leaves most of
    // what a training may take beside them (1.3 times) to others.
    static constexpr std::int64_t kMostOfMemory = 8;
    // Turning a row takes a few parts in a hundred of what solving a short one as such spares.
    static constexpr std::int64_t kTurnedForOne = 8;

    static bool pays(const Csr& matrix, std::int64_t factors, std::int64_t stride, std::int64_t longest) {
        const std::int64_t entries = matrix.indptr[matrix.rows] - matrix.indptr[0];
        const std::int64_t given = 16 * entries + 4 * factors * (matrix.rows + matrix.columns);
        if (4 * stride * matrix.columns > given / kMostOfMemory) return false;
        std::int64_t rows = 0;
        for (std::int64_t row = 0; row < matrix.rows; ++row) {
            rows += matrix.indptr[row + 1] - matrix.indptr[row] <= longest;
        }
        return rows >= matrix.columns / kTurnedForOne;
    }

    std::optional<Aligned<T>> forth_, back_, diagonal_, turned_;
};

}  // namespace alsatian::als
