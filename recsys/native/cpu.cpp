#include "cpu.hpp"

#include <cstdlib>
#include <stdexcept>

#if defined(__linux__) && defined(ALSATIAN_X86_VARIANTS)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace alsatian {

namespace {

// The matrix unit with bfloat16, arithmetic in float16 beside it, and the system's leave to use its large state (Linux hands it out on
// request, once for the process and what it starts).
bool matrix_unit() {
#if defined(__linux__) && defined(ALSATIAN_X86_VARIANTS)
    constexpr unsigned kFloat16 = 1u << 23, kBfloat16 = 1u << 22, kTile = 1u << 24;  // leaf 7, edx
    constexpr unsigned kVectorBfloat16 = 1u << 5;               // leaf 7.1, eax
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    if ((d & kFloat16) == 0 || (d & kBfloat16) == 0 || (d & kTile) == 0) return false;
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || (a & kVectorBfloat16) == 0) return false;
    constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    static const bool granted = syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
    return granted;
#else
    return false;
#endif
}

}  // namespace

const char* simd_name(Simd variant) {
    switch (variant) {
        case Simd::avx2: return "avx2";
        case Simd::avx512: return "avx512";
        case Simd::amx: return "amx";
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
            if (matrix_unit()) found.push_back(Simd::amx);
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
