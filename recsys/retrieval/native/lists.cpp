#include "lists.hpp"

#include <algorithm>
#include <functional>
#include <limits>

#include "kernel.hpp"

namespace alsatian::topn {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// workspace_bytes in exact.py tells callers what these come to: change both.
constexpr std::int64_t kSelectionBytes = 16 * 1024 * 1024;     // keys of one thread, at most
constexpr std::int64_t kAllSelectionBytes = 64 * 1024 * 1024;  // keys of all threads together
constexpr std::int64_t kFewestSelectionBytes = 1024 * 1024;    // but no less for each
constexpr std::int64_t kPartialBytes = 16 * 1024 * 1024;       // lists kept for merging
constexpr std::int64_t kFewestQueries = 512;   // fewer would pay too often for packing the items
constexpr std::int64_t kFewestPackedQueries = 64;  // fewer would read the items too often
constexpr std::int64_t kMostQueries = 2048;
constexpr std::int64_t kFewestItems = 2048;  // of one split of the catalogue
constexpr int kTasksPerThread = 4;

std::int64_t divide_up(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

}  // namespace

namespace {

Plan common_plan(const TopNRequest& request) {
    Plan plan{};
    plan.candidates = request.rows != nullptr ? request.row_count : request.item_count;
    plan.wanted = std::max<std::int64_t>(1, std::min(request.wanted, plan.candidates));
    plan.capacity = std::min(plan.wanted + std::max<std::int64_t>(plan.wanted, 32),
                             plan.candidates + 1);
    plan.splits = 1;
    return plan;
}

std::int64_t most_queries(const Plan& plan, int threads) {
    const std::int64_t bytes =
        std::clamp(kAllSelectionBytes / threads, kFewestSelectionBytes, kSelectionBytes);
    return std::max<std::int64_t>(bytes / (plan.capacity * 8), 16);
}

std::int64_t bounded_splits(const TopNRequest& request, const Plan& plan, std::int64_t splits) {
    splits = std::min(splits, plan.candidates / kFewestItems);
    splits = std::min(splits, kPartialBytes / (request.query_count * plan.wanted * 8));
    return std::max<std::int64_t>(splits, 1);
}

}  // namespace

Plan make_plan(const TopNRequest& request, int threads) {
    Plan plan = common_plan(request);
    plan.block = std::clamp(divide_up(request.query_count, threads * kTasksPerThread),
                            kFewestQueries, kMostQueries);
    plan.block = std::min(plan.block, most_queries(plan, threads));
    plan.blocks = divide_up(request.query_count, plan.block);
    if (threads > 1 && plan.blocks < 2 * threads) {
        plan.splits = bounded_splits(request, plan, divide_up(threads * kTasksPerThread, plan.blocks));
    }
    return plan;
}

Plan make_packed_plan(const TopNRequest& request, int threads) {
    Plan plan = common_plan(request);
    plan.block = std::clamp(divide_up(request.query_count, threads * kTasksPerThread),
                            kFewestPackedQueries, kMostQueries);
    plan.block = std::min(plan.block, divide_up(request.query_count, threads));
    plan.block = std::min(plan.block, most_queries(plan, threads));
    plan.blocks = divide_up(request.query_count, plan.block);
    if (plan.blocks < threads) {
        plan.splits = bounded_splits(request, plan, divide_up(threads, plan.blocks));
    }
    return plan;
}

Lists::Lists(const TopNRequest& request, const TopNAnswer& answer, const Plan& plan)
    : answer_(answer), plan_(plan), queries_(request.query_count) {
    if (plan.splits == 1) return;
    const auto lists = static_cast<std::size_t>(queries_ * plan.splits);
    partial_.reset(new std::uint64_t[lists * static_cast<std::size_t>(plan.wanted)]);
    counts_.resize(lists);
}

void Lists::take(std::int64_t query, std::int64_t split, std::uint64_t* keys, std::int64_t count) {
    if (plan_.splits == 1) {
        write(query, keys, count);
        return;
    }
    if (count > plan_.wanted) {
        std::nth_element(keys, keys + (plan_.wanted - 1), keys + count, std::greater<>());
        count = plan_.wanted;
    }
    const std::int64_t list = query * plan_.splits + split;
    std::copy_n(keys, count, partial_.get() + list * plan_.wanted);
    counts_[static_cast<std::size_t>(list)] = static_cast<std::int32_t>(count);
}

// Sorts `keys` and writes the best of them as the answer for `query`.
void Lists::write(std::int64_t query, std::uint64_t* keys, std::int64_t count) const {
    const std::int64_t kept = std::min(count, plan_.wanted);
    std::partial_sort(keys, keys + kept, keys + count, std::greater<>());
    std::int32_t* const ids = answer_.ids + query * answer_.stride;
    float* const scores = answer_.scores + query * answer_.stride;
    for (std::int64_t i = 0; i < kept; ++i) {
        ids[i] = row_of(keys[i]);
        scores[i] = score_of(keys[i]);
    }
    std::fill(ids + kept, ids + answer_.stride, -1);
    std::fill(scores + kept, scores + answer_.stride, -kInfinity);
    answer_.counts[query] = static_cast<std::int32_t>(kept);
}

void Lists::merge() {
    if (plan_.splits == 1) return;
    std::vector<std::uint64_t> keys;
    for (std::int64_t query = 0; query < queries_; ++query) {
        keys.clear();
        for (std::int64_t split = 0; split < plan_.splits; ++split) {
            const std::int64_t list = query * plan_.splits + split;
            const std::uint64_t* const from = partial_.get() + list * plan_.wanted;
            keys.insert(keys.end(), from, from + counts_[static_cast<std::size_t>(list)]);
        }
        write(query, keys.data(), static_cast<std::int64_t>(keys.size()));
    }
}

}  // namespace alsatian::topn
