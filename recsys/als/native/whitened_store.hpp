// Blocks of the other side in whole numbers of 16 bits (fixed.hpp), for the subspace solver.
//
// Each block is taken in the eigenvectors of its Gramian G_BB, each divided by the root of its eigenvalue
// relative to the largest: y W, with W'G_BB W a diagonal, all of it alike but for eigenvalues that are next to
// nothing. What unobserved pairs and lambda add to a row's matrix is a diagonal there, columns keep 15 bits each,
// and whatever rows have in common is no longer a direction far longer than the others.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "core.hpp"
#include "kernels.hpp"
#include "parallel.hpp"
#include "scratch.hpp"
#include "semidefinite.hpp"
#include "subspace.hpp"

namespace alsatian::als {

template <class T>
class WhitenedStore {
   public:
    // Blocks of `dimension` columns, rows padded to `unit`; `gram` (factors, factors) is the Gramian.
    WhitenedStore(const double* gram, std::int64_t factors, std::int64_t dimension, std::int64_t unit,
                  double unobserved, const T* linear, const Run& run)
        : most_stride_(padded(dimension, unit)), zeros_(most_stride_ * most_stride_),
          bases_(static_cast<std::size_t>((factors + dimension - 1) / dimension)) {
        parallel_for(
            run.threads, static_cast<std::int64_t>(bases_.size()),
            [&](std::int64_t block, int) {
                const std::int64_t begin = block * dimension, width = std::min(dimension, factors - begin);
                bases_[static_cast<std::size_t>(block)].emplace(gram, factors, begin, width, padded(width, unit),
                                                                unobserved, linear);
            },
            run.interrupted);
    }

    // Takes a block of `count` rows, `row_stride` numbers apart. False where it is not finite, or all 0.
    bool fill(std::int64_t block, const T* rows, std::int64_t count, std::int64_t row_stride,
              decltype(SubspaceKernels<T>::whiten) whiten, const Run& run) {
        const Basis& basis = *bases_[static_cast<std::size_t>(block)];
        if (!basis.usable) return false;
        if (!numbers_) {
            numbers_.emplace((count * most_stride_ + 1) / 2, Aligned<std::uint32_t>::Unset{});
            scales_.emplace(count);
        }
        constexpr std::int64_t kRows = 1032;  // a multiple of the rows that are turned together
        const std::int64_t parts = (count + kRows - 1) / kRows;
        std::vector<float> longest(static_cast<std::size_t>(parts));
        parallel_for(
            run.threads, parts,
            [&](std::int64_t part, int) {
                const Aligned<T> room(kTogether * basis.stride);
                const std::int64_t from = part * kRows, n = std::min(kRows, count - from);
                longest[static_cast<std::size_t>(part)] =
                    whiten(rows + from * row_stride, n, basis.width, row_stride, basis.stride, basis.turn.get(),
                           room.get(), words() + from * basis.stride, scales_->get() + from);
            },
            run.interrupted);
        longest_ = 1.0f;
        for (const float length : longest) {
            if (!std::isfinite(length)) return false;
            longest_ = std::max(longest_, length);
        }
        return true;
    }

    // What kernels are told of the block that was taken last.
    Whitened<T> told(std::int64_t block, std::int64_t near_entries) const {
        const Basis& basis = *bases_[static_cast<std::size_t>(block)];
        return {reinterpret_cast<const std::int16_t*>(numbers_->get()), scales_->get(), longest_,
                basis.gramian.get(), basis.linear.get(), basis.turn_target.get(), basis.turn_back.get(),
                basis.holds.get(), basis.lambdas.get(), zeros_.get(), entries(basis.stride), near_entries};
    }

   private:
    // Entries packed at once: a block of them takes half of the nearest cache.
    static constexpr std::int64_t kBlockNumbers = 8192;
    static constexpr std::int64_t kLeastBlock = 32;
    // Columns are divided by no less than this, relative to the largest: below it is rounding.
    static constexpr double kLeastColumn = 1e-4;

    static std::int64_t entries(std::int64_t stride) {
        return std::clamp(kBlockNumbers / stride, kLeastBlock, kBlockRows) / 2 * 2;
    }

    struct Basis {
        Basis(const double* gram, std::int64_t factors, std::int64_t begin, std::int64_t columns,
              std::int64_t columns_padded, double unobserved, const T* linear_terms)
            : width(columns), stride(columns_padded), turn(width * stride), turn_target(width * stride),
              turn_back(stride * stride), gramian(factors * stride), linear(stride), holds(stride), lambdas(stride) {
            const auto n = static_cast<std::size_t>(width);
            std::vector<double> a(n * n), vectors, values;
            for (std::int64_t i = 0; i < width; ++i) {
                const double* const from = gram + (begin + i) * factors + begin;
                std::copy(from, from + width, a.begin() + i * width);
            }
            for (const double value : a) {
                if (!std::isfinite(value)) return;
            }
            eigenvectors(a, n, values, vectors);
            const double most = *std::max_element(values.begin(), values.end());
            if (!(most > 0.0)) return;
            std::vector<double> turning(n * n);
            for (std::size_t j = 0; j < n; ++j) {
                const double column = std::max(std::sqrt(std::max(values[j], 0.0) / most), kLeastColumn);
                const auto at = static_cast<std::int64_t>(j);
                holds.get()[at] = static_cast<T>(unobserved * std::max(values[j], 0.0) / (column * column));
                lambdas.get()[at] = static_cast<T>(1.0 / (column * column));
                for (std::size_t k = 0; k < n; ++k) {
                    const double vector = vectors[k * n + j];
                    const std::int64_t to = static_cast<std::int64_t>(k) * stride + at;
                    turning[k * n + j] = vector / column;
                    turn.get()[to] = static_cast<T>(vector / column);
                    turn_target.get()[to] = static_cast<T>(vector * column);
                    turn_back.get()[at * stride + static_cast<std::int64_t>(k)] = static_cast<T>(vector / column);
                }
            }
            for (std::int64_t j = width; j < stride; ++j) holds.get()[j] = T(1);
            std::vector<double> sums(n);
            const auto turned = [&](const auto& number, double weight, T* to) {
                std::fill(sums.begin(), sums.end(), 0.0);
                for (std::size_t k = 0; k < n; ++k) {
                    const double value = weight * number(k);
                    for (std::size_t j = 0; j < n; ++j) sums[j] += value * turning[k * n + j];
                }
                for (std::size_t j = 0; j < n; ++j) to[j] = static_cast<T>(sums[j]);
            };
            for (std::int64_t i = 0; i < factors; ++i) {
                const double* const from = gram + i * factors + begin;
                turned([from](std::size_t k) { return from[k]; }, unobserved, gramian.get() + i * stride);
            }
            if (linear_terms != nullptr) {
                const T* const from = linear_terms + begin;
                turned([from](std::size_t k) { return static_cast<double>(from[k]); }, 1.0, linear.get());
            }
            usable = true;
        }

        std::int64_t width, stride;
        Aligned<T> turn, turn_target, turn_back, gramian, linear, holds, lambdas;
        bool usable = false;  // finite, and not all 0
    };

    std::int16_t* words() { return reinterpret_cast<std::int16_t*>(numbers_->get()); }

    std::int64_t most_stride_;
    Aligned<T> zeros_;
    std::vector<std::optional<Basis>> bases_;
    std::optional<Aligned<std::uint32_t>> numbers_;
    std::optional<Aligned<float>> scales_;
    float longest_ = 1.0f;
};

}  // namespace alsatian::als
