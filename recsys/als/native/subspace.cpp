// One object for each SIMD variant; see kernels.hpp for why everything here is internal.
//
// iALS++ (Rendle, Krichene, Zhang & Koren 2021, algorithm 2). With the normal equations A x = b of
// rows.hpp (there r) and a block B of dimensions, a step solves
//
//     A_BB d = (b - A x)_B,    x_B += d,
//
// the exact minimum over x_B with the other dimensions held. The score s_e = x . y_e of each entry is
// kept up to date, so that the right side costs only the block's own columns:
//
//     (b - A x)_B = sum_e (label - excess s)_e y_eB - a (G x - linear)_B - lambda (x - prior)_B
//
// with the letters of rows.hpp, and G and linear as in `Side`.

#include "subspace.hpp"

#include "block_cholesky.hpp"
#include "lanes.hpp"
#include "rows.hpp"
#include "subspace_entries.hpp"
#include "subspace_fixed.hpp"
#include "subspace_near.hpp"
#include "subspace_products.hpp"
#include "subspace_rows.hpp"
#include "subspace_tiles.hpp"
#include "together.hpp"

namespace alsatian::als {
namespace {

template <class T>
void add_scores(const Side<T>& side, const Slice<T>& slice, std::int64_t begin, std::int64_t end,
                std::int64_t first, T* scores, const SubspaceScratch<T>& scratch) {
#if defined(ALSATIAN_TILES)
    if constexpr (sizeof(T) == 4) {
        if (slice.tiled) {
            const auto add = slice.stride == 64 ? add_scores_tiled<64> : add_scores_tiled<0>;
            return add(side, slice, begin, end, first, scores, scratch);
        }
    }
#endif
#if defined(ALSATIAN_FIXED)
    if constexpr (sizeof(T) == 4) {
        if (slice.whitened != nullptr) {
            const auto add = slice.stride == 64 ? add_scores_fixed<64> : add_scores_fixed<0>;
            return add(side, slice, begin, end, first, scores, scratch);
        }
    }
#endif
    const std::int64_t last = side.indptr[end];
    for (std::int64_t k = 0; k < slice.stride; ++k) scratch.step[k] = T(0);
    for (std::int64_t u = begin; u < end; ++u) {
        const T* const x = side.target + u * side.factors + slice.begin;
        for (std::int64_t k = 0; k < slice.width; ++k) scratch.step[k] = x[k];
        const std::int64_t entry = side.indptr[u], n = side.indptr[u + 1] - entry;
        move_scores(side, slice, entry, n, last, scratch.step, scores + (entry - first), scratch);
    }
}

// ---- the block's normal equations ----------------------------------------------------------------

// matrix[i.., j..] += left' right over the entries of a chunk, for kTileRows rows of the matrix and
// `lanes` registers. `left` are entries side by side, `right` where entries lie, from column j on.
template <int lanes, class T>
void outer_tile(T* matrix, const T* left, std::int64_t stride, const T* const* right, std::int64_t j,
                std::int64_t n) {
    Lanes<T> sum[kTileRows][lanes] = {};
    for (std::int64_t entry = 0; entry < n; ++entry) {
        Lanes<T> part[lanes];
        for (int v = 0; v < lanes; ++v) part[v] = load(right[entry] + j + v * kWidth<T>);
        for (std::int64_t i = 0; i < kTileRows; ++i) {
            const Lanes<T> s = spread<T>(left[entry * stride + i]);
            for (int v = 0; v < lanes; ++v) sum[i][v] += s * part[v];
        }
    }
    for (std::int64_t i = 0; i < kTileRows; ++i) {
        for (int v = 0; v < lanes; ++v) {
            T* const at = matrix + i * stride + v * kWidth<T>;
            store(at, load(at) + sum[i][v]);
        }
    }
}

// Upper triangle of matrix += left' right; what it writes left of the diagonal is of no account.
template <class T>
void outer(T* matrix, const T* left, std::int64_t stride, const T* const* right, std::int64_t n) {
    for (std::int64_t i = 0; i < stride; i += kTileRows) {
        std::int64_t j = i / kWidth<T> * kWidth<T>;
        for (; j + 2 * kWidth<T> <= stride; j += 2 * kWidth<T>) {
            outer_tile<2>(matrix + i * stride + j, left + i, stride, right, j, n);
        }
        for (; j < stride; j += kWidth<T>) {
            outer_tile<1>(matrix + i * stride + j, left + i, stride, right, j, n);
        }
    }
}

// gradient += sum_i rest_i block_i, scaled_i <- excess_i block_i, for `lanes` registers of columns.
template <int lanes, class T>
ALSATIAN_INLINE void scale_columns(const T* const* blocks, std::int64_t n, const T* excess,
                                   const T* rest, std::int64_t stride, T* gradient, T* scaled) {
    Lanes<T> sum[lanes];
    for (int v = 0; v < lanes; ++v) sum[v] = load(gradient + v * kWidth<T>);
    for (std::int64_t i = 0; i < n; ++i) {
        const Lanes<T> s = spread<T>(excess[i]), r = spread<T>(rest[i]);
        for (int v = 0; v < lanes; ++v) {
            const Lanes<T> y = load(blocks[i] + v * kWidth<T>);
            store(scaled + i * stride + v * kWidth<T>, s * y);
            sum[v] += r * y;
        }
    }
    for (int v = 0; v < lanes; ++v) store(gradient + v * kWidth<T>, sum[v]);
}

// Adds up to kChunk entries of a row to the matrix and to the gradient.
template <class T>
void add_chunk(const Side<T>& side, const Slice<T>& slice, const Row<T>& row, std::int64_t entry,
               std::int64_t n, const T* scores, const SubspaceScratch<T>& scratch) {
    const std::int64_t stride = slice.stride;
    const T* blocks[kChunk];
    for (std::int64_t i = 0; i < n; ++i) {
        if (entry + i + kAhead < row.ahead_end) prefetch(side, slice, entry + i + kAhead);
        blocks[i] = locate(side, slice, entry + i, scratch.rows + i * stride);
    }
    T excess[kChunk], rest[kChunk];
    weigh(side, row, entry, n, scores, excess, rest);
    constexpr int lanes = 4;
    std::int64_t j = 0;
    for (; j + lanes * kWidth<T> <= stride; j += lanes * kWidth<T>) {
        scale_columns<lanes>(blocks, n, excess, rest, stride, scratch.gradient + j, scratch.scaled + j);
        for (std::int64_t i = 0; i < n; ++i) blocks[i] += lanes * kWidth<T>;
    }
    for (; j < stride; j += kWidth<T>) {
        scale_columns<1>(blocks, n, excess, rest, stride, scratch.gradient + j, scratch.scaled + j);
        for (std::int64_t i = 0; i < n; ++i) blocks[i] += kWidth<T>;
    }
    for (std::int64_t i = 0; i < n; ++i) blocks[i] -= stride;
    outer(scratch.matrix, scratch.scaled, stride, blocks, n);
}

// scratch.matrix <- the upper triangle of A_BB, ones on the diagonal of the padding, and
// scratch.gradient <- (b - A x)_B. False when told to stop.
template <class T>
bool block_equations(const Side<T>& side, const Slice<T>& slice, const Row<T>& row, const T* product,
                     const T* scores, const SubspaceScratch<T>& scratch) {
    start_matrix(slice, row, scratch);
    start_gradient(side, slice, row, product, scratch);
    for (std::int64_t done = 0; done < row.n; done += kChunk) {
        if (done % kLook == 0 && side.stopping()) return false;
        const std::int64_t count = row.n - done < kChunk ? row.n - done : kChunk;
        add_chunk(side, slice, row, row.begin + done, count, scores + done, scratch);
    }
    return true;
}

// ---- one block, row after row --------------------------------------------------------------------

// scratch.step <- what the equations in scratch give.
template <class T>
Outcome solve_step(const Slice<T>& slice, const SubspaceScratch<T>& scratch) {
    if (!finite(dot(scratch.gradient, scratch.gradient, slice.stride))) return Outcome::not_finite;
    if (!factorize(scratch.matrix, slice.stride, scratch.diagonal, scratch.inverses, scratch.gradient)) {
        return Outcome::not_positive;
    }
    substitute(scratch.matrix, slice.stride, scratch.inverses, scratch.gradient, scratch.step);
    return Outcome::done;
}

// Takes scratch.step, unless what comes of it is not finite.
template <class T>
Outcome take_step(const Side<T>& side, const Slice<T>& slice, const Row<T>& row, const SubspaceScratch<T>& scratch) {
    T* const x = side.target + row.index * side.factors + slice.begin;
    T size = 0;
    for (std::int64_t k = 0; k < slice.width; ++k) {
        const T moved = x[k] + scratch.step[k];
        size += moved * moved;
    }
    if (!finite(size)) return Outcome::not_finite;
    for (std::int64_t k = 0; k < slice.width; ++k) x[k] += scratch.step[k];
    return Outcome::done;
}

template <class T>
Outcome step_row(const Side<T>& side, const Slice<T>& slice, const Row<T>& row, const T* product,
                 T* scores, const SubspaceScratch<T>& scratch) {
    if (settle_empty(side, row)) return Outcome::done;
    if (!block_equations(side, slice, row, product, scores, scratch)) return Outcome::stopped;
    Outcome outcome = solve_step(slice, scratch);
    if (outcome == Outcome::done) outcome = take_step(side, slice, row, scratch);
    if (outcome != Outcome::done) return outcome;
    move_scores(side, slice, row.begin, row.n, row.begin + row.n, scratch.step, scores, scratch);
    return Outcome::done;
}

// Takes rows [begin, end), `together` at a time: `multiply` leaves their products with the Gramian in
// scratch.products, `take` takes one row.
template <class T, class Multiply, class Take>
Progress step_rows(const Side<T>& side, const Slice<T>& slice, std::int64_t begin, std::int64_t end,
                   std::int64_t first, T* scores, const SubspaceScratch<T>& scratch,
                   std::int64_t together, const Multiply& multiply, const Take& take) {
    for (std::int64_t next = begin; next < end; next += together) {
        if (side.stopping()) return {Outcome::stopped, next};
        const std::int64_t count = end - next < together ? end - next : together;
        multiply(side, slice, next, count, scratch);
        for (std::int64_t r = 0; r < count; ++r) {
            const Row<T> row = row_of(side, next + r, end);
            const T* const product = scratch.products + r * slice.stride;
            const Outcome outcome = take(side, slice, row, product, scores + (row.begin - first), scratch);
            if (outcome == Outcome::done) continue;
            scratch.failed[0] = 1;
            scratch.failed[1] = row.index;
            return {outcome, outcome == Outcome::not_positive ? row.index + 1 : row.index};
        }
    }
    return {Outcome::done, end};
}

#if defined(ALSATIAN_FIXED)

// Rows that are stepped together, their systems side by side in the lanes of a register.
template <std::int64_t S>
class FixedSteps {
   public:
    FixedSteps(const Side<float>& side, const Slice<float>& slice, std::int64_t end, std::int64_t first,
               float* scores, const SubspaceScratch<float>& scratch)
        : side_(side), slice_(slice), end_(end), first_(first), scores_(scores), scratch_(scratch) {
        scratch.failed[0] = 0;
    }

