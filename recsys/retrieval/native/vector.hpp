// The few vector operations of the kernel, for the instruction set this file is compiled with.
// Everything is in an anonymous namespace: see kernel.hpp.
#pragma once

#include <cstdint>

#if !defined(ALSATIAN_TOPN_PORTABLE) && defined(__SSE2__)
#include <immintrin.h>
#endif

namespace {

// kQueryTile x kVectors accumulators, plus kVectors item vectors and one broadcast query value,
// are what the register file holds.
#if !defined(ALSATIAN_TOPN_PORTABLE) && defined(__AVX512F__)

using Vector = __m512;
constexpr int kWidth = 16, kVectors = 2, kQueryTile = 12;
inline Vector zero() { return _mm512_setzero_ps(); }
inline Vector load(const float* from) { return _mm512_load_ps(from); }
inline Vector spread(float value) { return _mm512_set1_ps(value); }
inline Vector add_product(Vector sum, Vector a, Vector b) { return _mm512_fmadd_ps(a, b, sum); }
inline void store(float* to, Vector v) { _mm512_store_ps(to, v); }
inline std::uint64_t above(Vector v, Vector limit) {
    return _mm512_cmp_ps_mask(v, limit, _CMP_GT_OQ);
}

using Whole = __m512i;  // kWidth sums of 32 bits, or twice as many numbers of 16
constexpr bool kHasWhole = true;
inline Whole load_whole(const void* from) { return _mm512_loadu_si512(from); }
inline Whole spread_pair(const std::int16_t* pair) {
    std::int32_t both;
    __builtin_memcpy(&both, pair, sizeof both);
    return _mm512_set1_epi32(both);
}
inline void add_pairs(Whole& sum, Whole a, Whole b) {
    Whole product;
    asm volatile("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0"
                 : "+v"(sum), "=&v"(product) : "v"(a), "v"(b));
}
inline void store_whole(std::int32_t* to, Whole v) { _mm512_storeu_si512(to, v); }
inline Whole spread_whole(std::int32_t value) { return _mm512_set1_epi32(value); }
inline Whole both(Whole a, Whole b) { return _mm512_and_si512(a, b); }
inline Whole count_greater(Whole count, Whole a, Whole b) {
    return _mm512_mask_add_epi32(count, _mm512_cmpgt_epi32_mask(a, b), count, _mm512_set1_epi32(1));
}
inline std::uint64_t negative(Whole v) { return _mm512_movepi32_mask(v); }
inline Vector load_any(const float* from) { return _mm512_loadu_ps(from); }
inline Vector less_by(Vector a, Vector scale, Vector off) { return _mm512_fmsub_ps(a, scale, off); }
inline Vector within(Vector v, Vector low, Vector high) {
    // The forms without a mask make GCC 12 warn of its own headers.
    return _mm512_maskz_min_ps(0xffff, _mm512_maskz_max_ps(0xffff, v, low), high);
}
inline Whole rounded_down(Vector v) { return _mm512_maskz_cvttps_epi32(0xffff, v); }
inline void store_narrow(std::int16_t* to, Vector v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm512_maskz_cvtsepi32_epi16(0xffff, _mm512_maskz_cvtps_epi32(0xffff, v)));
}
inline float add_product_of_one(float sum, float a, float b) { return __builtin_fmaf(a, b, sum); }
inline Vector multiply(Vector a, Vector b) { return _mm512_mul_ps(a, b); }

#elif !defined(ALSATIAN_TOPN_PORTABLE) && defined(__AVX2__)

using Vector = __m256;
constexpr int kWidth = 8, kVectors = 2, kQueryTile = 6;
inline Vector zero() { return _mm256_setzero_ps(); }
inline Vector load(const float* from) { return _mm256_load_ps(from); }
inline Vector spread(float value) { return _mm256_set1_ps(value); }
inline Vector add_product(Vector sum, Vector a, Vector b) { return _mm256_fmadd_ps(a, b, sum); }
inline void store(float* to, Vector v) { _mm256_store_ps(to, v); }
inline std::uint64_t above(Vector v, Vector limit) {
    return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(v, limit, _CMP_GT_OQ)));
}

