#include "core.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "fixed_store.hpp"
#include "kernels.hpp"
#include "long_rows.hpp"
#include "parallel.hpp"
#include "scratch.hpp"
#include "semidefinite.hpp"
#include "turned_store.hpp"

namespace alsatian::als {

namespace {

// Gathered rows stay within L2 of any processor of the last ten years that servers have.
constexpr std::int64_t kGatherBytes = 1 << 20;
// Up to this many factors, building the normal matrix of a row that does not fit costs less than
// gathering it again for each step (f/64 cycles for each entry against a few misses of L2).
constexpr std::int64_t kDenseFactors = 192;

// Entries packed at once for the matrix unit, and how long a row has to be for it to be worth while: its
// matrix of f x f numbers is to be read once a step, against the entries' own f numbers each. Measured
// (benchmarks/NOTES.md).
// Rows are turned in batches that stay within L2: on the matrix unit, which wakes slowly, few are too few.
constexpr std::int64_t kBatchBytes = 1 << 19;
// Rows of the other side that stay within L2 from one pass over them to the next.
constexpr std::int64_t kNarrowBytes = 1 << 20;
// float16 keeps 11 bits of what is no smaller than 2^-14, 8 of what is no smaller than 2^-17. Factors whose
// rows differ more in length, or lie so far from 1 that the rest of the objective would leave the range of
// float32, are read in full width.
constexpr double kNarrowRange = 4096.0;
// Up to how strong a pull (scratch.hpp) factors are read in 16 bits: the objective was then found within a
// hundred-thousandth of that from full width.
constexpr double kMostPull = 128.0;
constexpr int kNarrowExponent = 30;

constexpr std::int64_t kTiledBlock = 128;
constexpr std::int64_t kTiledEntries = 96;
constexpr std::int64_t kTiledPerFactor = 4;

// Enough stretches for an even load, few enough that handing them out costs nothing.
constexpr std::int64_t kTasksPerThread = 48;

constexpr std::int64_t kTile = 64;         // Gramian tiles, each summed on its own
constexpr std::int64_t kGramianBlocks = 8;  // blocks of rows that are added up before they go to the total
constexpr std::int64_t kGramianParts = 32;  // at most so many stretches of rows

// On the matrix unit: rows summed in 32 bits, stretches of rows, and factors up to which a matrix for each
// stretch is little memory.
constexpr std::int64_t kGramRows = 1024;
constexpr std::int64_t kGramParts = 16;
constexpr std::int64_t kGramFactors = 1024;

bool stopping() { return parallel_stopping(); }

// Solves one row whose matrix is singular to rounding, in double.
template <class T>
void solve_semidefinite(const Side<T>& side, std::int64_t row, const double* gram,
                        const Weights& weights) {
    const double weight = side.row_weights ? static_cast<double>(side.row_weights[row]) : 1.0;
    const double unobserved = weights.unobserved * weight;
    const auto entries = static_cast<double>(side.indptr[row + 1] - side.indptr[row]);
    const double lambda = lambda_of(weights, entries, weight * side.mass);
    const std::int64_t f = side.factors;
    const std::size_t size = static_cast<std::size_t>(f);
    std::vector<double> a(gram, gram + f * f), b(size), x(size), y(size);
    for (double& value : a) value *= unobserved;
    for (std::size_t i = 0; i < size; ++i) {
        if (side.linear) b[i] += weight * static_cast<double>(side.linear[i]);
        if (side.priors) {
            b[i] += lambda * static_cast<double>(side.priors[static_cast<std::size_t>(row) * size + i]);
        }
    }
    for (std::int64_t e = side.indptr[row]; e < side.indptr[row + 1]; ++e) {
        if (parallel_stopping()) throw Interrupted{};
        const std::int32_t column = side.indices[e];
        const T* const from = side.other + column * f;
        std::copy(from, from + f, y.begin());
        const double value = weights.alpha * static_cast<double>(side.data[e]);
        const double share = side.column_weights ? static_cast<double>(side.column_weights[column]) : 1.0;
        const double excess = std::abs(value) - unobserved * share;
        double label = value > 0.0 ? value : 0.0;
        if (side.offsets) label -= excess * static_cast<double>(side.offsets[column]);
        for (std::size_t i = 0; i < size; ++i) {
            b[i] += label * y[i];
            const double scale = excess * y[i];
            for (std::size_t j = i; j < size; ++j) a[i * size + j] += scale * y[j];
        }
    }
    for (std::size_t i = 0; i < size; ++i) a[i * size + i] += lambda;
    minimize_semidefinite(a, b, lambda, static_cast<double>(std::numeric_limits<T>::epsilon()), x);
    for (const double value : x) {
        if (!std::isfinite(static_cast<T>(value))) throw NotFinite(row);
    }
    std::transform(x.begin(), x.end(), side.target + row * f,
                   [](double value) { return static_cast<T>(value); });
}

}  // namespace

template <class T>
Side<T> side_of(const Csr& matrix, T* target, const T* other, std::int64_t factors,
                const Weights& weights, const Terms<T>& terms) {
    Side<T> side{};
    side.indptr = matrix.indptr;
    side.indices = matrix.indices;
    side.data = matrix.data;
    side.others = matrix.columns;
    side.row_weights = terms.row_weights;
    side.column_weights = terms.column_weights;
    side.offsets = terms.offsets;
    side.priors = terms.priors;
    side.mass = mass(terms.column_weights, matrix.columns);
    side.factors = factors;
    side.stride = padded(factors, kPad);
    side.target = target;
    side.other = other;
    side.alpha = weights.alpha;
    side.unobserved = weights.unobserved;
    side.regularization = weights.regularization;
    side.exponent = weights.exponent;
    side.stopping = stopping;
    return side;
}

template <class T>
std::vector<T> linear_of(const T* other, std::int64_t others, std::int64_t factors,
                         const Weights& weights, const Terms<T>& terms) {
    if (terms.offsets == nullptr || weights.unobserved == 0.0) return {};
    std::vector<double> sum(static_cast<std::size_t>(factors));
    if (terms.linear) {
        std::copy_n(terms.linear, factors, sum.begin());
    } else {
        weighted_sum(other, terms.column_weights, terms.offsets, others, factors, sum.data());
    }
    std::vector<T> made(sum.size());
    std::transform(sum.begin(), sum.end(), made.begin(), [&](double number) {
        return static_cast<T>(-weights.unobserved * number);
    });
    return made;
}

double mass(const float* weights, std::int64_t count) {
    if (weights == nullptr) return static_cast<double>(count);
    return std::accumulate(weights, weights + count, 0.0);
}

double pull(const Csr& matrix, const double* gram, std::int64_t factors, const Weights& weights, double mass) {
    double trace = 0.0;
    for (std::int64_t i = 0; i < factors; ++i) trace += gram[i * factors + i];
    const auto columns = static_cast<double>(matrix.columns), f = static_cast<double>(factors);
    const double entries = static_cast<double>(matrix.indptr[matrix.rows]) / static_cast<double>(matrix.rows);
    const double held = weights.unobserved * trace / f + lambda_of(weights, entries, mass);
    const double pulled = weights.alpha * static_cast<double>(matrix.largest) * trace / columns;
    return pulled == 0.0 ? 0.0 : pulled / held;
}

double lambda_of(const Weights& weights, double entries, double mass) {
    if (weights.exponent == 0.0) return weights.regularization;
    return weights.regularization * std::pow(entries + weights.unobserved * mass, weights.exponent);
}

std::vector<Task> cut(const Csr& matrix, std::int64_t row_cost, int threads,
                      const std::vector<std::int64_t>& left_out) {
    const std::int64_t total =
        matrix.indptr[matrix.rows] - matrix.indptr[0] + matrix.rows * row_cost;
    const std::int64_t share = std::max<std::int64_t>(1, total / (kTasksPerThread * threads));
    std::vector<Task> tasks;
    Task task{0, 0, 0};
    auto next = left_out.begin();
    for (std::int64_t row = 0; row < matrix.rows; ++row) {
        if (next != left_out.end() && *next == row) {
            if (task.cost > 0) tasks.push_back(task);
            task = {row + 1, row + 1, 0};
            ++next;
            continue;
        }
        const std::int64_t cost = matrix.indptr[row + 1] - matrix.indptr[row] + row_cost;
        if (task.cost > 0 && task.cost + cost > share) {
            tasks.push_back(task);
            task = {row, row, 0};
        }
        task.end = row + 1;
        task.cost += cost;
    }
    if (task.cost > 0) tasks.push_back(task);
    std::stable_sort(tasks.begin(), tasks.end(),
                     [](const Task& a, const Task& b) { return a.cost > b.cost; });
    return tasks;
}

// The same on the matrix unit: stretches of rows, each summed in 32 bits over kGramRows rows and then in double.
template <class T>
void gramian_by_tiles(const T* rows, std::int64_t count, std::int64_t factors, double* out, const Run& run) {
    const Kernels<T>& table = kernels<T>(run.simd);
    const std::int64_t stride = padded(factors, 2 * kPad);
    const std::int64_t parts = std::clamp<std::int64_t>(count / (4 * kGramRows), 1, kGramParts);
    const auto size = static_cast<std::size_t>(factors * factors);
    std::vector<std::vector<double>> sums(static_cast<std::size_t>(parts));
    parallel_for(
        run.threads, parts,
        [&](std::int64_t part, int) {
            const Aligned<T> room(2 * kBlockRows * stride);
            std::vector<double>& sum = sums[static_cast<std::size_t>(part)];
            sum.resize(size);
            const std::int64_t end = count * (part + 1) / parts;
            for (std::int64_t at = count * part / parts; at < end; at += kGramRows) {
                if (parallel_stopping()) throw Interrupted{};
                const Aligned<T> matrix(stride * stride);
                table.gram_by_tiles(rows + at * factors, std::min(kGramRows, end - at), factors, stride, room.get(),
                                    matrix.get());
                for (std::int64_t i = 0; i < factors; ++i) {
                    for (std::int64_t j = i; j < factors; ++j) {
                        sum[static_cast<std::size_t>(i * factors + j)] +=
                            static_cast<double>(matrix.get()[i * stride + j]);
                    }
                }
            }
        },
        run.interrupted);
    for (std::int64_t i = 0; i < factors; ++i) {
        for (std::int64_t j = i; j < factors; ++j) {
            double sum = 0.0;
            for (const auto& part : sums) sum += part[static_cast<std::size_t>(i * factors + j)];
            out[i * factors + j] = out[j * factors + i] = sum;
        }
    }
}

template <class T>
void gramian(const T* rows, const float* row_weights, std::int64_t count, std::int64_t factors,
             double* out, const Run& run) {
    const Kernels<T>& table = kernels<T>(run.simd);
    if (run.split && table.tiles && row_weights == nullptr && factors <= kGramFactors && count >= kGramRows) {
        gramian_by_tiles(rows, count, factors, out, run);
        return;
    }
    const std::int64_t stride = padded(factors, kPad);
    const std::int64_t tiles = (stride + kTile - 1) / kTile;
    const std::int64_t pairs = tiles * (tiles + 1) / 2;
    // Stretches depend on the shape alone: the same sums in the same order on any number of threads.
    const std::int64_t parts = std::clamp<std::int64_t>(
        std::min(kGramianParts, count / (8 * kBlockRows)), 1, std::max<std::int64_t>(1, 2048 / pairs));
    const std::size_t tile_size = static_cast<std::size_t>(kTile * kTile);
    std::vector<double> sums(static_cast<std::size_t>(pairs * parts) * tile_size);
    std::vector<std::pair<std::int64_t, std::int64_t>> corners;
    for (std::int64_t i = 0; i < tiles; ++i) {
        for (std::int64_t j = i; j < tiles; ++j) corners.emplace_back(i * kTile, j * kTile);
    }
    parallel_for(
        run.threads, pairs * parts,
        [&](std::int64_t task, int) {
            const auto [i0, j0] = corners[static_cast<std::size_t>(task % pairs)];
            const std::int64_t part = task / pairs;
            const std::int64_t i1 = std::min(i0 + kTile, stride), j1 = std::min(j0 + kTile, stride);
            // Only the tile's own columns are copied, side by side: those on the left and, where they are not
            // the same, on the right. Rows that are all of one tile are read where they lie.
            const std::int64_t left = i1 - i0, right = j1 - j0;
            const bool same = i0 == j0 && row_weights == nullptr, lying = same && factors == left;
            const std::int64_t width = same ? left : left + right, begin = same ? 0 : left;
            const Aligned<T> block(lying ? 0 : kBlockRows * width), tile(kTile * 2 * kTile);
            double* const sum = &sums[static_cast<std::size_t>(task) * tile_size];
            std::int64_t summed = 0;
            for (std::int64_t at = count * part / parts; at < count * (part + 1) / parts;
                 at += kBlockRows) {
                if (parallel_stopping()) throw Interrupted{};
                const std::int64_t n = std::min(kBlockRows, count * (part + 1) / parts - at);
                for (std::int64_t row = 0; row < (lying ? 0 : n); ++row) {
                    const T* const from = rows + (at + row) * factors;
                    T* const to = block.get() + row * width;
                    std::copy(from + i0, from + std::min(i1, factors), to);
                    if (!same) std::copy(from + j0, from + std::min(j1, factors), to + left);
                    if (row_weights == nullptr) continue;
                    const T weight = static_cast<T>(row_weights[at + row]);
                    std::for_each(to, to + left, [weight](T& number) { number *= weight; });
                }
                const T* const numbers = lying ? rows + at * factors : block.get();
                // The wanted tile is the upper triangle, or the upper right quarter where there are two halves.
                table.rank_update(tile.get(), width, numbers, numbers, width, n, 0, left, begin, width);
                if (++summed % kGramianBlocks != 0 && at + n < count * (part + 1) / parts) continue;
                for (std::int64_t i = 0; i < left; ++i) {
                    for (std::int64_t j = same ? i : 0; j < right; ++j) {
                        sum[i * kTile + j] += static_cast<double>(tile.get()[i * width + begin + j]);
                    }
                }
                std::fill_n(tile.get(), left * width, T(0));
            }
        },
        run.interrupted);
    for (std::int64_t pair = 0; pair < pairs; ++pair) {
        const auto [i0, j0] = corners[static_cast<std::size_t>(pair)];
        for (std::int64_t i = i0; i < std::min(i0 + kTile, factors); ++i) {
            for (std::int64_t j = std::max(i, j0); j < std::min(j0 + kTile, factors); ++j) {
                double sum = 0.0;
                for (std::int64_t part = 0; part < parts; ++part) {
                    sum += sums[static_cast<std::size_t>(part * pairs + pair) * tile_size +
                                static_cast<std::size_t>((i - i0) * kTile + j - j0)];
                }
                out[i * factors + j] = out[j * factors + i] = sum;
            }
        }
    }
}

template <class T>
void weighted_sum(const T* rows, const float* row_weights, const T* offsets, std::int64_t count,
                  std::int64_t factors, double* out) {
    std::fill_n(out, factors, 0.0);
    for (std::int64_t row = 0; row < count; ++row) {
        const double weight = (row_weights ? static_cast<double>(row_weights[row]) : 1.0) *
                              (offsets ? static_cast<double>(offsets[row]) : 1.0);
        const T* const from = rows + row * factors;
        for (std::int64_t k = 0; k < factors; ++k) out[k] += weight * static_cast<double>(from[k]);
    }
}

// The largest and the smallest length of rows that are not 0; the first is not finite if any is not.
template <class T>
std::pair<double, double> lengths(const T* rows, std::int64_t count, std::int64_t factors, const Run& run) {
    constexpr std::int64_t kRows = 1024;
    const std::int64_t parts = (count + kRows - 1) / kRows;
    std::vector<std::pair<T, T>> found(static_cast<std::size_t>(parts), {T(0), std::numeric_limits<T>::max()});
    parallel_for(
        run.threads, parts,
        [&](std::int64_t part, int) {
            auto& [largest, smallest] = found[static_cast<std::size_t>(part)];
            const std::int64_t from = part * kRows;
            kernels<T>(run.simd).lengths(rows + from * factors, std::min(kRows, count - from), factors, &largest,
                                         &smallest);
        },
        run.interrupted);
    std::pair<T, T> both{T(0), std::numeric_limits<T>::max()};
    for (const auto& [largest, smallest] : found) {
        if (!std::isfinite(largest)) return {static_cast<double>(largest), 0.0};
        both = {std::max(both.first, largest), std::min(both.second, smallest)};
    }
    return {std::sqrt(static_cast<double>(both.first)), std::sqrt(static_cast<double>(both.second))};
}

// The other side's factors in 16 bits, in the basis of the eigenvectors of their Gramian, and what a Side
// needs of that basis. Where they are in float16, everything is scaled by a power of two `s` such that no
// row of theirs is longer than 1: with y' = s y and x' = x / s, products are what they were, and the rest of
// the objective takes s^2.
template <class T>
class HalfStore {
   public:
    HalfStore(const Csr& matrix, const T* other, std::int64_t factors, const Basis* basis,
              const Weights& weights, Solver solver, const Run& run, Side<T>& side) {
        if (basis == nullptr || sizeof(T) != 4 || solver != Solver::cg || side.linear || side.priors) return;
        const auto& table = kernels<T>(run.simd);
        double scale = 1.0;
        if (table.narrow) {
            const auto [most, least] = lengths(other, matrix.columns, factors, run);
            int exponent = 0;
            if (!std::isfinite(most) || most == 0.0 || most > kNarrowRange * least) return;
            static_cast<void>(std::frexp(most, &exponent));
            if (std::abs(exponent) > kNarrowExponent) return;
            scale = std::ldexp(1.0, -exponent);
        }
        stride_ = padded(factors, 2 * kPad);
        forth_.emplace(stride_ * stride_), back_.emplace(stride_ * stride_), diagonal_.emplace(stride_);
        for (std::int64_t i = 0; i < factors; ++i) {
            const double value = weights.unobserved * std::max(0.0, basis->values[i]);
            diagonal_->get()[i] = static_cast<T>(scale * scale * value);
        }
        side.stride = stride_;
        side.basis = turn(*basis, factors, scale, false, table, *forth_, forth_tiles_);
        narrow(matrix.columns, other, factors, table, run, side.basis);
        side.basis = turn(*basis, factors, 1.0 / scale, false, table, *forth_, forth_tiles_);
        side.basis_back = turn(*basis, factors, scale, true, table, *back_, back_tiles_);
        side.half = words_->get();
        side.diagonal = diagonal_->get();
        side.regularization *= scale * scale;
        side.half_entries = kTiledBlock;
        const std::int64_t turned = kTurned * stride_ * static_cast<std::int64_t>(sizeof(T));
        side.batch = std::max<std::int64_t>(1, kBatchBytes / turned) * kTurned;
        side.tiled_entries = table.narrow && factors > kWideFactors ? std::numeric_limits<std::int64_t>::max()
                                                               : std::max(kTiledEntries, kTiledPerFactor * factors);
        side.narrow_entries = kNarrowBytes / (2 * stride_) / 32 * 32;
    }