    // Row r of those whose products with the Gramian, and places in the basis, are in the scratch.
    Outcome add(std::int64_t index, std::int64_t r) {
        const Row<float> row = row_of(side_, index, end_);
        if (row.n == 0) return step_alone(row, r);
        SubspaceScratch<float> of_row = scratch_;
        of_row.matrix = scratch_.matrices + count_ * slice_.stride * slice_.stride;
        of_row.gradient = scratch_.sides + count_ * slice_.stride;
        of_row.products = scratch_.products + r * slice_.stride;
        of_row.turned = turned(r);
        float* const scores = scores_ + (row.begin - first_);
        const Fixed near = step_near<S>(side_, slice_, row, scores, of_row);
        if (near != Fixed::refused) return near == Fixed::done ? Outcome::done : Outcome::stopped;
        const Fixed made = fixed_equations<S>(side_, slice_, row, scores, of_row);
        if (made == Fixed::stopped) return Outcome::stopped;
        if (made == Fixed::refused) return step_alone(row, r);
        if (!finite(dot(of_row.gradient, of_row.gradient, slice_.stride))) return Outcome::not_finite;
        rows_[count_] = index, places_[count_] = r;
        return ++count_ == kWidth<float> ? solve() : Outcome::done;
    }

    // Solves the systems that are waiting.
    Outcome solve() {
        if (count_ == 0) return Outcome::done;
        float lost[kWidth<float>];
        const float* const x = solve_together(scratch_.matrices, scratch_.sides, slice_.stride, slice_.width, count_,
                                              scratch_.systems, scratch_.solution, lost);
        for (std::int64_t lane = 0; lane < count_; ++lane) {
            const Row<float> row = row_of(side_, rows_[lane], end_);
            if (lost[lane] != 0.0f) {
                const Outcome outcome = step_alone(row, places_[lane]);
                if (outcome != Outcome::done) return at_ = rows_[lane], outcome;
                continue;
            }
            float* const step = turned(places_[lane]);
            for (std::int64_t k = 0; k < slice_.width; ++k) step[k] = x[k * kWidth<float> + lane];
            add_fixed_dots<S>(rows_of(slice_), side_.indices + row.begin, row.n, row.n, step,
                              scores_ + (row.begin - first_));
        }
        count_ = 0;
        return Outcome::done;
    }

