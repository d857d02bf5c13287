// Normal matrices on the matrix unit (AMX): for kernels.cpp alone, in the variant that has it.
//
// A = G + sum_e c_e y_e y_e' is built from blocks of entries. Of 32 entries, each two are laid side by
// side: word (e, i) holds factor i of an even entry below and of the odd one after it above. Sixteen
// such rows are what the unit takes on the right; on the left it takes the same, weighted by c_e and
// transposed. Products are exact, sums are in 32 bits; the weighted side is rounded to bfloat16.
#pragma once

#if defined(__AMX_BF16__) && defined(__AVX512FP16__)
#define ALSATIAN_TILES 1

#include <cstdint>
#include <immintrin.h>

#include "half.hpp"

namespace {

constexpr std::int64_t kTileEntries = 32;  // entries that one tile holds
constexpr std::int64_t kTileWords = 256;   // 16 rows of 16 words

// The intrinsics do not tell the compiler what they read: whatever is stored before must be.
inline __attribute__((always_inline)) void written() { asm volatile("" : : : "memory"); }

// One configuration serves for everything: eight tiles of 16 rows of 64 bytes.
class Tiles {
   public:
    Tiles() {
        alignas(64) std::uint8_t config[64] = {};
        config[0] = 1;
        for (int tile = 0; tile < 8; ++tile) {
            config[16 + 2 * tile] = 64;
            config[48 + tile] = 16;
        }
        written();
        _tile_loadconfig(config);
        _tile_zero(5);
        _tile_zero(6);
        _tile_zero(7);
    }
    ~Tiles() { _tile_release(); }
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;
};

// The matrix unit falls asleep after about a thousand cycles without work, and takes as many to wake.
// A product of nothing, now and then, keeps it awake; it costs one slot of an idle unit.
inline __attribute__((always_inline)) void keep_awake() { _tile_dpbf16ps(7, 5, 6); }

// Two numbers a word, rounded to bfloat16: `even` below, `odd` above.
inline __attribute__((always_inline)) __m512i round_pairs(__m512 even, __m512 odd) {
    const __m512i half = _mm512_set1_epi32(0x8000);
    const __m512i below = _mm512_srli_epi32(_mm512_add_epi32(_mm512_castps_si512(even), half), 16);
    const __m512i above = _mm512_add_epi32(_mm512_castps_si512(odd), half);
    return _mm512_mask_blend_epi16(0xAAAAAAAAu, below, above);
}

// matrix[i0.., j0..] (32 x 32, from `start` with the same stride) += left' right over `depth` tiles of
// entries. Tiles of one block of 16 factors stand `blocks` tiles apart from one depth to the next.
template <bool diagonal>
inline void multiply_tiles(const float* start, float* matrix, std::int64_t stride,
                           const std::uint32_t* left, const std::uint32_t* right, std::int64_t step,
                           std::int64_t depth) {
    const std::int64_t bytes = stride * 4;
    written();
    _tile_loadd(0, start, bytes);
    _tile_loadd(1, start + 16, bytes);
    if constexpr (!diagonal) _tile_loadd(2, start + 16 * stride, bytes);
    _tile_loadd(3, start + 16 * stride + 16, bytes);
    for (std::int64_t d = 0; d < depth; ++d, left += step, right += step) {
        _tile_loadd(4, left, 64);
        _tile_loadd(6, right, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, right + kTileWords, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, left + kTileWords, 64);
        if constexpr (!diagonal) _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, matrix, bytes);
    _tile_stored(1, matrix + 16, bytes);
    if constexpr (!diagonal) _tile_stored(2, matrix + 16 * stride, bytes);
    _tile_stored(3, matrix + 16 * stride + 16, bytes);
}

// Upper triangle of matrix (stride x stride, a multiple of 32) <- start + left' right.
inline void multiply_triangle(const float* start, float* matrix, std::int64_t stride,
                              const std::uint32_t* left, const std::uint32_t* right,
                              std::int64_t depth) {
    const std::int64_t step = stride / 16 * kTileWords;
    for (std::int64_t i = 0; i < stride; i += 32) {
        const std::uint32_t* const rows = left + i / 16 * kTileWords;
        multiply_tiles<true>(start + i * stride + i, matrix + i * stride + i, stride, rows,
                             right + i / 16 * kTileWords, step, depth);
        for (std::int64_t j = i + 32; j < stride; j += 32) {
            multiply_tiles<false>(start + i * stride + j, matrix + i * stride + j, stride, rows,
                                  right + j / 16 * kTileWords, step, depth);
        }
    }
}

// The same in about 16 bits: each side in two parts, `low` what rounding took from `high`; the product of
// both low parts is left out. Low parts stand `part` words after the high ones.
template <bool diagonal>
inline void multiply_tiles_split(const float* start, float* matrix, std::int64_t stride,
                                 const std::uint32_t* left, const std::uint32_t* right,
                                 std::int64_t part, std::int64_t step, std::int64_t depth) {
    const std::int64_t bytes = stride * 4;
    written();
    _tile_loadd(0, start, bytes);
    _tile_loadd(1, start + 16, bytes);
    if constexpr (!diagonal) _tile_loadd(2, start + 16 * stride, bytes);
    _tile_loadd(3, start + 16 * stride + 16, bytes);
    for (std::int64_t d = 0; d < depth; ++d, left += step, right += step) {
        _tile_loadd(4, left, 64);
        _tile_loadd(5, left + kTileWords, 64);
        _tile_loadd(6, right, 64);
        _tile_loadd(7, right + kTileWords, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if constexpr (!diagonal) _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        _tile_loadd(4, left + part, 64);
        _tile_loadd(5, left + part + kTileWords, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if constexpr (!diagonal) _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        _tile_loadd(4, left, 64);
        _tile_loadd(5, left + kTileWords, 64);
        _tile_loadd(6, right + part, 64);
        _tile_loadd(7, right + part + kTileWords, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if constexpr (!diagonal) _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, matrix, bytes);
    _tile_stored(1, matrix + 16, bytes);
    if constexpr (!diagonal) _tile_stored(2, matrix + 16 * stride, bytes);
    _tile_stored(3, matrix + 16 * stride + 16, bytes);
}

inline void multiply_triangle_split(const float* start, float* matrix, std::int64_t stride,
                                    const std::uint32_t* left, const std::uint32_t* right,
                                    std::int64_t part, std::int64_t depth) {
    const std::int64_t step = stride / 16 * kTileWords;
    for (std::int64_t i = 0; i < stride; i += 32) {
        const std::uint32_t* const rows = left + i / 16 * kTileWords;
        multiply_tiles_split<true>(start + i * stride + i, matrix + i * stride + i, stride, rows,
                                   right + i / 16 * kTileWords, part, step, depth);
        for (std::int64_t j = i + 32; j < stride; j += 32) {
            multiply_tiles_split<false>(start + i * stride + j, matrix + i * stride + j, stride, rows,
                                        right + j / 16 * kTileWords, part, step, depth);
        }
    }
}

// The numbers of such a pair.
inline __attribute__((always_inline)) __m512 below(__m512i words) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(words, 16));
}
inline __attribute__((always_inline)) __m512 above(__m512i words) {
    return _mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32(static_cast<int>(0xFFFF0000u))));
}

