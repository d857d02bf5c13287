// Which SIMD variants of the kernels this processor can run, and which one is in use.
#pragma once

#include <string>
#include <vector>

namespace alsatian {

enum class Simd { baseline = 0, avx2 = 1, avx512 = 2, amx = 3 };

const char* simd_name(Simd variant);

// Variants that are both in this build and runnable here, slowest first. Never empty.
std::vector<Simd> simd_available();

// The variant named, or the fastest where `name` is empty. Throws std::invalid_argument, with the
// names that can be chosen, when it is unknown or cannot run here.
Simd simd_select(const std::string& name);

// What ALSATIAN_SIMD asks for, or the fastest. Throws as simd_select does.
Simd simd_from_environment();

}  // namespace alsatian
