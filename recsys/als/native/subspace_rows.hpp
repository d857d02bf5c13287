// Products of rows of the target with a matrix that all of them meet: for subspace.cpp alone.
#pragma once

#include "lanes.hpp"
#include "rows.hpp"
#include "subspace.hpp"

namespace alsatian::als {
namespace {

#if defined(__AVX512F__)
constexpr int kProductRows = 6;   // 6 x 4
constexpr int kProductLanes = 4;
#else
constexpr int kProductRows = 6;   // 6 x 2
constexpr int kProductLanes = 2;
#endif

// Rows of numbers, `stride` apart.
template <class T>
struct Rows {
    const T* numbers;
    std::int64_t stride;
};

// out (rows, .) <- x matrix for `lanes` registers of columns.
template <class T, int rows, int lanes>
void product_tile(const Rows<T>& x, std::int64_t depth, const T* matrix, std::int64_t stride, T* out) {
    Lanes<T> sum[rows][lanes] = {};
    for (std::int64_t k = 0; k < depth; ++k) {
        Lanes<T> part[lanes];
        for (int v = 0; v < lanes; ++v) part[v] = load(matrix + k * stride + v * kWidth<T>);
        for (int r = 0; r < rows; ++r) {
            const Lanes<T> s = spread<T>(x.numbers[r * x.stride + k]);
            for (int v = 0; v < lanes; ++v) sum[r][v] += s * part[v];
        }
    }
    for (int r = 0; r < rows; ++r) {
        for (int v = 0; v < lanes; ++v) store(out + r * stride + v * kWidth<T>, sum[r][v]);
    }
}

template <class T, int rows>
void product_rows(const Rows<T>& x, std::int64_t depth, const T* matrix, std::int64_t stride, T* out) {
    std::int64_t j = 0;
    for (; j + kProductLanes * kWidth<T> <= stride; j += kProductLanes * kWidth<T>) {
        product_tile<T, rows, kProductLanes>(x, depth, matrix + j, stride, out + j);
    }
    for (; j < stride; j += kWidth<T>) product_tile<T, rows, 1>(x, depth, matrix + j, stride, out + j);
}

// out (count, stride) <- rows x (count, depth), `x_stride` apart, times matrix (depth, stride). A row's sums run in
// one order however many rows are taken together.
template <class T>
void multiply_rows(const T* x, std::int64_t x_stride, std::int64_t count, std::int64_t depth, const T* matrix,
                   std::int64_t stride, T* out) {
    std::int64_t r = 0;
    for (; r + kProductRows <= count; r += kProductRows) {
        product_rows<T, kProductRows>(Rows<T>{x + r * x_stride, x_stride}, depth, matrix, stride, out + r * stride);
    }
    for (; r < count; ++r) {
        product_rows<T, 1>(Rows<T>{x + r * x_stride, x_stride}, depth, matrix, stride, out + r * stride);
    }
}

// scratch.products <- rows [begin, begin + count) of the target times the block's columns of the Gramian.
template <class T>
void multiply_gramian(const Side<T>& side, const Slice<T>& slice, std::int64_t begin, std::int64_t count,
                      const SubspaceScratch<T>& scratch) {
    multiply_rows(side.target + begin * side.factors, side.factors, count, side.factors, slice.gramian, slice.stride,
                  scratch.products);
}

}  // namespace
}  // namespace alsatian::als