    // Takes the steps of `count` rows from `begin` on.
    Outcome take(std::int64_t begin, std::int64_t count) {
        const std::int64_t stride = slice_.stride;
        multiply_rows(turned(0), stride, count, stride, slice_.whitened->turn_back, stride, scratch_.moved);
        for (std::int64_t r = 0; r < count; ++r) {
            const float* const step = scratch_.moved + r * stride;
            for (std::int64_t k = 0; k < stride; ++k) scratch_.step[k] = step[k];
            const Outcome outcome = take_step(side_, slice_, row_of(side_, begin + r, end_), scratch_);
            if (outcome != Outcome::done) return at_ = begin + r, outcome;
        }
        return Outcome::done;
    }

    // The row that an outcome is of, where it was not the one just added.
    std::int64_t at(std::int64_t added) const { return at_ < 0 ? added : at_; }

   private:
    float* turned(std::int64_t r) const { return scratch_.turned + r * slice_.stride; }

    // In full width, which leaves nothing for `take`.
    Outcome step_alone(const Row<float>& row, std::int64_t r) {
        for (std::int64_t k = 0; k < slice_.stride; ++k) turned(r)[k] = 0.0f;
        float* const product = scratch_.products + r * slice_.stride;
        multiply_rows(side_.target + row.index * side_.factors, side_.factors, 1, side_.factors, slice_.gramian,
                      slice_.stride, product);
        const Outcome outcome =
            step_row(side_, slice_, row, product, scores_ + (row.begin - first_), scratch_);
        if (outcome != Outcome::not_positive) return outcome;
        scratch_.failed[++scratch_.failed[0]] = row.index;
        return Outcome::done;
    }

