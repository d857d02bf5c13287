// The ALS core against a dense solution in long double: every solver, type, variant and thread count.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core.hpp"
#include "parallel.hpp"

namespace {

using namespace alsatian;
using namespace alsatian::als;

int failures = 0;

void check(bool holds, const std::string& what) {
    if (holds) return;
    ++failures;
    std::fprintf(stderr, "FAILED: %s\n", what.c_str());
}

template <class Error, class Call>
bool throws(const Call& call) {
    try {
        call();
    } catch (const Error&) {
        return true;
    }
    return false;
}

// Arrays of exactly the size that is promised, so that AddressSanitizer sees a step too far.
struct Matrix {
    explicit Matrix(std::int64_t columns_) : columns(columns_) {}
    std::int64_t columns;
    std::vector<std::int64_t> indptr{0};
    std::vector<std::int32_t> indices;
    std::vector<float> data;
    Csr csr() const {
        return {static_cast<std::int64_t>(indptr.size()) - 1, columns, indptr.data(), indices.data(),
                data.data()};
    }
};

// Rows of the given lengths; about one value in ten is negative.
Matrix draw(const std::vector<std::int64_t>& lengths, std::int64_t columns, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> value(1, 5), percent(0, 99);
    Matrix matrix(columns);
    for (const std::int64_t length : lengths) {
        std::int64_t wanted = std::min(length, columns);
        for (std::int64_t column = 0; column < columns && wanted > 0; ++column) {
            std::uniform_int_distribution<std::int64_t> place(0, columns - column - 1);
            if (place(random) >= wanted) continue;
            matrix.indices.push_back(static_cast<std::int32_t>(column));
            const float sign = percent(random) < 10 ? -1.f : 1.f;
            matrix.data.push_back(static_cast<float>(value(random)) * sign);
            --wanted;
        }
        matrix.indptr.push_back(static_cast<std::int64_t>(matrix.indices.size()));
    }
    return matrix;
}

template <class T>
std::vector<T> draw_factors(std::int64_t rows, std::int64_t factors, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0.0, 1.0 / std::sqrt(static_cast<double>(factors)));
    std::vector<T> made(static_cast<std::size_t>(rows * factors));
    for (T& number : made) number = static_cast<T>(normal(random));
    return made;
}

// How far A x is from b in one row, relative to what its terms add up to, from dimension `from` on.
template <class T>
long double residual(const Matrix& matrix, std::int64_t row, const T* x, const std::vector<T>& other,
                     std::int64_t factors, const Weights& weights, const Terms<T>& terms,
                     std::int64_t from = 0) {
    const long double a = terms.row_weights ? terms.row_weights[row] : 1.0f;
    const auto weight_of = [&](std::size_t j) -> long double {
        return a * weights.unobserved * (terms.column_weights ? terms.column_weights[j] : 1.0f);
    };
    const auto offset_of = [&](std::size_t j) -> long double {
        return terms.offsets ? terms.offsets[j] : T(0);
    };
    const auto f = static_cast<std::size_t>(factors);
    std::vector<long double> rest(f), size(f);
    const auto add = [&](const T* y, long double scale, long double label) {
        long double score = 0, spread = 0;
        for (std::size_t k = 0; k < f; ++k) {
            const long double product = static_cast<long double>(x[k]) * y[k];
            score += product;
            spread += std::abs(product);
        }
        for (std::size_t k = 0; k < f; ++k) {
            rest[k] += (label - scale * score) * y[k];
            size[k] += (std::abs(label) + std::abs(scale) * spread) * std::abs(y[k]);
        }
    };
    long double mass = 0;
    for (std::size_t j = 0; j < static_cast<std::size_t>(matrix.columns); ++j) {
        add(&other[j * f], weight_of(j), -weight_of(j) * offset_of(j));
        mass += a * (terms.column_weights ? terms.column_weights[j] : 1.0f);
    }
    const auto begin = static_cast<std::size_t>(matrix.indptr[static_cast<std::size_t>(row)]);
    const auto end = static_cast<std::size_t>(matrix.indptr[static_cast<std::size_t>(row) + 1]);
    for (std::size_t e = begin; e < end; ++e) {
        const long double value = weights.alpha * static_cast<long double>(matrix.data[e]);
        const auto j = static_cast<std::size_t>(matrix.indices[e]);
        const long double excess = std::abs(value) - weight_of(j);
        add(&other[j * f], excess, (value > 0 ? value : 0) - excess * offset_of(j));
    }
    const double entries = static_cast<double>(end - begin);
    const long double lambda =
        weights.regularization * std::pow(entries + weights.unobserved * mass, weights.exponent);
    long double worst = 0, scale = 1e-30L;
    for (auto k = static_cast<std::size_t>(from); k < f; ++k) {
        const T prior = terms.priors ? terms.priors[static_cast<std::size_t>(row) * f + k] : T(0);
        rest[k] -= lambda * (x[k] - prior);
        worst = std::max(worst, std::abs(rest[k]));
        scale = std::max(scale, size[k] + std::abs(lambda * x[k]));
    }
    return worst / scale;
}

