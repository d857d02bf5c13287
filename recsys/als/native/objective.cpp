// The objective without the dense matrix: over all pairs, letters as in rows.hpp,
//
//     sum a b (x.y + c)^2 = trace(G_x G_y) + 2 l_x.l_y + sum a sum b c^2
//
// with G_x = sum a x x', G_y = sum b y y', l_x = sum a x and l_y = sum b c y, so only the stored entries
// are visited one by one (Hu, Koren & Volinsky 2008, section 4).
#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include "core.hpp"
#include "kernels.hpp"
#include "parallel.hpp"
#include "scratch.hpp"

namespace alsatian::als {

namespace {

// One side's penalty: sum over the rows of lambda |row - prior|^2, where `last`, if it is not null,
// stands in for the rows' last column and `entries(row)` counts what the row has stored.
template <class T>
struct Penalized {
    const T* rows;
    const T* last;
    const T* priors;
    const float* row_weights;
    std::int64_t count;
    double mass;  // sum of the weights of the other side
};

template <class T>
double squared_distance(const Penalized<T>& side, std::int64_t row, std::int64_t factors) {
    double sum = 0.0;
    for (std::int64_t k = 0; k < factors; ++k) {
        const bool own = side.last == nullptr || k + 1 < factors;
        double number = static_cast<double>(own ? side.rows[row * factors + k] : side.last[row]);
        if (side.priors) number -= static_cast<double>(side.priors[row * factors + k]);
        sum += number * number;
    }
    return sum;
}

template <class T, class Entries>
double penalty(const Penalized<T>& side, std::int64_t factors, const Weights& weights,
               const Entries& entries) {
    double sum = 0.0;
    for (std::int64_t row = 0; row < side.count; ++row) {
        const double weight = side.row_weights ? static_cast<double>(side.row_weights[row]) : 1.0;
        sum += lambda_of(weights, static_cast<double>(entries(row)), weight * side.mass) *
               squared_distance(side, row, factors);
    }
    return sum;
}

// sum a b (x.y + c)^2 over all pairs
template <class T>
double over_all_pairs(const Csr& matrix, const T* users, const T* items, std::int64_t factors,
                      const Terms<T>& terms, const Run& run) {
    const auto f = static_cast<std::size_t>(factors);
    std::vector<double> of_users(f * f), of_items(f * f);
    gramian(users, terms.row_weights, matrix.rows, factors, of_users.data(), run);
    gramian(items, terms.column_weights, matrix.columns, factors, of_items.data(), run);
    double sum = std::inner_product(of_users.begin(), of_users.end(), of_items.begin(), 0.0);
    if (terms.offsets == nullptr) return sum;
    weighted_sum<T>(users, terms.row_weights, nullptr, matrix.rows, factors, of_users.data());
    weighted_sum(items, terms.column_weights, terms.offsets, matrix.columns, factors, of_items.data());
    sum += 2.0 * std::inner_product(of_users.begin(), of_users.begin() + factors, of_items.begin(), 0.0);
    double squares = 0.0;
    weighted_sum(terms.offsets, terms.column_weights, terms.offsets, matrix.columns, 1, &squares);
    return sum + mass(terms.row_weights, matrix.rows) * squares;
}

}  // namespace

template <class T>
double objective(const Csr& matrix, const T* users, const T* items, std::int64_t factors,
                 const Weights& weights, const Terms<T>& terms, double item_regularization,
                 const T* item_priors, const Run& run) {
    Side<T> side{};
    side.indptr = matrix.indptr;
    side.indices = matrix.indices;
    side.data = matrix.data;
    side.row_weights = terms.row_weights;
    side.column_weights = terms.column_weights;
    side.offsets = terms.offsets;
    side.factors = factors;
    side.stride = padded(factors, kPad);
    side.target = const_cast<T*>(users);  // the loss kernel only reads it
    side.other = items;
    side.alpha = weights.alpha;
    side.unobserved = weights.unobserved;

    const auto& table = kernels<T>(run.simd);
    const int threads = resolve_threads(run.threads);
    const std::vector<Task> tasks = cut(matrix, 4, threads);
    std::vector<double> losses(tasks.size());
    const Needs needs{.factors = factors, .stride = side.stride};
    std::vector<std::unique_ptr<Workspace<T>>> workspaces(static_cast<std::size_t>(threads));
    parallel_for(
        threads, static_cast<std::int64_t>(tasks.size()),
        [&](std::int64_t number, int thread) {
            auto& workspace = workspaces[static_cast<std::size_t>(thread)];
            if (!workspace) workspace = std::make_unique<Workspace<T>>(needs);
            const Task& task = tasks[static_cast<std::size_t>(number)];
            losses[static_cast<std::size_t>(number)] =
                table.observed_loss(side, task.begin, task.end, workspace->scratch());
        },
        run.interrupted);
    double loss = 0.0;
    for (const double part : losses) loss += part;

    if (weights.unobserved > 0.0) {
        loss += weights.unobserved * over_all_pairs(matrix, users, items, factors, terms, run);
    }

    std::vector<std::int64_t> counts(static_cast<std::size_t>(matrix.columns));
    for (std::int64_t e = matrix.indptr[0]; e < matrix.indptr[matrix.rows]; ++e) {
        ++counts[static_cast<std::size_t>(matrix.indices[e])];
    }
    const Penalized<T> user_side{users, nullptr, terms.priors, terms.row_weights, matrix.rows,
                                 mass(terms.column_weights, matrix.columns)};
    loss += penalty(user_side, factors, weights, [&](std::int64_t row) {
        return matrix.indptr[row + 1] - matrix.indptr[row];
    });
    const Penalized<T> item_side{items, terms.offsets, item_priors, terms.column_weights, matrix.columns,
                                 mass(terms.row_weights, matrix.rows)};
    Weights item_weights = weights;
    item_weights.regularization = item_regularization;
    loss += penalty(item_side, factors, item_weights, [&](std::int64_t row) {
        return counts[static_cast<std::size_t>(row)];
    });
    return loss;
}

template double objective(const Csr&, const float*, const float*, std::int64_t, const Weights&,
                          const Terms<float>&, double, const float*, const Run&);
template double objective(const Csr&, const double*, const double*, std::int64_t, const Weights&,
                          const Terms<double>&, double, const double*, const Run&);

}  // namespace alsatian::als
