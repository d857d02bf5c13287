#include "cpu.hpp"

#include <cstdlib>
#include <stdexcept>

namespace alsatian {

const char* simd_name(Simd variant) {
    switch (variant) {
        case Simd::avx2: return "avx2";
        case Simd::avx512: return "avx512";
        case Simd::baseline: break;
    }
    return "baseline";
}

std::vector<Simd> simd_available() {
    std::vector<Simd> found{Simd::baseline};
#if defined(ALSATIAN_X86_VARIANTS)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("f16c")) {
        found.push_back(Simd::avx2);
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
            found.push_back(Simd::avx512);
        }
    }
#endif
    return found;
}

Simd simd_select(const std::string& name) {
    const auto found = simd_available();
    if (name.empty()) return found.back();
    std::string names;
    for (const Simd variant : found) {
        if (name == simd_name(variant)) return variant;
        names += (names.empty() ? "" : ", ") + std::string(simd_name(variant));
    }
    throw std::invalid_argument("SIMD variant '" + name + "' cannot run here; choose one of " + names);
}

Simd simd_from_environment() {
    const char* wanted = std::getenv("ALSATIAN_SIMD");
    return simd_select(wanted == nullptr ? "" : wanted);
}

}  // namespace alsatian