// Everything that may come on top of the plain objective, in arrays of exactly the size promised.
template <class T>
struct Extras {
    Extras(std::int64_t rows, std::int64_t columns, std::int64_t factors)
        : offsets(draw_factors<T>(columns, 1, 21)), priors(draw_factors<T>(rows, factors, 22)) {
        std::mt19937 random(23);
        std::gamma_distribution<float> weight(1.0f, 1.0f);
        for (std::int64_t row = 0; row < rows; ++row) row_weights.push_back(weight(random));
        for (std::int64_t column = 0; column < columns; ++column) {
            column_weights.push_back(column % 7 == 0 ? 0.0f : weight(random));
        }
    }
    Terms<T> terms() const {
        return {row_weights.data(), column_weights.data(), offsets.data(), priors.data(), nullptr};
    }
    std::vector<float> row_weights, column_weights;
    std::vector<T> offsets, priors;
};

template <class T>
void solves_to_the_minimum(Simd simd, std::int64_t factors, const std::vector<std::int64_t>& lengths,
                           std::int64_t columns, bool plain = true) {
    const Matrix matrix = draw(lengths, columns, 1);
    const auto other = draw_factors<T>(columns, factors, 2);
    const Weights weights{1.5, 0.3, 0.05, 0.5};
    const auto rows = static_cast<std::int64_t>(lengths.size());
    const Extras<T> extras(rows, columns, factors);
    const Terms<T> terms = plain ? Terms<T>{} : extras.terms();
    for (const Solver solver : {Solver::cg, Solver::cholesky}) {
        std::vector<std::vector<T>> results;
        for (const int threads : {1, 2, 3}) {
            auto target = draw_factors<T>(rows, factors, 3);
            // Enough steps for exact convergence in theory, and then some against rounding; cg
            // counts a row as solved at a residual of 1e-10.
            const int steps = static_cast<int>(factors) + 20;
            solve(matrix.csr(), target.data(), other.data(), static_cast<const double*>(nullptr), nullptr,
                  factors, weights, terms, solver, steps, Run{threads, simd, {}});
            results.push_back(target);
        }
        const std::string what = std::string(simd_name(simd)) +
                                 (solver == Solver::cg ? " cg f=" : " cholesky f=") +
                                 std::to_string(factors) + (sizeof(T) == 4 ? " float" : " double") +
                                 (plain ? "" : " with terms");
        check(results[0] == results[1] && results[0] == results[2],
              what + ": bits differ between threads");
        long double worst = 0;
        for (std::int64_t row = 0; row < rows; ++row) {
            const T* const x = &results[0][static_cast<std::size_t>(row * factors)];
            worst = std::max(worst, residual(matrix, row, x, other, factors, weights, terms));
        }
        check(worst < (sizeof(T) == 4 ? 1e-5L : 1e-10L),
              what + ": residual " + std::to_string(static_cast<double>(worst)));
    }
}

// Eigenvalues and eigenvectors (in columns) of a symmetric matrix, by Jacobi's rotations.
std::pair<std::vector<double>, std::vector<double>> eigen(std::vector<double> a, std::size_t n) {
    std::vector<double> v(n * n);
    for (std::size_t i = 0; i < n; ++i) v[i * n + i] = 1.0;
    for (int round = 0; round < 30; ++round) {
        for (std::size_t p = 0; p < n; ++p) {
            for (std::size_t q = p + 1; q < n; ++q) {
                if (std::abs(a[p * n + q]) < 1e-14) continue;
                const double angle = 0.5 * std::atan2(2.0 * a[p * n + q], a[q * n + q] - a[p * n + p]);
                const double c = std::cos(angle), s = std::sin(angle);
                const auto turn = [&](double& x, double& y) {
                    const double old = x;
                    x = c * old - s * y;
                    y = s * old + c * y;
                };
                for (std::size_t k = 0; k < n; ++k) turn(a[k * n + p], a[k * n + q]);
                for (std::size_t k = 0; k < n; ++k) turn(a[p * n + k], a[q * n + k]);
                for (std::size_t k = 0; k < n; ++k) turn(v[k * n + p], v[k * n + q]);
            }
        }
    }
    std::vector<double> values(n);
    for (std::size_t i = 0; i < n; ++i) values[i] = a[i * n + i];
    return {values, v};
}

