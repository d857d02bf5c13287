// The order of work of iALS++ (Rendle, Krichene, Zhang & Koren 2021): block after block of dimensions,
// and within a block row after row.
//
// The rows of one side do not depend on each other while the other side is held, so taking all rows
// through block 1, then all through block 2, gives each row what taking it alone through all blocks
// would. This order is the one that suits memory: of the other side's factors only one block's columns
// are met at a time, and those are copied side by side, small enough for the popular ones to stay in
// cache; and of the Gramian only one block's columns. It costs one number for each entry, its score;
// rows are taken in batches to bound how many.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "core.hpp"
#include "kernels.hpp"
#include "parallel.hpp"
#include "scratch.hpp"
#include "semidefinite.hpp"
#include "subspace.hpp"
#include "whitened_store.hpp"

namespace alsatian::als {

namespace {

// Scores held at once: a third of all entries, which is a twelfth of what both orientations take, or an eighth of
// what the factors take. For each batch the blocks of the other side are laid out anew.
constexpr std::int64_t kBatches = 3;
constexpr std::int64_t kShareOfFactors = 8;
constexpr std::int64_t kLeastBatch = 1 << 20;
constexpr std::int64_t kPackRows = 4096;  // rows of the other side copied by one task
// Entries up to which a row is stepped by conjugate gradients: more would take too much memory.
constexpr std::int64_t kMostNear = 1 << 14;
// Dimensions of a block up to which whole numbers are multiplied: systems of more are not solved together.
constexpr std::int64_t kMostFixed = kTogetherFactors;

template <class T>
const SubspaceKernels<T>& subspace_kernels(Simd simd) {
    const auto pick = [](const SubspaceKernels<float>& f32,
                         const SubspaceKernels<double>& f64) -> const SubspaceKernels<T>& {
        if constexpr (std::is_same_v<T, float>) {
            static_cast<void>(f64);
            return f32;
        } else {
            static_cast<void>(f32);
            return f64;
        }
    };
#if defined(ALSATIAN_X86_VARIANTS)
    if (simd == Simd::amx) return pick(amx::subspace_f32(), amx::subspace_f64());
    if (simd == Simd::avx512) return pick(avx512::subspace_f32(), avx512::subspace_f64());
    if (simd == Simd::avx2) return pick(avx2::subspace_f32(), avx2::subspace_f64());
#endif
    static_cast<void>(simd);
    return pick(baseline::subspace_f32(), baseline::subspace_f64());
}

// The arrays behind one thread's SubspaceScratch. `lanes`: systems solved together, 0 for one by one.
template <class T>
class SubspaceWorkspace {
   public:
    // `longest`: entries of the longest row.
    SubspaceWorkspace(std::int64_t factors, std::int64_t stride, std::int64_t longest, bool tiled, std::int64_t lanes,
                      std::int64_t near_entries)
        : rows_(kChunk * stride), scaled_(kChunk * stride), matrix_(stride * stride),
          inverses_(stride * kPad),
          products_((tiled ? kTogetherTiled : std::max(kTogether, kTogetherLanes * lanes)) * stride),
          vectors_(5 * stride), dots_(tiled ? padded(longest, kGroup) : 0), matrices_(lanes * stride * stride),
          sides_(lanes * stride),
          systems_(lanes * (together_begin(padded(stride, 4), padded(stride, kPad) / kPad) + kPad)),
          solution_(lanes * 2 * padded(stride, 4)), turned_(2 * kTogetherLanes * lanes * stride), near_(near_entries * stride / 2), near_numbers_(5 * near_entries),
          packed_((tiled ? kTiledBlock : lanes > 0 ? kBlockRows : 0) * stride),
          packed_rows_(tiled ? kTogetherTiled * padded(factors, kTileColumns) : 0), stride_(stride),
          half_((tiled ? kTiledBlock : lanes > 0 ? kBlockRows : 0) * stride / 2), lanes_(lanes) {}

    SubspaceScratch<T> scratch() {
        T* const vectors = vectors_.get();
        SubspaceScratch<T> made{};
        made.rows = rows_.get(), made.scaled = scaled_.get(), made.matrix = matrix_.get();
        made.inverses = inverses_.get(), made.products = products_.get();
        made.gradient = vectors, made.step = vectors + stride_, made.diagonal = vectors + 2 * stride_;
        made.zeros = vectors + 3 * stride_, made.start = vectors + 4 * stride_;
        made.dots = dots_.get();
        made.matrices = matrices_.get(), made.sides = sides_.get();
        made.systems = systems_.get(), made.solution = solution_.get();
        made.turned = turned_.get(), made.moved = turned_.get() + kTogetherLanes * lanes_ * stride_;
        made.near = reinterpret_cast<std::int16_t*>(near_.get()), made.near_numbers = near_numbers_.get();
        made.failed = failed_;
        made.left = packed_.get(), made.right = packed_.get() + half_;
        made.packed_rows = packed_rows_.get();
        return made;
    }

