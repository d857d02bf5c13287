// Normal equations that are singular to rounding: rare, so in double and without haste.
#pragma once

#include <cstdint>
#include <vector>

namespace alsatian::als {

// x <- a minimum of x'Ax - 2 b'x, given the upper triangle of A (size, size), whose smallest
// eigenvalue is `lambda` or more, and whose entries were rounded to `epsilon`. Directions without
// curvature are left out (their coordinate is 0), which is a minimum still, b lying in the range of A.
// Each pivot of A is at least lambda, whatever rounding made of it. `a` and `b` are overwritten; x may
// come out infinite or NaN.
void minimize_semidefinite(std::vector<double>& a, std::vector<double>& b, double lambda,
                           double epsilon, std::vector<double>& x);

// A number that no eigenvalue of a symmetric matrix (size, size; upper triangle, rows `stride` apart) is less than,
// and half of the least one or so; 0 where it is not positive definite in double.
double least_eigenvalue(const double* a, std::int64_t size, std::int64_t stride);

// Eigenvalues and, in columns of `vectors` (size, size), eigenvectors of a symmetric matrix, which is overwritten:
// Jacobi's rotations, for a few dozen rows.
void eigenvectors(std::vector<double>& a, std::size_t size, std::vector<double>& values,
                  std::vector<double>& vectors);

}  // namespace alsatian::als
