// Symmetric systems solved together, one in each lane of a register: for kernels.cpp alone.
//
// A matrix of a few dozen factors is too small to keep wide registers busy on its own: its rows are short,
// its sums end in shuffles, and each pivot waits for the last. As many systems as a register has lanes,
// laid side by side, have none of that.
#pragma once

#include <cstdint>

#include "kernels.hpp"
#include "lanes.hpp"
#include "panels.hpp"

namespace alsatian::als {
namespace {

// Sums of kSquare rows and as many columns, on the diagonal, or kAcross, right of it: as many as registers hold,
// and enough for none to wait for the last. More rows than columns: what is read again for each rows is columns.
constexpr std::int64_t kSquare = 4;
#if defined(__AVX512F__)
constexpr std::int64_t kAcross = 4;
#else
constexpr std::int64_t kAcross = 2;
#endif

// Where number (i, j), i <= j, of the systems stands, in registers. Only the upper triangle has a place, in
// groups of kPad rows that begin with the group's first column: half the room, and so half the cache. The
// right side stands in the column after the last. A row is an odd number of registers, so that a column
// does not meet the same few places of a cache.
template <class T>
class Systems {
   public:
    Systems(T* numbers, std::int64_t n) : numbers_(numbers), n_(n) {}

    T* at(std::int64_t i, std::int64_t j) const {
        const std::int64_t group = i / kPad;
        return numbers_ + (together_begin(n_, group) + i % kPad * together_pitch(n_, group) + j -
                           group * kPad) * kWidth<T>;
    }
    // Numbers from one row of a group to the next.
    std::int64_t row(std::int64_t group) const { return together_pitch(n_, group) * kWidth<T>; }

   private:
    T* numbers_;
    std::int64_t n_;
};

// Lays rows i of kWidth matrices (`stride` x `stride`, upper triangles) side by side.
template <class T>
void interleave(const T* matrices, std::int64_t stride, std::int64_t n, const Systems<T>& systems) {
    for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t j = i / kPad * kPad; j < n; j += kPad) {
            const T* const from = matrices + i * stride + j;
#if defined(__AVX512F__)
            if constexpr (sizeof(T) == 4) {
                transpose_words(reinterpret_cast<const std::uint32_t*>(from), stride * stride,
                                reinterpret_cast<std::uint32_t*>(systems.at(i, j)), kWidth<T>);
                continue;
            }
#endif
#if defined(__AVX2__) && !defined(__AVX512F__)
            if constexpr (sizeof(T) == 4) {
                transpose8(from, stride * stride, systems.at(i, j));
                transpose8(from + 8, stride * stride, systems.at(i, j + 8));
                continue;
            }
#endif
            for (std::int64_t k = 0; k < kPad; ++k) {
                for (std::int64_t lane = 0; lane < kWidth<T>; ++lane) {
                    systems.at(i, j + k)[lane] = from[lane * stride * stride + k];
                }
            }
        }
    }
}

template <class T>
inline Lanes<T> inverse_root(Lanes<T> v) {
    T part[kWidth<T>];
    store(part, v);
    for (std::int64_t lane = 0; lane < kWidth<T>; ++lane) part[lane] = __builtin_sqrt(part[lane]);
    return spread<T>(T(1)) / load(part);
}

// sum[a][b] -= sum over k < rows of U(k, i + a) U(k, j + b)
template <std::int64_t across, class T>
inline __attribute__((always_inline)) void subtract_products(const Systems<T>& u, std::int64_t rows,
                                                             std::int64_t i, std::int64_t j,
                                                             Lanes<T> (&sum)[kSquare][across]) {
    const std::int64_t away = (j - i) * kWidth<T>;
    for (std::int64_t first = 0; first < rows; first += kPad) {
        const std::int64_t count = rows - first < kPad ? rows - first : kPad;
        const std::int64_t pitch = u.row(first / kPad);
        const T* from = u.at(first, i);
        for (const T* const end = from + count * pitch; from != end; from += pitch) {
            Lanes<T> right[across];
#pragma GCC unroll 4
            for (std::int64_t b = 0; b < across; ++b) right[b] = load(from + away + b * kWidth<T>);
#pragma GCC unroll 4
            for (std::int64_t a = 0; a < kSquare; ++a) {
                const Lanes<T> left = load(from + a * kWidth<T>);
#pragma GCC unroll 4
                for (std::int64_t b = 0; b < across; ++b) sum[a][b] -= left * right[b];
            }
        }
    }
}