   private:
    Turn<T> turn(const Basis& basis, std::int64_t factors, double scale, bool back, const Kernels<T>& table,
                 const Aligned<T>& matrix, std::optional<Aligned<std::uint32_t>>& tiles) {
        for (std::int64_t i = 0; i < factors; ++i) {
            for (std::int64_t j = 0; j < factors; ++j) {
                const double number = back ? basis.vectors[j * factors + i] : basis.vectors[i * factors + j];
                matrix.get()[i * stride_ + j] = static_cast<T>(scale * number);
            }
        }
        if constexpr (sizeof(T) == 4) {
            if (table.tiles) {
                if (!tiles) tiles.emplace(stride_ * stride_);
                table.lay_out_turn(matrix.get(), factors, stride_, tiles->get());
                return {matrix.get(), tiles->get()};
            }
        }
        return {matrix.get(), nullptr};
    }

    void narrow(std::int64_t count, const T* other, std::int64_t factors, const Kernels<T>& table,
                const Run& run, const Turn<T>& basis) {
        words_.emplace(count * stride_ / 2, Aligned<std::uint32_t>::Unset{});
        constexpr std::int64_t kRows = 1024;
        parallel_for(
            run.threads, (count + kRows - 1) / kRows,
            [&](std::int64_t part, int) {
                const Aligned<T> room(2 * kTurned * stride_);
                const std::int64_t from = part * kRows, n = std::min(kRows, count - from);
                table.halve(other + from * factors, n, factors, basis, room.get(),
                            words_->get() + from * stride_ / 2);
            },
            run.interrupted);
    }

