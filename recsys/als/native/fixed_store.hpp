// Rows of the other side in whole numbers of 16 bits (fixed.hpp), for exact solves.
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
#include "semidefinite.hpp"

namespace alsatian::als {

template <class T>
class FixedStore {
   public:
    using Fix = decltype(Kernels<T>::fix);

    // Takes `width` columns of `count` rows, `row_stride` numbers apart, `stride` a row; the square of `gram`, whose
    // rows are `gram_stride` apart, is their Gramian. False where they are not finite, or all 0.
    bool fill(const T* rows, std::int64_t count, std::int64_t width, std::int64_t row_stride, std::int64_t stride,
              const double* gram, std::int64_t gram_stride, Fix fix, const Run& run) {
        std::vector<double> sizes(static_cast<std::size_t>(width));
        double most = 0.0;
        for (std::int64_t k = 0; k < width; ++k) {
            const double square = gram[k * gram_stride + k];
            if (!std::isfinite(square)) return false;
            sizes[static_cast<std::size_t>(k)] = std::sqrt(std::max(0.0, square));
            most = std::max(most, sizes[static_cast<std::size_t>(k)]);
        }
        if (most == 0.0) return false;
        columns_.emplace(stride), inverse_.emplace(stride);
        for (std::int64_t k = 0; k < width; ++k) {
            const double size = std::max(sizes[static_cast<std::size_t>(k)] / most, kLeastColumn);
            columns_->get()[k] = static_cast<T>(size);
            inverse_->get()[k] = static_cast<T>(1.0 / size);
        }
        if (count * stride > room_) {
            room_ = count * stride;
            numbers_.emplace((room_ + 1) / 2, Aligned<std::uint32_t>::Unset{});
            scales_.emplace(count);
        }
        constexpr std::int64_t kRows = 1024;
        std::atomic<bool> finite{true};
        parallel_for(
            run.threads, (count + kRows - 1) / kRows,
            [&](std::int64_t part, int) {
                const Aligned<T> room(stride);
                const std::int64_t from = part * kRows, n = std::min(kRows, count - from);
                if (!fix(rows + from * row_stride, n, width, row_stride, stride, inverse_->get(), room.get(),
                         words() + from * stride, scales_->get() + from)) {
                    finite = false;
                }
            },
            run.interrupted);
        return finite;
    }

    const std::int16_t* numbers() const { return reinterpret_cast<const std::int16_t*>(numbers_->get()); }
    const float* scales() const { return scales_->get(); }
    const T* columns() const { return columns_->get(); }

    // Entries packed at once: a block of them takes half of the nearest cache.
    static std::int64_t entries(std::int64_t stride) {
        return std::clamp(kBlockNumbers / stride, kLeastBlock, kBlockRows) / 2 * 2;
    }

    // A number that no eigenvalue of the Gramian is known to be less than.
    static double least(const double* gram, std::int64_t width, std::int64_t gram_stride) {
        return width <= kMostColumns ? least_eigenvalue(gram, width, gram_stride) : 0.0;
    }

   private:
    static constexpr std::int64_t kBlockNumbers = 8192;
    static constexpr std::int64_t kLeastBlock = 32;
    // A column that is all but 0 is not scaled up to the others.
    static constexpr double kLeastColumn = 1e-12;
    // Above that, finding the least eigenvalue takes seconds.
    static constexpr std::int64_t kMostColumns = 1024;

    std::int16_t* words() { return reinterpret_cast<std::int16_t*>(numbers_->get()); }

    std::int64_t room_ = 0;  // numbers that there are places for
    std::optional<Aligned<T>> columns_, inverse_;
    std::optional<Aligned<std::uint32_t>> numbers_;
    std::optional<Aligned<float>> scales_;
};

}  // namespace alsatian::als
