// A row's entries as the subspace solver meets them: for subspace.cpp alone.
#pragma once

#include "lanes.hpp"
#include "rows.hpp"
#include "subspace.hpp"

namespace alsatian::als {
namespace {

// Entries ahead of the one being read whose block is asked for.
constexpr std::int64_t kAhead = 16;
constexpr std::int64_t kCacheLine = 64;
// Entries between two looks at whether to go on.
constexpr std::int64_t kLook = 64 * kChunk;

template <class T>
bool finite(T value) {
    return value - value == T(0);
}

template <class T>
ALSATIAN_INLINE T dot(const T* a, const T* b, std::int64_t n) {
    Lanes<T> sum{};
    for (std::int64_t k = 0; k < n; k += kWidth<T>) sum += load(a + k) * load(b + k);
    return sum_lanes<T>(sum);
}

template <class T>
ALSATIAN_INLINE void prefetch(const Side<T>& side, const Slice<T>& slice, std::int64_t entry) {
    const char* const from =
        reinterpret_cast<const char*>(slice.rows + side.indices[entry] * slice.rows_stride);
    const std::int64_t bytes = slice.width * static_cast<std::int64_t>(sizeof(T));
    for (std::int64_t k = 0; k < bytes; k += kCacheLine) __builtin_prefetch(from + k);
}

// Where the block of an entry lies: in place where its padding may be read, else copied to `copied`.
template <class T>
ALSATIAN_INLINE const T* locate(const Side<T>& side, const Slice<T>& slice, std::int64_t entry,
                                T* copied) {
    const T* const from = slice.rows + side.indices[entry] * slice.rows_stride;
    if (slice.padded_rows) [[likely]] return from;
    for (std::int64_t k = 0; k < slice.stride; ++k) copied[k] = k < slice.width ? from[k] : T(0);
    return copied;
}

// scores[e] += v . y_e for the entries [entry, entry + n) of a row; entries before `ahead` are worth a
// prefetch.
template <class T>
ALSATIAN_INLINE void move_scores(const Side<T>& side, const Slice<T>& slice, std::int64_t entry,
                                 std::int64_t n, std::int64_t ahead, const T* v, T* scores,
                                 const SubspaceScratch<T>& scratch) {
    for (std::int64_t done = 0; done < n; done += kGroup) {
        const std::int64_t at = entry + done, left = n - done;
        for (std::int64_t i = kAhead; i < kAhead + kGroup && at + i < ahead; ++i) {
            prefetch(side, slice, at + i);
        }
        const T* blocks[kGroup];
        for (std::int64_t i = 0; i < kGroup; ++i) {
            blocks[i] = i < left ? locate(side, slice, at + i, scratch.rows + i * slice.stride)
                                 : scratch.zeros;
        }
        Lanes<T> sum[kGroup] = {};
        for (std::int64_t k = 0; k < slice.stride; k += kWidth<T>) {
            const Lanes<T> part = load(v + k);
            for (std::int64_t i = 0; i < kGroup; ++i) sum[i] += part * load(blocks[i] + k);
        }
        T dots[kGroup];
        sum_lanes8<T>(sum, dots);
        for (std::int64_t i = 0; i < (left < kGroup ? left : kGroup); ++i) scores[done + i] += dots[i];
    }
}

// What entries add to the matrix (`excess`, times their row twice) and, `scores` being their scores, to
// the gradient (`rest`, times their row). Both have places for kChunk.
template <class T>
ALSATIAN_INLINE void weigh(const Side<T>& side, const Row<T>& row, std::int64_t entry, std::int64_t n,
                           const T* scores, T* excess, T* rest) {
    std::int64_t done = 0;
    for (; done + kGroup <= n; done += kGroup) {
        weigh_group(side, row, side.data + entry + done, side.indices + entry + done, rest + done,
                    excess + done);
    }
    if (done < n) {
        float data[kGroup] = {};
        std::int32_t columns[kGroup] = {};
        for (std::int64_t i = done; i < n; ++i) {
            data[i - done] = side.data[entry + i];
            columns[i - done] = side.indices[entry + i];
        }
        weigh_group(side, row, data, columns, rest + done, excess + done);
    }
    for (std::int64_t i = 0; i < n; ++i) rest[i] -= excess[i] * scores[i];
}

// scratch.matrix <- what A_BB is before any entry, with ones on the diagonal of the padding.
template <class T>
void start_matrix(const Slice<T>& slice, const Row<T>& row, const SubspaceScratch<T>& scratch) {
    const std::int64_t stride = slice.stride;
    const T* const gram = slice.gramian + slice.begin * stride;
    const Lanes<T> weight = spread<T>(row.weight);
    for (std::int64_t k = 0; k < slice.width * stride; k += kWidth<T>) {
        store(scratch.matrix + k, weight * load(gram + k));
    }
    for (std::int64_t k = slice.width * stride; k < stride * stride; ++k) scratch.matrix[k] = T(0);
    for (std::int64_t k = 0; k < stride; ++k) {
        scratch.matrix[k * stride + k] += k < slice.width ? row.lambda : T(1);
    }
}

// scratch.gradient <- what (b - A x)_B is before any entry; `product`: the Gramian's part of it.
template <class T>
void start_gradient(const Side<T>& side, const Slice<T>& slice, const Row<T>& row, const T* product,
                    const SubspaceScratch<T>& scratch) {
    const T* const x = side.target + row.index * side.factors + slice.begin;
    for (std::int64_t k = 0; k < slice.width; ++k) {
        scratch.gradient[k] = -row.weight * product[k] - row.lambda * x[k];
    }
    for (std::int64_t k = slice.width; k < slice.stride; ++k) scratch.gradient[k] = T(0);
    if (side.linear) {
        for (std::int64_t k = 0; k < slice.width; ++k) {
            scratch.gradient[k] += row.weight * side.linear[slice.begin + k];
        }
    }
    if (side.priors) {
        const T* const prior = side.priors + row.index * side.factors + slice.begin;
        for (std::int64_t k = 0; k < slice.width; ++k) scratch.gradient[k] += row.lambda * prior[k];
    }
}

}  // namespace
}  // namespace alsatian::als