using Whole = __m256i;  // kWidth sums of 32 bits, or twice as many numbers of 16
constexpr bool kHasWhole = true;
inline Whole load_whole(const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
inline Whole spread_pair(const std::int16_t* pair) {
    std::int32_t both;
    __builtin_memcpy(&both, pair, sizeof both);
    return _mm256_set1_epi32(both);
}
inline void add_pairs(Whole& sum, Whole a, Whole b) {
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}
// The loop over pairs of factors of a whole tile. GCC 12 does all products before their additions, runs
// out of registers and is slower by a third: hence in assembly.
#define ALSATIAN_TILE_IN_ASSEMBLY 1
#define ALSATIAN_TILE_ROW(at, first, second)     \
    "vpbroadcastd " at "(%[queries]), %%ymm14\n" \
    "vpmaddwd %%ymm12, %%ymm14, %%ymm15\n"       \
    "vpmaddwd %%ymm13, %%ymm14, %%ymm14\n"       \
    "vpaddd %%ymm15, %[" first "], %[" first "]\n" \
    "vpaddd %%ymm14, %[" second "], %[" second "]\n"
inline void sum_whole_tile(const std::int16_t* queries, const std::int16_t* items,
                           std::int64_t pairs, Whole (&sums)[kQueryTile][kVectors]) {
    Whole a = sums[0][0], b = sums[0][1], c = sums[1][0], d = sums[1][1], e = sums[2][0],
          f = sums[2][1], g = sums[3][0], h = sums[3][1], i = sums[4][0], j = sums[4][1],
          k = sums[5][0], l = sums[5][1];
    asm volatile(
        ".p2align 5\n"
        "1:\n"
        "vmovdqa (%[items]), %%ymm12\n"
        "vmovdqa 32(%[items]), %%ymm13\n"
        ALSATIAN_TILE_ROW("0", "a", "b")
        ALSATIAN_TILE_ROW("4", "c", "d")
        ALSATIAN_TILE_ROW("8", "e", "f")
        ALSATIAN_TILE_ROW("12", "g", "h")
        ALSATIAN_TILE_ROW("16", "i", "j")
        ALSATIAN_TILE_ROW("20", "k", "l")
        "addq $64, %[items]\n"
        "addq $24, %[queries]\n"
        "decq %[pairs]\n"
        "jnz 1b\n"
        : [a] "+x"(a), [b] "+x"(b), [c] "+x"(c), [d] "+x"(d), [e] "+x"(e), [f] "+x"(f),
          [g] "+x"(g), [h] "+x"(h), [i] "+x"(i), [j] "+x"(j), [k] "+x"(k), [l] "+x"(l),
          [queries] "+r"(queries), [items] "+r"(items), [pairs] "+r"(pairs)
        :
        : "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
    const Whole all[] = {a, b, c, d, e, f, g, h, i, j, k, l};
    for (int at = 0; at < kQueryTile * kVectors; ++at) sums[at / kVectors][at % kVectors] = all[at];
}
#undef ALSATIAN_TILE_ROW
inline void store_whole(std::int32_t* to, Whole v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), v);
}
inline Whole spread_whole(std::int32_t value) { return _mm256_set1_epi32(value); }
inline Whole both(Whole a, Whole b) { return _mm256_and_si256(a, b); }
inline Whole count_greater(Whole count, Whole a, Whole b) {
    return _mm256_sub_epi32(count, _mm256_cmpgt_epi32(a, b));
}
inline std::uint64_t negative(Whole v) {
    return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(v)));
}
inline Vector load_any(const float* from) { return _mm256_loadu_ps(from); }
inline Vector less_by(Vector a, Vector scale, Vector off) { return _mm256_fmsub_ps(a, scale, off); }
inline Vector within(Vector v, Vector low, Vector high) {
    return _mm256_min_ps(_mm256_max_ps(v, low), high);
}
inline Whole rounded_down(Vector v) { return _mm256_cvttps_epi32(v); }
inline void store_narrow(std::int16_t* to, Vector v) {
    const __m256i whole = _mm256_cvtps_epi32(v);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                     _mm_packs_epi32(_mm256_castsi256_si128(whole),
                                     _mm256_extracti128_si256(whole, 1)));
}
inline float add_product_of_one(float sum, float a, float b) { return __builtin_fmaf(a, b, sum); }
inline Vector multiply(Vector a, Vector b) { return _mm256_mul_ps(a, b); }

#elif !defined(ALSATIAN_TOPN_PORTABLE) && defined(__SSE2__)

