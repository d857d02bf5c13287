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

}  // namespace alsatian::als
