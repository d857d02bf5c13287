// Sizes of the pieces in which matrices are worked on, and the precision of a number: internal to the
// object that includes it; see kernels.hpp.
#pragma once

#include "kernels.hpp"

namespace alsatian::als {
namespace {

template <class T>
constexpr T kEpsilon = sizeof(T) == 4 ? T(1.1920929e-07) : T(2.220446049250313e-16);

#if defined(__AVX512F__)
constexpr std::int64_t kTileRows = 8;  // 8 x 2 sums of the 32 registers
#else
constexpr std::int64_t kTileRows = 4;  // 4 x 2 sums of the 16 registers
#endif
constexpr std::int64_t kPanel = kPad;  // rows that a factorization finishes before it updates others

}  // namespace
}  // namespace alsatian::als