    const Side<float>& side_;
    const Slice<float>& slice_;
    std::int64_t end_, first_;
    float* const scores_;
    const SubspaceScratch<float>& scratch_;
    std::int64_t rows_[kWidth<float>] = {}, places_[kWidth<float>] = {};
    std::int64_t count_ = 0, at_ = -1;
};

template <std::int64_t S>
Progress step_fixed(const Side<float>& side, const Slice<float>& slice, std::int64_t begin, std::int64_t end,
                    std::int64_t first, float* scores, const SubspaceScratch<float>& scratch) {
    constexpr std::int64_t together = kTogetherLanes * kWidth<float>;
    for (std::int64_t next = begin; next < end; next += together) {
        if (side.stopping()) return {Outcome::stopped, next};
        const std::int64_t count = end - next < together ? end - next : together;
        turn_target(side, slice, next, count, scratch);
        FixedSteps<S> steps(side, slice, end, first, scores, scratch);
        for (std::int64_t r = 0; r < count; ++r) {
            Outcome outcome = steps.add(next + r, r);
            if (outcome == Outcome::done && r + 1 == count) outcome = steps.solve();
            if (outcome != Outcome::done) return {outcome, steps.at(next + r)};
        }
        const Outcome taken = steps.take(next, count);
        if (taken != Outcome::done) return {taken, steps.at(next)};
        if (scratch.failed[0] > 0) return {Outcome::not_positive, next + count};
    }
    return {Outcome::done, end};
}
#endif

template <class T>
Progress step(const Side<T>& side, const Slice<T>& slice, std::int64_t begin, std::int64_t end,
              std::int64_t first, T* scores, const SubspaceScratch<T>& scratch) {
#if defined(ALSATIAN_TILES)
    if constexpr (sizeof(T) == 4) {
        if (slice.tiled) {
            const Tiles tiles;
            return step_rows(side, slice, begin, end, first, scores, scratch, kTogetherTiled,
                             multiply_gramian_tiled,
                             slice.stride == 64 ? step_tiled<64> : step_tiled<0>);
        }
    }
#endif
#if defined(ALSATIAN_FIXED)
    if constexpr (sizeof(T) == 4) {
        if (slice.whitened != nullptr) {
            const auto step = slice.stride == 64 ? step_fixed<64> : step_fixed<0>;
            return step(side, slice, begin, end, first, scores, scratch);
        }
    }
#endif
    return step_rows(side, slice, begin, end, first, scores, scratch, kTogether, multiply_gramian<T>,
                     step_row<T>);
}

template <class T>
constexpr SubspaceKernels<T> kTable = {false, add_scores<T>, nullptr, nullptr, step<T>};
#if defined(ALSATIAN_TILES)
template <>
constexpr SubspaceKernels<float> kTable<float> = {true, add_scores<float>, pack_gramian, nullptr, step<float>};
#elif defined(ALSATIAN_FIXED)
template <>
constexpr SubspaceKernels<float> kTable<float> = {false, add_scores<float>, nullptr, whiten_rows, step<float>};
#endif

}  // namespace

namespace ALSATIAN_VARIANT {

const SubspaceKernels<float>& subspace_f32() { return kTable<float>; }
const SubspaceKernels<double>& subspace_f64() { return kTable<double>; }

}  // namespace ALSATIAN_VARIANT

}  // namespace alsatian::als
