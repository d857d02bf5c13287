// How a search is cut into tasks, and where the lists come together. For topn.cpp and preselected.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "topn.hpp"

namespace alsatian::topn {

// Blocks of queries, each against `splits` ranges of the candidates.
struct Plan {
    std::int64_t candidates;
    std::int64_t wanted;    // no more than there are candidates
    std::int64_t capacity;  // keys kept for a query before they are shrunk to `wanted`
    std::int64_t block;     // queries of a task
    std::int64_t blocks;
    std::int64_t splits;
};

Plan make_plan(const TopNRequest& request, int threads);
// For items that are packed already. Splits take turns at the panels, so that each has long items to
// raise its limits by; there are some only where there are fewer queries than threads.
Plan make_packed_plan(const TopNRequest& request, int threads);

// The answer's lists, and those of the splits until they are merged.
class Lists {
   public:
    Lists(const TopNRequest& request, const TopNAnswer& answer, const Plan& plan);

    // Takes the best keys of a query in a split; they are sorted where that is the last word.
    void take(std::int64_t query, std::int64_t split, std::uint64_t* keys, std::int64_t count);
    void merge();

   private:
    void write(std::int64_t query, std::uint64_t* keys, std::int64_t count) const;

    const TopNAnswer& answer_;
    const Plan& plan_;
    const std::int64_t queries_;
    std::unique_ptr<std::uint64_t[]> partial_;
    std::vector<std::int32_t> counts_;
};

}  // namespace alsatian::topn
