// Normal matrices in registers: for kernels.cpp alone.
#pragma once

#include "passes.hpp"

namespace alsatian::als {
namespace {

// Sums of `tile_rows` x `vectors` registers: matrix[i.., j..] += left' right over n rows.
template <class T, int vectors>
void rank_update_tile(T* matrix, std::int64_t matrix_stride, const T* left, const T* right,
                      std::int64_t stride, std::int64_t n) {
    Lanes<T> sum[kTileRows][vectors] = {};
    for (std::int64_t row = 0; row < n; ++row) {
        Lanes<T> part[vectors];
        for (int v = 0; v < vectors; ++v) part[v] = load(right + row * stride + v * kWidth<T>);
        for (std::int64_t i = 0; i < kTileRows; ++i) {
            const Lanes<T> s = spread<T>(left[row * stride + i]);
            for (int v = 0; v < vectors; ++v) sum[i][v] += s * part[v];
        }
    }
    for (std::int64_t i = 0; i < kTileRows; ++i) {
        for (int v = 0; v < vectors; ++v) {
            T* at = matrix + i * matrix_stride + v * kWidth<T>;
            store(at, load(at) + sum[i][v]);
        }
    }
}

template <class T>
void rank_update(T* matrix, std::int64_t matrix_stride, const T* left, const T* right,
                 std::int64_t stride, std::int64_t n, std::int64_t i0, std::int64_t i1, std::int64_t j0,
                 std::int64_t j1) {
    constexpr std::int64_t width = kWidth<T>;
    for (std::int64_t i = i0; i < i1; i += kTileRows) {
        const std::int64_t diagonal = i / width * width;
        std::int64_t j = diagonal > j0 ? diagonal : j0;
        for (; j + 2 * width <= j1; j += 2 * width) {
            rank_update_tile<T, 2>(matrix + i * matrix_stride + j, matrix_stride, left + i, right + j,
                                   stride, n);
        }
        for (; j < j1; j += width) {
            rank_update_tile<T, 1>(matrix + i * matrix_stride + j, matrix_stride, left + i, right + j,
                                   stride, n);
        }
    }
}

// scratch.matrix (upper triangle) <- A, scratch.r <- b. False when told to stop.
template <class T>
bool normal_equations(const Side<T>& side, const Row<T>& row, const Scratch<T>& scratch) {
    const std::int64_t stride = side.stride, size = stride * stride;
    const Lanes<T> weight = spread<T>(row.weight);
    for (std::int64_t k = 0; k < size; k += kWidth<T>) {
        store(scratch.matrix + k, weight * load(side.gramian + k));
    }
    fill(scratch.r, T(0), stride);
    start_right_side(side, row, scratch.r);
    for (std::int64_t done = 0; done < row.n; done += kBlockRows) {
        if (side.stopping()) return false;
        const std::int64_t places = gather(side, row, scratch, row.begin + done, kBlockRows);
        for (std::int64_t at = 0; at < places; at += kGroup) {
            add_rows8(scratch.rows + at * stride, stride, scratch.labels + at, scratch.r);
        }
        for (std::int64_t at = 0; at < places; ++at) {
            const Lanes<T> s = spread<T>(scratch.excess[at]);
            for (std::int64_t k = at * stride; k < (at + 1) * stride; k += kWidth<T>) {
                store(scratch.scaled + k, s * load(scratch.rows + k));
            }
        }
        rank_update(scratch.matrix, stride, scratch.scaled, scratch.rows, stride, places, 0, stride, 0,
                    stride);
    }
    for (std::int64_t i = 0; i < side.factors; ++i) scratch.matrix[i * stride + i] += row.lambda;
    return true;
}

template <class T>
void mirror(T* matrix, std::int64_t stride) {
    for (std::int64_t i = 0; i < stride; ++i) {
        for (std::int64_t j = i + 1; j < stride; ++j) matrix[j * stride + i] = matrix[i * stride + j];
    }
}

}  // namespace
}  // namespace alsatian::als
