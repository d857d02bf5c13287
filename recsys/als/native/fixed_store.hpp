// The other side's factors in whole numbers of 16 bits, for `cholesky`, and what a Side needs to read them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "core.hpp"
#include "kernels.hpp"
#include "parallel.hpp"
#include "scratch.hpp"

namespace alsatian::als {

template <class T>
class FixedStore {
   public:
    // Does nothing where the variant has no such numbers, or factors are not finite. `gram` is the Gramian of
    // `other`, `basis` its eigenvalues where they are known.
    FixedStore(const Csr& matrix, const T* other, std::int64_t factors, const double* gram, const Basis* basis,
               const Weights& weights, const Run& run, Side<T>& side) {
        const auto& table = kernels<T>(run.simd);
        if (table.fix == nullptr || !run.split) return;
        const std::int64_t stride = padded(factors, 2 * table.lanes);
        std::vector<double> sizes = roots(gram, factors);
        const double most = *std::max_element(sizes.begin(), sizes.end());
        if (!std::isfinite(most) || most == 0.0) return;
        columns_.emplace(stride), inverse_.emplace(stride);
        for (std::int64_t k = 0; k < factors; ++k) {
            const double size = std::max(sizes[static_cast<std::size_t>(k)] / most, kLeastColumn);
            columns_->get()[k] = static_cast<T>(size);
            inverse_->get()[k] = static_cast<T>(1.0 / size);
        }
        numbers_.emplace((matrix.columns * stride + 1) / 2, Aligned<std::uint32_t>::Unset{});
        scales_.emplace(matrix.columns);
        auto* const numbers = reinterpret_cast<std::int16_t*>(numbers_->get());
        constexpr std::int64_t kRows = 1024;
        std::atomic<bool> whole{true};
        parallel_for(
            run.threads, (matrix.columns + kRows - 1) / kRows,
            [&](std::int64_t part, int) {
                const Aligned<T> room(stride);
                const std::int64_t from = part * kRows, n = std::min(kRows, matrix.columns - from);
                if (!table.fix(other + from * factors, n, factors, stride, inverse_->get(), room.get(),
                               numbers + from * stride, scales_->get() + from)) {
                    whole = false;
                }
            },
            run.interrupted);
        if (!whole) return;
        side.stride = stride;
        side.fixed = numbers;
        side.fixed_scales = scales_->get();
        side.fixed_columns = columns_->get();
        side.fixed_entries = std::clamp(kBlockNumbers / stride, kLeastBlock, kBlockRows) / 2 * 2;
        if (basis != nullptr) {
            const double least = *std::min_element(basis->values, basis->values + factors);
            side.fixed_least = static_cast<T>(weights.unobserved * std::max(0.0, least));
        }
    }

   private:
    // A block of packed entries takes half of the nearest cache.
    static constexpr std::int64_t kBlockNumbers = 8192;
    static constexpr std::int64_t kLeastBlock = 32;
    // A column that is all but 0 is not scaled up to the others.
    static constexpr double kLeastColumn = 1e-12;

    static std::vector<double> roots(const double* gram, std::int64_t factors) {
        std::vector<double> sizes(static_cast<std::size_t>(factors));
        for (std::int64_t k = 0; k < factors; ++k) {
            sizes[static_cast<std::size_t>(k)] = std::sqrt(std::max(0.0, gram[k * factors + k]));
        }
        return sizes;
    }

    std::optional<Aligned<T>> columns_, inverse_;
    std::optional<Aligned<std::uint32_t>> numbers_;
    std::optional<Aligned<float>> scales_;
};

}  // namespace alsatian::als
