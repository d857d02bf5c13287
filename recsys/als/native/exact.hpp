// Exact solutions by Cholesky: for kernels.cpp alone.
#pragma once

#include "cg_half.hpp"
#include "together.hpp"

namespace alsatian::als {
namespace {

// A = U'U in the upper triangle of scratch.matrix, a panel of rows at a time. False when a pivot is
// lost to rounding.
template <class T>
bool factorize(std::int64_t factors, std::int64_t stride, const Scratch<T>& scratch) {
    T* const matrix = scratch.matrix;
    for (std::int64_t k = 0; k < factors; ++k) scratch.q[k] = matrix[k * stride + k];
    for (std::int64_t k0 = 0; k0 < factors; k0 += kPanel) {
        const std::int64_t k1 = k0 + kPanel < factors ? k0 + kPanel : factors;
        for (std::int64_t k = k0; k < k1; ++k) {
            T* const row = matrix + k * stride;
            if (!(row[k] > T(4) * kEpsilon<T> * scratch.q[k])) return false;
            const T inverse = T(1) / __builtin_sqrt(row[k]);
            const Lanes<T> s = spread<T>(inverse);
            const std::int64_t from = k / kWidth<T> * kWidth<T>;
            for (std::int64_t j = from; j < stride; j += kWidth<T>) store(row + j, s * load(row + j));
            for (std::int64_t i = k + 1; i < k1; ++i) {
                const std::int64_t first = i / kWidth<T> * kWidth<T>;
                add_scaled(matrix + i * stride + first, -row[i], row + first, stride - first);
            }
        }
        if (k1 == factors) break;
        for (std::int64_t k = k0 * stride; k < k1 * stride; k += kWidth<T>) {
            store(scratch.scaled + k - k0 * stride, -load(matrix + k));
        }
        rank_update(matrix, stride, scratch.scaled, matrix + k0 * stride, stride, kPanel, k1, stride, k1,
                    stride);
    }
    return true;
}

// x <- (U'U)^-1 r; r is overwritten.
template <class T>
void substitute(std::int64_t factors, std::int64_t stride, const Scratch<T>& scratch) {
    T* const r = scratch.r;
    T* const x = scratch.x;
    for (std::int64_t k = 0; k < factors; ++k) {
        const T* const row = scratch.matrix + k * stride;
        r[k] /= row[k];
        std::int64_t j = k + 1;
        for (; j < stride && j % kWidth<T> != 0; ++j) r[j] -= r[k] * row[j];
        if (j < stride) add_scaled(r + j, -r[k], row + j, stride - j);
    }
    fill(x, T(0), stride);
    for (std::int64_t k = factors - 1; k >= 0; --k) {
        const T* const row = scratch.matrix + k * stride;
        T sum = r[k];
        std::int64_t j = k + 1;
        for (; j < stride && j % kWidth<T> != 0; ++j) sum -= row[j] * x[j];
        if (j < stride) sum -= dot(row + j, x + j, stride - j);
        x[k] = sum / row[k];
    }
}

#if defined(ALSATIAN_TILES)

// Lays out the 32 entries of tile `d` of a block of n entries from `entry` on, each number in two parts.
// Places after the last entry repeat it with weights of zero.
template <std::int64_t S>
ALSATIAN_INLINE void lay_out_split(const Side<float>& side, const Row<float>& row,
                                   const Scratch<float>& scratch, std::int64_t entry, std::int64_t d,
                                   std::int64_t n, std::int64_t part) {
    const std::int64_t stride = known<S>(side.stride), factors = known<S>(side.factors);
    __m512 sums[S > 0 ? S / 16 : 1];
    for (std::int64_t block = 0; block < S / 16; ++block) sums[block] = _mm512_load_ps(scratch.r + 16 * block);
    std::uint32_t* const right = scratch.right + d * (stride / 16) * kTileWords;
    for (std::int64_t k = 0; k < 16; ++k) {
        const std::int64_t even = d * kTileEntries + 2 * k, odd = even + 1;
        if (k % 4 == 0) keep_awake();
        const std::int64_t ahead = entry + even + kAhead;
        if (ahead + 1 < row.ahead_end) {
            prefetch_entry<S>(side, ahead);
            prefetch_entry<S>(side, ahead + 1);
        }
        const float* const a = side.other + side.indices[entry + (even < n ? even : n - 1)] * factors;
        const float* const b = side.other + side.indices[entry + (odd < n ? odd : n - 1)] * factors;
        const __m512 weight_a = _mm512_set1_ps(scratch.excess[even]);
        const __m512 weight_b = _mm512_set1_ps(scratch.excess[odd]);
        const __m512 label_a = _mm512_set1_ps(scratch.labels[even]);
        const __m512 label_b = _mm512_set1_ps(scratch.labels[odd]);
        for (std::int64_t block = 0; block < stride / 16; ++block) {
            const std::int64_t left = factors - 16 * block;
            const auto mask = static_cast<__mmask16>(left >= 16 ? 0xFFFFu : left > 0 ? (1u << left) - 1u : 0u);
            const __m512 of_a = _mm512_maskz_loadu_ps(mask, a + 16 * block);
            const __m512 of_b = _mm512_maskz_loadu_ps(mask, b + 16 * block);
            if constexpr (S > 0) {
                sums[block] = _mm512_fmadd_ps(label_b, of_b, _mm512_fmadd_ps(label_a, of_a, sums[block]));
            } else {
                float* const sum = scratch.r + 16 * block;
                const __m512 with_a = _mm512_fmadd_ps(label_a, of_a, _mm512_load_ps(sum));
                _mm512_store_ps(sum, _mm512_fmadd_ps(label_b, of_b, with_a));
            }
            const SplitPairs plain = split_pairs(of_a, of_b);
            const SplitPairs weighted =
                split_pairs(_mm512_mul_ps(weight_a, of_a), _mm512_mul_ps(weight_b, of_b));
            const std::int64_t at = block * kTileWords + 16 * k;
            _mm512_store_si512(right + at, plain.high);
            _mm512_store_si512(right + part + at, plain.low);
            _mm512_store_si512(scratch.staged + at, weighted.high);
            _mm512_store_si512(scratch.staged + 16 * stride + at, weighted.low);
        }
    }
    for (std::int64_t block = 0; block < S / 16; ++block) _mm512_store_ps(scratch.r + 16 * block, sums[block]);
}

// scratch.matrix (upper triangle) <- A, scratch.r <- b, by tiles, from numbers in two parts of bfloat16
// each. False when told to stop.
template <std::int64_t S>
bool normal_equations_split(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch) {
    const std::int64_t stride = known<S>(side.stride), blocks = stride / 16;
    const std::int64_t part = side.split_entries * stride / 2;
    fill(scratch.r, 0.0f, stride);
    start_right_side(side, row, scratch.r);
    const float* start = side.gramian;
    for (std::int64_t done = 0; done < row.n; done += side.split_entries) {
        if (side.stopping()) return false;
        const std::int64_t left = row.n - done, n = left < side.split_entries ? left : side.split_entries;
        const std::int64_t depth = (n + kTileEntries - 1) / kTileEntries;
        weigh_entries(side, row, scratch, row.begin + done, n, depth * kTileEntries);
        for (std::int64_t d = 0; d < depth; ++d) {
            lay_out_split<S>(side, row, scratch, row.begin + done, d, n, part);
            std::uint32_t* const to = scratch.left + d * blocks * kTileWords;
            for (std::int64_t block = 0; block < blocks; ++block) {
                const std::uint32_t* const from = scratch.staged + block * kTileWords;
                transpose_words(from, 16, to + block * kTileWords, 16);
                transpose_words(from + 16 * stride, 16, to + part + block * kTileWords, 16);
            }
        }
        multiply_triangle_split(start, scratch.matrix, stride, scratch.left, scratch.right, part, depth);
        start = scratch.matrix;
    }
    for (std::int64_t i = 0; i < side.factors; ++i) scratch.matrix[i * stride + i] += row.lambda;
    return true;
}

#endif

// The normal equations of a row by tiles, where the variant has them, else by registers.
template <class T>
bool exact_equations(const Side<T>& side, const Row<T>& row, const Scratch<T>& scratch) {
#if defined(ALSATIAN_TILES)
    if constexpr (sizeof(T) == 4) {
        if (side.split_entries > 0 && row.weight == T(1) && row.n > 0) {
            if (side.factors == 64) return normal_equations_split<64>(side, row, scratch);
            if (side.factors == 128) return normal_equations_split<128>(side, row, scratch);
            return normal_equations_split<0>(side, row, scratch);
        }
    }
#endif
    return normal_equations(side, row, scratch);
}

template <class T>
bool equations(const Side<T>& side, std::int64_t row, const Scratch<T>& scratch) {
#if defined(ALSATIAN_TILES)
    const Tiles tiles;
#endif
    return exact_equations(side, row_of(side, row, row + 1), scratch);
}

template <class T>
Progress solve_one_by_one(const Side<T>& side, std::int64_t begin, std::int64_t end,
                          const Scratch<T>& scratch) {
    for (std::int64_t u = begin; u < end; ++u) {
        if (side.stopping()) return {Outcome::stopped, u};
        const Row<T> row = row_of(side, u, end);
        if (settle_empty(side, row)) continue;
        if (!exact_equations(side, row, scratch)) return {Outcome::stopped, u};
        if (!factorize(side.factors, side.stride, scratch)) {
            scratch.failed[0] = 1;
            scratch.failed[1] = u;
            return {Outcome::not_positive, u + 1};
        }
        substitute(side.factors, side.stride, scratch);
        if (!write_back(side, u, scratch.x)) return {Outcome::not_finite, u};
    }
    return {Outcome::done, end};
}

// Solves the systems of `count` rows that stand in scratch.matrices and scratch.sides.
template <class T>
Progress solve_batch(const Side<T>& side, const std::int64_t* rows, std::int64_t count,
                     const Scratch<T>& scratch) {
    const std::int64_t n = padded(side.factors, 4), stride = side.stride;
    const Systems<T> systems(scratch.systems, n);
    interleave(scratch.matrices, stride, n, systems);
    for (std::int64_t i = 0; i < n; ++i) {
        if (i >= side.factors) store(systems.at(i, i), spread<T>(T(1)));
        T* const to = systems.at(i, n);
        fill(to, T(0), kSquare * kWidth<T>);
        for (std::int64_t lane = 0; lane < count; ++lane) to[lane] = scratch.sides[lane * stride + i];
    }
    T* const inverses = scratch.solution;
    T* const x = scratch.solution + n * kWidth<T>;
    T lost[kWidth<T>] = {};
    factorize_together(systems, n, kEpsilon<T>, inverses, lost);
    substitute_together(systems, n, inverses, x);
    Progress progress{Outcome::done, rows[count - 1] + 1};
    scratch.failed[0] = 0;
    for (std::int64_t lane = 0; lane < count; ++lane) {
        if (lost[lane] != T(0)) {
            scratch.failed[++scratch.failed[0]] = rows[lane];
            continue;
        }
        T sum = 0;
        for (std::int64_t k = 0; k < side.factors; ++k) sum += x[k * kWidth<T> + lane] * x[k * kWidth<T> + lane];
        if (!finite(sum)) return {Outcome::not_finite, rows[lane]};
        T* const to = side.target + rows[lane] * side.factors;
        for (std::int64_t k = 0; k < side.factors; ++k) to[k] = x[k * kWidth<T> + lane];
    }
    if (scratch.failed[0] > 0) progress.outcome = Outcome::not_positive;
    return progress;
}

template <class T>
Progress solve_cholesky(const Side<T>& side, std::int64_t begin, std::int64_t end,
                        const Scratch<T>& scratch) {
#if defined(ALSATIAN_TILES)
    const Tiles tiles;
#endif
    if (scratch.matrices == nullptr) return solve_one_by_one(side, begin, end, scratch);
    std::int64_t rows[kWidth<T>];
    std::int64_t count = 0;
    Scratch<T> of_row = scratch;
    for (std::int64_t u = begin; u < end; ++u) {
        if (side.stopping()) return {Outcome::stopped, count > 0 ? rows[0] : u};
        const Row<T> row = row_of(side, u, end);
        if (!settle_empty(side, row)) {
            of_row.matrix = scratch.matrices + count * side.stride * side.stride;
            of_row.r = scratch.sides + count * side.stride;
            if (!exact_equations(side, row, of_row)) return {Outcome::stopped, count > 0 ? rows[0] : u};
            rows[count++] = u;
        }
        if (count == kWidth<T> || (count > 0 && u + 1 == end)) {
            Progress progress = solve_batch(side, rows, count, scratch);
            if (progress.outcome == Outcome::not_positive) progress.row = u + 1;
            if (progress.outcome != Outcome::done) return progress;
            count = 0;
        }
    }
    return {Outcome::done, end};
}

}  // namespace
}  // namespace alsatian::als
