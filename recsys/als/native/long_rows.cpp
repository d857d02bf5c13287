#include "long_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "parallel.hpp"
#include "scratch.hpp"
#include "semidefinite.hpp"

namespace alsatian::als {

namespace {

constexpr std::int64_t kLongRow = 1 << 17;
constexpr std::int64_t kStretch = 1 << 15;  // entries summed up by one task
constexpr std::int64_t kTogether = 16;      // stretches whose sums are held at once
// `cg` needs no matrix: with more factors than this, building one costs more than it spares.
constexpr std::int64_t kMostFactorsOfCg = 256;
// Squared residual under which a row counts as solved, as in kernels.cpp.
constexpr double kSolved = 1e-20;

bool stopping() { return parallel_stopping(); }

double product(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

// `steps` of conjugate gradients on a full symmetric matrix, from what x holds.
void descend(const std::vector<double>& a, const std::vector<double>& b, int steps,
             std::vector<double>& x) {
    const std::size_t size = b.size();
    std::vector<double> r(size), p, q(size);
    const auto multiply = [&](const std::vector<double>& v, std::vector<double>& out) {
        for (std::size_t i = 0; i < size; ++i) {
            out[i] = 0.0;
            for (std::size_t j = 0; j < size; ++j) out[i] += a[i * size + j] * v[j];
        }
    };
    multiply(x, q);
    for (std::size_t i = 0; i < size; ++i) r[i] = b[i] - q[i];
    p = r;
    double error = product(r, r);
    for (int step = 0; step < steps && error >= kSolved; ++step) {
        multiply(p, q);
        const double curvature = product(p, q);
        if (!(curvature > 0.0)) break;
        const double length = error / curvature;
        for (std::size_t i = 0; i < size; ++i) {
            x[i] += length * p[i];
            r[i] -= length * q[i];
        }
        const double next = product(r, r);
        for (std::size_t i = 0; i < size; ++i) p[i] = r[i] + next / error * p[i];
        error = next;
    }
}

template <class T>
class LongRow {
   public:
    LongRow(const Side<T>& side, std::int64_t row, const double* gram, const Weights& weights)
        : side_(side), row_(row), f_(side.factors), stride_(side.stride),
          weight_(side.row_weights ? static_cast<double>(side.row_weights[row]) : 1.0),
          zeros_(stride_ * stride_), b_(static_cast<std::size_t>(f_)) {
        const std::int64_t begin = side.indptr[row], end = side.indptr[row + 1];
        lambda_ = lambda_of(weights, static_cast<double>(end - begin), weight_ * side.mass);
        a_.assign(gram, gram + f_ * f_);
        for (double& value : a_) value *= weights.unobserved * weight_;
        for (std::size_t i = 0; i < b_.size(); ++i) {
            a_[i * b_.size() + i] += lambda_;
            if (side.linear) b_[i] += weight_ * static_cast<double>(side.linear[i]);
            if (side.priors) {
                b_[i] += lambda_ * static_cast<double>(side.priors[static_cast<std::size_t>(row * f_) + i]);
            }
        }
        for (std::int64_t e = begin; e < end; e += kStretch) bounds_.push_back(e);
        bounds_.push_back(end);
    }

    // Adds what all entries give to A and b.
    void add_entries(const Run& run) {
        // Each stretch as a row of its own, without Gramian, regularization or anything but its entries.
        Side<T> part = side_;
        part.indptr = bounds_.data();
        part.gramian = zeros_.get();
        part.row_weights = nullptr;
        part.unobserved *= weight_;
        part.regularization = 0.0;
        part.exponent = 0.0;
        part.linear = nullptr;
        part.priors = nullptr;
        part.stopping = stopping;
        const auto stretches = static_cast<std::int64_t>(bounds_.size()) - 1;
        const Needs needs{.factors = f_,
                          .stride = stride_,
                          .packed_entries = 2 * side_.split_entries,
                          .matrix = true};
        std::vector<std::unique_ptr<Workspace<T>>> spaces;
        for (std::int64_t i = 0; i < std::min(kTogether, stretches); ++i) {
            spaces.push_back(std::make_unique<Workspace<T>>(needs));
        }
        for (std::int64_t from = 0; from < stretches; from += kTogether) {
            const std::int64_t count = std::min(kTogether, stretches - from);
            parallel_for(
                run.threads, count,
                [&](std::int64_t i, int) {
                    const Scratch<T> scratch = spaces[static_cast<std::size_t>(i)]->scratch();
                    if (!kernels<T>(run.simd).equations(part, from + i, scratch)) throw Interrupted{};
                },
                run.interrupted);
            for (std::int64_t i = 0; i < count; ++i) add(spaces[static_cast<std::size_t>(i)]->scratch());
        }
    }

    void solve(Solver solver, int cg_steps) {
        const std::size_t size = b_.size();
        T* const target = side_.target + row_ * f_;
        std::vector<double> x(target, target + f_);
        if (solver == Solver::cg) {
            for (std::size_t i = 0; i < size; ++i) {
                for (std::size_t j = 0; j < i; ++j) a_[i * size + j] = a_[j * size + i];
            }
            descend(a_, b_, cg_steps, x);
        } else {
            minimize_semidefinite(a_, b_, lambda_, static_cast<double>(std::numeric_limits<T>::epsilon()), x);
        }
        for (const double value : x) {
            if (!std::isfinite(static_cast<T>(value))) throw NotFinite(row_);
        }
        std::transform(x.begin(), x.end(), target, [](double value) { return static_cast<T>(value); });
    }

   private:
    void add(const Scratch<T>& scratch) {
        for (std::int64_t i = 0; i < f_; ++i) {
            b_[static_cast<std::size_t>(i)] += static_cast<double>(scratch.r[i]);
            for (std::int64_t j = i; j < f_; ++j) {
                a_[static_cast<std::size_t>(i * f_ + j)] +=
                    static_cast<double>(scratch.matrix[i * stride_ + j]);
            }
        }
    }

    const Side<T>& side_;
    std::int64_t row_, f_, stride_;
    double weight_;
    double lambda_ = 0.0;
    Aligned<T> zeros_;
    std::vector<double> a_, b_;
    std::vector<std::int64_t> bounds_;
};

}  // namespace

std::vector<std::int64_t> long_rows(const Csr& matrix, std::int64_t factors, Solver solver) {
    std::vector<std::int64_t> rows;
    if (solver == Solver::cg && factors > kMostFactorsOfCg) return rows;
    for (std::int64_t row = 0; row < matrix.rows; ++row) {
        if (matrix.indptr[row + 1] - matrix.indptr[row] >= kLongRow) rows.push_back(row);
    }
    return rows;
}

template <class T>
void solve_long_rows(const std::vector<std::int64_t>& rows, const Side<T>& side, const double* gram,
                     const Weights& weights, Solver solver, const Run& run) {
    for (const std::int64_t row : rows) {
        LongRow<T> system(side, row, gram, weights);
        system.add_entries(run);
        system.solve(solver, side.cg_steps);
    }
}

template void solve_long_rows(const std::vector<std::int64_t>&, const Side<float>&, const double*,
                              const Weights&, Solver, const Run&);
template void solve_long_rows(const std::vector<std::int64_t>&, const Side<double>&, const double*,
                              const Weights&, Solver, const Run&);

}  // namespace alsatian::als