   private:
    Aligned<T> rows_, scaled_, matrix_, inverses_, products_, vectors_, dots_, matrices_, sides_, systems_, solution_;
    Aligned<T> turned_;
    Aligned<std::uint32_t> near_;
    Aligned<float> near_numbers_;
    Aligned<std::uint32_t> packed_, packed_rows_;
    std::int64_t stride_, half_, lanes_;
    std::int64_t failed_[1 + kMostTogether] = {};
};

// A half-sweep in progress.
template <class T>
class HalfSweep {
   public:
    HalfSweep(const Csr& matrix, T* target, const T* other, const double* gram, std::int64_t factors,
              const Weights& weights, const Terms<T>& terms, std::int64_t dimension, const Run& run)
        : matrix_(matrix), gram_(gram), weights_(weights), run_(run),
          table_(subspace_kernels<T>(run.simd)),
          side_(side_of(matrix, target, other, factors, weights, terms)),
          linear_(linear_of(other, matrix.columns, factors, weights, terms)),
          threads_(resolve_threads(run.threads)),
          dimension_(std::min(dimension, factors)), blocks_((factors + dimension_ - 1) / dimension_),
          tiled_(run.split && table_.tiles && padded(dimension_, kTileColumns) == padded(dimension_, kPad)),
          fixed_(run.split && table_.whiten != nullptr && dimension_ <= kMostFixed &&
                 pull(matrix, gram, factors, weights, side_.mass) <= kMostPullSplit),
          unit_(tiled_ ? kTileColumns : fixed_ ? 2 * kernels<T>(run.simd).lanes : kPad),
          stride_(padded(dimension_, unit_)), gramian_(factors * stride_),
          packed_gramian_(tiled_ ? padded(factors, kTileColumns) * stride_ : 0),
          workspaces_(static_cast<std::size_t>(threads_)) {
        if (!linear_.empty()) side_.linear = linear_.data();
        for (std::int64_t row = 0; row < matrix.rows; ++row) {
            longest_ = std::max(longest_, matrix.indptr[row + 1] - matrix.indptr[row]);
        }
    }

    void take() {
        const std::int64_t limit =
            std::max({kLeastBatch, (matrix_.indptr[matrix_.rows] + kBatches - 1) / kBatches,
                      (matrix_.rows + matrix_.columns) * side_.factors / kShareOfFactors});
        for (std::int64_t begin = 0; begin < matrix_.rows;) {
            std::int64_t end = begin + 1;
            while (end < matrix_.rows && matrix_.indptr[end + 1] - matrix_.indptr[begin] <= limit) ++end;
            take_batch(begin, end);
            begin = end;
        }
    }

   private:
    // Rows [begin, end) through all blocks.
    void take_batch(std::int64_t begin, std::int64_t end) {
        const Csr batch{end - begin, matrix_.columns, matrix_.indptr + begin, matrix_.indices,
                        matrix_.data};
        first_ = matrix_.indptr[begin];
        const std::int64_t entries = matrix_.indptr[end] - first_;
        scores_.assign(static_cast<std::size_t>(entries), T(0));
        // What a row costs beside its entries (Cholesky and the Gramian), in entries.
        const double d = static_cast<double>(dimension_), f = static_cast<double>(side_.factors);
        const auto row_cost = static_cast<std::int64_t>((2.0 * f + 0.7 * d * d) / (1.25 * d + 8.0));
        std::vector<Task> tasks = cut(batch, std::max<std::int64_t>(row_cost, 1), threads_);
        for (Task& task : tasks) {
            task.begin += begin;
            task.end += begin;
        }
        // Copying the other side's columns pays only where each row is met about once.
        pack_ = entries >= matrix_.columns && (fixed_ || blocks_ > 1 || dimension_ != stride_);
        for (std::int64_t block = blocks_; block-- > 0;) {
            const Slice<T> slice = prepare(block, false);
            each(tasks, [&](const Task& task, const SubspaceScratch<T>& scratch) {
                table_.add_scores(side_, slice, task.begin, task.end, first_, scores_.data(), scratch);
            });
        }
        for (std::int64_t block = 0; block < blocks_; ++block) {
            const Slice<T> slice = prepare(block, true);
            each(tasks, [&](const Task& task, const SubspaceScratch<T>& scratch) {
                step(slice, task, scratch);
            });
        }
    }

    // Systems that are solved together.
    std::int64_t lanes() const { return fixed_ ? kernels<T>(run_.simd).lanes : 0; }

    // Entries up to which a row is stepped by conjugate gradients.
    std::int64_t near_entries() const { return fixed_ ? padded(std::min(longest_, kMostNear), kPad) : 0; }

