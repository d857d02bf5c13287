// Rows times a square matrix, which turns them into another basis: for kernels.cpp alone.
#pragma once

#include "passes.hpp"

namespace alsatian::als {
namespace {

// Sums of R rows x V registers: out[r, ..] = sum_k rows[r, k] basis[k, ..].
template <class T, int R, int V>
ALSATIAN_INLINE void turn_tile(const T* rows, std::int64_t row_stride, std::int64_t factors,
                               const T* basis, std::int64_t stride, T* out, std::int64_t out_stride) {
    Lanes<T> sum[R][V] = {};
    for (std::int64_t k = 0; k < factors; ++k) {
        Lanes<T> part[V];
        for (int v = 0; v < V; ++v) part[v] = load(basis + k * stride + v * kWidth<T>);
        for (int r = 0; r < R; ++r) {
            const Lanes<T> s = spread<T>(rows[r * row_stride + k]);
            for (int v = 0; v < V; ++v) sum[r][v] += s * part[v];
        }
    }
    for (int r = 0; r < R; ++r) {
        for (int v = 0; v < V; ++v) store(out + r * out_stride + v * kWidth<T>, sum[r][v]);
    }
}

template <class T, int V>
ALSATIAN_INLINE void turn_columns(const T* rows, std::int64_t count, std::int64_t row_stride,
                                  std::int64_t factors, const T* basis, std::int64_t stride, T* out,
                                  std::int64_t out_stride) {
    constexpr int R = kTileRows / 2;
    std::int64_t row = 0;
    for (; row + R <= count; row += R) {
        turn_tile<T, R, V>(rows + row * row_stride, row_stride, factors, basis, stride,
                           out + row * out_stride, out_stride);
    }
    for (; row < count; ++row) {
        turn_tile<T, 1, V>(rows + row * row_stride, row_stride, factors, basis, stride,
                           out + row * out_stride, out_stride);
    }
}

template <class T>
void turn_by_lanes(const T* rows, std::int64_t count, std::int64_t row_stride, std::int64_t factors,
                   const T* basis, std::int64_t stride, T* out) {
    std::int64_t j = 0;
    for (; j + 4 * kWidth<T> <= stride; j += 4 * kWidth<T>) {
        turn_columns<T, 4>(rows, count, row_stride, factors, basis + j, stride, out + j, stride);
    }
    for (; j < stride; j += kWidth<T>) {
        turn_columns<T, 1>(rows, count, row_stride, factors, basis + j, stride, out + j, stride);
    }
}

#if defined(ALSATIAN_TILES)

// Both sides in two parts of bfloat16, which is 16 bits. The matrix is laid out once: for each 32 columns,
// for each 32 rows, four tiles of 16 x 16 pairs of rows, the high parts of both halves and then the low ones.
constexpr std::int64_t kTurnTiles = 4;

inline void lay_out_basis(const float* basis, std::int64_t factors, std::int64_t stride, std::uint32_t* to) {
    for (std::int64_t j = 0; j < stride; j += 16) {
        for (std::int64_t k = 0; k < stride; k += 2) {
            const std::int64_t block = (j / 32 * (stride / 32) + k / 32) * kTurnTiles + j / 16 % 2;
            const auto row = [&](std::int64_t i) {
                return i < factors ? _mm512_loadu_ps(basis + i * stride + j) : _mm512_setzero_ps();
            };
            const SplitPairs pairs = split_pairs(row(k), row(k + 1));
            _mm512_storeu_si512(to + block * kTileWords + k / 2 % 16 * 16, pairs.high);
            _mm512_storeu_si512(to + (block + 2) * kTileWords + k / 2 % 16 * 16, pairs.low);
        }
    }
}

// Up to kTurned rows, for each 32 columns: high parts of 16 rows and of 16 more, then the low ones.
inline void lay_out_rows(const float* rows, std::int64_t count, std::int64_t row_stride,
                         std::int64_t factors, std::int64_t stride, std::uint32_t* to) {
    const auto part = [](const float* from, std::int64_t left) {
        const auto mask = static_cast<__mmask16>(left >= 16 ? 0xFFFFu : left > 0 ? (1u << left) - 1u : 0u);
        return _mm512_maskz_loadu_ps(mask, from);
    };
    const auto widened = [](__m256i v) {
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
    };
    for (std::int64_t r = 0; r < count; ++r) {
        const float* const row = rows + r * row_stride;
        std::uint32_t* at = to + r / 16 * kTileWords + r % 16 * 16;
        for (std::int64_t k = 0; k < stride; k += 32, at += kTurnTiles * kTileWords) {
            const __m512 first = part(row + k, factors - k), second = part(row + k + 16, factors - k - 16);
            const __m512i high = (__m512i)_mm512_cvtne2ps_pbh(second, first);
            const __m512 rest_first = _mm512_sub_ps(first, widened(_mm512_castsi512_si256(high)));
            const __m512 rest_second = _mm512_sub_ps(second, widened(_mm512_extracti64x4_epi64(high, 1)));
            _mm512_storeu_si512(at, high);
            _mm512_storeu_si512(at + 2 * kTileWords, (__m512i)_mm512_cvtne2ps_pbh(rest_second, rest_first));
        }
    }
}

template <bool more>  // than 16 rows
ALSATIAN_INLINE void turn_32_columns(const std::uint32_t* rows, const std::uint32_t* basis,
                                     std::int64_t stride, float* out) {
    const std::int64_t bytes = stride * 4;
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (more) _tile_zero(2);
    if constexpr (more) _tile_zero(3);
    written();
    for (std::int64_t k = 0; k < stride; k += 32, rows += kTurnTiles * kTileWords, basis += kTurnTiles * kTileWords) {
        const auto multiply = [] {
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            if constexpr (more) _tile_dpbf16ps(2, 5, 6);
            if constexpr (more) _tile_dpbf16ps(3, 5, 7);
        };
        _tile_loadd(4, rows, 64);
        if constexpr (more) _tile_loadd(5, rows + kTileWords, 64);
        _tile_loadd(6, basis + 2 * kTileWords, 64);
        _tile_loadd(7, basis + 3 * kTileWords, 64);
        multiply();
        _tile_loadd(6, basis, 64);
        _tile_loadd(7, basis + kTileWords, 64);
        multiply();
        _tile_loadd(4, rows + 2 * kTileWords, 64);
        if constexpr (more) _tile_loadd(5, rows + 3 * kTileWords, 64);
        multiply();
    }
    _tile_stored(0, out, bytes);
    _tile_stored(1, out + 16, bytes);
    if constexpr (more) _tile_stored(2, out + 16 * stride, bytes);
    if constexpr (more) _tile_stored(3, out + 16 * stride + 16, bytes);
    written();
}

#endif

// out (kTurned, stride) <- up to kTurned rows (factors; `row_stride` apart) times a basis. `room` has
// places for (kTurned, stride) numbers. Rows of `out` after the last may be written with anything.
template <class T>
void turn(const T* rows, std::int64_t count, std::int64_t row_stride, std::int64_t factors,
          const Turn<T>& basis, std::int64_t stride, T* out, T* room) {
#if defined(ALSATIAN_TILES)
    if constexpr (sizeof(T) == 4) {
        if (basis.tiles != nullptr) {
            std::uint32_t* const left = reinterpret_cast<std::uint32_t*>(room);
            lay_out_rows(rows, count, row_stride, factors, stride, left);
            for (std::int64_t j = 0; j < stride; j += 32) {
                const std::uint32_t* const columns = basis.tiles + j / 32 * (stride / 32) * kTurnTiles * kTileWords;
                if (count > 16) {
                    turn_32_columns<true>(left, columns, stride, out + j);
                } else {
                    turn_32_columns<false>(left, columns, stride, out + j);
                }
            }
            return;
        }
    }
#endif
    static_cast<void>(room);
    turn_by_lanes(rows, count, row_stride, factors, basis.matrix, stride, out);
}

template <class T>
void halve(const T* rows, std::int64_t count, std::int64_t factors, const Turn<T>& basis, T* room,
           std::uint32_t* to) {
    if constexpr (sizeof(T) == 4) {
#if defined(ALSATIAN_TILES)
        const Tiles tiles;
#endif
        const std::int64_t stride = padded(factors, kHalfGroup), words = stride / 2;
        T* const turned = room + kTurned * stride;
        for (std::int64_t at = 0; at < count; at += kTurned) {
            const std::int64_t n = count - at < kTurned ? count - at : kTurned;
            turn(rows + at * factors, n, factors, factors, basis, stride, turned, room);
            for (std::int64_t row = 0; row < n; ++row) {
                to_half(turned + row * stride, stride, to + (at + row) * words);
            }
        }
    } else {
        static_cast<void>(rows), static_cast<void>(count), static_cast<void>(factors);
        static_cast<void>(basis), static_cast<void>(room), static_cast<void>(to);
    }
}

template <class T>
void lengths(const T* rows, std::int64_t count, std::int64_t factors, T* largest, T* smallest) {
    const std::int64_t whole = factors / kWidth<T> * kWidth<T>;
    for (std::int64_t row = 0; row < count; ++row, rows += factors) {
        T square = dot(rows, rows, whole);
        for (std::int64_t k = whole; k < factors; ++k) square += rows[k] * rows[k];
        if (!finite(square)) *largest = square;  // and so it stays: nothing is larger
        if (square > *largest) *largest = square;
        if (square > T(0) && square < *smallest) *smallest = square;
    }
}

// `to` (2 * stride * stride halves) <- a basis as `turn` takes it on the matrix unit.
inline void lay_out_turn(const float* basis, std::int64_t factors, std::int64_t stride, std::uint32_t* to) {
#if defined(ALSATIAN_TILES)
    lay_out_basis(basis, factors, stride, to);
#else
    static_cast<void>(basis), static_cast<void>(factors), static_cast<void>(stride), static_cast<void>(to);
#endif
}

}  // namespace
}  // namespace alsatian::als
