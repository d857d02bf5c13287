// What threads of the core share: kernel tables by variant, aligned scratch, tasks of equal cost.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
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
    explicit Aligned(std::int64_t count) : Aligned(count, Unset{}) {
        for (std::int64_t i = 0; i < count; ++i) data_.get()[i] = T(0);
    }
    // Without the zeros: for what is written whole, by several threads.
    struct Unset {};
    Aligned(std::int64_t count, Unset)
        : data_(allocate(count), Free{alignment(count)}) {
#if defined(__linux__)
        if (bytes(count) >= kLargePage) {
            static_cast<void>(madvise(data_.get(), bytes(count) / kLargePage * kLargePage, MADV_HUGEPAGE));
        }
#endif
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

// What a thread needs room for.
struct Needs {
    std::int64_t factors = 0;
    std::int64_t stride = 0;
    std::int64_t capacity = 0;      // gathered rows
    std::int64_t packed_entries = 0;  // entries packed for the matrix unit
    std::int64_t narrow_entries = 0;  // entries of a row whose weights are kept, a multiple of 32
    std::int64_t batch = 0;           // rows turned into the basis of half-width rows at once
    std::int64_t together = 0;      // systems solved together, 0 for one by one
    bool matrix = false;            // a normal matrix
};

// The arrays behind one thread's Scratch.
template <class T>
class Workspace {
   public:
    explicit Workspace(const Needs& needs)
        : needs_(needs), numbers_(lay_out(nullptr).second), packed_((needs.packed_entries + 32) * needs.stride) {}

    Scratch<T> scratch() { return lay_out(numbers_.get()).first; }

   private:
    // Where everything stands from `base` on, and how many numbers that takes.
    std::pair<Scratch<T>, std::int64_t> lay_out(T* base) {
        constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
        const std::int64_t stride = needs_.stride, lanes = needs_.together;
        std::int64_t used = 0;
        const auto take = [&used, base](std::int64_t n) {
            T* const here = base == nullptr ? nullptr : base + used;
            used += padded(n, kLine);
            return here;
        };
        const std::int64_t places = needs_.capacity > kBlockRows ? needs_.capacity : kBlockRows;
        Scratch<T> made{};
        const std::int64_t weighed = needs_.narrow_entries > places ? needs_.narrow_entries : places;
        made.rows = take(places * stride);
        made.labels = take(weighed);
        made.excess = take(weighed);
        for (T** vector : {&made.x, &made.r, &made.p, &made.q}) *vector = take(stride);
        if (needs_.matrix) {
            made.scaled = take(kBlockRows * stride);
            made.matrix = take(stride * stride);
        }
        if (needs_.batch > 0) {
            made.narrow = reinterpret_cast<std::uint16_t*>(take(stride));
            made.turning = take(kTurned * stride);
            made.turned = take(needs_.batch * stride);
            made.turned_back = take(kTurned * stride);
        }
        if (lanes > 0) {
            const std::int64_t n = padded(needs_.factors, 4);
            made.matrices = take(lanes * stride * stride);
            made.sides = take(lanes * stride);
            made.systems = take((together_begin(n, padded(n, kPad) / kPad) + kPad) * lanes);
            made.solution = take(2 * n * lanes);
        }
        if (base != nullptr) {
            made.failed = failed_;
            made.left = packed_.get();
            made.right = made.left + needs_.packed_entries * stride / 2;
            made.staged = made.right + needs_.packed_entries * stride / 2;
        }
        return {made, used};
    }

    Needs needs_;
    std::int64_t failed_[1 + kMostLanes] = {};
    Aligned<T> numbers_;
    Aligned<std::uint32_t> packed_;
};

// Sum of so many weights; their count where they are null.
double mass(const float* weights, std::int64_t count);

// Regularization of a row with so many entries; `mass` is a times the sum of b (see rows.hpp).
double lambda_of(const Weights& weights, double entries, double mass);

// How much harder the heaviest entry pulls at a row than everything else holds it, in a mean direction.
// Rounding of the other side's factors moves a solution by as many times itself.
double pull(const Csr& matrix, const double* gram, std::int64_t factors, const Weights& weights, double mass);
// Up to how strong a pull factors are read in two parts of 16 bits, or in whole numbers: the objective was then
// found within a hundred-thousandth of that from full width.
constexpr double kMostPullSplit = 2048.0;

// What kernels are told of one half-sweep; `linear` and `gramian` are left to the caller.
template <class T>
Side<T> side_of(const Csr& matrix, T* target, const T* other, std::int64_t factors,
                const Weights& weights, const Terms<T>& terms);

// -unobserved sum_j b_j c_j y_j; empty where that is 0.
template <class T>
std::vector<T> linear_of(const T* other, std::int64_t others, std::int64_t factors,
                         const Weights& weights, const Terms<T>& terms);

// A stretch of rows for one thread.
struct Task {
    std::int64_t begin;
    std::int64_t end;
    std::int64_t cost;
};

// Cuts the rows into stretches of about equal cost (entries, and `row_cost` for each row), the dearest
// first, so that no thread is left alone with a long row at the end.
// Rows that are `left_out` (ascending) are in none of them.
std::vector<Task> cut(const Csr& matrix, std::int64_t row_cost, int threads,
                      const std::vector<std::int64_t>& left_out = {});

}  // namespace alsatian::als
