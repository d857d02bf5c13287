// One object for each SIMD variant; see kernels.hpp for why everything here is internal.
//
// What a row of the solution minimizes stands in rows.hpp, as A x = b. `cg` runs a few warm-started steps
// of conjugate gradients without forming A (Takacs, Pilaszy & Tikk 2011); `cholesky` forms it.

#include "kernels.hpp"

#include "half.hpp"
#include "lanes.hpp"
#include "rows.hpp"
#include "tiles.hpp"
#include "together.hpp"

namespace alsatian::als {
namespace {

// Entries ahead of the one being copied whose factors are asked for: enough to hide a miss of L2.
constexpr std::int64_t kAhead = 24;
constexpr std::int64_t kCacheLine = 64;
#if defined(ALSATIAN_TILES)
constexpr std::int64_t kAheadHalf = 64;  // the same for half-width rows, which are done with sooner
#endif

template <class T>
constexpr T kEpsilon = sizeof(T) == 4 ? T(1.1920929e-07) : T(2.220446049250313e-16);

// Squared residual under which a row counts as solved, as in implicit, so that both stop alike.
constexpr double kSolved = 1e-20;

#if defined(__AVX512F__)
constexpr std::int64_t kTileRows = 8;  // 8 x 2 sums of the 32 registers
#else
constexpr std::int64_t kTileRows = 4;  // 4 x 2 sums of the 16 registers
#endif
constexpr std::int64_t kPanel = 16;  // rows that the factorization finishes before it updates the rest

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
    if (bytes % kCacheLine != 0) __builtin_prefetch(from + bytes - 1);
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

// ---- dense normal matrix -------------------------------------------------------------------------

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

// ---- conjugate gradients -------------------------------------------------------------------------

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

// Steps of conjugate gradients from scratch.x, whose residual is in scratch.r.
template <std::int64_t S, class T>
Outcome descend(const Side<T>& side, const Row<T>& row, const Scratch<T>& scratch, Form form) {
    const std::int64_t stride = known<S>(side.stride);
    copy(scratch.r, stride, scratch.p);
    T error = dot(scratch.r, scratch.r, stride), steepest = 0;
    const T rounding = kEpsilon<T> * kEpsilon<T> * error;
    if (!finite(error)) return Outcome::not_finite;
    bool stopped = false;
    for (int step = 0; step < side.cg_steps; ++step) {
        if (static_cast<double>(error) < kSolved || error <= rounding) break;
#if defined(ALSATIAN_TILES)
        if (form == Form::dense && side.half) keep_awake();
#endif
        const bool last = step + 1 == side.cg_steps;
        const T curvature = multiply<S>(side, row, scratch, form, !last, stopped);
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
    return descend<S>(side, row, scratch, form);
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

// ---- conjugate gradients from half-width rows ------------------------------------------------------
//
// Factors are turned into the eigenvectors of the Gramian, where it is a diagonal: a step then costs what
// the row's own entries cost. Conjugate gradients take the same steps in any orthogonal basis.

// Sums of R rows x V registers: out[r, ..] = sum_k rows[r, k] basis[k, ..].
template <class T, int R, int V>
ALSATIAN_INLINE void turn_tile(const T* rows, std::int64_t row_stride, std::int64_t factors,
                               const T* basis, std::int64_t stride, T* out, std::int64_t out_stride) {
    Lanes<T> sum[R][V] = {};
    for (std::int64_t k = 0; k < factors; ++k) {
        Lanes<T> part[V];
        for (int v = 0; v < V; ++v) part[v] = load(basis + k * stride + v * kWidth<T>);
        for (int r = 0; r < R; ++r) {
            const Lanes<T> s = spread<T>(rows[r * row_stride + k]);
            for (int v = 0; v < V; ++v) sum[r][v] += s * part[v];
        }
    }
    for (int r = 0; r < R; ++r) {
        for (int v = 0; v < V; ++v) store(out + r * out_stride + v * kWidth<T>, sum[r][v]);
    }
}

template <class T, int V>
ALSATIAN_INLINE void turn_columns(const T* rows, std::int64_t count, std::int64_t row_stride,
                                  std::int64_t factors, const T* basis, std::int64_t stride, T* out,
                                  std::int64_t out_stride) {
    constexpr int R = kTileRows / 2;
    std::int64_t row = 0;
    for (; row + R <= count; row += R) {
        turn_tile<T, R, V>(rows + row * row_stride, row_stride, factors, basis, stride,
                           out + row * out_stride, out_stride);
    }
    for (; row < count; ++row) {
        turn_tile<T, 1, V>(rows + row * row_stride, row_stride, factors, basis, stride,
                           out + row * out_stride, out_stride);
    }
}

// out (count, stride) = rows (count, factors; `row_stride` apart) basis (factors, stride)
template <class T>
void turn(const T* rows, std::int64_t count, std::int64_t row_stride, std::int64_t factors,
          const T* basis, std::int64_t stride, T* out) {
    std::int64_t j = 0;
    for (; j + 4 * kWidth<T> <= stride; j += 4 * kWidth<T>) {
        turn_columns<T, 4>(rows, count, row_stride, factors, basis + j, stride, out + j, stride);
    }
    for (; j < stride; j += kWidth<T>) {
        turn_columns<T, 1>(rows, count, row_stride, factors, basis + j, stride, out + j, stride);
    }
}

template <class T>
void halve(const T* rows, std::int64_t count, std::int64_t factors, const T* basis, std::uint32_t* to) {
    if constexpr (sizeof(T) == 4) {
        const std::int64_t stride = padded(factors, kHalfGroup), words = stride / 2;
        alignas(64) T turned[kTurned * kMostFactors];
        for (std::int64_t at = 0; at < count; at += kTurned) {
            const std::int64_t n = count - at < kTurned ? count - at : kTurned;
            turn(rows + at * factors, n, factors, factors, basis, stride, turned);
            for (std::int64_t row = 0; row < n; ++row) {
                to_half(turned + row * stride, stride, to + (at + row) * words);
            }
        }
    } else {
        static_cast<void>(rows), static_cast<void>(count), static_cast<void>(factors);
        static_cast<void>(basis), static_cast<void>(to);
    }
}

#if defined(ALSATIAN_TILES)

template <std::int64_t S>
ALSATIAN_INLINE void prefetch_half(const Side<float>& side, std::int64_t entry) {
    const std::int64_t words = S > 0 ? S / 2 : side.stride / 2;
    const std::uint32_t* const from = side.half + side.indices[entry] * words;
    for (std::int64_t k = 0; k < words; k += 16) __builtin_prefetch(from + k);
}

// What one group of 32 factors of two entries becomes: words for the right side, words for the left one
// before they are transposed, and their part of b.
ALSATIAN_INLINE void lay_out_group(__m512i words_a, __m512i words_b, __m512 weight_a, __m512 weight_b,
                                   __m512 label_a, __m512 label_b, std::uint32_t* right,
                                   std::uint32_t* staged, __m512& low_sum, __m512& high_sum) {
    const Pairs pairs = side_by_side(words_a, words_b);
    _mm512_store_si512(right, pairs.low);
    _mm512_store_si512(right + kTileWords, pairs.high);
    const __m512 low_a = low_half(words_a), high_a = high_half(words_a);
    const __m512 low_b = low_half(words_b), high_b = high_half(words_b);
    low_sum = _mm512_fmadd_ps(label_b, low_b, _mm512_fmadd_ps(label_a, low_a, low_sum));
    high_sum = _mm512_fmadd_ps(label_b, high_b, _mm512_fmadd_ps(label_a, high_a, high_sum));
    _mm512_store_si512(staged, round_pairs(_mm512_mul_ps(weight_a, low_a), _mm512_mul_ps(weight_b, low_b)));
    _mm512_store_si512(staged + kTileWords,
                       round_pairs(_mm512_mul_ps(weight_a, high_a), _mm512_mul_ps(weight_b, high_b)));
}

// Lays out the 32 entries of tile `d` of a block of n entries from `entry` on. Places after the last
// entry repeat it with weights of zero.
template <std::int64_t S>
ALSATIAN_INLINE void lay_out(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch,
                             std::int64_t entry, std::int64_t d, std::int64_t n, std::uint32_t* staged) {
    const std::int64_t stride = known<S>(side.stride), words = stride / 2;
    std::uint32_t* const right = scratch.right + d * (stride / 16) * kTileWords;
    __m512 sums[S > 0 ? S / 16 : 1];
    for (std::int64_t g = 0; g < S / 16; ++g) sums[g] = _mm512_load_ps(scratch.r + 16 * g);
    for (std::int64_t k = 0; k < 16; ++k) {
        const std::int64_t even = d * kTileEntries + 2 * k, odd = even + 1;
        if (k % 8 == 0) keep_awake();
        const std::int64_t ahead = entry + even + kAheadHalf;
        if (ahead + 1 < row.ahead_end) {
            prefetch_half<S>(side, ahead);
            prefetch_half<S>(side, ahead + 1);
        }
        const std::uint32_t* const a = side.half + side.indices[entry + (even < n ? even : n - 1)] * words;
        const std::uint32_t* const b = side.half + side.indices[entry + (odd < n ? odd : n - 1)] * words;
        const __m512 weight_a = _mm512_set1_ps(scratch.excess[even]);
        const __m512 weight_b = _mm512_set1_ps(scratch.excess[odd]);
        const __m512 label_a = _mm512_set1_ps(scratch.labels[even]);
        const __m512 label_b = _mm512_set1_ps(scratch.labels[odd]);
        for (std::int64_t g = 0; g < words / 16; ++g) {
            std::uint32_t* const to = right + 2 * g * kTileWords + 16 * k;
            std::uint32_t* const stage = staged + 2 * g * kTileWords + 16 * k;
            const __m512i words_a = _mm512_loadu_si512(a + 16 * g);
            const __m512i words_b = _mm512_loadu_si512(b + 16 * g);
            if constexpr (S > 0) {
                lay_out_group(words_a, words_b, weight_a, weight_b, label_a, label_b, to, stage,
                              sums[2 * g], sums[2 * g + 1]);
            } else {
                float* const sum = scratch.r + 32 * g;
                __m512 low = _mm512_load_ps(sum), high = _mm512_load_ps(sum + 16);
                lay_out_group(words_a, words_b, weight_a, weight_b, label_a, label_b, to, stage, low, high);
                _mm512_store_ps(sum, low);
                _mm512_store_ps(sum + 16, high);
            }
        }
    }
    for (std::int64_t g = 0; g < S / 16; ++g) _mm512_store_ps(scratch.r + 16 * g, sums[g]);
}

// labels and excess of n entries from `entry` on, and zeros up to `places` of them.
inline void weigh_entries(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch,
                          std::int64_t entry, std::int64_t n, std::int64_t places) {
    std::int64_t at = 0;
    for (; at + kGroup <= n; at += kGroup) {
        weigh_group(side, row, side.data + entry + at, side.indices + entry + at, scratch.labels + at,
                    scratch.excess + at);
    }
    if (at == places) return;
    float data[kGroup] = {};
    std::int32_t columns[kGroup] = {};
    for (std::int64_t i = at; i < n; ++i) {
        data[i - at] = side.data[entry + i];
        columns[i - at] = side.indices[entry + i];
    }
    weigh_group(side, row, data, columns, scratch.labels + at, scratch.excess + at);
    for (std::int64_t i = n; i < places; ++i) scratch.labels[i] = scratch.excess[i] = 0;
}

// Packs up to `side.half_entries` entries from `entry` on; adds their part of b to scratch.r. Returns
// how many tiles deep they are.
template <std::int64_t S>
ALSATIAN_INLINE std::int64_t pack_entries(const Side<float>& side, const Row<float>& row,
                                          const Scratch<float>& scratch, std::int64_t entry) {
    const std::int64_t blocks = known<S>(side.stride) / 16;
    const std::int64_t left = row.begin + row.n - entry;
    const std::int64_t n = left < side.half_entries ? left : side.half_entries;
    const std::int64_t depth = (n + kTileEntries - 1) / kTileEntries;
    weigh_entries(side, row, scratch, entry, n, depth * kTileEntries);
    alignas(64) std::uint32_t on_stack[S > 0 ? S / 16 * kTileWords : 1];
    std::uint32_t* const staged = S > 0 ? on_stack : scratch.staged;
    for (std::int64_t d = 0; d < depth; ++d) {
        lay_out<S>(side, row, scratch, entry, d, n, staged);
        std::uint32_t* const to = scratch.left + d * blocks * kTileWords;
        for (std::int64_t block = 0; block < blocks; ++block) {
            transpose_words(staged + block * kTileWords, 16, to + block * kTileWords, 16);
        }
    }
    return depth;
}

// scratch.matrix (both triangles) <- A, scratch.r <- b. False when told to stop.
template <std::int64_t S>
ALSATIAN_INLINE bool normal_equations_half(const Side<float>& side, const Row<float>& row,
                                           const Scratch<float>& scratch) {
    const std::int64_t stride = known<S>(side.stride);
    fill(scratch.r, 0.0f, stride);
    const float* start = side.gramian;
    for (std::int64_t done = 0; done < row.n; done += side.half_entries) {
        if (side.stopping()) return false;
        const std::int64_t depth = pack_entries<S>(side, row, scratch, row.begin + done);
        multiply_triangle(start, scratch.matrix, stride, scratch.left, scratch.right, depth);
        start = scratch.matrix;
    }
    mirror_tiles(scratch.matrix, stride);
    keep_awake();
    for (std::int64_t i = 0; i < side.factors; ++i) scratch.matrix[i * stride + i] += row.lambda;
    return true;
}

#endif

// r <- b - A x by tiles, where the variant has them and the row is long enough for them to pay.
template <std::int64_t S, class T>
ALSATIAN_INLINE bool tiled(const Side<T>& side, const Row<T>& row) {
#if defined(ALSATIAN_TILES)
    return sizeof(T) == 4 && row.n >= side.tiled_entries && row.weight == T(1);
#else
    static_cast<void>(side), static_cast<void>(row);
    return false;
#endif
}

template <std::int64_t S, class T>
Outcome iterate_cg_half(const Side<T>& side, const Row<T>& row, const Scratch<T>& scratch) {
#if defined(ALSATIAN_TILES)
    if constexpr (sizeof(T) == 4) {
        if (tiled<S>(side, row)) {
            const std::int64_t stride = known<S>(side.stride);
            if (!normal_equations_half<S>(side, row, scratch)) return Outcome::stopped;
            multiply_symmetric(scratch.matrix, stride, scratch.x, scratch.q);
            add_scaled(scratch.r, -1.0f, scratch.q, stride);
            return descend<S>(side, row, scratch, Form::dense);
        }
    }
#endif
    return iterate_cg<S>(side, row, scratch);
}

template <std::int64_t S, class T>
Progress solve_cg_half_with(const Side<T>& side, std::int64_t begin, std::int64_t end,
                            const Scratch<T>& scratch) {
#if defined(ALSATIAN_TILES)
    const Tiles tiles;
#endif
    const std::int64_t stride = known<S>(side.stride), factors = side.factors;
    for (std::int64_t first = begin; first < end; first += kTurned) {
        const std::int64_t count = end - first < kTurned ? end - first : kTurned;
        T* const target = side.target + first * factors;
        turn(target, count, factors, factors, side.basis, stride, scratch.turned);
        Scratch<T> of_row = scratch;
        for (std::int64_t i = 0; i < count; ++i) {
            if (side.stopping()) return {Outcome::stopped, first};
            of_row.x = scratch.turned + i * stride;
            const Row<T> row = row_of(side, first + i, end);
            if (row.n == 0) {
                fill(of_row.x, T(0), stride);
                continue;
            }
            const Outcome outcome = iterate_cg_half<S>(side, row, of_row);
            if (outcome != Outcome::done) return {outcome, first + i};
            if (!finite(dot(of_row.x, of_row.x, stride))) return {Outcome::not_finite, first + i};
        }
        turn(scratch.turned, count, stride, factors, side.basis_back, stride, scratch.turned_back);
        for (std::int64_t i = 0; i < count; ++i) {
            for (std::int64_t k = 0; k < factors; ++k) {
                target[i * factors + k] = scratch.turned_back[i * stride + k];
            }
        }
    }
    return {Outcome::done, end};
}

template <class T>
Progress solve_cg_half(const Side<T>& side, std::int64_t begin, std::int64_t end,
                       const Scratch<T>& scratch) {
    if (side.stride == 32) return solve_cg_half_with<32>(side, begin, end, scratch);
    if (side.stride == 64) return solve_cg_half_with<64>(side, begin, end, scratch);
    if (side.stride == 128) return solve_cg_half_with<128>(side, begin, end, scratch);
    if (side.stride == 256) return solve_cg_half_with<256>(side, begin, end, scratch);
    return solve_cg_half_with<0>(side, begin, end, scratch);
}

// ---- Cholesky ------------------------------------------------------------------------------------

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

// ---- loss ----------------------------------------------------------------------------------------

template <class T>
double observed_loss(const Side<T>& side, std::int64_t begin, std::int64_t end,
                     const Scratch<T>& scratch) {
    double loss = 0.0;
    for (std::int64_t u = begin; u < end; ++u) {
        const Row<T> row = row_of(side, u, end);
        copy_row(side.target + u * side.factors, side.factors, side.stride, scratch.x);
        for (std::int64_t done = 0; done < row.n; done += kGroup) {
            T dots[kGroup];
            gather_group<0>(side, row, scratch, row.begin + done, 0);
            dots8(scratch.rows, side.stride, scratch.x, dots);
            const std::int64_t left = row.n - done;
            for (std::int64_t i = 0; i < (left < kGroup ? left : kGroup); ++i) {
                const double value = side.alpha * static_cast<double>(side.data[row.begin + done + i]);
                const double weight = value < 0.0 ? -value : value;
                const std::int32_t column = side.indices[row.begin + done + i];
                double score = static_cast<double>(dots[i]), unobserved = side.unobserved;
                if (side.offsets) score += static_cast<double>(side.offsets[column]);
                if (side.row_weights) unobserved *= static_cast<double>(side.row_weights[u]);
                if (side.column_weights) {
                    unobserved *= static_cast<double>(side.column_weights[column]);
                }
                const double miss = (value > 0.0 ? 1.0 : 0.0) - score;
                loss += weight * miss * miss - unobserved * score * score;
            }
        }
    }
    return loss;
}

#if defined(ALSATIAN_TILES)
constexpr bool kHasTiles = true;
#else
constexpr bool kHasTiles = false;
#endif

template <class T>
constexpr Kernels<T> kTable = {kWidth<T>, kHasTiles && sizeof(T) == 4, solve_cg<T>, solve_cholesky<T>, solve_cg_half<T>, halve<T>,
                                  equations<T>, rank_update<T>, observed_loss<T>};

}  // namespace

namespace ALSATIAN_VARIANT {

const Kernels<float>& kernels_f32() { return kTable<float>; }
const Kernels<double>& kernels_f64() { return kTable<double>; }

}  // namespace ALSATIAN_VARIANT

}  // namespace alsatian::als