// With factors of the other side in bfloat16 (cg: 8 bits) or in two such parts (cholesky: 16 bits).
void narrow_numbers_come_close(Simd simd, std::int64_t factors, const std::vector<std::int64_t>& lengths,
                               std::int64_t columns,
                               const std::vector<Solver>& solvers = {Solver::cg, Solver::cholesky}) {
    const Matrix matrix = draw(lengths, columns, 1);
    const auto other = draw_factors<float>(columns, factors, 2);
    const Weights weights{1.5, 0.3, 0.05, 0.5};
    const auto rows = static_cast<std::int64_t>(lengths.size());
    const auto f = static_cast<std::size_t>(factors);
    std::vector<double> gram(f * f);
    gramian(other.data(), static_cast<const float*>(nullptr), columns, factors, gram.data(),
            Run{1, simd, {}});
    const auto [values, vectors] = eigen(gram, f);
    const Basis basis{values.data(), vectors.data()};
    for (const Solver solver : solvers) {
        std::vector<std::vector<float>> results;
        for (const int threads : {1, 2, 3}) {
            auto target = draw_factors<float>(rows, factors, 3);
            solve(matrix.csr(), target.data(), other.data(), gram.data(), &basis, factors, weights,
                  Terms<float>{}, solver, static_cast<int>(factors) + 20, Run{threads, simd, {}, true});
            results.push_back(target);
        }
        const std::string what = std::string(simd_name(simd)) + " narrow f=" + std::to_string(factors) +
                                 (solver == Solver::cg ? " cg" : " cholesky");
        check(results[0] == results[1] && results[0] == results[2], what + ": bits differ between threads");
        long double worst = 0;
        for (std::int64_t row = 0; row < rows; ++row) {
            const float* const x = &results[0][static_cast<std::size_t>(row * factors)];
            worst = std::max(worst, residual(matrix, row, x, other, factors, weights, Terms<float>{}));
        }
        check(worst < (solver == Solver::cg ? 1e-2L : 1e-4L),
              what + ": residual " + std::to_string(static_cast<double>(worst)));
    }
}

// After a half-sweep of blocks the last block is at its minimum, and where one block holds all
// dimensions, the row is; nearly so where products are of 8 bits.
template <class T>
void last_block_is_at_its_minimum(Simd simd, std::int64_t factors, std::int64_t dimension,
                                  const std::vector<std::int64_t>& lengths, std::int64_t columns,
                                  bool split = false) {
    const Matrix matrix = draw(lengths, columns, 1);
    const auto other = draw_factors<T>(columns, factors, 2);
    const Weights weights{1.5, 0.3, 0.05, 0.5};
    const auto rows = static_cast<std::int64_t>(lengths.size());
    std::vector<std::vector<T>> results;
    for (const int threads : {1, 2, 3}) {
        auto target = draw_factors<T>(rows, factors, 3);
        solve_subspace(matrix.csr(), target.data(), other.data(), static_cast<const double*>(nullptr),
                       factors, weights, Terms<T>{}, dimension, Run{threads, simd, {}, split});
        results.push_back(target);
    }
    const std::string what = std::string(simd_name(simd)) + " subspace f=" + std::to_string(factors) +
                             " d=" + std::to_string(dimension) + (split ? " narrow" : "") +
                             (sizeof(T) == 4 ? " float" : " double");
    check(results[0] == results[1] && results[0] == results[2], what + ": bits differ between threads");
    long double worst = 0;
    const std::int64_t last = (factors - 1) / dimension * dimension;
    for (std::int64_t row = 0; row < rows; ++row) {
        const T* const x = &results[0][static_cast<std::size_t>(row * factors)];
        worst = std::max(worst, residual(matrix, row, x, other, factors, weights, Terms<T>{}, last));
    }
    check(worst < (split ? 1e-2L : sizeof(T) == 4 ? 1e-5L : 1e-10L),
          what + ": residual " + std::to_string(static_cast<double>(worst)));
}