    template <class Work>
    void each(const std::vector<Task>& tasks, const Work& work) {
        parallel_for(
            threads_, static_cast<std::int64_t>(tasks.size()),
            [&](std::int64_t number, int thread) {
                auto& workspace = workspaces_[static_cast<std::size_t>(thread)];
                if (!workspace) {
                    workspace = std::make_unique<SubspaceWorkspace<T>>(side_.factors, stride_, longest_,
                                                                       tiled_, lanes(), near_entries());
                }
                work(tasks[static_cast<std::size_t>(number)], workspace->scratch());
            },
            run_.interrupted);
    }

    // The block's columns of the other side and, where wanted, of the Gramian.
    Slice<T> prepare(std::int64_t block, bool with_gramian) {
        const std::int64_t factors = side_.factors, begin = block * dimension_;
        Slice<T> slice{};
        slice.begin = begin;
        slice.width = std::min(dimension_, factors - begin);
        slice.stride = padded(slice.width, unit_);
        slice.gramian = gramian_.get();
        if (with_gramian) {
            for (std::int64_t i = 0; i < factors; ++i) {
                T* const to = gramian_.get() + i * slice.stride;
                for (std::int64_t k = 0; k < slice.stride; ++k) {
                    to[k] = k < slice.width ? static_cast<T>(weights_.unobserved *
                                                             gram_[i * factors + begin + k])
                                            : T(0);
                }
            }
        }
        slice.rows = side_.other + begin;
        slice.rows_stride = factors;
        slice.padded_rows = slice.width == slice.stride;
        slice.tiled = tiled_ && (pack_ || slice.padded_rows);
        slice.packed_gramian = packed_gramian_.get();
        if (slice.tiled && with_gramian) {
            table_.pack_gramian(gramian_.get(), factors, slice.stride, packed_gramian_.get());
        }
        if (!pack_) return slice;
        if (fixed_) {
            if (!store_) {
                store_.emplace(gram_, factors, dimension_, unit_, weights_.unobserved, side_.linear, run_);
            }
            if (packed_ != block) {
                whole_numbers_ =
                    store_->fill(block, slice.rows, matrix_.columns, slice.rows_stride, table_.whiten, run_);
                if (whole_numbers_) whitened_ = store_->told(block, near_entries());
            }
            packed_ = block;
            if (whole_numbers_) slice.whitened = &whitened_;
            return slice;
        }
        if (!panel_) panel_ = std::make_unique<Aligned<T>>(matrix_.columns * stride_);
        if (packed_ != block) pack(slice);
        packed_ = block;
        slice.rows = panel_->get();
        slice.rows_stride = slice.stride;
        slice.padded_rows = true;
        return slice;
    }

    void pack(const Slice<T>& slice) {
        parallel_for(
            threads_, (matrix_.columns + kPackRows - 1) / kPackRows,
            [&](std::int64_t task, int) {
                const std::int64_t end = std::min((task + 1) * kPackRows, matrix_.columns);
                for (std::int64_t row = task * kPackRows; row < end; ++row) {
                    const T* const from = slice.rows + row * slice.rows_stride;
                    T* const to = panel_->get() + row * slice.stride;
                    std::copy(from, from + slice.width, to);
                    std::fill(to + slice.width, to + slice.stride, T(0));
                }
            },
            run_.interrupted);
    }

    void step(const Slice<T>& slice, const Task& task, const SubspaceScratch<T>& scratch) {
        for (std::int64_t row = task.begin; row < task.end;) {
            const Progress progress =
                table_.step(side_, slice, row, task.end, first_, scores_.data(), scratch);
            row = progress.row;
            switch (progress.outcome) {
                case Outcome::done: break;
                case Outcome::stopped: throw Interrupted{};
                case Outcome::not_finite: throw NotFinite(row);
                case Outcome::not_positive:
                    for (std::int64_t k = 1; k <= scratch.failed[0]; ++k) step_semidefinite(slice, scratch.failed[k]);
                    break;
            }
        }
    }

