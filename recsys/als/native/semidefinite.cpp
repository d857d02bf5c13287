#include "semidefinite.hpp"

#include <algorithm>
#include <cmath>

namespace alsatian::als {

void minimize_semidefinite(std::vector<double>& a, std::vector<double>& b, double lambda,
                           double epsilon, std::vector<double>& x) {
    const std::size_t size = b.size();
    double largest = 0.0;
    for (std::size_t i = 0; i < size; ++i) largest = std::max(largest, a[i * size + i]);
    const double rounding = 32.0 * epsilon * largest;
    std::vector<char> active(size);
    for (std::size_t k = 0; k < size; ++k) {
        double* const pivot_row = &a[k * size];
        const double pivot = std::max(pivot_row[k], lambda);
        active[k] = pivot > (lambda > 0.0 ? 0.0 : rounding);
        if (!active[k]) continue;
        const double root = std::sqrt(pivot);
        pivot_row[k] = root;
        for (std::size_t j = k + 1; j < size; ++j) pivot_row[j] /= root;
        for (std::size_t i = k + 1; i < size; ++i) {
            for (std::size_t j = i; j < size; ++j) a[i * size + j] -= pivot_row[i] * pivot_row[j];
        }
    }
    for (std::size_t k = 0; k < size; ++k) {
        b[k] = active[k] ? b[k] / a[k * size + k] : 0.0;
        for (std::size_t j = k + 1; j < size && active[k]; ++j) b[j] -= b[k] * a[k * size + j];
    }
    x.assign(size, 0.0);
    for (std::size_t k = size; k-- > 0;) {
        if (!active[k]) continue;
        double sum = b[k];
        for (std::size_t j = k + 1; j < size; ++j) sum -= a[k * size + j] * x[j];
        x[k] = sum / a[k * size + k];
    }
}

double least_eigenvalue(const double* a, std::int64_t size, std::int64_t stride) {
    const auto n = static_cast<std::size_t>(size);
    std::vector<double> u(n * n), x(n, 1.0);
    for (std::size_t i = 0; i < n; ++i) {
        std::copy_n(a + static_cast<std::int64_t>(i) * stride + static_cast<std::int64_t>(i), n - i, &u[i * n + i]);
    }
    for (std::size_t k = 0; k < n; ++k) {
        double* const pivot_row = &u[k * n];
        if (!(pivot_row[k] > 1e-14 * a[static_cast<std::int64_t>(k) * (stride + 1)])) return 0.0;
        const double root = std::sqrt(pivot_row[k]);
        for (std::size_t j = k; j < n; ++j) pivot_row[j] /= root;
        for (std::size_t i = k + 1; i < n; ++i) {
            const double s = pivot_row[i];
            for (std::size_t j = i; j < n; ++j) u[i * n + j] -= s * pivot_row[j];
        }
    }
    // Inverse iteration comes to the least eigenvalue from above, and soon is within a factor of two.
    constexpr int kSteps = 12;
    double found = 0.0;
    for (std::size_t k = 0; k < n; ++k) x[k] = k % 3 == 0 ? 1.0 : k % 3 == 1 ? -0.7 : 0.4;  // in no plain direction
    for (int step = 0; step < kSteps; ++step) {
        double length = 0.0;
        for (const double value : x) length += value * value;
        length = std::sqrt(length);
        if (!(length > 0.0) || !std::isfinite(length)) return 0.0;
        if (step > 0) found = 1.0 / length;
        for (double& value : x) value /= length;
        for (std::size_t k = 0; k < n; ++k) {
            x[k] /= u[k * n + k];
            for (std::size_t j = k + 1; j < n; ++j) x[j] -= x[k] * u[k * n + j];
        }
        for (std::size_t k = n; k-- > 0;) {
            double sum = x[k];
            for (std::size_t j = k + 1; j < n; ++j) sum -= u[k * n + j] * x[j];
            x[k] = sum / u[k * n + k];
        }
    }
    return found / 2.0;
}

void eigenvectors(std::vector<double>& a, std::size_t size, std::vector<double>& values,
                  std::vector<double>& vectors) {
    const std::size_t n = size;
    std::vector<double> rows(n * n);  // eigenvectors in rows
    for (std::size_t i = 0; i < n; ++i) rows[i * n + i] = 1.0;
    double total = 0.0;
    for (const double value : a) total += value * value;
    constexpr int kMostSweeps = 30;
    constexpr double kLeft = 1e-28;  // of the sum of squares, off the diagonal
    for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
        double off = 0.0;
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < i; ++j) off += a[i * n + j] * a[i * n + j];
        }
        if (off <= kLeft * total) break;
        for (std::size_t p = 0; p + 1 < n; ++p) {
            for (std::size_t q = p + 1; q < n; ++q) {
                const double between = a[p * n + q];
                if (between == 0.0) continue;
                const double theta = (a[q * n + q] - a[p * n + p]) / (2.0 * between);
                const double t = (theta < 0.0 ? -1.0 : 1.0) / (std::abs(theta) + std::hypot(theta, 1.0));
                const double c = 1.0 / std::hypot(t, 1.0), s = t * c;
                const auto turn = [c, s, n](double* x, double* y) {
                    for (std::size_t k = 0; k < n; ++k) {
                        const double left = x[k], right = y[k];
                        x[k] = c * left - s * right;
                        y[k] = s * left + c * right;
                    }
                };
                const double at_p = a[p * n + p] - t * between, at_q = a[q * n + q] + t * between;
                turn(&a[p * n], &a[q * n]);
                for (std::size_t k = 0; k < n; ++k) a[k * n + p] = a[p * n + k], a[k * n + q] = a[q * n + k];
                a[p * n + p] = at_p, a[q * n + q] = at_q;
                a[p * n + q] = a[q * n + p] = 0.0;
                turn(&rows[p * n], &rows[q * n]);
            }
        }
    }
    values.resize(n), vectors.resize(n * n);
    for (std::size_t i = 0; i < n; ++i) {
        values[i] = a[i * n + i];
        for (std::size_t k = 0; k < n; ++k) vectors[k * n + i] = rows[i * n + k];
    }
}

}  // namespace alsatian::als