template <class T>
void gramian_is_exact_on_whole_numbers(Simd simd) {
    for (const std::int64_t factors : {1, 5, 16, 70, 130}) {
        const std::int64_t rows = 700;
        std::mt19937 random(4);
        std::uniform_int_distribution<int> value(-3, 3);
        std::vector<T> vectors(static_cast<std::size_t>(rows * factors));
        for (T& number : vectors) number = static_cast<T>(value(random));
        std::vector<double> found(static_cast<std::size_t>(factors * factors));
        gramian<T>(vectors.data(), nullptr, rows, factors, found.data(), Run{3, simd, {}});
        bool same = true;
        for (std::int64_t i = 0; i < factors; ++i) {
            for (std::int64_t j = 0; j < factors; ++j) {
                double sum = 0;
                for (std::int64_t row = 0; row < rows; ++row) {
                    const T* const vector = &vectors[static_cast<std::size_t>(row * factors)];
                    sum += static_cast<double>(vector[i]) * static_cast<double>(vector[j]);
                }
                same = same && sum == found[static_cast<std::size_t>(i * factors + j)];
            }
        }
        check(same, std::string(simd_name(simd)) + " gramian, f=" + std::to_string(factors));
    }
}

template <class T>
void objective_agrees_with_all_pairs(Simd simd) {
    const std::int64_t factors = 13, columns = 40;
    const Matrix matrix = draw({0, 3, 40, 17, 1}, columns, 5);
    const auto users = draw_factors<T>(5, factors, 6), items = draw_factors<T>(columns, factors, 7);
    const Weights weights{2.0, 0.4, 0.1, 0.0};
    long double expected = 0;
    for (const auto& side : {users, items}) {
        for (const long double number : side) expected += weights.regularization * number * number;
    }
    for (std::size_t u = 0; u < 5; ++u) {
        std::vector<long double> value(static_cast<std::size_t>(columns));
        const auto begin = static_cast<std::size_t>(matrix.indptr[u]);
        const auto end = static_cast<std::size_t>(matrix.indptr[u + 1]);
        for (std::size_t e = begin; e < end; ++e) {
            value[static_cast<std::size_t>(matrix.indices[e])] =
                weights.alpha * static_cast<long double>(matrix.data[e]);
        }
        for (std::size_t i = 0; i < value.size(); ++i) {
            long double score = 0;
            for (std::size_t k = 0; k < static_cast<std::size_t>(factors); ++k) {
                score += static_cast<long double>(users[u * 13 + k]) * items[i * 13 + k];
            }
            const long double weight = value[i] == 0 ? weights.unobserved : std::abs(value[i]);
            const long double miss = (value[i] > 0 ? 1 : 0) - score;
            expected += weight * miss * miss;
        }
    }
    for (const int threads : {1, 2}) {
        const double found = objective<T>(matrix.csr(), users.data(), items.data(), factors, weights, {},
                                          weights.regularization, nullptr, Run{threads, simd, {}});
        check(std::abs(found - static_cast<double>(expected)) <
                  (sizeof(T) == 4 ? 1e-5 : 1e-12) * found,
              std::string(simd_name(simd)) + " objective");
    }
}

void transpose_turns_around() {
    const Matrix matrix = draw({5, 0, 90, 1, 30, 0, 64}, 90, 8);
    for (const int threads : {1, 2, 4}) {
        Matrix turned(7), back(90);
        turned.indptr.resize(91);
        back.indptr.resize(8);
        for (Matrix* made : {&turned, &back}) {
            made->indices.resize(matrix.indices.size());
            made->data.resize(matrix.data.size());
        }
        const Run run{threads, Simd::baseline, {}};
        transpose(matrix.csr(), turned.indptr.data(), turned.indices.data(), turned.data.data(), run);
        check(!throws<std::invalid_argument>([&] { als::check(turned.csr()); }),
              "transpose is sorted");
        transpose(turned.csr(), back.indptr.data(), back.indices.data(), back.data.data(), run);
        check(back.indptr == matrix.indptr && back.indices == matrix.indices &&
                  back.data == matrix.data,
              "transpose twice");
    }
}

void broken_matrices_are_refused() {
    const auto refused = [](const Matrix& matrix) {
        return throws<std::invalid_argument>([&] { als::check(matrix.csr()); });
    };
    const Matrix good = draw({3, 4}, 10, 9);
    check(!refused(good), "a sound matrix is accepted");
    Matrix bad = good;
    bad.indices[2] = 10;
    check(refused(bad), "column out of range");
    bad.indices[2] = -1;
    check(refused(bad), "negative column");
    bad = good;
    bad.indices[1] = bad.indices[0];
    check(refused(bad), "column twice");
    bad = good;
    bad.data[6] = std::numeric_limits<float>::quiet_NaN();
    check(refused(bad), "NaN");
    bad = good;
    bad.indptr[1] = 8;
    check(refused(bad), "row pointers descend");
    bad.indptr[0] = 1;
    check(refused(bad), "row pointers start late");
}

