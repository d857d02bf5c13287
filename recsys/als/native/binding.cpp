// Python meets the core: shapes, types and ranges are checked here, nothing is computed.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "core.hpp"
#include "parallel.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace alsatian::als {

namespace {

constexpr std::int64_t kMaxFactors = 4096;

template <class T, int dimensions>
using Input = nb::ndarray<const T, nb::ndim<dimensions>, nb::c_contig, nb::device::cpu>;
template <class T>
using Factors = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// A validated sparse matrix; it keeps the arrays alive.
class SparseRows {
   public:
    SparseRows(Input<std::int64_t, 1> indptr, Input<std::int32_t, 1> indices, Input<float, 1> data,
               std::int64_t columns)
        : indptr_(std::move(indptr)), indices_(std::move(indices)), data_(std::move(data)),
          columns_(columns) {
        if (indptr_.shape(0) < 1) throw std::invalid_argument("indptr is empty");
        if (columns < 0 || columns > std::numeric_limits<std::int32_t>::max() ||
            rows() > std::numeric_limits<std::int32_t>::max()) {
            throw std::invalid_argument("more rows or columns than 32-bit indices reach");
        }
        if (indices_.shape(0) != data_.shape(0) ||
            indptr_.data()[rows()] != static_cast<std::int64_t>(data_.shape(0))) {
            throw std::invalid_argument("indptr, indices and data disagree about how many are stored");
        }
        const nb::gil_scoped_release release;
        largest_ = check(csr());
    }

    std::int64_t rows() const { return static_cast<std::int64_t>(indptr_.shape(0)) - 1; }
    std::int64_t columns() const { return columns_; }
    std::int64_t entries() const { return static_cast<std::int64_t>(data_.shape(0)); }
    Csr csr() const {
        return {rows(), columns_, indptr_.data(), indices_.data(), data_.data(), largest_};
    }