// Two numbers a word in bfloat16, and what rounding took from them, likewise.
struct SplitPairs {
    __m512i high, low;
};

inline __attribute__((always_inline)) SplitPairs split_pairs(__m512 even, __m512 odd) {
    const __m512i high = round_pairs(even, odd);
    return {high, round_pairs(_mm512_sub_ps(even, below(high)), _mm512_sub_ps(odd, above(high)))};
}

// The lower triangle from the upper one, 16 x 16 at a time.
inline void mirror_tiles(float* matrix, std::int64_t stride) {
    alignas(64) std::uint32_t turned[kTileWords];
    for (std::int64_t i = 0; i < stride; i += 16) {
        float* const corner = matrix + i * stride + i;
        transpose_words(reinterpret_cast<const std::uint32_t*>(corner), stride, turned, 16);
        for (int row = 1; row < 16; ++row) {
            _mm512_mask_storeu_epi32(corner + row * stride, static_cast<__mmask16>((1u << row) - 1u),
                                     _mm512_load_si512(turned + 16 * row));
        }
        for (std::int64_t j = i + 16; j < stride; j += 16) {
            transpose_words(reinterpret_cast<const std::uint32_t*>(matrix + i * stride + j), stride,
                            reinterpret_cast<std::uint32_t*>(matrix + j * stride + i), stride);
        }
    }
}

}  // namespace
#endif
