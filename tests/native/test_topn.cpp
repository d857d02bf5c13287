// Exact top-N against a plain loop: every variant that runs here, and the portable one besides.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "parallel.hpp"
#include "search.hpp"

namespace {

using namespace alsatian;

int failures = 0;

void check(bool holds, const std::string& what) {
    if (holds) return;
    ++failures;
    std::fprintf(stderr, "FAILED: %s\n", what.c_str());
}

struct Case {
    std::int64_t queries, items, factors, wanted;
    int threads;
    bool excludes, candidates;
};

struct Data {
    std::vector<float> x, y;
    std::vector<std::int64_t> offsets;
    std::vector<std::int32_t> excluded, rows;
};

// Small whole numbers: scores are exact whatever the arithmetic, and many are equal.
Data draw(const Case& shape, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> value(-3, 3), percent(0, 99);
    Data data;
    data.x.resize(static_cast<std::size_t>(shape.queries * shape.factors));
    data.y.resize(static_cast<std::size_t>(shape.items * shape.factors));
    for (float& entry : data.x) entry = static_cast<float>(value(random));
    for (float& entry : data.y) entry = static_cast<float>(value(random));
    data.offsets.push_back(0);
    for (std::int64_t q = 0; q < shape.queries; ++q) {
        const int density = percent(random);
        for (std::int32_t i = 0; i < shape.items; ++i) {
            if (percent(random) < density) data.excluded.push_back(i);
        }
        data.offsets.push_back(static_cast<std::int64_t>(data.excluded.size()));
    }
    for (std::int32_t i = 0; i < shape.items; ++i) {
        if (percent(random) < 60) data.rows.push_back(i);
    }
    return data;
}

std::vector<std::int32_t> expected(const Case& shape, const Data& data, std::int64_t query) {
    std::vector<std::pair<float, std::int32_t>> found;
    for (std::int32_t i = 0; i < shape.items; ++i) {
        const auto begin = data.excluded.begin() + data.offsets[static_cast<std::size_t>(query)];
        const auto end = data.excluded.begin() + data.offsets[static_cast<std::size_t>(query) + 1];
        if (shape.excludes && std::binary_search(begin, end, i)) continue;
        if (shape.candidates && !std::binary_search(data.rows.begin(), data.rows.end(), i)) continue;
        float score = 0;
        for (std::int64_t k = 0; k < shape.factors; ++k) {
            score += data.x[static_cast<std::size_t>(query * shape.factors + k)] *
                     data.y[static_cast<std::size_t>(i * shape.factors + k)];
        }
        found.emplace_back(-score, i);
    }
    std::sort(found.begin(), found.end());
    std::vector<std::int32_t> rows;
    for (const auto& [score, row] : found) rows.push_back(row);
    rows.resize(static_cast<std::size_t>(
        std::min<std::int64_t>(shape.wanted, static_cast<std::int64_t>(rows.size()))));
    return rows;
}

TopNRequest request_of(const Case& shape, const Data& data) {
    static const std::int32_t none = 0;
    TopNRequest request;
    request.queries = data.x.data();
    request.query_count = shape.queries;
    request.items = data.y.data();
    request.item_count = shape.items;
    request.factors = shape.factors;
    request.wanted = shape.wanted;
    if (shape.excludes) {
        request.excluded_offsets = data.offsets.data();
        request.excluded = data.excluded.empty() ? &none : data.excluded.data();
    }
    if (shape.candidates) {
        request.rows = data.rows.empty() ? &none : data.rows.data();
        request.row_count = static_cast<std::int64_t>(data.rows.size());
    }
    return request;
}

void compare(const std::string& name, const topn::Kernel& kernel, const Case& shape, unsigned seed,
             bool preselect) {
    const Data data = draw(shape, seed);
    const TopNRequest request = request_of(shape, data);
    const auto cells = static_cast<std::size_t>(shape.queries * shape.wanted);
    std::vector<std::int32_t> ids(cells, 12345), counts(static_cast<std::size_t>(shape.queries), 7);
    std::vector<float> scores(cells, 0.5f);
    const TopNAnswer answer{ids.data(), scores.data(), counts.data(), shape.wanted};
    if (preselect) {
        const topn::Catalogue catalogue(request.items, request.item_count, request.factors,
                                        request.rows, request.row_count, kernel, shape.threads, {});
        topn::search(request, answer, catalogue, shape.threads, [] { return false; });
    } else {
        topn::search(request, answer, kernel, shape.threads, [] { return false; });
    }
    bool same = true;
    for (std::int64_t q = 0; q < shape.queries; ++q) {
        const auto truth = expected(shape, data, q);
        const auto count = static_cast<std::int64_t>(truth.size());
        same = same && counts[static_cast<std::size_t>(q)] == count;
        for (std::int64_t i = 0; i < shape.wanted; ++i) {
            const auto at = static_cast<std::size_t>(q * shape.wanted + i);
            const bool real = i < count;
            same = same && ids[at] == (real ? truth[static_cast<std::size_t>(i)] : -1);
            same = same && (real || std::isinf(scores[at]));
        }
    }
    check(same, name + (preselect ? ", preselected: " : ": ") + std::to_string(shape.queries) + " x " + std::to_string(shape.items) +
                    " x " + std::to_string(shape.factors) + ", n " + std::to_string(shape.wanted) +
                    ", threads " + std::to_string(shape.threads));
}

void compare_all(const std::string& name, const topn::Kernel& kernel, bool preselect) {
    unsigned seed = 1;
    for (const std::int64_t queries : {1, 2, 5, 7, 12, 13, 40}) {
        for (const std::int64_t items : {1, 3, 16, 33, 400}) {
            for (const std::int64_t factors : {1, 3, 4, 17}) {
                for (const std::int64_t wanted : {1, 6, 90, 500}) {
                    const bool odd = seed % 2 == 1;
                    compare(name, kernel,
                            {queries, items, factors, wanted, 1 + static_cast<int>(seed % 3), odd,
                             seed % 4 < 2},
                            seed, preselect);
                    ++seed;
                }
            }
        }
    }
    // Several splits of the catalogue to merge, several blocks of queries.
    compare(name, kernel, {5, 20'000, 3, 10, 3, true, false}, seed++, preselect);
    compare(name, kernel, {5, 20'000, 3, 10, 2, true, true}, seed++, preselect);
    compare(name, kernel, {1'500, 150, 3, 10, 3, true, true}, seed++, preselect);
}

void key_order() {
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> rising{-infinity, -2.0f, -1e-40f, 0.0f, 1e-40f, 3.0f, infinity};
    for (std::size_t i = 0; i < rising.size(); ++i) {
        check(topn::score_of(topn::key_of(rising[i], 5)) == rising[i], "score survives its key");
        check(topn::row_of(topn::key_of(rising[i], 5)) == 5, "row survives its key");
        check(topn::key_of(rising[i], 5) > topn::key_of(rising[i], 6), "lower row is better");
        if (i > 0) {
            check(topn::key_of(rising[i], 9) > topn::key_of(rising[i - 1], 1), "score comes first");
        }
    }
    check(topn::key_of(-0.0f, 3) == topn::key_of(0.0f, 3), "the sign of zero is no order");
}

template <class Change>
void refuses(const char* what, Change change) {
    const Case shape{2, 4, 3, 2, 1, true, true};
    Data data = draw(shape, 3);
    data.rows = {0, 2};
    data.offsets = {0, 1, 2};
    data.excluded = {1, 3};
    std::vector<std::int32_t> ids(4), counts(2);
    std::vector<float> scores(4);
    TopNAnswer answer{ids.data(), scores.data(), counts.data(), 2};
    change(data);
    TopNRequest request = request_of(shape, data);
    if (std::string(what) == "wanted") request.wanted = 0;
    if (std::string(what) == "stride") answer.stride = 1;
    try {
        top_n(request, answer, Simd::baseline, 1);
        check(false, std::string("refuses bad ") + what);
    } catch (const std::invalid_argument&) {
    }
}

void malformed() {
    refuses("wanted", [](Data&) {});
    refuses("stride", [](Data&) {});
    refuses("row order", [](Data& data) { data.rows = {2, 0}; });
    refuses("repeated row", [](Data& data) { data.rows = {2, 2}; });
    refuses("row", [](Data& data) { data.rows = {0, 4}; });
    refuses("negative row", [](Data& data) { data.rows = {-1, 0}; });
    refuses("first offset", [](Data& data) { data.offsets = {1, 1, 2}; });
    refuses("offsets", [](Data& data) { data.offsets = {0, 2, 1}; });
    refuses("excluded order", [](Data& data) {
        data.offsets = {0, 2, 2};
        data.excluded = {3, 1};
    });
}

void interruption() {
    const Case shape{3'000, 400'000, 8, 10, 2, false, false};
    std::vector<float> x(static_cast<std::size_t>(shape.queries * shape.factors), 1.0f);
    Data data;
    data.x = std::move(x);
    data.y.assign(static_cast<std::size_t>(shape.items * shape.factors), 1.0f);
    const auto cells = static_cast<std::size_t>(shape.queries * shape.wanted);
    std::vector<std::int32_t> ids(cells), counts(static_cast<std::size_t>(shape.queries));
    std::vector<float> scores(cells);
    bool stopped = false;
    try {
        for (int round = 0; round < 20; ++round) {
            top_n(request_of(shape, data), {ids.data(), scores.data(), counts.data(), shape.wanted},
                  Simd::baseline, shape.threads, [] { return true; });
        }
    } catch (const Interrupted&) {
        stopped = true;
    }
    check(stopped, "an interrupt stops the search");
}

}  // namespace

int main() {
    key_order();
    malformed();
    for (const Simd variant : simd_available()) {
        const topn::Kernel& kernel = topn::kernel_for(variant);
        compare_all(simd_name(variant), kernel, false);
        if (kernel.preselect != nullptr) compare_all(simd_name(variant), kernel, true);
    }
    compare_all("portable", topn::portable::kernel(), false);
    interruption();
    if (failures == 0) std::puts("top-N: all variants agree with the plain loop");
    return failures == 0 ? 0 : 1;
}
