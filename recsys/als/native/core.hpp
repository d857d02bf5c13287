// Alternating least squares for implicit feedback, without Python. recsys/als/reference.py says the
// same in NumPy and holds this to it.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

#include "cpu.hpp"

namespace alsatian::als {

// A sparse matrix in rows. `data` are stored values v: confidence |alpha v|, label 1 where v > 0, else 0.
struct Csr {
    std::int64_t rows;
    std::int64_t columns;
    const std::int64_t* indptr;   // (rows + 1)
    const std::int32_t* indices;  // ascending and unique within a row
    const float* data;            // finite
    float largest = 0.0f;         // magnitude in `data`, where it is known
};

// Weights of the objective (see rows.hpp); lambda of a row with n entries against rows of the other
// side whose weights sum to m is regularization * (n + unobserved * a * m) ^ exponent.
struct Weights {
    double alpha = 1.0;
    double unobserved = 1.0;
    double regularization = 0.01;
    double exponent = 0.0;
};

// What may come on top, each null where it is absent; letters as in rows.hpp. Weights are >= 0.
template <class T>
struct Terms {
    const float* row_weights = nullptr;     // (rows) a
    const float* column_weights = nullptr;  // (columns) b
    const T* offsets = nullptr;             // (columns) c
    const T* priors = nullptr;              // (rows, factors)
    const double* linear = nullptr;         // (factors) weighted_sum(other, b, c), where it is known
};

enum class Solver { cg, cholesky };

// How the work is done. None of it changes what is computed, save `simd` by rounding.
struct Run {
    int threads = 0;
    Simd simd = Simd::baseline;
    std::function<bool()> interrupted;
    // Normal matrices may be products of shorter numbers, where that is faster: of 16 bits each in
    // `cholesky`, of 8 in a step on a block, whose right side is in full.
    bool split = false;
};

// A row's solution overflows: the row keeps what it had.
struct NotFinite : std::runtime_error {
    explicit NotFinite(std::int64_t row_)
        : std::runtime_error("the solution of row " + std::to_string(row_) + " is not finite"), row(row_) {}
    std::int64_t row;
};

// Throws std::invalid_argument with the place of the first entry that breaks what Csr promises.
// Returns the largest magnitude of its values.
float check(const Csr& matrix);

// The transpose, into arrays of (columns + 1), nnz and nnz. Rows of the result are ascending.
void transpose(const Csr& matrix, std::int64_t* indptr, std::int32_t* indices, float* data,
               const Run& run);

// out (factors, factors) <- sum_j weight_j row_j row_j', both triangles; weights of 1 where they are
// null. Partial sums of 32-bit products run over a fixed number of rows and are added up in double, in
// an order that does not depend on the threads. With `run.split` the products may be of 16 bits.
template <class T>
void gramian(const T* rows, const float* row_weights, std::int64_t count, std::int64_t factors,
             double* out, const Run& run);

// out (factors) <- sum_j weight_j offset_j row_j in double; weights and offsets of 1 where they are
// null.
template <class T>
void weighted_sum(const T* rows, const float* row_weights, const T* offsets, std::int64_t count,
                  std::int64_t factors, double* out);

// Eigenvalues (factors) and eigenvectors (factors, factors; in columns) of a Gramian, in double.
struct Basis {
    const double* values;
    const double* vectors;
};

// Solves every row of `target` (matrix.rows, factors) in place, given all of `other`
// (matrix.columns, factors). `cg` starts from what `target` holds. Throws Interrupted or NotFinite;
// rows not reached keep their values, and no row is ever half written. `gram` may hold the gramian of
// `other` with its weights; where it is null, it is computed. Where `basis` holds its eigenvectors, `cg`
// with 32-bit numbers and without linear terms fetches the other side's factors in 16 bits, and
// `cholesky` with `Run::split` solves rows in it that are shorter than the factors.
template <class T>
void solve(const Csr& matrix, T* target, const T* other, const double* gram, const Basis* basis,
           std::int64_t factors, const Weights& weights, const Terms<T>& terms, Solver solver,
           int cg_steps, const Run& run);

// One half-sweep of iALS++ (Rendle et al. 2021): for each block of `dimension` dimensions in turn, every
// row of `target` takes one exact step on the block, the rest held. Throws Interrupted or NotFinite;
// each row then holds what its last finished block left, which no step has made worse. `gram` as above.
template <class T>
void solve_subspace(const Csr& matrix, T* target, const T* other, const double* gram,
                    std::int64_t factors, const Weights& weights, const Terms<T>& terms,
                    std::int64_t dimension, const Run& run);

// The objective of the design: observed, unobserved and regularization terms of both sides, without
// the dense matrix; sums in double. `weights` and `terms` are those of the users' half. A last column
// of items is taken from the offsets in their penalty where there are offsets: a bias that learns.
template <class T>
double objective(const Csr& matrix, const T* users, const T* items, std::int64_t factors,
                 const Weights& weights, const Terms<T>& terms, double item_regularization,
                 const T* item_priors, const Run& run);

}  // namespace alsatian::als