using Vector = __m128;
constexpr int kWidth = 4, kVectors = 2, kQueryTile = 5;
inline Vector zero() { return _mm_setzero_ps(); }
inline Vector load(const float* from) { return _mm_load_ps(from); }
inline Vector spread(float value) { return _mm_set1_ps(value); }
inline Vector add_product(Vector sum, Vector a, Vector b) {
    return _mm_add_ps(sum, _mm_mul_ps(a, b));
}
inline void store(float* to, Vector v) { _mm_store_ps(to, v); }
inline std::uint64_t above(Vector v, Vector limit) {
    return static_cast<std::uint32_t>(_mm_movemask_ps(_mm_cmpgt_ps(v, limit)));
}

using Whole = __m128i;  // kWidth sums of 32 bits, or twice as many numbers of 16
constexpr bool kHasWhole = true;
inline Whole load_whole(const void* from) {
    return _mm_loadu_si128(static_cast<const __m128i*>(from));
}
inline Whole spread_pair(const std::int16_t* pair) {
    std::int32_t both;
    __builtin_memcpy(&both, pair, sizeof both);
    return _mm_set1_epi32(both);
}
inline void add_pairs(Whole& sum, Whole a, Whole b) {
    sum = _mm_add_epi32(sum, _mm_madd_epi16(a, b));
}
inline void store_whole(std::int32_t* to, Whole v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), v);
}
inline Whole spread_whole(std::int32_t value) { return _mm_set1_epi32(value); }
inline Whole both(Whole a, Whole b) { return _mm_and_si128(a, b); }
inline Whole count_greater(Whole count, Whole a, Whole b) {
    return _mm_sub_epi32(count, _mm_cmpgt_epi32(a, b));
}
inline std::uint64_t negative(Whole v) {
    return static_cast<std::uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(v)));
}
inline Vector load_any(const float* from) { return _mm_loadu_ps(from); }
inline Vector less_by(Vector a, Vector scale, Vector off) {
    return _mm_sub_ps(_mm_mul_ps(a, scale), off);
}
inline Vector within(Vector v, Vector low, Vector high) {
    return _mm_min_ps(_mm_max_ps(v, low), high);
}
inline Whole rounded_down(Vector v) { return _mm_cvttps_epi32(v); }
inline void store_narrow(std::int16_t* to, Vector v) {
    const __m128i whole = _mm_cvtps_epi32(v);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packs_epi32(whole, whole));
}
inline float add_product_of_one(float sum, float a, float b) { return sum + a * b; }
inline Vector multiply(Vector a, Vector b) { return _mm_mul_ps(a, b); }

#else  // the compiler's own vectors: NEON on arm64, whatever there is elsewhere

typedef float Vector __attribute__((vector_size(16)));
typedef std::int32_t Mask __attribute__((vector_size(16)));
constexpr int kWidth = 4, kVectors = 3, kQueryTile = 8;
inline Vector zero() { return Vector{}; }
inline Vector load(const float* from) { return *reinterpret_cast<const Vector*>(from); }
inline Vector spread(float value) { return Vector{value, value, value, value}; }
inline Vector add_product(Vector sum, Vector a, Vector b) { return sum + a * b; }
inline void store(float* to, Vector v) { *reinterpret_cast<Vector*>(to) = v; }
inline std::uint64_t above(Vector v, Vector limit) {
    const Mask greater = v > limit;
    std::uint64_t bits = 0;
    for (int lane = 0; lane < kWidth; ++lane) {
        bits |= static_cast<std::uint64_t>(greater[lane] & 1) << lane;
    }
    return bits;
}

constexpr bool kHasWhole = false;  // one lane at a time, never called
inline float add_product_of_one(float sum, float a, float b) { return sum + a * b; }

#endif

constexpr int kItemTile = kWidth * kVectors;
constexpr std::uint64_t kAllLanes = (std::uint64_t{1} << kWidth) - 1;

// Writes four consecutive factors of four items as four item-contiguous rows, `stride` apart.
inline void transpose4(const float* const* from, std::int64_t at, float* to, std::int64_t stride) {
#if !defined(ALSATIAN_TOPN_PORTABLE) && defined(__SSE2__)
    __m128 a = _mm_loadu_ps(from[0] + at), b = _mm_loadu_ps(from[1] + at);
    __m128 c = _mm_loadu_ps(from[2] + at), d = _mm_loadu_ps(from[3] + at);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_store_ps(to, a);
    _mm_store_ps(to + stride, b);
    _mm_store_ps(to + 2 * stride, c);
    _mm_store_ps(to + 3 * stride, d);
#else
    for (int factor = 0; factor < 4; ++factor) {
        for (int item = 0; item < 4; ++item) to[factor * stride + item] = from[item][at + factor];
    }
#endif
}

}  // namespace