    // The same step for a row whose block is singular to rounding, in double.
    void step_semidefinite(const Slice<T>& slice, std::int64_t row) {
        const auto width = static_cast<std::size_t>(slice.width);
        const std::int64_t f = side_.factors, from = slice.begin;
        T* const target = side_.target + row * f;
        std::vector<double> a(width * width), b(width), x, y(width);
        const double weight = side_.row_weights ? static_cast<double>(side_.row_weights[row]) : 1.0;
        const double unobserved = weights_.unobserved * weight;
        const auto entries = static_cast<double>(matrix_.indptr[row + 1] - matrix_.indptr[row]);
        const double lambda = lambda_of(weights_, entries, weight * side_.mass);
        for (std::size_t i = 0; i < width; ++i) {
            const std::int64_t at = from + static_cast<std::int64_t>(i);
            const double* const gram = gram_ + at * f;
            for (std::size_t j = 0; j < width; ++j) {
                a[i * width + j] = unobserved * gram[from + static_cast<std::int64_t>(j)];
            }
            a[i * width + i] += lambda;
            for (std::int64_t k = 0; k < f; ++k) {
                b[i] -= unobserved * gram[k] * static_cast<double>(target[k]);
            }
            const double prior = side_.priors ? static_cast<double>(side_.priors[row * f + at]) : 0.0;
            b[i] -= lambda * (static_cast<double>(target[at]) - prior);
            if (side_.linear) b[i] += weight * static_cast<double>(side_.linear[at]);
        }
        for (std::int64_t e = matrix_.indptr[row]; e < matrix_.indptr[row + 1]; ++e) {
            if (parallel_stopping()) throw Interrupted{};
            const std::int32_t column = matrix_.indices[e];
            const T* const block = slice.rows + column * slice.rows_stride;
            std::copy(block, block + slice.width, y.begin());
            const double value = weights_.alpha * static_cast<double>(matrix_.data[e]);
            const double share =
                side_.column_weights ? static_cast<double>(side_.column_weights[column]) : 1.0;
            const double excess = std::abs(value) - unobserved * share;
            double offset = static_cast<double>(score(e));
            if (side_.offsets) offset += static_cast<double>(side_.offsets[column]);
            const double rest = std::max(value, 0.0) - excess * offset;
            for (std::size_t i = 0; i < width; ++i) {
                b[i] += rest * y[i];
                for (std::size_t j = i; j < width; ++j) a[i * width + j] += excess * y[i] * y[j];
            }
        }
        minimize_semidefinite(a, b, lambda, static_cast<double>(std::numeric_limits<T>::epsilon()), x);
        for (std::size_t i = 0; i < width; ++i) {
            if (!std::isfinite(static_cast<T>(x[i]))) throw NotFinite(row);
        }
        for (std::size_t i = 0; i < width; ++i) {
            T& to = target[slice.begin + static_cast<std::int64_t>(i)];
            const T moved = static_cast<T>(static_cast<double>(to) + x[i]);
            x[i] = static_cast<double>(moved) - static_cast<double>(to);
            to = moved;
        }
        for (std::int64_t e = matrix_.indptr[row]; e < matrix_.indptr[row + 1]; ++e) {
            const T* const from = slice.rows + matrix_.indices[e] * slice.rows_stride;
            double sum = 0.0;
            for (std::size_t i = 0; i < width; ++i) sum += static_cast<double>(from[i]) * x[i];
            score(e) += static_cast<T>(sum);
        }
    }

    T& score(std::int64_t entry) { return scores_[static_cast<std::size_t>(entry - first_)]; }

    const Csr& matrix_;
    const double* gram_;
    const Weights& weights_;
    const Run& run_;
    const SubspaceKernels<T>& table_;
    Side<T> side_;
    std::vector<T> linear_;
    int threads_;
    std::int64_t dimension_, blocks_;
    bool tiled_;         // normal matrices on the matrix unit, where that needs no wider padding
    bool fixed_;         // the same from whole numbers
    std::int64_t unit_;  // what a block's width is padded to
    std::int64_t stride_;
    std::int64_t longest_ = 0;  // entries of the longest row
    Aligned<T> gramian_;
    Aligned<std::uint32_t> packed_gramian_;
    std::unique_ptr<Aligned<T>> panel_;
    std::int64_t packed_ = -1;  // the block in panel_, or in store_
    std::optional<WhitenedStore<T>> store_;
    Whitened<T> whitened_{};
    bool whole_numbers_ = false;  // whether store_ has it
    bool pack_ = false;
    std::int64_t first_ = 0;  // the entry of the batch's first score
    std::vector<T> scores_;
    std::vector<std::unique_ptr<SubspaceWorkspace<T>>> workspaces_;
};

}  // namespace

template <class T>
void solve_subspace(const Csr& matrix, T* target, const T* other, const double* gram,
                    std::int64_t factors, const Weights& weights, const Terms<T>& terms,
                    std::int64_t dimension, const Run& run) {
    std::vector<double> computed;
    if (gram == nullptr) {
        computed.resize(static_cast<std::size_t>(factors * factors));
        gramian(other, terms.column_weights, matrix.columns, factors, computed.data(), run);
        gram = computed.data();
    }
    HalfSweep<T>(matrix, target, other, gram, factors, weights, terms, dimension, run).take();
}

template void solve_subspace(const Csr&, float*, const float*, const double*, std::int64_t,
                             const Weights&, const Terms<float>&, std::int64_t, const Run&);
template void solve_subspace(const Csr&, double*, const double*, const double*, std::int64_t,
                             const Weights&, const Terms<double>&, std::int64_t, const Run&);

}  // namespace alsatian::als
