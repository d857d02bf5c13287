// recsys.retrieval._topn: validates and converts, nothing else.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <nanobind/stl/optional.h>

#include "cpu.hpp"
#include "parallel.hpp"
#include "search.hpp"
#include "topn.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

template <class T>
using Row = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Table = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

using alsatian::topn::Catalogue;

void expect(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

bool signalled() {
    const nb::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
}

void search(const Table<const float>& queries, const Table<const float>& items, std::int64_t wanted,
            const std::optional<Row<const std::int32_t>>& rows,
            const std::optional<Row<const std::int64_t>>& excluded_offsets,
            const std::optional<Row<const std::int32_t>>& excluded,
            const Table<std::int32_t>& ids, const Table<float>& scores,
            const Row<std::int32_t>& counts, int threads, const std::string& simd,
            const Catalogue* catalogue) {
    const std::size_t query_count = queries.shape(0);
    expect(queries.shape(1) == items.shape(1), "queries and items differ in factors");
    expect(ids.shape(0) == query_count && scores.shape(0) == query_count &&
               counts.shape(0) == query_count && ids.shape(1) == scores.shape(1),
           "result arrays do not fit the queries");
    expect(threads >= 0, "num_threads is negative");
    alsatian::TopNRequest request;
    request.queries = queries.data();
    request.query_count = static_cast<std::int64_t>(query_count);
    request.items = items.data();
    request.item_count = static_cast<std::int64_t>(items.shape(0));
    request.factors = static_cast<std::int64_t>(items.shape(1));
    request.wanted = wanted;
    static const std::int32_t none = 0;  // an empty array may have no address
    if (rows) {
        request.rows = rows->size() > 0 ? rows->data() : &none;
        request.row_count = static_cast<std::int64_t>(rows->size());
    }
    if (excluded_offsets) {
        expect(excluded.has_value() && excluded_offsets->size() == query_count + 1,
               "offsets of excluded rows do not fit the queries");
        const std::int64_t last = excluded_offsets->data()[query_count];
        expect(last == static_cast<std::int64_t>(excluded->size()),
               "offsets of excluded rows do not fit the rows");
        request.excluded_offsets = excluded_offsets->data();
        request.excluded = excluded->size() > 0 ? excluded->data() : &none;
    }
    const alsatian::TopNAnswer answer{ids.data(), scores.data(), counts.data(),
                                      static_cast<std::int64_t>(ids.shape(1))};
    const alsatian::Simd variant =
        simd.empty() ? alsatian::simd_from_environment() : alsatian::simd_select(simd);
    try {
        const nb::gil_scoped_release released;
        if (catalogue != nullptr) {
            alsatian::topn::search(request, answer, *catalogue, threads, signalled);
        } else {
            alsatian::top_n(request, answer, variant, threads, signalled);
        }
    } catch (const alsatian::Interrupted&) {
        throw nb::python_error();  // PyErr_CheckSignals has set it
    }
}

// None where the variant has no whole numbers.
std::unique_ptr<Catalogue> prepare(const Table<const float>& items,
                                   const std::optional<Row<const std::int32_t>>& rows, int threads,
                                   const std::string& simd) {
    const alsatian::topn::Kernel& kernel = alsatian::topn::kernel_for(
        simd.empty() ? alsatian::simd_from_environment() : alsatian::simd_select(simd));
    if (kernel.preselect == nullptr) return nullptr;
    static const std::int32_t none = 0;
    const std::int32_t* const from = !rows ? nullptr : rows->size() > 0 ? rows->data() : &none;
    const auto count = rows ? static_cast<std::int64_t>(rows->size()) : 0;
    const auto size = static_cast<std::int64_t>(items.shape(0));
    for (std::int64_t i = 0; i < count; ++i) {
        expect(from[i] >= 0 && from[i] < size && (i == 0 || from[i] > from[i - 1]),
               "candidate rows are not ascending or out of range");
    }
    try {
        const nb::gil_scoped_release released;
        return std::make_unique<Catalogue>(items.data(), size,
                                           static_cast<std::int64_t>(items.shape(1)), from, count,
                                           kernel, alsatian::resolve_threads(threads), signalled);
    } catch (const alsatian::Interrupted&) {
        throw nb::python_error();
    }
}

std::vector<std::string> variants() {
    std::vector<std::string> names;
    for (const alsatian::Simd variant : alsatian::simd_available()) {
        names.emplace_back(alsatian::simd_name(variant));
    }
    return names;
}

}  // namespace

NB_MODULE(_topn, module) {
    module.def("search", &search, "queries"_a, "items"_a, "wanted"_a, "rows"_a.none(),
               "excluded_offsets"_a.none(), "excluded"_a.none(), "ids"_a, "scores"_a, "counts"_a,
               "threads"_a, "simd"_a, "catalogue"_a.none());
    nb::class_<Catalogue>(module, "Catalogue");
    module.def("prepare", &prepare, "items"_a, "rows"_a.none(), "threads"_a, "simd"_a);
    module.def("simd_variants", &variants);
    module.def("simd_in_use",
               [] { return std::string(alsatian::simd_name(alsatian::simd_from_environment())); });
}