    std::int64_t stride_ = 0;
    std::optional<Aligned<T>> forth_, back_, diagonal_;
    std::optional<Aligned<std::uint32_t>> words_, forth_tiles_, back_tiles_;
};

template <class T>
void solve(const Csr& matrix, T* target, const T* other, const double* gram, const Basis* basis,
           std::int64_t factors, const Weights& weights, const Terms<T>& terms, Solver solver, int cg_steps,
           const Run& run) {
    const int threads = resolve_threads(run.threads);
    std::vector<double> computed;
    if (gram == nullptr) {
        computed.resize(static_cast<std::size_t>(factors * factors));
        gramian(other, terms.column_weights, matrix.columns, factors, computed.data(), run);
        gram = computed.data();
    }

    const auto& table = kernels<T>(run.simd);
    Side<T> side = side_of(matrix, target, other, factors, weights, terms);
    const std::vector<T> linear = linear_of(other, matrix.columns, factors, weights, terms);
    if (!linear.empty()) side.linear = linear.data();
    Side<T> whole = side;  // of rows that are split over threads: full width, as they are
    const double heaviest = pull(matrix, gram, factors, weights, side.mass);
    const HalfStore<T> store(matrix, other, factors, heaviest <= kMostPull ? basis : nullptr, weights, solver, run,
                             side);
    if (solver == Solver::cholesky && run.split && table.tiles && heaviest <= kMostPullSplit) {
        side.stride = padded(factors, 2 * kPad);
        side.split_entries = kMostSplitEntries;
    }
    FixedStore<T> fixed;
    if (solver == Solver::cholesky && run.split && table.fix && !table.tiles && heaviest <= kMostPullSplit) {
        const std::int64_t stride = padded(factors, 2 * table.lanes);
        if (fixed.fill(other, matrix.columns, factors, factors, stride, gram, factors, table.fix, run)) {
            side.stride = stride;
            side.fixed = fixed.numbers();
            side.fixed_scales = fixed.scales();
            side.fixed_columns = fixed.columns();
            side.fixed_least = static_cast<T>(weights.unobserved * fixed.least(gram, factors, factors));
            side.fixed_entries = fixed.entries(stride);
        }
    }
    const TurnedStore<T> turned(matrix, other, factors, basis, weights, run, side);
    const std::vector<std::int64_t> split = long_rows(matrix, factors, solver);
    if (!split.empty()) {
        whole.cg_steps = cg_steps;
        if (side.split_entries > 0) whole.stride = side.stride, whole.split_entries = side.split_entries;
        solve_long_rows(split, whole, gram, weights, solver, run);
    }
    const Aligned<T> scaled(side.stride * side.stride);
    for (std::int64_t i = 0; i < factors; ++i) {
        for (std::int64_t j = 0; j < factors; ++j) {
            scaled.get()[i * side.stride + j] = static_cast<T>(
                side.half == nullptr ? weights.unobserved * gram[i * factors + j]
                                     : (i == j ? static_cast<double>(side.diagonal[i]) : 0.0));
        }
    }
    side.gramian = scaled.get();
    side.cg_steps = cg_steps;
    side.dense_long_rows = factors <= kDenseFactors;
    std::int64_t longest = 0;
    for (std::int64_t row = 0; row < matrix.rows; ++row) {
        longest = std::max(longest, matrix.indptr[row + 1] - matrix.indptr[row]);
    }
    const std::int64_t fits =
        kGatherBytes / (side.stride * static_cast<std::int64_t>(sizeof(T))) / kGroup * kGroup;
    side.capacity = solver == Solver::cholesky ? 0 : std::min(fits, padded(longest, kGroup));
    const bool needs_matrix =
        solver == Solver::cholesky || side.half || (side.dense_long_rows && longest > side.capacity);

    const bool together = solver == Solver::cholesky && factors <= kTogetherFactors &&
                          matrix.rows >= table.lanes;
    const auto step = solver == Solver::cholesky ? table.solve_cholesky
                      : side.half                ? table.solve_cg_half
                                                 : table.solve_cg;
    const Needs needs{.factors = factors,
                      .stride = side.stride,
                      .capacity = side.capacity,
                      .packed_entries = std::max({side.half_entries, 2 * side.split_entries, side.fixed_entries}),
                      .narrow_entries = side.narrow_entries,
                      .batch = side.turned != nullptr ? kTurned : side.batch,
                      .together = together ? table.lanes : 0,
                      .matrix = needs_matrix};
    // The Gramian is met once in a step whatever a row holds: worth about so many entries.
    const std::int64_t row_cost = solver == Solver::cholesky
                                      ? std::max<std::int64_t>(16, factors)
                                      : std::max<std::int64_t>(16, factors / 2);
    const std::vector<Task> tasks = cut(matrix, row_cost, threads, split);
    std::vector<std::unique_ptr<Workspace<T>>> workspaces(static_cast<std::size_t>(threads));
    parallel_for(
        threads, static_cast<std::int64_t>(tasks.size()),
        [&](std::int64_t number, int thread) {
            auto& workspace = workspaces[static_cast<std::size_t>(thread)];
            if (!workspace) {
                workspace = std::make_unique<Workspace<T>>(needs);
            }
            const Scratch<T> scratch = workspace->scratch();
            const Task& task = tasks[static_cast<std::size_t>(number)];
            for (std::int64_t row = task.begin; row < task.end;) {
                const Progress progress = step(side, row, task.end, scratch);
                row = progress.row;
                switch (progress.outcome) {
                    case Outcome::done: break;
                    case Outcome::stopped: throw Interrupted{};
                    case Outcome::not_finite: throw NotFinite(row);
                    case Outcome::not_positive:
                        for (std::int64_t k = 1; k <= scratch.failed[0]; ++k) {
                            solve_semidefinite(side, scratch.failed[k], gram, weights);
                        }
                        break;
                }
            }
        },
        run.interrupted);
}

template Side<float> side_of(const Csr&, float*, const float*, std::int64_t, const Weights&,
                             const Terms<float>&);
template Side<double> side_of(const Csr&, double*, const double*, std::int64_t, const Weights&,
                              const Terms<double>&);
template std::vector<float> linear_of(const float*, std::int64_t, std::int64_t, const Weights&,
                                      const Terms<float>&);
template std::vector<double> linear_of(const double*, std::int64_t, std::int64_t, const Weights&,
                                       const Terms<double>&);
template void gramian(const float*, const float*, std::int64_t, std::int64_t, double*, const Run&);
template void gramian(const double*, const float*, std::int64_t, std::int64_t, double*, const Run&);
template void weighted_sum(const float*, const float*, const float*, std::int64_t, std::int64_t,
                           double*);
template void weighted_sum(const double*, const float*, const double*, std::int64_t, std::int64_t,
                           double*);
template void solve(const Csr&, float*, const float*, const double*, const Basis*, std::int64_t,
                    const Weights&, const Terms<float>&, Solver, int, const Run&);
template void solve(const Csr&, double*, const double*, const double*, const Basis*, std::int64_t,
                    const Weights&, const Terms<double>&, Solver, int, const Run&);

}  // namespace alsatian::als