// Rows [i, i + kSquare) of U from column j on, once their square on the diagonal is done.
template <std::int64_t across, class T>
inline __attribute__((always_inline)) void finish_rows(const Systems<T>& u, std::int64_t i, std::int64_t j,
                                                       const Lanes<T> (&corner)[kSquare][kSquare],
                                                       const T* inverses) {
    T* const first = u.at(i, j);
    const std::int64_t pitch = u.row(i / kPad);
    Lanes<T> sum[kSquare][across];
#pragma GCC unroll 4
    for (std::int64_t a = 0; a < kSquare; ++a) {
#pragma GCC unroll 4
        for (std::int64_t b = 0; b < across; ++b) sum[a][b] = load(first + a * pitch + b * kWidth<T>);
    }
    subtract_products<across>(u, i, i, j, sum);
#pragma GCC unroll 4
    for (std::int64_t a = 0; a < kSquare; ++a) {
        const Lanes<T> inverse = load(inverses + (i + a) * kWidth<T>);
#pragma GCC unroll 4
        for (std::int64_t b = 0; b < across; ++b) {
            sum[a][b] *= inverse;
#pragma GCC unroll 4
            for (std::int64_t c = a + 1; c < kSquare; ++c) sum[c][b] -= corner[a][c] * sum[a][b];
            store(first + a * pitch + b * kWidth<T>, sum[a][b]);
        }
    }
}

// A = U'U in place, and U'^-1 b in the column after it; `inverses` (n registers) <- 1 / U(i, i).
// lost[lane] is set where a pivot is lost to rounding: what else comes out in that lane means nothing.
template <class T>
void factorize_together(const Systems<T>& u, std::int64_t n, T epsilon, T* inverses, T* lost) {
    const Lanes<T> one = spread<T>(T(1));
    Lanes<T> gone{};
    for (std::int64_t i = 0; i < n; i += kSquare) {
        T* const first = u.at(i, i);
        const std::int64_t pitch = u.row(i / kPad);
        Lanes<T> corner[kSquare][kSquare], least[kSquare];
#pragma GCC unroll 4
        for (std::int64_t a = 0; a < kSquare; ++a) {
#pragma GCC unroll 4
            for (std::int64_t b = 0; b < kSquare; ++b) corner[a][b] = load(first + a * pitch + b * kWidth<T>);
            least[a] = spread<T>(T(4) * epsilon) * corner[a][a];
        }
        subtract_products<kSquare>(u, i, i, i, corner);
#pragma GCC unroll 4
        for (std::int64_t a = 0; a < kSquare; ++a) {
            const auto kept = corner[a][a] > least[a];
            gone = kept ? gone : one;
            const Lanes<T> inverse = inverse_root<T>(kept ? corner[a][a] : one);
            store(inverses + (i + a) * kWidth<T>, inverse);
#pragma GCC unroll 4
            for (std::int64_t b = a; b < kSquare; ++b) corner[a][b] *= inverse;
#pragma GCC unroll 4
            for (std::int64_t c = a + 1; c < kSquare; ++c) {
#pragma GCC unroll 4
                for (std::int64_t b = c; b < kSquare; ++b) corner[c][b] -= corner[a][c] * corner[a][b];
            }
#pragma GCC unroll 4
            for (std::int64_t b = a; b < kSquare; ++b) store(first + a * pitch + b * kWidth<T>, corner[a][b]);
        }
        for (std::int64_t j = i + kSquare; j <= n; j += kAcross) finish_rows<kAcross>(u, i, j, corner, inverses);
    }
    store(lost, gone);
}

// x (n registers) <- U^-1 of the column after U.
template <class T>
void substitute_together(const Systems<T>& u, std::int64_t n, const T* inverses, T* x) {
    for (std::int64_t i = n; i-- > 0;) {
        Lanes<T> sum[4] = {load(u.at(i, n))};
        std::int64_t j = i + 1;
        for (; j + 4 <= n; j += 4) {
            for (std::int64_t k = 0; k < 4; ++k) sum[k] -= load(u.at(i, j + k)) * load(x + (j + k) * kWidth<T>);
        }
        for (; j < n; ++j) sum[0] -= load(u.at(i, j)) * load(x + j * kWidth<T>);
        store(x + i * kWidth<T>,
              ((sum[0] + sum[1]) + (sum[2] + sum[3])) * load(inverses + i * kWidth<T>));
    }
}

// Solves up to kWidth systems of `width` unknowns: upper triangles `matrices` (stride, stride) and right sides
// `sides` (stride), one after the other, `count` of them. `room` is as Scratch::systems, `solution` (2 n, lanes) for n,
// `width` to a multiple of 4. Returns where unknown k of lane i stands at k * kWidth + i. `lost` (lanes) as of
// factorize_together.
template <class T>
const T* solve_together(const T* matrices, const T* sides, std::int64_t stride, std::int64_t width,
                        std::int64_t count, T* room, T* solution, T* lost) {
    const std::int64_t n = padded(width, 4);
    const Systems<T> systems(room, n);
    interleave(matrices, stride, n, systems);
    for (std::int64_t i = 0; i < n; ++i) {
        if (i >= width) store(systems.at(i, i), spread<T>(T(1)));
        T* const to = systems.at(i, n);
        for (std::int64_t k = 0; k < kAcross * kWidth<T>; ++k) to[k] = T(0);
        for (std::int64_t lane = 0; lane < count; ++lane) to[lane] = sides[lane * stride + i];
    }
    T* const inverses = solution;
    T* const x = solution + n * kWidth<T>;
    factorize_together(systems, n, kEpsilon<T>, inverses, lost);
    substitute_together(systems, n, inverses, x);
    return x;
}

}  // namespace
}  // namespace alsatian::als