void overflow_and_interruption_leave_rows_whole() {
    Matrix matrix = draw({4, 4, 4}, 12, 10);
    const auto other = draw_factors<float>(12, 8, 11);
    const Weights weights;
    for (const Solver solver : {Solver::cg, Solver::cholesky}) {
        auto huge = matrix;
        for (float& value : huge.data) value = 3e38f;
        auto target = draw_factors<float>(3, 8, 12);
        check(throws<NotFinite>([&] {
                  solve(huge.csr(), target.data(), other.data(), static_cast<const double*>(nullptr), nullptr, 8,
                        weights, {}, solver, 3, Run{2, Simd::baseline, {}});
              }),
              "overflow is told");
        check(std::all_of(target.begin(), target.end(), [](float x) { return std::isfinite(x); }),
              "overflow leaves finite factors");
    }
    const Matrix many = draw(std::vector<std::int64_t>(3000, 900), 1000, 13);
    const auto factors = draw_factors<float>(1000, 256, 14);
    auto target = draw_factors<float>(3000, 256, 15);
    std::atomic<int> polls{0};
    check(throws<Interrupted>([&] {
              solve(many.csr(), target.data(), factors.data(), static_cast<const double*>(nullptr), nullptr, 256,
                    weights, {}, Solver::cholesky, 3,
                    Run{2, simd_available().back(), [&] { return ++polls >= 1; }});
          }),
          "interruption is told");
    check(std::all_of(target.begin(), target.end(), [](float x) { return std::isfinite(x); }),
          "interruption leaves finite factors");
}

}  // namespace

int main() {
    const std::vector<std::int64_t> kinds{0, 1, 7, 8, 9, 0, 17, 60, 119, 120, 2, 0};
    for (const Simd simd : simd_available()) {
        for (const std::int64_t factors : {1, 7, 16, 17, 32, 64}) {
            solves_to_the_minimum<float>(simd, factors, kinds, 120);
            solves_to_the_minimum<double>(simd, factors, kinds, 120);
            solves_to_the_minimum<float>(simd, factors, kinds, 120, false);
            solves_to_the_minimum<double>(simd, factors, kinds, 120, false);
        }
        for (const std::int64_t factors : {1, 17, 32, 64, 70}) {
            narrow_numbers_come_close(simd, factors, {0, 1, 33, 64, 0, 300, 700, 2}, 700);
        }
        std::vector<std::int64_t> short_rows;  // enough of them to be solved as such
        for (std::int64_t i = 0; i < 440; ++i) short_rows.push_back(i % 111);
        for (const std::int64_t factors : {96, 100}) {
            narrow_numbers_come_close(simd, factors, short_rows, 110, {Solver::cholesky});
        }
        solves_to_the_minimum<double>(simd, 10, {140000, 3, 0}, 140001);  // split over threads
        solves_to_the_minimum<float>(simd, 64, {5000, 4}, 5500);   // built as a matrix
        solves_to_the_minimum<double>(simd, 200, {800, 3}, 900);   // gathered in every step
        for (const auto& [factors, dimension] : std::vector<std::pair<std::int64_t, std::int64_t>>{
                 {1, 1}, {7, 64}, {33, 16}, {50, 7}, {64, 64}, {200, 64}}) {
            last_block_is_at_its_minimum<float>(simd, factors, dimension, kinds, 120);
            last_block_is_at_its_minimum<double>(simd, factors, dimension, kinds, 120);
            last_block_is_at_its_minimum<float>(simd, factors, dimension, {3, 5, 0}, 900);
            last_block_is_at_its_minimum<float>(simd, factors, dimension, kinds, 120, true);
            last_block_is_at_its_minimum<float>(simd, factors, dimension, {3, 5, 0, 700, 64}, 900, true);
        }
        last_block_is_at_its_minimum<float>(simd, 128, 64, {3, 5, 0, 200}, 900, true);  // in place
        solves_to_the_minimum<float>(simd, 64, {5000, 4}, 5500, false);
        solves_to_the_minimum<double>(simd, 200, {800, 3}, 900, false);
        gramian_is_exact_on_whole_numbers<float>(simd);
        gramian_is_exact_on_whole_numbers<double>(simd);
        objective_agrees_with_all_pairs<float>(simd);
        objective_agrees_with_all_pairs<double>(simd);
        std::printf("als: variant %s done\n", simd_name(simd));
    }
    transpose_turns_around();
    broken_matrices_are_refused();
    overflow_and_interruption_leave_rows_whole();
    if (failures == 0) std::printf("als: ok\n");
    return failures == 0 ? 0 : 1;
}
