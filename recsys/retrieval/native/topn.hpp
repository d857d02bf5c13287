// Exact top-N by inner product: which candidate rows score highest for each query. No Python here.
#pragma once

#include <cstdint>
#include <functional>

#include "cpu.hpp"

namespace alsatian {

// What is asked. All matrices are row-major and contiguous; nothing is owned.
struct TopNRequest {
    const float* queries = nullptr;  // query_count x factors
    std::int64_t query_count = 0;
    const float* items = nullptr;  // item_count x factors
    std::int64_t item_count = 0;
    std::int64_t factors = 0;
    std::int64_t wanted = 0;  // rows for each query, at least 1

    // Candidate rows, strictly ascending, or null for every row in [0, item_count).
    const std::int32_t* rows = nullptr;
    std::int64_t row_count = 0;

    // Rows never to be returned for query q: excluded[offsets[q] .. offsets[q + 1]), ascending;
    // or null for none.
    const std::int64_t* excluded_offsets = nullptr;
    const std::int32_t* excluded = nullptr;
};

// Where the answer goes; `ids` and `scores` are query_count x stride, stride >= wanted.
struct TopNAnswer {
    std::int32_t* ids = nullptr;     // -1 after the last true row
    float* scores = nullptr;         // -inf after the last true row
    std::int32_t* counts = nullptr;  // true rows of each query
    std::int64_t stride = 0;
};

// Fills `answer`: higher score first, of equal scores the lower row first. Scores that are NaN or
// -inf are never returned. The bits of a score depend on its query, its item and the variant, not
// on batch, threads or the other arguments. Throws std::invalid_argument on a malformed request,
// Interrupted when `interrupted` answered true.
void top_n(const TopNRequest& request, const TopNAnswer& answer, Simd variant, int threads,
           const std::function<bool()>& interrupted = {});

}  // namespace alsatian
