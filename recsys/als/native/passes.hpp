// Rows of the other side, gathered, and passes over them: for kernels.cpp alone.
#pragma once

#include "half.hpp"
#include "lanes.hpp"
#include "panels.hpp"
#include "rows.hpp"
#include "tiles.hpp"

namespace alsatian::als {
namespace {

// Entries ahead of the one being copied whose factors are asked for: enough to hide a miss of L2.
constexpr std::int64_t kAhead = 24;
constexpr std::int64_t kCacheLine = 64;
#if defined(ALSATIAN_TILES)
constexpr std::int64_t kAheadHalf = 64;  // the same for half-width rows, which are done with sooner
#endif

// Squared residual under which a row counts as solved, as in implicit, so that both stop alike.
constexpr double kSolved = 1e-20;

template <class T>
ALSATIAN_INLINE T dot(const T* a, const T* b, std::int64_t stride) {
    Lanes<T> even{}, odd{};
    std::int64_t k = 0;
    for (; k + 2 * kWidth<T> <= stride; k += 2 * kWidth<T>) {
        even += load(a + k) * load(b + k);
        odd += load(a + k + kWidth<T>) * load(b + k + kWidth<T>);
    }
    for (; k < stride; k += kWidth<T>) even += load(a + k) * load(b + k);
    return sum_lanes<T>(even + odd);
}

template <class T>
ALSATIAN_INLINE void add_scaled(T* out, T scale, const T* v, std::int64_t stride) {
    const Lanes<T> s = spread<T>(scale);
    for (std::int64_t k = 0; k < stride; k += kWidth<T>) store(out + k, load(out + k) + s * load(v + k));
}

template <class T>
void fill(T* out, T value, std::int64_t n) {
    for (std::int64_t k = 0; k < n; ++k) out[k] = value;
}

template <class T>
bool finite(T value) {
    return value - value == T(0);
}

// out = matrix v, for a symmetric matrix with zeros in its padding.
template <class T>
ALSATIAN_INLINE void multiply_symmetric(const T* matrix, std::int64_t stride, const T* v, T* out) {
    for (std::int64_t k = 0; k < stride; k += 4 * kWidth<T>) {
        const std::int64_t left = (stride - k) / kWidth<T>;
        if (left >= 4) {
            Lanes<T> a{}, b{}, c{}, d{}, a2{}, b2{}, c2{}, d2{};
            for (std::int64_t i = 0; i < stride; i += 2) {
                const T* row = matrix + i * stride + k;
                const Lanes<T> s = spread<T>(v[i]);
                a += s * load(row);
                b += s * load(row + kWidth<T>);
                c += s * load(row + 2 * kWidth<T>);
                d += s * load(row + 3 * kWidth<T>);
                const Lanes<T> s2 = spread<T>(v[i + 1]);
                row += stride;
                a2 += s2 * load(row);
                b2 += s2 * load(row + kWidth<T>);
                c2 += s2 * load(row + 2 * kWidth<T>);
                d2 += s2 * load(row + 3 * kWidth<T>);
            }
            store(out + k, a + a2);
            store(out + k + kWidth<T>, b + b2);
            store(out + k + 2 * kWidth<T>, c + c2);
            store(out + k + 3 * kWidth<T>, d + d2);
        } else {
            for (std::int64_t j = k; j < stride; j += kWidth<T>) {
                Lanes<T> a{}, a2{};
                for (std::int64_t i = 0; i < stride; i += 2) {
                    a += spread<T>(v[i]) * load(matrix + i * stride + j);
                    a2 += spread<T>(v[i + 1]) * load(matrix + (i + 1) * stride + j);
                }
                store(out + j, a + a2);
            }
        }
    }
}

// ---- rows of the other side, gathered ------------------------------------------------------------
//
// `S` is the stride where it is known to the compiler, which then unrolls everything that runs over
// factors; 0 means that it is read from `stride`.

template <std::int64_t S>
constexpr std::int64_t known(std::int64_t stride) {
    return S > 0 ? S : stride;
}

template <class T>
ALSATIAN_INLINE void copy(const T* from, std::int64_t stride, T* to) {
    for (std::int64_t k = 0; k < stride; k += kWidth<T>) store(to + k, load(from + k));
}

// A row of `factors` numbers into one of `stride`, zeros after them.
template <class T>
ALSATIAN_INLINE void copy_row(const T* from, std::int64_t factors, std::int64_t stride, T* to) {
    if (factors == stride) {
        copy(from, stride, to);
        return;
    }
    const std::int64_t whole = factors / kWidth<T> * kWidth<T>;
    copy(from, whole, to);
    for (std::int64_t k = whole; k < stride; ++k) to[k] = k < factors ? from[k] : T(0);
}

template <std::int64_t S, class T>
ALSATIAN_INLINE void prefetch_entry(const Side<T>& side, std::int64_t entry) {
    if (side.half) {
        const std::int64_t words = known<S>(side.stride) / 2;
        const std::uint32_t* const from = side.half + side.indices[entry] * words;
        for (std::int64_t k = 0; k < words; k += 16) __builtin_prefetch(from + k);
        return;
    }
    const std::int64_t bytes = known<S>(side.factors) * static_cast<std::int64_t>(sizeof(T));
    const char* const from = reinterpret_cast<const char*>(side.other) + side.indices[entry] * bytes;
    for (std::int64_t k = 0; k < bytes; k += kCacheLine) __builtin_prefetch(from + k);
    // A row that does not begin with a line ends in one line more.
    if ((reinterpret_cast<std::uintptr_t>(from) | static_cast<std::uintptr_t>(bytes)) % kCacheLine != 0) {
        __builtin_prefetch(from + bytes - 1);
    }
}

// Factors of one entry, `stride` numbers.
template <std::int64_t S, class T>
ALSATIAN_INLINE void fetch(const Side<T>& side, std::int64_t column, T* to) {
    const std::int64_t stride = known<S>(side.stride), factors = known<S>(side.factors);
    if constexpr (sizeof(T) == 4) {
        if (side.half) {
            widen(side.half + column * (stride / 2), stride, to);
            return;
        }
    }
    copy_row(side.other + column * factors, factors, stride, to);
}

// Gathers kGroup entries from `entry` on (zeros after the row's last one) into place `at` of scratch.
template <std::int64_t S, class T>
ALSATIAN_INLINE void gather_group(const Side<T>& side, const Row<T>& row, const Scratch<T>& scratch,
                                  std::int64_t entry, std::int64_t at) {
    const std::int64_t stride = known<S>(side.stride);
    const std::int64_t left = row.begin + row.n - entry;
    T* to = scratch.rows + at * stride;
    if (left >= kGroup && entry + kGroup + kAhead <= row.ahead_end) {
        for (std::int64_t i = 0; i < kGroup; ++i) prefetch_entry<S>(side, entry + i + kAhead);
        for (std::int64_t i = 0; i < kGroup; ++i, to += stride) {
            fetch<S>(side, side.indices[entry + i], to);
        }
        weigh_group(side, row, side.data + entry, side.indices + entry, scratch.labels + at,
                    scratch.excess + at);
        return;
    }
    float data[kGroup] = {};
    std::int32_t columns[kGroup] = {};
    for (std::int64_t i = 0; i < kGroup; ++i, to += stride) {
        if (entry + i + kAhead < row.ahead_end) prefetch_entry<S>(side, entry + i + kAhead);
        if (i < left) {
            data[i] = side.data[entry + i];
            columns[i] = side.indices[entry + i];
            fetch<S>(side, columns[i], to);
        } else {
            fill(to, T(0), stride);
        }
    }
    weigh_group(side, row, data, columns, scratch.labels + at, scratch.excess + at);
    for (std::int64_t i = left < 0 ? 0 : left; i < kGroup; ++i) {
        scratch.labels[at + i] = scratch.excess[at + i] = T(0);
    }
}

// labels and excess of n entries from `entry` on, and zeros up to `places` of them.
template <class T>
void weigh_entries(const Side<T>& side, const Row<T>& row, std::int64_t entry, std::int64_t n,
                   std::int64_t places, T* labels, T* excess) {
    std::int64_t at = 0;
    for (; at + kGroup <= n; at += kGroup) {
        weigh_group(side, row, side.data + entry + at, side.indices + entry + at, labels + at, excess + at);
    }
    if (at == places) return;
    float data[kGroup] = {};
    std::int32_t columns[kGroup] = {};
    for (std::int64_t i = at; i < n; ++i) {
        data[i - at] = side.data[entry + i];
        columns[i - at] = side.indices[entry + i];
    }
    weigh_group(side, row, data, columns, labels + at, excess + at);
    for (std::int64_t i = n; i < places; ++i) labels[i] = excess[i] = T(0);
}

// Gathers up to `limit` entries from `entry` on; returns how many places are filled.
template <class T>
std::int64_t gather(const Side<T>& side, const Row<T>& row, const Scratch<T>& scratch,
                    std::int64_t entry, std::int64_t limit) {
    const std::int64_t left = row.begin + row.n - entry;
    const std::int64_t places = padded(left < limit ? left : limit, kGroup);
    for (std::int64_t at = 0; at < places; at += kGroup) {
        gather_group<0>(side, row, scratch, entry + at, at);
    }
    return places;
}

// ---- passes over gathered rows, eight at a time --------------------------------------------------

template <class T>
ALSATIAN_INLINE void dots8(const T* rows, std::int64_t stride, const T* v, T* dots) {
    Lanes<T> sum[kGroup] = {};
    for (std::int64_t k = 0; k < stride; k += kWidth<T>) {
        const Lanes<T> part = load(v + k);
        for (std::int64_t i = 0; i < kGroup; ++i) sum[i] += part * load(rows + i * stride + k);
    }
    sum_lanes8<T>(sum, dots);
}

template <class T>
ALSATIAN_INLINE void add_rows8(const T* rows, std::int64_t stride, const T* scale, T* out) {
    // Have the compiler read the scales from memory: spreading from there costs nothing, spreading
    // from a register competes with the multiplications.
    asm volatile("" : : "r"(scale) : "memory");
    Lanes<T> s[kGroup];
    for (std::int64_t i = 0; i < kGroup; ++i) s[i] = spread<T>(scale[i]);
    for (std::int64_t k = 0; k < stride; k += kWidth<T>) {
        Lanes<T> even = load(out + k), odd{};  // two chains, for an addition takes four cycles
        for (std::int64_t i = 0; i < kGroup; i += 2) {
            even += s[i] * load(rows + i * stride + k);
            odd += s[i + 1] * load(rows + (i + 1) * stride + k);
        }
        store(out + k, even + odd);
    }
}

// out += sum_i (labels_i - excess_i (row_i . v)) row_i over one group
template <class T>
ALSATIAN_INLINE void add_residual8(const T* rows, std::int64_t stride, const T* labels,
                                   const T* excess, const T* v, T* out) {
    T scale[kGroup];
    dots8(rows, stride, v, scale);
    for (std::int64_t i = 0; i < kGroup; ++i) scale[i] = labels[i] - excess[i] * scale[i];
    add_rows8(rows, stride, scale, out);
}

// out += sum_i excess_i (row_i . v) row_i
template <std::int64_t S, class T>
ALSATIAN_INLINE void add_product(const T* rows, std::int64_t any_stride, std::int64_t places,
                                 const T* excess, const T* v, T* out) {
    const std::int64_t stride = known<S>(any_stride);
    for (std::int64_t at = 0; at < places; at += kGroup, rows += kGroup * stride) {
        T scale[kGroup];
        dots8(rows, stride, v, scale);
        for (std::int64_t i = 0; i < kGroup; ++i) scale[i] *= excess[at + i];
        add_rows8(rows, stride, scale, out);
    }
}

// sum_i excess_i (row_i . v)^2
template <std::int64_t S, class T>
ALSATIAN_INLINE T quadratic(const T* rows, std::int64_t any_stride, std::int64_t places,
                            const T* excess, const T* v) {
    const std::int64_t stride = known<S>(any_stride);
    T sum[kGroup] = {};
    for (std::int64_t at = 0; at < places; at += kGroup, rows += kGroup * stride) {
        T dots[kGroup];
        dots8(rows, stride, v, dots);
        for (std::int64_t i = 0; i < kGroup; ++i) sum[i] += excess[at + i] * dots[i] * dots[i];
    }
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

}  // namespace
}  // namespace alsatian::als
