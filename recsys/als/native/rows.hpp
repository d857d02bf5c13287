// One row of the solution and what every kernel has to know of it: how its stored entries are weighed,
// and what its right side starts from. All arithmetic of the objective stands here, once.
//
// A row x with weight a minimizes, with S its stored entries, w = |alpha v|, t the label (1 or 0), and
// for each row y of the other side a weight b and an offset c (1, 1 and 0 where they are not given),
//
//     sum_S w (t - c - x.y)^2 + unobserved a sum_(not S) b (c + x.y)^2 + lambda |x - prior|^2
//
// so that A x = r with
//
//     A = unobserved a sum_all b y y' + sum_S excess y y' + lambda I
//     r = sum_S label y - unobserved a sum_all b c y + lambda prior
//     excess = w - unobserved a b,    label = w t - excess c
//     lambda = regularization (|S| + unobserved a sum_all b) ^ exponent
//
// (Hu, Koren & Volinsky 2008, eq. 4; Rendle et al. 2021, eqs. 2 and 7; weights b by popularity: He et
// al. 2016, eq. 8). Everything is internal to the object that includes this; see kernels.hpp.
#pragma once

#include "kernels.hpp"
#include "lanes.hpp"

namespace alsatian::als {
namespace {

#define ALSATIAN_INLINE inline __attribute__((always_inline))

template <class T>
struct Row {
    std::int64_t index;
    std::int64_t begin;  // its entries: [begin, begin + n)
    std::int64_t n;
    std::int64_t ahead_end;  // entries before this one belong to the same task: worth a prefetch
    T lambda;
    T weight;      // a: what `Side::gramian` and `Side::linear` are to be multiplied by
    T unobserved;  // unobserved * a
};

template <class T>
Row<T> row_of(const Side<T>& side, std::int64_t row, std::int64_t end) {
    const std::int64_t begin = side.indptr[row], n = side.indptr[row + 1] - begin;
    const double weight = side.row_weights ? static_cast<double>(side.row_weights[row]) : 1.0;
    double scale = 1.0;
    if (side.exponent != 0.0) {
        const double size = static_cast<double>(n) + side.unobserved * weight * side.mass;
        scale = __builtin_pow(size, side.exponent);
    }
    return {row,
            begin,
            n,
            side.indptr[end],
            static_cast<T>(side.regularization * scale),
            static_cast<T>(weight),
            static_cast<T>(side.unobserved * weight)};
}

// `labels` and `excess` (see above) of kGroup entries with stored values `data` at `columns`. Columns
// are read only where there are weights or offsets.
template <class T>
ALSATIAN_INLINE void weigh_group(const Side<T>& side, const Row<T>& row, const float* data,
                                 const std::int32_t* columns, T* labels, T* excess) {
    const T alpha = static_cast<T>(side.alpha);
    for (std::int64_t i = 0; i < kGroup; ++i) {
        const T value = alpha * static_cast<T>(data[i]);
        labels[i] = value > T(0) ? value : T(0);
        excess[i] = static_cast<T>(__builtin_fabs(value)) - row.unobserved;
    }
    if (side.column_weights) [[unlikely]] {
        for (std::int64_t i = 0; i < kGroup; ++i) {
            const T value = alpha * static_cast<T>(data[i]);
            excess[i] = static_cast<T>(__builtin_fabs(value)) -
                        row.unobserved * static_cast<T>(side.column_weights[columns[i]]);
        }
    }
    if (side.offsets) [[unlikely]] {
        for (std::int64_t i = 0; i < kGroup; ++i) labels[i] -= excess[i] * side.offsets[columns[i]];
    }
}

// Whether nothing but its entries moves a row away from 0.
template <class T>
ALSATIAN_INLINE bool starts_at_zero(const Side<T>& side) {
    return side.linear == nullptr && side.priors == nullptr;
}

// Writes a row whose minimum needs no arithmetic: without entries it is 0, or its prior where pairs
// without an entry do not count either. False where the row has to be solved.
template <class T>
ALSATIAN_INLINE bool settle_empty(const Side<T>& side, const Row<T>& row) {
    if (row.n != 0) return false;
    if (!starts_at_zero(side) && row.unobserved != T(0)) return false;
    T* const to = side.target + row.index * side.factors;
    const T* const prior = side.priors ? side.priors + row.index * side.factors : nullptr;
    for (std::int64_t k = 0; k < side.factors; ++k) to[k] = prior ? prior[k] : T(0);
    return true;
}

// out += the part of a row's right side that does not depend on its entries; `stride` numbers.
template <class T>
ALSATIAN_INLINE void start_right_side(const Side<T>& side, const Row<T>& row, T* out) {
    if (starts_at_zero(side)) [[likely]] return;
    if (side.linear) {
        for (std::int64_t k = 0; k < side.factors; ++k) out[k] += row.weight * side.linear[k];
    }
    if (side.priors) {
        const T* const prior = side.priors + row.index * side.factors;
        for (std::int64_t k = 0; k < side.factors; ++k) out[k] += row.lambda * prior[k];
    }
}

// product <- weight product + lambda v: what makes the product of `Side::gramian` and v the row's own.
template <class T>
ALSATIAN_INLINE void finish_product(const Row<T>& row, const T* v, std::int64_t stride, T* product) {
    const Lanes<T> lambda = spread<T>(row.lambda);
    if (row.weight == T(1)) [[likely]] {
        for (std::int64_t k = 0; k < stride; k += kWidth<T>) {
            store(product + k, load(product + k) + lambda * load(v + k));
        }
        return;
    }
    const Lanes<T> weight = spread<T>(row.weight);
    for (std::int64_t k = 0; k < stride; k += kWidth<T>) {
        store(product + k, weight * load(product + k) + lambda * load(v + k));
    }
}

}  // namespace
}  // namespace alsatian::als
