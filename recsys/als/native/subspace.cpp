// One object for each SIMD variant; see kernels.hpp for why everything here is internal.
//
// iALS++ (Rendle, Krichene, Zhang & Koren 2021, algorithm 2). With the normal equations A x = b of
// kernels.cpp and a block B of dimensions, a step solves
//
//     A_BB d = (b - A x)_B,    x_B += d,
//
// the exact minimum over x_B with the other dimensions held. The score s_e = x . y_e of each entry is
// kept up to date, so that the right side costs only the block's own columns:
//
//     (b - A x)_B = sum_e (w t - (w - unobserved) s)_e y_eB - unobserved (Y'Y)_B: x - lambda x_B.

#include "subspace.hpp"

#include "lanes.hpp"

namespace alsatian::als {
namespace {

#define ALSATIAN_INLINE inline __attribute__((always_inline))

// Entries ahead of the one being read whose block is asked for.
constexpr std::int64_t kAhead = 16;
constexpr std::int64_t kCacheLine = 64;
// Entries between two looks at whether to go on.
constexpr std::int64_t kLook = 64 * kChunk;

template <class T>
constexpr T kEpsilon = sizeof(T) == 4 ? T(1.1920929e-07) : T(2.220446049250313e-16);

#if defined(__AVX512F__)
constexpr int kTileRows = 8;      // 8 x 2 sums of the 32 registers
constexpr int kProductRows = 6;   // 6 x 4
constexpr int kProductLanes = 4;
#else
constexpr int kTileRows = 4;      // 4 x 2 sums of the 16 registers
constexpr int kProductRows = 6;   // 6 x 2
constexpr int kProductLanes = 2;
#endif
constexpr std::int64_t kPanel = 16;  // rows that the factorization finishes together

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
ALSATIAN_INLINE void add_scaled(T* out, T scale, const T* v, std::int64_t n) {
    const Lanes<T> s = spread<T>(scale);
    for (std::int64_t k = 0; k < n; k += kWidth<T>) store(out + k, load(out + k) + s * load(v + k));
}

// ---- a row's entries -----------------------------------------------------------------------------

template <class T>
T lambda_of(const Side<T>& side, std::int64_t n) {
    double scale = 1.0;
    if (side.exponent != 0.0) {
        const double size = static_cast<double>(n) + side.unobserved * static_cast<double>(side.others);
        scale = __builtin_pow(size, side.exponent);
    }
    return static_cast<T>(side.regularization * scale);
}

template <class T>
ALSATIAN_INLINE void prefetch(const Side<T>& side, const Slice<T>& slice, std::int64_t entry) {
    const char* const from =
        reinterpret_cast<const char*>(slice.rows + side.indices[entry] * slice.rows_stride);
    const std::int64_t bytes = slice.width * static_cast<std::int64_t>(sizeof(T));
    for (std::int64_t k = 0; k < bytes; k += kCacheLine) __builtin_prefetch(from + k);
}

// The block of one row of the other side, copied, zeros after it.
template <class T>
ALSATIAN_INLINE void copy_block(const Slice<T>& slice, std::int64_t row, T* to) {
    const T* const from = slice.rows + row * slice.rows_stride;
    const std::int64_t whole = slice.padded_rows ? slice.stride : slice.width / kWidth<T> * kWidth<T>;
    for (std::int64_t k = 0; k < whole; k += kWidth<T>) store(to + k, load(from + k));
    for (std::int64_t k = whole; k < slice.stride; ++k) to[k] = k < slice.width ? from[k] : T(0);
}

// Where the blocks of kGroup entries from `entry` on lie, `left` of which are the row's.
template <class T>
ALSATIAN_INLINE void locate(const Side<T>& side, const Slice<T>& slice, std::int64_t entry,
                            std::int64_t left, const SubspaceScratch<T>& scratch, const T** blocks) {
    for (std::int64_t i = 0; i < kGroup; ++i) {
        if (i >= left) {
            blocks[i] = scratch.zeros;
        } else if (slice.padded_rows) {
            blocks[i] = slice.rows + side.indices[entry + i] * slice.rows_stride;
        } else {
            T* const copied = scratch.rows + i * slice.stride;
            copy_block(slice, side.indices[entry + i], copied);
            blocks[i] = copied;
        }
    }
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
        locate(side, slice, at, left, scratch, blocks);
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

template <class T>
void add_scores(const Side<T>& side, const Slice<T>& slice, std::int64_t begin, std::int64_t end,
                std::int64_t first, T* scores, const SubspaceScratch<T>& scratch) {
    const std::int64_t last = side.indptr[end];
    for (std::int64_t k = 0; k < slice.stride; ++k) scratch.step[k] = T(0);
    for (std::int64_t u = begin; u < end; ++u) {
        const T* const x = side.target + u * side.factors + slice.begin;
        for (std::int64_t k = 0; k < slice.width; ++k) scratch.step[k] = x[k];
        const std::int64_t entry = side.indptr[u], n = side.indptr[u + 1] - entry;
        move_scores(side, slice, entry, n, last, scratch.step, scores + (entry - first), scratch);
    }
}

// ---- the Gramian's part --------------------------------------------------------------------------

// out (rows, .) <- x gramian for `lanes` registers of columns; row r of x is x + r * factors.
template <class T, int rows, int lanes>
void product_tile(const T* x, std::int64_t factors, const T* gramian, std::int64_t stride, T* out) {
    Lanes<T> sum[rows][lanes] = {};
    for (std::int64_t k = 0; k < factors; ++k) {
        Lanes<T> part[lanes];
        for (int v = 0; v < lanes; ++v) part[v] = load(gramian + k * stride + v * kWidth<T>);
        for (int r = 0; r < rows; ++r) {
            const Lanes<T> s = spread<T>(x[r * factors + k]);
            for (int v = 0; v < lanes; ++v) sum[r][v] += s * part[v];
        }
    }
    for (int r = 0; r < rows; ++r) {
        for (int v = 0; v < lanes; ++v) store(out + r * stride + v * kWidth<T>, sum[r][v]);
    }
}

template <class T, int rows>
void product_rows(const T* x, std::int64_t factors, const T* gramian, std::int64_t stride, T* out) {
    std::int64_t j = 0;
    for (; j + kProductLanes * kWidth<T> <= stride; j += kProductLanes * kWidth<T>) {
        product_tile<T, rows, kProductLanes>(x, factors, gramian + j, stride, out + j);
    }
    for (; j < stride; j += kWidth<T>) {
        product_tile<T, rows, 1>(x, factors, gramian + j, stride, out + j);
    }
}

// products <- rows [begin, begin + count) of the target times the block's columns of the Gramian. A
// row's sums run in one order however many rows are taken together.
template <class T>
void multiply_gramian(const Side<T>& side, const Slice<T>& slice, std::int64_t begin, std::int64_t count,
                      T* products) {
    const T* const x = side.target + begin * side.factors;
    std::int64_t r = 0;
    for (; r + kProductRows <= count; r += kProductRows) {
        product_rows<T, kProductRows>(x + r * side.factors, side.factors, slice.gramian, slice.stride,
                                      products + r * slice.stride);
    }
    for (; r < count; ++r) {
        product_rows<T, 1>(x + r * side.factors, side.factors, slice.gramian, slice.stride,
                           products + r * slice.stride);
    }
}

// ---- the block's normal equations ----------------------------------------------------------------

// matrix[i.., j..] += or -= left' right over n rows, for kTileRows rows and `lanes` registers.
template <bool subtract, int lanes, class T>
void outer_tile(T* matrix, const T* left, const T* right, std::int64_t stride, std::int64_t n) {
    Lanes<T> sum[kTileRows][lanes] = {};
    for (std::int64_t row = 0; row < n; ++row) {
        Lanes<T> part[lanes];
        for (int v = 0; v < lanes; ++v) part[v] = load(right + row * stride + v * kWidth<T>);
        for (int i = 0; i < kTileRows; ++i) {
            const Lanes<T> s = spread<T>(left[row * stride + i]);
            for (int v = 0; v < lanes; ++v) sum[i][v] += s * part[v];
        }
    }
    for (int i = 0; i < kTileRows; ++i) {
        for (int v = 0; v < lanes; ++v) {
            T* const at = matrix + i * stride + v * kWidth<T>;
            store(at, subtract ? load(at) - sum[i][v] : load(at) + sum[i][v]);
        }
    }
}

// Upper triangle of rows [i0, i1) of matrix += or -= left' right; what it writes left of the diagonal
// is of no account. Bounds are multiples of kPad.
template <bool subtract, class T>
void outer(T* matrix, const T* left, const T* right, std::int64_t stride, std::int64_t n,
           std::int64_t i0, std::int64_t i1) {
    for (std::int64_t i = i0; i < i1; i += kTileRows) {
        std::int64_t j = i / kWidth<T> * kWidth<T>;
        for (; j + 2 * kWidth<T> <= stride; j += 2 * kWidth<T>) {
            outer_tile<subtract, 2>(matrix + i * stride + j, left + i, right + j, stride, n);
        }
        for (; j < stride; j += kWidth<T>) {
            outer_tile<subtract, 1>(matrix + i * stride + j, left + i, right + j, stride, n);
        }
    }
}

// Copies up to kChunk entries of a row into scratch, with their weights, and adds their part to the
// right side. Returns the places filled, a multiple of kGroup, zeros after the last entry.
template <class T>
std::int64_t gather(const Side<T>& side, const Slice<T>& slice, std::int64_t entry, std::int64_t n,
                    std::int64_t ahead, const T* scores, const SubspaceScratch<T>& scratch) {
    const std::int64_t stride = slice.stride;
    const T alpha = static_cast<T>(side.alpha), unobserved = static_cast<T>(side.unobserved);
    const std::int64_t places = padded(n, kGroup);
    for (std::int64_t i = 0; i < places; ++i) {
        if (entry + i + kAhead < ahead) prefetch(side, slice, entry + i + kAhead);
        T* const row = scratch.rows + i * stride;
        T* const scaled = scratch.scaled + i * stride;
        if (i >= n) {
            for (std::int64_t k = 0; k < stride; ++k) row[k] = scaled[k] = T(0);
            continue;
        }
        copy_block(slice, side.indices[entry + i], row);
        const T value = alpha * static_cast<T>(side.data[entry + i]);
        const T excess = (value < T(0) ? -value : value) - unobserved;
        const T rest = (value > T(0) ? value : T(0)) - excess * scores[i];
        const Lanes<T> s = spread<T>(excess), r = spread<T>(rest);
        for (std::int64_t k = 0; k < stride; k += kWidth<T>) {
            const Lanes<T> y = load(row + k);
            store(scaled + k, s * y);
            store(scratch.gradient + k, load(scratch.gradient + k) + r * y);
        }
    }
    return places;
}

// scratch.matrix <- the upper triangle of A_BB, ones on the diagonal of the padding, and
// scratch.gradient <- (b - A x)_B. False when told to stop.
template <class T>
bool block_equations(const Side<T>& side, const Slice<T>& slice, std::int64_t u, std::int64_t ahead,
                     const T* product, const T* scores, const SubspaceScratch<T>& scratch) {
    const std::int64_t stride = slice.stride, entry = side.indptr[u], n = side.indptr[u + 1] - entry;
    const T lambda = lambda_of(side, n);
    const T* const x = side.target + u * side.factors + slice.begin;
    const T* const gram = slice.gramian + slice.begin * stride;
    for (std::int64_t k = 0; k < slice.width * stride; k += kWidth<T>) {
        store(scratch.matrix + k, load(gram + k));
    }
    for (std::int64_t k = slice.width * stride; k < stride * stride; ++k) scratch.matrix[k] = T(0);
    for (std::int64_t k = 0; k < stride; ++k) {
        const bool real = k < slice.width;
        scratch.matrix[k * stride + k] += real ? lambda : T(1);
        scratch.gradient[k] = real ? -product[k] - lambda * x[k] : T(0);
    }
    for (std::int64_t done = 0; done < n; done += kChunk) {
        if (done % kLook == 0 && side.stopping()) return false;
        const std::int64_t count = n - done < kChunk ? n - done : kChunk;
        const std::int64_t places =
            gather(side, slice, entry + done, count, ahead, scores + done, scratch);
        outer<false>(scratch.matrix, scratch.scaled, scratch.rows, stride, places, 0, stride);
    }
    return true;
}

// ---- Cholesky ------------------------------------------------------------------------------------

// matrix = U'U in its upper triangle, a panel of rows at a time. False when a pivot is lost to
// rounding.
template <class T>
bool factorize(T* matrix, std::int64_t stride, T* diagonal) {
    for (std::int64_t k = 0; k < stride; ++k) diagonal[k] = matrix[k * stride + k];
    for (std::int64_t k0 = 0; k0 < stride; k0 += kPanel) {
        if (k0 > 0) outer<true>(matrix, matrix, matrix, stride, k0, k0, k0 + kPanel);
        for (std::int64_t k = k0; k < k0 + kPanel; ++k) {
            T* const row = matrix + k * stride;
            if (!(row[k] > T(4) * kEpsilon<T> * diagonal[k])) return false;
            const Lanes<T> s = spread<T>(T(1) / __builtin_sqrt(row[k]));
            for (std::int64_t j = k / kWidth<T> * kWidth<T>; j < stride; j += kWidth<T>) {
                store(row + j, s * load(row + j));
            }
            for (std::int64_t i = k + 1; i < k0 + kPanel; ++i) {
                const std::int64_t first = i / kWidth<T> * kWidth<T>;
                add_scaled(matrix + i * stride + first, -row[i], row + first, stride - first);
            }
        }
    }
    return true;
}

// x <- (U'U)^-1 r; r is overwritten.
template <class T>
void substitute(const T* matrix, std::int64_t stride, T* r, T* x) {
    for (std::int64_t k = 0; k < stride; ++k) {
        const T* const row = matrix + k * stride;
        r[k] /= row[k];
        std::int64_t j = k + 1;
        for (; j < stride && j % kWidth<T> != 0; ++j) r[j] -= r[k] * row[j];
        if (j < stride) add_scaled(r + j, -r[k], row + j, stride - j);
    }
    for (std::int64_t k = stride - 1; k >= 0; --k) {
        const T* const row = matrix + k * stride;
        T sum = r[k];
        std::int64_t j = k + 1;
        for (; j < stride && j % kWidth<T> != 0; ++j) sum -= row[j] * x[j];
        if (j < stride) sum -= dot(row + j, x + j, stride - j);
        x[k] = sum / row[k];
    }
}

// ---- one block, row after row --------------------------------------------------------------------

template <class T>
Outcome step_row(const Side<T>& side, const Slice<T>& slice, std::int64_t u, std::int64_t ahead,
                 const T* product, T* scores, const SubspaceScratch<T>& scratch) {
    T* const x = side.target + u * side.factors + slice.begin;
    const std::int64_t entry = side.indptr[u], n = side.indptr[u + 1] - entry;
    if (n == 0) {  // b = 0, and so is the minimum
        for (std::int64_t k = 0; k < slice.width; ++k) x[k] = T(0);
        return Outcome::done;
    }
    if (!block_equations(side, slice, u, ahead, product, scores, scratch)) return Outcome::stopped;
    if (!finite(dot(scratch.gradient, scratch.gradient, slice.stride))) return Outcome::not_finite;
    if (!factorize(scratch.matrix, slice.stride, scratch.diagonal)) return Outcome::not_positive;
    substitute(scratch.matrix, slice.stride, scratch.gradient, scratch.step);
    T size = 0;
    for (std::int64_t k = 0; k < slice.width; ++k) {
        const T moved = x[k] + scratch.step[k];
        size += moved * moved;
    }
    if (!finite(size)) return Outcome::not_finite;
    for (std::int64_t k = 0; k < slice.width; ++k) x[k] += scratch.step[k];
    move_scores(side, slice, entry, n, entry + n, scratch.step, scores, scratch);
    return Outcome::done;
}

template <class T>
Progress step(const Side<T>& side, const Slice<T>& slice, std::int64_t begin, std::int64_t end,
              std::int64_t first, T* scores, const SubspaceScratch<T>& scratch) {
    const std::int64_t ahead = side.indptr[end];
    for (std::int64_t next = begin; next < end; next += kTogether) {
        if (side.stopping()) return {Outcome::stopped, next};
        const std::int64_t count = end - next < kTogether ? end - next : kTogether;
        multiply_gramian(side, slice, next, count, scratch.products);
        for (std::int64_t r = 0; r < count; ++r) {
            const std::int64_t u = next + r;
            const Outcome outcome = step_row(side, slice, u, ahead, scratch.products + r * slice.stride,
                                             scores + (side.indptr[u] - first), scratch);
            if (outcome != Outcome::done) return {outcome, u};
        }
    }
    return {Outcome::done, end};
}

template <class T>
constexpr SubspaceKernels<T> kTable = {add_scores<T>, step<T>};

}  // namespace

namespace ALSATIAN_VARIANT {

const SubspaceKernels<float>& subspace_f32() { return kTable<float>; }
const SubspaceKernels<double>& subspace_f64() { return kTable<double>; }

}  // namespace ALSATIAN_VARIANT

}  // namespace alsatian::als
