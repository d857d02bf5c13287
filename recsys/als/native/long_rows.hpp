// Rows with so many entries that one thread alone would keep all others waiting.
#pragma once

#include <cstdint>
#include <vector>

#include "core.hpp"
#include "kernels.hpp"

namespace alsatian::als {

// Rows of `matrix` that solve_long_rows is for. The bound does not depend on the threads, so that neither
// do the bits of what is solved.
std::vector<std::int64_t> long_rows(const Csr& matrix, std::int64_t factors, Solver solver);

// Solves them in place, one after the other, each on all threads: stretches of its entries are summed up
// on their own, and the sums added in double, in order. `gram` is that of `other`, with its weights;
// `side` holds everything else.
template <class T>
void solve_long_rows(const std::vector<std::int64_t>& rows, const Side<T>& side, const double* gram,
                     const Weights& weights, Solver solver, const Run& run);

}  // namespace alsatian::als
