// The objective without the dense matrix: over all pairs sum (x.y)^2 = trace(X'X Y'Y), so only the
// stored entries are visited one by one (Hu, Koren & Volinsky 2008, section 4).
#include <cmath>
#include <memory>
#include <vector>

#include "core.hpp"
#include "kernels.hpp"
#include "parallel.hpp"
#include "scratch.hpp"

namespace alsatian::als {

namespace {

template <class T>
double squared_norm(const T* row, std::int64_t factors) {
    double sum = 0.0;
    for (std::int64_t k = 0; k < factors; ++k) {
        sum += static_cast<double>(row[k]) * static_cast<double>(row[k]);
    }
    return sum;
}

// sum over the rows of lambda |row|^2, where `entries(row)` counts what the row has stored
template <class T, class Entries>
double penalty(const T* rows, std::int64_t count, std::int64_t factors, std::int64_t others,
               const Weights& weights, const Entries& entries) {
    double sum = 0.0;
    for (std::int64_t row = 0; row < count; ++row) {
        double scale = 1.0;
        if (weights.exponent != 0.0) {
            scale = std::pow(static_cast<double>(entries(row)) +
                                 weights.unobserved * static_cast<double>(others),
                             weights.exponent);
        }
        sum += scale * squared_norm(rows + row * factors, factors);
    }
    return weights.regularization * sum;
}

}  // namespace

template <class T>
double objective(const Csr& matrix, const T* users, const T* items, std::int64_t factors,
                 const Weights& weights, double item_regularization, const Run& run) {
    Side<T> side{};
    side.indptr = matrix.indptr;
    side.indices = matrix.indices;
    side.data = matrix.data;
    side.others = matrix.columns;
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
    std::vector<std::unique_ptr<Workspace<T>>> workspaces(static_cast<std::size_t>(threads));
    parallel_for(
        threads, static_cast<std::int64_t>(tasks.size()),
        [&](std::int64_t number, int thread) {
            auto& workspace = workspaces[static_cast<std::size_t>(thread)];
            if (!workspace) workspace = std::make_unique<Workspace<T>>(side.stride, 0, false);
            const Task& task = tasks[static_cast<std::size_t>(number)];
            losses[static_cast<std::size_t>(number)] =
                table.observed_loss(side, task.begin, task.end, workspace->scratch());
        },
        run.interrupted);
    double loss = 0.0;
    for (const double part : losses) loss += part;

    const auto size = static_cast<std::size_t>(factors * factors);
    std::vector<double> of_users(size), of_items(size);
    gramian(users, matrix.rows, factors, of_users.data(), run);
    gramian(items, matrix.columns, factors, of_items.data(), run);
    double everywhere = 0.0;
    for (std::size_t k = 0; k < size; ++k) everywhere += of_users[k] * of_items[k];
    loss += weights.unobserved * everywhere;

    std::vector<std::int64_t> counts(static_cast<std::size_t>(matrix.columns));
    for (std::int64_t e = 0; e < matrix.indptr[matrix.rows]; ++e) {
        ++counts[static_cast<std::size_t>(matrix.indices[e])];
    }
    loss += penalty(users, matrix.rows, factors, matrix.columns, weights, [&](std::int64_t row) {
        return matrix.indptr[row + 1] - matrix.indptr[row];
    });
    Weights of_item_rows = weights;
    of_item_rows.regularization = item_regularization;
    loss += penalty(items, matrix.columns, factors, matrix.rows, of_item_rows, [&](std::int64_t row) {
        return counts[static_cast<std::size_t>(row)];
    });
    return loss;
}

template double objective(const Csr&, const float*, const float*, std::int64_t, const Weights&,
                          double, const Run&);
template double objective(const Csr&, const double*, const double*, std::int64_t, const Weights&,
                          double, const Run&);

}  // namespace alsatian::als
