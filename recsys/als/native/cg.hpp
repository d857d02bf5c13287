// Conjugate gradients, a row at a time: for kernels.cpp alone.
#pragma once

#include "normal.hpp"
#include "tiles.hpp"

namespace alsatian::als {
namespace {

// How A is applied to a row: from gathered rows, gathered anew in each pass, or as a matrix.
enum class Form { gathered, streamed, dense };

// out = gramian v
template <std::int64_t S, class T>
ALSATIAN_INLINE void multiply_gramian(const Side<T>& side, const T* v, T* out) {
    const std::int64_t stride = known<S>(side.stride);
    if (side.diagonal == nullptr) {
        multiply_symmetric(side.gramian, stride, v, out);
        return;
    }
    for (std::int64_t k = 0; k < stride; k += kWidth<T>) store(out + k, load(side.diagonal + k) * load(v + k));
}

// r <- b - A x. Leaves the row gathered, or the matrix built. False when told to stop.
template <std::int64_t S, class T>
bool residual(const Side<T>& side, const Row<T>& row, const Scratch<T>& scratch, Form form) {
    const std::int64_t stride = known<S>(side.stride);
    if (form == Form::dense) {
        if (!normal_equations(side, row, scratch)) return false;
        mirror(scratch.matrix, stride);
        multiply_symmetric(scratch.matrix, stride, scratch.x, scratch.q);
        add_scaled(scratch.r, T(-1), scratch.q, stride);
        return true;
    }
    multiply_gramian<S>(side, scratch.x, scratch.r);
    finish_product(row, scratch.x, stride, scratch.r);
    for (std::int64_t k = 0; k < stride; ++k) scratch.r[k] = -scratch.r[k];
    start_right_side(side, row, scratch.r);
    for (std::int64_t done = 0; done < row.n; done += kGroup) {
        const std::int64_t at = form == Form::gathered ? done : 0;
        if (form == Form::streamed && done % kBlockRows == 0 && side.stopping()) return false;
        gather_group<S>(side, row, scratch, row.begin + done, at);
        add_residual8(scratch.rows + at * stride, stride, scratch.labels + at, scratch.excess + at,
                      scratch.x, scratch.r);
    }
    return true;
}

// Returns p'Ap, and leaves q = A p where `need_product`. The last step wants the number alone, which
// saves half a pass. `stopped` is set when told to stop.
template <std::int64_t S, class T>
T multiply(const Side<T>& side, const Row<T>& row, const Scratch<T>& scratch, Form form,
           bool need_product, bool& stopped) {
    const std::int64_t stride = known<S>(side.stride);
    if (form == Form::dense) {
        multiply_symmetric(scratch.matrix, stride, scratch.p, scratch.q);
        return dot(scratch.p, scratch.q, stride);
    }
    multiply_gramian<S>(side, scratch.p, scratch.q);
    finish_product(row, scratch.p, stride, scratch.q);
    T sum = need_product ? T(0) : dot(scratch.p, scratch.q, stride);
    const std::int64_t step = form == Form::gathered ? row.n : kBlockRows;
    for (std::int64_t done = 0; done < row.n; done += step) {
        std::int64_t places = padded(row.n, kGroup);
        if (form == Form::streamed) {
            if (side.stopping()) {
                stopped = true;
                return T(0);
            }
            places = gather(side, row, scratch, row.begin + done, kBlockRows);
        }
        if (need_product) {
            add_product<S>(scratch.rows, stride, places, scratch.excess, scratch.p, scratch.q);
        } else {
            sum += quadratic<S>(scratch.rows, stride, places, scratch.excess, scratch.p);
        }
    }
    return need_product ? dot(scratch.p, scratch.q, stride) : sum;
}

// Steps of conjugate gradients from scratch.x, whose residual is in scratch.r. `product` is as `multiply`.
template <std::int64_t S, class T, class Product>
ALSATIAN_INLINE Outcome descend(const Side<T>& side, const Scratch<T>& scratch, const Product& product) {
    const std::int64_t stride = known<S>(side.stride);
    copy(scratch.r, stride, scratch.p);
    T error = dot(scratch.r, scratch.r, stride), steepest = 0;
    const T rounding = kEpsilon<T> * kEpsilon<T> * error;
    if (!finite(error)) return Outcome::not_finite;
    bool stopped = false;
    for (int step = 0; step < side.cg_steps; ++step) {
        if (static_cast<double>(error) < kSolved || error <= rounding) break;
        const bool last = step + 1 == side.cg_steps;
        const T curvature = product(!last, stopped);
        if (stopped) return Outcome::stopped;
        if (!finite(curvature)) return Outcome::not_finite;
        // Where A is singular, a direction without curvature has some by rounding: going along it
        // would go anywhere.
        const T length_of_p = dot(scratch.p, scratch.p, stride);
        if (!(curvature > T(8) * kEpsilon<T> * steepest * length_of_p)) break;
        if (curvature > steepest * length_of_p) steepest = curvature / length_of_p;
        const T length = error / curvature;
        add_scaled(scratch.x, length, scratch.p, stride);
        if (last) break;
        add_scaled(scratch.r, -length, scratch.q, stride);
        const T next = dot(scratch.r, scratch.r, stride);
        const T ratio = next / error;
        for (std::int64_t k = 0; k < stride; k += kWidth<T>) {
            store(scratch.p + k, load(scratch.r + k) + spread<T>(ratio) * load(scratch.p + k));
        }
        error = next;
    }
    return Outcome::done;
}

// Conjugate gradients on scratch.x, which holds where to start.
template <std::int64_t S, class T>
Outcome iterate_cg(const Side<T>& side, const Row<T>& row, const Scratch<T>& scratch) {
    const Form form = row.n <= side.capacity ? Form::gathered
                      : side.dense_long_rows ? Form::dense
                                             : Form::streamed;
    if (!residual<S>(side, row, scratch, form)) return Outcome::stopped;
    return descend<S>(side, scratch, [&](bool need_product, bool& stopped) {
        return multiply<S>(side, row, scratch, form, need_product, stopped);
    });
}

// Writes the solution, unless it is not finite.
template <class T>
bool write_back(const Side<T>& side, std::int64_t row, const T* x) {
    if (!finite(dot(x, x, side.stride))) return false;
    T* to = side.target + row * side.factors;
    for (std::int64_t k = 0; k < side.factors; ++k) to[k] = x[k];
    return true;
}

template <std::int64_t S, class T>
Progress solve_cg_with(const Side<T>& side, std::int64_t begin, std::int64_t end,
                       const Scratch<T>& scratch) {
    for (std::int64_t u = begin; u < end; ++u) {
        if (side.stopping()) return {Outcome::stopped, u};
        const Row<T> row = row_of(side, u, end);
        if (settle_empty(side, row)) continue;
        copy_row(side.target + u * side.factors, side.factors, side.stride, scratch.x);
        const Outcome outcome = iterate_cg<S>(side, row, scratch);
        if (outcome != Outcome::done) return {outcome, u};
        if (!write_back(side, u, scratch.x)) return {Outcome::not_finite, u};
    }
    return {Outcome::done, end};
}

template <class T>
Progress solve_cg(const Side<T>& side, std::int64_t begin, std::int64_t end, const Scratch<T>& scratch) {
    if (side.factors == 32) return solve_cg_with<32>(side, begin, end, scratch);
    if (side.factors == 64) return solve_cg_with<64>(side, begin, end, scratch);
    if (side.factors == 128) return solve_cg_with<128>(side, begin, end, scratch);
    return solve_cg_with<0>(side, begin, end, scratch);
}

}  // namespace
}  // namespace alsatian::als
