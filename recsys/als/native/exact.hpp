// Exact solutions by Cholesky: for kernels.cpp alone.
#pragma once

#include "exact_fixed.hpp"
#include "exact_short.hpp"
#include "together.hpp"

namespace alsatian::als {
namespace {

// Up to so many factors all rows above a panel stay in the nearest caches, and it pays to go to them once a
// panel instead of once a row (block_cholesky.hpp).
constexpr std::int64_t kBlockedFactors = 256;

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

// The normal equations of a row by tiles or whole numbers, where the variant has them, else by registers.
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
#if defined(ALSATIAN_FIXED)
    if constexpr (sizeof(T) == 4) {
        if (side.fixed != nullptr && row.n > 0) {
            const Fixed made = side.stride == 64    ? fixed_equations<64>(side, row, scratch)
                               : side.stride == 128 ? fixed_equations<128>(side, row, scratch)
                                                    : fixed_equations<0>(side, row, scratch);
            if (made != Fixed::refused) return made == Fixed::done;
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

// x <- A^-1 r of the equations in scratch; r is overwritten. False when a pivot is lost to rounding.
template <class T>
bool solve_equations(const Side<T>& side, const Scratch<T>& scratch) {
    const std::int64_t factors = side.factors, stride = side.stride;
    if (stride > kBlockedFactors) {
        if (!factorize(factors, stride, scratch)) return false;
        substitute(factors, stride, scratch);
        return true;
    }
    for (std::int64_t i = factors; i < stride; ++i) scratch.matrix[i * stride + i] = T(1);
    T* const inverses = scratch.scaled;
    if (!factorize(scratch.matrix, stride, scratch.q, inverses, scratch.r)) return false;
    substitute(scratch.matrix, stride, inverses, scratch.r, scratch.x);
    return true;
}

// Rows that were solved in the basis of the Gramian's eigenvectors, to be turned back together.
template <class T>
class FoundRows {
   public:
    FoundRows(const Side<T>& side, const Scratch<T>& scratch) : side_(side), scratch_(scratch) {}

    // Solves a row if it is short; false where its normal equations are to be solved.
    bool takes(const Row<T>& row) {
#if defined(ALSATIAN_TILES)
        if constexpr (sizeof(T) == 4) {
            if (row.n == 0 || row.n > side_.short_entries) return false;
            float* const x = scratch_.turned + count_ * side_.stride;
            if (!(side_.stride == 64    ? solve_short<64>(side_, row, scratch_, x)
                  : side_.stride == 128 ? solve_short<128>(side_, row, scratch_, x)
                                        : solve_short<0>(side_, row, scratch_, x))) {
                return false;
            }
            rows_[count_++] = row.index;
            return true;
        }
#endif
        static_cast<void>(row);
        return false;
    }

    bool full() const { return count_ == kTurned; }

    // False when a row is not finite, which `failed` then names.
    bool write() {
        if (count_ == 0) return true;
        turn_by_lanes(scratch_.turned, count_, side_.stride, side_.factors, side_.basis_back.matrix, side_.stride,
                      scratch_.turned_back);
        for (std::int64_t i = 0; i < count_; ++i) {
            failed_ = rows_[i];
            if (!write_back(side_, rows_[i], scratch_.turned_back + i * side_.stride)) return false;
        }
        count_ = 0;
        return true;
    }

    Progress failed() const { return {Outcome::not_finite, failed_}; }

   private:
    const Side<T>& side_;
    const Scratch<T>& scratch_;
    std::int64_t rows_[kTurned] = {};
    std::int64_t count_ = 0;
    std::int64_t failed_ = 0;
};

template <class T>
Progress solve_one_by_one(const Side<T>& side, std::int64_t begin, std::int64_t end,
                          const Scratch<T>& scratch) {
    FoundRows<T> found(side, scratch);
    for (std::int64_t u = begin; u < end; ++u) {
        if (side.stopping()) return {Outcome::stopped, u};
        const Row<T> row = row_of(side, u, end);
        if (settle_empty(side, row)) continue;
        if (found.takes(row)) {
            if (found.full() && !found.write()) return found.failed();
            continue;
        }
        if (!exact_equations(side, row, scratch)) return {Outcome::stopped, u};
        if (!solve_equations(side, scratch)) {
            if (!found.write()) return found.failed();
            scratch.failed[0] = 1;
            scratch.failed[1] = u;
            return {Outcome::not_positive, u + 1};
        }
        if (!write_back(side, u, scratch.x)) return {Outcome::not_finite, u};
    }
    return found.write() ? Progress{Outcome::done, end} : found.failed();
}

// Solves the systems of `count` rows that stand in scratch.matrices and scratch.sides.
template <class T>
Progress solve_batch(const Side<T>& side, const std::int64_t* rows, std::int64_t count,
                     const Scratch<T>& scratch) {
    T lost[kWidth<T>];
    const T* const x = solve_together(scratch.matrices, scratch.sides, side.stride, side.factors, count,
                                      scratch.systems, scratch.solution, lost);
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
    FoundRows<T> found(side, scratch);
    for (std::int64_t u = begin; u < end; ++u) {
        if (side.stopping()) return {Outcome::stopped, count > 0 ? rows[0] : u};
        const Row<T> row = row_of(side, u, end);
        if (found.full() && !found.write()) return found.failed();
        if (!settle_empty(side, row) && !found.takes(row)) {
            of_row.matrix = scratch.matrices + count * side.stride * side.stride;
            of_row.r = scratch.sides + count * side.stride;
            if (!exact_equations(side, row, of_row)) return {Outcome::stopped, count > 0 ? rows[0] : u};
            rows[count++] = u;
        }
        if (count == kWidth<T> || (count > 0 && u + 1 == end)) {
            Progress progress = solve_batch(side, rows, count, scratch);
            if (progress.outcome == Outcome::not_positive) {
                progress.row = u + 1;
                if (!found.write()) return found.failed();
            }
            if (progress.outcome != Outcome::done) return progress;
            count = 0;
        }
    }
    return found.write() ? Progress{Outcome::done, end} : found.failed();
}

}  // namespace
}  // namespace alsatian::als