   private:
    Input<std::int64_t, 1> indptr_;
    Input<std::int32_t, 1> indices_;
    Input<float, 1> data_;
    std::int64_t columns_;
    float largest_ = 0.0f;
};

bool signalled() {
    const nb::gil_scoped_acquire acquire;
    return PyErr_CheckSignals() != 0;
}

Run run_of(int threads, const std::string& variant) {
    if (threads < 0) throw std::invalid_argument("num_threads is negative");
    return {threads, variant.empty() ? simd_from_environment() : simd_select(variant), signalled};
}

// A few rows are solved on the calling thread: starting another one to wait for takes as long as the
// work, which is over before anybody could interrupt it.
Run run_for_rows(std::int64_t rows, std::int64_t entries, std::int64_t factors, int threads,
                 const std::string& variant) {
    constexpr double kQuick = 1e7;  // multiplications; a millisecond or two
    const auto f = static_cast<double>(factors);
    const double work = f * f * (static_cast<double>(entries) + f / 3.0 * static_cast<double>(rows));
    Run run = run_of(threads, variant);
    if (work < kQuick) {
        run.threads = 1;
        run.interrupted = nullptr;
    }
    return run;
}

// Runs `work` without the GIL; Ctrl-C comes out as the KeyboardInterrupt that is already set.
template <class Work>
void released(const Work& work) {
    bool interrupted = false;
    std::optional<std::int64_t> overflow;
    {
        const nb::gil_scoped_release release;
        try {
            work();
        } catch (const Interrupted&) {
            interrupted = true;
        } catch (const NotFinite& error) {
            overflow = error.row;
        }
    }
    if (overflow) {
        const std::string text = "the solution of row " + std::to_string(*overflow) + " is not finite";
        PyErr_SetString(PyExc_OverflowError, text.c_str());
        throw nb::python_error();
    }
    if (interrupted) throw nb::python_error();
}

template <class T>
nb::ndarray<nb::numpy, T> owned(T* data, std::initializer_list<std::size_t> shape) {
    const nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    return nb::ndarray<nb::numpy, T>(data, shape, owner);
}

nb::tuple transposed(const SparseRows& matrix, int threads) {
    const auto columns = static_cast<std::size_t>(matrix.columns());
    const auto entries = static_cast<std::size_t>(matrix.entries());
    auto indptr = std::make_unique<std::int64_t[]>(columns + 1);
    std::unique_ptr<std::int32_t[]> indices(new std::int32_t[entries]);
    std::unique_ptr<float[]> data(new float[entries]);
    const Run run = run_of(threads, "");
    released([&] { transpose(matrix.csr(), indptr.get(), indices.get(), data.get(), run); });
    return nb::make_tuple(owned(indptr.release(), {columns + 1}), owned(indices.release(), {entries}),
                          owned(data.release(), {entries}));
}

template <class Array>
std::int64_t factors_of(const Array& array) {
    const auto factors = static_cast<std::int64_t>(array.shape(1));
    if (factors < 1 || factors > kMaxFactors) {
        throw std::invalid_argument("factors outside 1.." + std::to_string(kMaxFactors));
    }
    return factors;
}

void expect_shape(const char* name, std::size_t rows, std::int64_t wanted, std::int64_t factors,
                  std::int64_t other_factors) {
    if (static_cast<std::int64_t>(rows) != wanted) {
        throw std::invalid_argument(std::string(name) + " has " + std::to_string(rows) +
                                    " rows, the matrix wants " + std::to_string(wanted));
    }
    if (factors != other_factors) throw std::invalid_argument("the two sides differ in factors");
}

Weights weights_of(double alpha, double unobserved, double regularization, double exponent) {
    for (const double value : {alpha, unobserved, regularization, exponent}) {
        if (!(value >= 0.0 && value <= std::numeric_limits<double>::max())) {
            throw std::invalid_argument("a weight of the objective is negative or not finite");
        }
    }
    return {alpha, unobserved, regularization, exponent};
}

void expect_size(const char* name, std::size_t found, std::int64_t wanted) {
    if (static_cast<std::int64_t>(found) != wanted) {
        throw std::invalid_argument(std::string(name) + " has " + std::to_string(found) +
                                    " entries, expected " + std::to_string(wanted));
    }
}

template <class T>
using Maybe = std::optional<Input<T, 1>>;
template <class T>
using MaybeRows = std::optional<Input<T, 2>>;

const float* weights_in(const char* name, const Maybe<float>& weights, std::int64_t wanted) {
    if (!weights) return nullptr;
    expect_size(name, weights->shape(0), wanted);
    for (std::int64_t k = 0; k < wanted; ++k) {
        const float weight = weights->data()[k];
        if (!(weight >= 0.0f && weight <= std::numeric_limits<float>::max())) {
            throw std::invalid_argument(std::string(name) + " holds a weight that is negative or not finite");
        }
    }
    return weights->data();
}

template <class T>
const T* vector_in(const char* name, const Maybe<T>& vector, std::int64_t wanted) {
    if (!vector) return nullptr;
    expect_size(name, vector->shape(0), wanted);
    return vector->data();
}

template <class T>
const T* rows_in(const char* name, const MaybeRows<T>& rows, std::int64_t count, std::int64_t factors) {
    if (!rows) return nullptr;
    expect_shape(name, rows->shape(0), count, factors, static_cast<std::int64_t>(rows->shape(1)));
    return rows->data();
}

template <class T>
nb::ndarray<nb::numpy, double> gramian_of(Input<T, 2> rows, Maybe<float> row_weights, bool split, int threads,
                                          const std::string& variant) {
    const std::int64_t factors = factors_of(rows);
    const auto count = static_cast<std::int64_t>(rows.shape(0));
    const float* const weights = weights_in("row_weights", row_weights, count);
    const auto f = static_cast<std::size_t>(factors);
    std::unique_ptr<double[]> out(new double[f * f]);
    Run run = run_of(threads, variant);
    run.split = split;
    released([&] { gramian(rows.data(), weights, count, factors, out.get(), run); });
    return owned(out.release(), {f, f});
}

template <class T>
nb::ndarray<nb::numpy, double> weighted_sum_of(Input<T, 2> rows, Maybe<float> row_weights,
                                               Maybe<T> offsets) {
    const std::int64_t factors = factors_of(rows);
    const auto count = static_cast<std::int64_t>(rows.shape(0));
    const float* const weights = weights_in("row_weights", row_weights, count);
    const T* const from = vector_in("offsets", offsets, count);
    std::unique_ptr<double[]> out(new double[static_cast<std::size_t>(factors)]);
    released([&] { weighted_sum(rows.data(), weights, from, count, factors, out.get()); });
    return owned(out.release(), {static_cast<std::size_t>(factors)});
}

template <class T>
void solve_of(const SparseRows& matrix, Factors<T> target, Input<T, 2> other, const std::string& solver,
              int cg_steps, std::int64_t subspace_dimension, double alpha, double unobserved,
              double regularization, double exponent, MaybeRows<double> gram, Maybe<float> row_weights,
              Maybe<float> column_weights, Maybe<T> offsets, MaybeRows<T> priors, Maybe<double> linear,
              Maybe<double> eigenvalues, MaybeRows<double> eigenvectors, bool split, int threads,
              const std::string& variant) {
    const std::int64_t factors = factors_of(target);
    expect_shape("target", target.shape(0), matrix.rows(), factors, factors_of(other));
    expect_shape("other", other.shape(0), matrix.columns(), factors, factors);
    if (solver != "cg" && solver != "cholesky" && solver != "subspace") {
        throw std::invalid_argument("solver: cg, cholesky or subspace");
    }
    if (cg_steps < 1) throw std::invalid_argument("cg_steps is less than 1");
    if (subspace_dimension < 1) throw std::invalid_argument("subspace_dimension is less than 1");
    const double* const sums = rows_in("gramian", gram, factors, factors);
    const Weights weights = weights_of(alpha, unobserved, regularization, exponent);
    const Terms<T> terms{weights_in("row_weights", row_weights, matrix.rows()),
                         weights_in("column_weights", column_weights, matrix.columns()),
                         vector_in("offsets", offsets, matrix.columns()),
                         rows_in("priors", priors, matrix.rows(), factors),
                         vector_in("linear", linear, factors)};
    const Basis basis{vector_in("eigenvalues", eigenvalues, factors),
                      rows_in("eigenvectors", eigenvectors, factors, factors)};
    if ((basis.values == nullptr) != (basis.vectors == nullptr)) {
        throw std::invalid_argument("eigenvalues and eigenvectors belong together");
    }
    // Without a Gramian there is one to compute first, over all rows of `other`.
    Run run = gram ? run_for_rows(matrix.rows(), matrix.entries(), factors, threads, variant)
                   : run_of(threads, variant);
    run.split = split;
    released([&] {
        if (solver == "subspace") {
            solve_subspace(matrix.csr(), target.data(), other.data(), sums, factors, weights,
                           terms, subspace_dimension, run);
            return;
        }
        solve(matrix.csr(), target.data(), other.data(), sums, basis.values ? &basis : nullptr, factors,
              weights, terms,
              solver == "cg" ? Solver::cg : Solver::cholesky, cg_steps, run);
    });
}

template <class T>
double objective_of(const SparseRows& matrix, Input<T, 2> users, Input<T, 2> items, double alpha,
                    double unobserved, double regularization, double exponent,
                    std::optional<double> item_regularization, Maybe<float> row_weights,
                    Maybe<float> column_weights, Maybe<T> offsets, MaybeRows<T> user_priors,
                    MaybeRows<T> item_priors, int threads, const std::string& variant) {
    const std::int64_t factors = factors_of(users);
    expect_shape("users", users.shape(0), matrix.rows(), factors, factors_of(items));
    expect_shape("items", items.shape(0), matrix.columns(), factors, factors);
    const Weights weights = weights_of(alpha, unobserved, regularization, exponent);
    const double of_items =
        weights_of(alpha, unobserved, item_regularization.value_or(regularization), exponent)
            .regularization;
    const Terms<T> terms{weights_in("row_weights", row_weights, matrix.rows()),
                         weights_in("column_weights", column_weights, matrix.columns()),
                         vector_in("offsets", offsets, matrix.columns()),
                         rows_in("user_priors", user_priors, matrix.rows(), factors), nullptr};
    const T* const priors = rows_in("item_priors", item_priors, matrix.columns(), factors);
    const Run run = run_of(threads, variant);
    double value = 0.0;
    released([&] {
        value = objective(matrix.csr(), users.data(), items.data(), factors, weights, terms, of_items,
                          priors, run);
    });
    return value;
}

template <class T>
void bind_for(nb::module_& module) {
    const nb::object none = nb::none();
    module.def("gramian", gramian_of<T>, "rows"_a.noconvert(), nb::kw_only(),
               "row_weights"_a.noconvert() = none, "split"_a = false, "num_threads"_a = 0,
               "variant"_a = "");
    module.def("weighted_sum", weighted_sum_of<T>, "rows"_a.noconvert(), nb::kw_only(),
               "row_weights"_a.noconvert() = none, "offsets"_a.noconvert() = none);
    module.def("solve", solve_of<T>, "matrix"_a, "target"_a.noconvert(), "other"_a.noconvert(),
               nb::kw_only(), "solver"_a, "cg_steps"_a, "subspace_dimension"_a = 64, "alpha"_a,
               "unobserved"_a, "regularization"_a, "exponent"_a, "gramian"_a.noconvert() = none,
               "row_weights"_a.noconvert() = none, "column_weights"_a.noconvert() = none,
               "offsets"_a.noconvert() = none, "priors"_a.noconvert() = none,
               "linear"_a.noconvert() = none, "eigenvalues"_a.noconvert() = none,
               "eigenvectors"_a.noconvert() = none, "split"_a = false, "num_threads"_a = 0, "variant"_a = "");
    module.def("objective", objective_of<T>, "matrix"_a, "users"_a.noconvert(), "items"_a.noconvert(),
               nb::kw_only(), "alpha"_a, "unobserved"_a, "regularization"_a, "exponent"_a,
               "item_regularization"_a = none, "row_weights"_a.noconvert() = none,
               "column_weights"_a.noconvert() = none, "offsets"_a.noconvert() = none,
               "user_priors"_a.noconvert() = none, "item_priors"_a.noconvert() = none,
               "num_threads"_a = 0, "variant"_a = "");
}

}  // namespace

}  // namespace alsatian::als

NB_MODULE(_als, module) {
    using namespace alsatian;
    using namespace alsatian::als;
    module.doc() = "Native core of recsys.als; recsys.als.cpu wraps it.";
    nb::class_<SparseRows>(module, "SparseRows")
        .def(nb::init<Input<std::int64_t, 1>, Input<std::int32_t, 1>, Input<float, 1>, std::int64_t>(),
             "indptr"_a.noconvert(), "indices"_a.noconvert(), "data"_a.noconvert(), "columns"_a)
        .def_prop_ro("rows", &SparseRows::rows)
        .def_prop_ro("columns", &SparseRows::columns)
        .def_prop_ro("entries", &SparseRows::entries)
        .def("transposed", transposed, "num_threads"_a = 0);
    module.def("simd_variants", [] {
        std::vector<std::string> names;
        for (const Simd variant : simd_available()) names.emplace_back(simd_name(variant));
        return names;
    });
    module.def("simd_variant", [] { return std::string(simd_name(simd_from_environment())); });
    module.def("threads", [](int requested) { return resolve_threads(requested); }, "requested"_a = 0);
    bind_for<float>(module);
    bind_for<double>(module);
}
