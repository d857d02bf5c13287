// What threads of the core share: kernel tables by variant, aligned scratch, tasks of equal cost.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "core.hpp"
#include "kernels.hpp"

namespace alsatian::als {

template <class T>
const Kernels<T>& kernels(Simd simd) {
    const auto pick = [](const Kernels<float>& f32, const Kernels<double>& f64) -> const Kernels<T>& {
        if constexpr (std::is_same_v<T, float>) {
            static_cast<void>(f64);
            return f32;
        } else {
            static_cast<void>(f32);
            return f64;
        }
    };
#if defined(ALSATIAN_X86_VARIANTS)
    if (simd == Simd::amx) return pick(amx::kernels_f32(), amx::kernels_f64());
    if (simd == Simd::avx512) return pick(avx512::kernels_f32(), avx512::kernels_f64());
    if (simd == Simd::avx2) return pick(avx2::kernels_f32(), avx2::kernels_f64());
#endif
    static_cast<void>(simd);
    return pick(baseline::kernels_f32(), baseline::kernels_f64());
}

// Numbers aligned to a cache line, zero at first. Large arrays are aligned to a large page and ask the
// system for such pages: rows fetched from all over them then miss the processor's page table less often.
template <class T>
class Aligned {
   public:
    explicit Aligned(std::int64_t count)
        : data_(allocate(count), Free{alignment(count)}) {
#if defined(__linux__)
        if (bytes(count) >= kLargePage) {
            static_cast<void>(madvise(data_.get(), bytes(count) / kLargePage * kLargePage, MADV_HUGEPAGE));
        }
#endif
        for (std::int64_t i = 0; i < count; ++i) data_.get()[i] = T(0);
    }
    T* get() const { return data_.get(); }

   private:
    static constexpr std::size_t kLargePage = std::size_t{2} << 20;
    struct Free {
        std::align_val_t alignment;
        void operator()(T* data) const { ::operator delete(data, alignment); }
    };
    static std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count) * sizeof(T); }
    static std::align_val_t alignment(std::int64_t count) {
        return std::align_val_t{bytes(count) >= kLargePage ? kLargePage : 64};
    }
    static T* allocate(std::int64_t count) {
        return static_cast<T*>(::operator new(bytes(count), alignment(count)));
    }
    std::unique_ptr<T, Free> data_;
};

// The arrays behind one thread's Scratch.
template <class T>
class Workspace {
   public:
    Workspace(std::int64_t stride, std::int64_t capacity, bool matrix, std::int64_t half_entries = 0)
        : numbers_(count(stride, places(capacity), matrix) +
                   (half_entries > 0 ? 2 * kTurned * stride : 0)),
          packed_((half_entries + 16) * stride),
          stride_(stride), places_(places(capacity)), half_entries_(half_entries), matrix_(matrix) {}

    Scratch<T> scratch() const {
        T* next = numbers_.get();
        const auto take = [&next](std::int64_t n) {
            T* const here = next;
            next += padded(n, kLane);
            return here;
        };
        Scratch<T> made{};
        made.rows = take(places_ * stride_);
        made.labels = take(places_);
        made.excess = take(places_);
        made.scaled = matrix_ ? take(kBlockRows * stride_) : nullptr;
        made.matrix = matrix_ ? take(stride_ * stride_) : nullptr;
        made.left = packed_.get();
        made.right = made.left + half_entries_ * stride_ / 2;
        made.staged = made.right + half_entries_ * stride_ / 2;
        made.turned = half_entries_ > 0 ? take(kTurned * stride_) : nullptr;
        made.turned_back = half_entries_ > 0 ? take(kTurned * stride_) : nullptr;
        for (T** vector : {&made.x, &made.r, &made.p, &made.q}) *vector = take(stride_);
        return made;
    }

   private:
    static constexpr std::int64_t kLane = 64 / static_cast<std::int64_t>(sizeof(T));
    static std::int64_t places(std::int64_t capacity) {
        return capacity > kBlockRows ? capacity : kBlockRows;
    }
    static std::int64_t count(std::int64_t stride, std::int64_t places, bool matrix) {
        std::int64_t n = places * stride + 2 * padded(places, kLane) + 4 * padded(stride, kLane);
        if (matrix) n += kBlockRows * stride + stride * stride;
        return n;
    }
    Aligned<T> numbers_;
    Aligned<std::uint32_t> packed_;
    std::int64_t stride_;
    std::int64_t places_;
    std::int64_t half_entries_;
    bool matrix_;
};

// Sum of so many weights; their count where they are null.
double mass(const float* weights, std::int64_t count);

// Regularization of a row with so many entries; `mass` is a times the sum of b (see rows.hpp).
double lambda_of(const Weights& weights, double entries, double mass);

// A stretch of rows for one thread.
struct Task {
    std::int64_t begin;
    std::int64_t end;
    std::int64_t cost;
};

// Cuts the rows into stretches of about equal cost (entries, and `row_cost` for each row), the dearest
// first, so that no thread is left alone with a long row at the end.
std::vector<Task> cut(const Csr& matrix, std::int64_t row_cost, int threads);

}  // namespace alsatian::als
