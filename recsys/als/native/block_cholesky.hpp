// Cholesky for matrices of some tens of rows: everything here is internal to the object that includes it;
// see kernels.hpp.
//
// A = U'U goes panel by panel of kPanel rows. A panel's own square is reduced beside the identity, so
// that it leaves the inverse of its U' as well (below the diagonal, where nothing else is needed). With
// it the rest of the panel, and both substitutions, are products without a chain of divisions: of a
// small matrix most of the time would otherwise pass in waiting for one pivot after the other.
#pragma once

#include "kernels.hpp"
#include "lanes.hpp"
#include "panels.hpp"

namespace alsatian::als {
namespace {

template <class T>
constexpr std::int64_t kPanelLanes = kPanel / kWidth<T>;

// matrix[i.., j..] -= left' right over n rows, for kTileRows rows and `lanes` registers.
template <int lanes, class T>
void subtract_tile(T* matrix, const T* left, const T* right, std::int64_t stride, std::int64_t n) {
    Lanes<T> sum[kTileRows][lanes] = {};
    for (std::int64_t row = 0; row < n; ++row) {
        Lanes<T> part[lanes];
        for (int v = 0; v < lanes; ++v) part[v] = load(right + row * stride + v * kWidth<T>);
        for (std::int64_t i = 0; i < kTileRows; ++i) {
            const Lanes<T> s = spread<T>(left[row * stride + i]);
            for (int v = 0; v < lanes; ++v) sum[i][v] += s * part[v];
        }
    }
    for (std::int64_t i = 0; i < kTileRows; ++i) {
        for (int v = 0; v < lanes; ++v) {
            T* const at = matrix + i * stride + v * kWidth<T>;
            store(at, load(at) - sum[i][v]);
        }
    }
}

// Rows [k0, k0 + kPanel) of A, from the diagonal on, less what the rows of U above them account for.
template <class T>
void subtract_above(T* matrix, std::int64_t stride, std::int64_t k0) {
    for (std::int64_t i = k0; i < k0 + kPanel; i += kTileRows) {
        std::int64_t j = i / kWidth<T> * kWidth<T>;
        for (; j + 2 * kWidth<T> <= stride; j += 2 * kWidth<T>) {
            subtract_tile<2>(matrix + i * stride + j, matrix + i, matrix + j, stride, k0);
        }
        for (; j < stride; j += kWidth<T>) {
            subtract_tile<1>(matrix + i * stride + j, matrix + i, matrix + j, stride, k0);
        }
    }
}

template <class T>
struct Pivot {
    T inverse;       // 1 / pivot
    T inverse_root;  // 1 / sqrt(pivot)
};

template <class T>
inline Pivot<T> pivot_of(T value) {
    const T inverse = T(1) / value;
    return {inverse, static_cast<T>(__builtin_sqrt(inverse))};
}

template <class T>
inline Lanes<T> without(Lanes<T> v, std::int64_t lane) {
    v[lane] = T(0);
    return v;
}

// The panel's square on the diagonal: `inverse` (kPanel, kPanel) <- the inverse of its U', zeros above
// the diagonal. Elimination without scaling first, the scale last, off the chain of pivots. Column k of
// a row is of no use once it is eliminated; there the identity's column k begins. False when a pivot is
// lost to rounding.
template <class T>
bool reduce_square(const T* square, std::int64_t stride, const T* diagonal, T* inverse) {
    constexpr std::int64_t lanes = kPanelLanes<T>;
    Lanes<T> row[kPanel][lanes];
    for (std::int64_t i = 0; i < kPanel; ++i) {
        for (std::int64_t v = 0; v < lanes; ++v) row[i][v] = load(square + i * stride + v * kWidth<T>);
    }
    T scale[kPanel];
    bool positive = true;
#pragma GCC unroll 16
    for (std::int64_t k = 0; k < kPanel; ++k) {
        alignas(64) T top[kPanel];
        for (std::int64_t v = 0; v < lanes; ++v) store(top + v * kWidth<T>, row[k][v]);
        const T value = row[k][k / kWidth<T>][k % kWidth<T>];
        positive &= value > T(4) * kEpsilon<T> * diagonal[k];
        const Pivot<T> pivot = pivot_of(value);
        scale[k] = pivot.inverse_root;
        row[k][k / kWidth<T>][k % kWidth<T>] = T(1);  // of the identity, whose row goes along
        Lanes<T> scaled[lanes];
        for (std::int64_t v = 0; v < lanes; ++v) scaled[v] = spread<T>(pivot.inverse) * row[k][v];
#pragma GCC unroll 16
        for (std::int64_t i = k + 1; i < kPanel; ++i) {
            const Lanes<T> s = spread<T>(top[i]);
            row[i][k / kWidth<T>] = without<T>(row[i][k / kWidth<T>], k % kWidth<T>);
            for (std::int64_t v = 0; v < lanes; ++v) row[i][v] -= s * scaled[v];
        }
    }
    if (!positive) return false;
    for (std::int64_t i = 0; i < kPanel; ++i) {
        for (std::int64_t v = 0; v < lanes; ++v) {
            store(inverse + i * kPanel + v * kWidth<T>, spread<T>(scale[i]) * row[i][v]);
        }
        for (std::int64_t j = i + 1; j < kPanel; ++j) inverse[i * kPanel + j] = T(0);
    }
    return true;
}

#if defined(__AVX512F__)
// The same where a row of the square is one register: a pivot goes from it to the next row without memory.
template <>
inline bool reduce_square<float>(const float* square, std::int64_t stride, const float* diagonal,
                                 float* inverse) {
    const auto lane = [](std::int64_t k) { return static_cast<__mmask16>(1u << k); };
    const __m512 one = _mm512_set1_ps(1.0f);
    __m512 row[kPanel], pivots = one;
    for (std::int64_t i = 0; i < kPanel; ++i) row[i] = _mm512_loadu_ps(square + i * stride);
    alignas(64) float top[kPanel][kPanel];
#pragma GCC unroll 16
    for (std::int64_t k = 0; k < kPanel; ++k) {
        _mm512_store_ps(top[k], row[k]);
        const __m512 value = _mm512_permutexvar_ps(_mm512_set1_epi32(static_cast<int>(k)), row[k]);
        pivots = _mm512_mask_mov_ps(pivots, lane(k), value);
        const __m512 first = _mm512_rcp14_ps(value);
        const __m512 pivot_inverse = _mm512_fmadd_ps(first, _mm512_fnmadd_ps(value, first, one), first);
        row[k] = _mm512_mask_mov_ps(row[k], lane(k), one);  // of the identity, whose row goes along
        const __m512 scaled = _mm512_mul_ps(pivot_inverse, row[k]);
#pragma GCC unroll 16
        for (std::int64_t i = k + 1; i < kPanel; ++i) {
            const __m512 kept = _mm512_maskz_mov_ps(static_cast<__mmask16>(~lane(k)), row[i]);
            row[i] = _mm512_fnmadd_ps(_mm512_set1_ps(top[k][i]), scaled, kept);
        }
    }
    const __m512 least = _mm512_mul_ps(_mm512_set1_ps(4.0f * kEpsilon<float>), _mm512_loadu_ps(diagonal));
    if (_mm512_cmp_ps_mask(pivots, least, _CMP_GT_OQ) != 0xFFFFu) return false;
    const __m512 root = _mm512_rsqrt14_ps(pivots);
    const __m512 off = _mm512_fnmadd_ps(_mm512_mul_ps(pivots, root), root, one);
    _mm512_store_ps(top[0], _mm512_fmadd_ps(_mm512_mul_ps(_mm512_set1_ps(0.5f), root), off, root));
    for (std::int64_t i = 0; i < kPanel; ++i) {
        const auto below = static_cast<__mmask16>((2u << i) - 1u);
        _mm512_storeu_ps(inverse + i * kPanel,
                         _mm512_maskz_mul_ps(below, _mm512_set1_ps(top[0][i]), row[i]));
    }
    return true;
}
#endif

// Rows of A right of the panel's square <- rows of U: the inverse times them, one register of columns
// at a time.
template <class T>
void finish_panel(T* panel, std::int64_t stride, std::int64_t begin, const T* inverse) {
    for (std::int64_t j = begin; j < stride; j += kWidth<T>) {
        Lanes<T> above[kPanel];
        for (std::int64_t i = 0; i < kPanel; ++i) above[i] = load(panel + i * stride + j);
#pragma GCC unroll 16
        for (std::int64_t i = 0; i < kPanel; ++i) {
            Lanes<T> even{}, odd{};
#pragma GCC unroll 16
            for (std::int64_t k = 0; k <= i; k += 2) {
                even += spread<T>(inverse[i * kPanel + k]) * above[k];
                if (k + 1 <= i) odd += spread<T>(inverse[i * kPanel + k + 1]) * above[k + 1];
            }
            store(panel + i * stride + j, even + odd);
        }
    }
}

// r (kPanel) <- inverse r
template <class T>
void apply_inverse(const T* inverse, T* r) {
    alignas(64) T found[kPanel];
    for (std::int64_t i = 0; i < kPanel; i += kGroup) {
        Lanes<T> sum[kGroup] = {};
        for (std::int64_t v = 0; v < kPanel; v += kWidth<T>) {
            const Lanes<T> part = load(r + v);
            for (std::int64_t g = 0; g < kGroup; ++g) {
                sum[g] += part * load(inverse + (i + g) * kPanel + v);
            }
        }
        sum_lanes8<T>(sum, found + i);
    }
    for (std::int64_t i = 0; i < kPanel; ++i) r[i] = found[i];
}

struct Nothing {
    void operator()() const {}
};

// matrix (upper triangle, stride a multiple of kPanel) = U'U, and r <- U'^-1 r. `inverses` (stride,
// kPanel) keeps the inverse of each panel's square; the squares themselves stay as they were. False
// when a pivot is lost to rounding. `between` is called now and then, some hundred cycles apart.
template <class T, class Between = Nothing>
bool factorize(T* matrix, std::int64_t stride, T* diagonal, T* inverses, T* r,
               const Between& between = {}) {
    for (std::int64_t k = 0; k < stride; ++k) diagonal[k] = matrix[k * stride + k];
    for (std::int64_t k0 = 0; k0 < stride; k0 += kPanel) {
        T* const panel = matrix + k0 * stride;
        T* const inverse = inverses + k0 * kPanel;
        if (k0 > 0) {
            between();
            subtract_above(matrix, stride, k0);
            between();
            for (std::int64_t v = k0; v < k0 + kPanel; v += kWidth<T>) {
                Lanes<T> sum[4] = {load(r + v)};
                for (std::int64_t k = 0; k < k0; k += 4) {
                    for (std::int64_t i = 0; i < 4; ++i) {
                        sum[i] -= spread<T>(r[k + i]) * load(matrix + (k + i) * stride + v);
                    }
                }
                store(r + v, (sum[0] + sum[1]) + (sum[2] + sum[3]));
            }
        }
        if (!reduce_square(panel + k0, stride, diagonal + k0, inverse)) return false;
        between();
        apply_inverse(inverse, r + k0);
        finish_panel(panel, stride, k0 + kPanel, inverse);
        between();
    }
    return true;
}

// x <- U^-1 r
template <class T>
void substitute(const T* matrix, std::int64_t stride, const T* inverses, const T* r, T* x) {
    for (std::int64_t k0 = stride - kPanel; k0 >= 0; k0 -= kPanel) {
        alignas(64) T rest[kPanel];
        for (std::int64_t i = 0; i < kPanel; i += kGroup) {
            Lanes<T> sum[kGroup] = {};
            for (std::int64_t v = k0 + kPanel; v < stride; v += kWidth<T>) {
                const Lanes<T> part = load(x + v);
                for (std::int64_t g = 0; g < kGroup; ++g) {
                    sum[g] += part * load(matrix + (k0 + i + g) * stride + v);
                }
            }
            sum_lanes8<T>(sum, rest + i);
        }
        for (std::int64_t i = 0; i < kPanel; ++i) rest[i] = r[k0 + i] - rest[i];
        for (std::int64_t v = 0; v < kPanel; v += kWidth<T>) {
            Lanes<T> even{}, odd{};
            for (std::int64_t k = 0; k < kPanel; k += 2) {
                even += spread<T>(rest[k]) * load(inverses + (k0 + k) * kPanel + v);
                odd += spread<T>(rest[k + 1]) * load(inverses + (k0 + k + 1) * kPanel + v);
            }
            store(x + k0 + v, even + odd);
        }
    }
}

}  // namespace
}  // namespace alsatian::als
