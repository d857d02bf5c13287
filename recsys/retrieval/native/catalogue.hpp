// Items made ready for the preselection: as whole numbers of 16 bits, longest first.
//
// A panel holds kItemTile items, each as round(kWholeLength / length * y), where `length` is that of
// the panel's longest item, and a query is round(kWholeLength / |x| * x). With f factors a vector of
// length 1 moves by at most e = 0.51 sqrt(f) / kWholeLength in rounding, so the sum of products,
// scaled back, is off by at most (2 e + e^2) of the panel's length, in units of |x| (Cauchy-Schwarz).
// The order by length lets a search stop where |x| |y| falls below the worst score of a full list
// (Teflioudi et al. 2015, "LEMP", section 3.1).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernel.hpp"

namespace alsatian::topn {

template <class Number>
struct ReleaseAligned {
    void operator()(Number* memory) const { ::operator delete[](memory, std::align_val_t{64}); }
};
template <class Number>
using Aligned = std::unique_ptr<Number[], ReleaseAligned<Number>>;

template <class Number>
Aligned<Number> aligned(std::int64_t count) {
    const auto bytes = static_cast<std::size_t>(count < 1 ? 1 : count) * sizeof(Number);
    return Aligned<Number>(static_cast<Number*>(::operator new[](bytes, std::align_val_t{64})));
}

class Catalogue {
   public:
    // `rows`: candidates, ascending, or null for all of [0, item_count). Nothing of `items` is kept.
    Catalogue(const float* items, std::int64_t item_count, std::int64_t factors,
              const std::int32_t* rows, std::int64_t row_count, const Kernel& kernel, int threads,
              const std::function<bool()>& interrupted);

    const Kernel& kernel;
    const std::int64_t item_count, factors, pairs;
    std::int64_t candidates = 0;
    std::int64_t panel_count = 0;
    float longest = 0;   // item
    float slack = 0;     // see Preselection
    std::vector<std::int32_t> order;
    std::vector<float> lengths;  // of panels
    Aligned<std::int16_t> panels;
};

// Euclidean length, finite for any finite vector.
double length_of(const float* vector, std::int64_t factors);

}  // namespace alsatian::topn
