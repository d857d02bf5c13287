// Exact top-N by way of a preselection in whole numbers. The inner loop is preselect.hpp.
//
// A query's candidates carry the least that their score can be. Whatever cannot reach the n-th best of
// these is dropped; the few that stay are scored in full. Queries that this does not suit (no length,
// hundreds of scores closer than rounding can tell apart, overflow) are searched in float32.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "catalogue.hpp"
#include "lists.hpp"
#include "parallel.hpp"
#include "search.hpp"

namespace alsatian {

namespace {

using topn::Catalogue;
using topn::Preselection;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t kPanelBytes = 128 * 1024;  // at a time, to stay in L2
constexpr std::int64_t kClose = 16;               // room for candidates that rounding cannot tell apart
constexpr double kShortestQuery = 1e-15, kLargestScore = 1e37;

std::int64_t divide_up(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

// Memory of one thread, made when its first task comes.
struct Workspace {
    topn::Aligned<std::int16_t> packed;
    std::unique_ptr<std::uint64_t[]> keys;
    std::vector<std::int32_t> checked, counts, rows;
    std::vector<float> limits, scores;
    std::vector<std::int16_t> whole;
    std::vector<std::uint64_t> marks;
};

class PreselectedSearch {
   public:
    PreselectedSearch(const TopNRequest& request, const TopNAnswer& answer,
                      const Catalogue& catalogue, int threads)
        : request_(request), answer_(answer), catalogue_(catalogue), kernel_(catalogue.kernel),
          plan_(topn::make_packed_plan(request, threads)), lists_(request, answer, plan_),
          capacity_(plan_.capacity + kClose), workspaces_(static_cast<std::size_t>(threads)),
          plain_(static_cast<std::size_t>(request.query_count), 0) {}

    void run(int threads, const std::function<bool()>& interrupted) {
        std::function<bool()> poll;
        if (interrupted) {
            poll = [&] {
                const bool now = interrupted();
                if (now) __atomic_store_n(&stop_, true, __ATOMIC_RELAXED);
                return now;
            };
        }
        parallel_for(threads, plan_.blocks * plan_.splits,
                     [&](std::int64_t task, int thread) { work(task, thread); }, poll);
        lists_.merge();
        search_plainly(threads, interrupted);
    }

   private:
    void prepare(Workspace& space) const {
        if (space.keys) return;
        const std::int64_t tile = kernel_.query_tile;
        const std::int64_t padded = divide_up(plan_.block, tile) * tile;
        const auto size = static_cast<std::size_t>(padded);
        space.packed = topn::aligned<std::int16_t>(padded * catalogue_.pairs * 2);
        space.checked.resize(size);
        space.counts.resize(size);
        space.limits.resize(size + 64);  // the kernel reads whole vectors
        space.whole.resize(static_cast<std::size_t>(2 * catalogue_.pairs));
        if (request_.excluded_offsets != nullptr) space.marks.resize(size * topn::kMarkWords);
        space.keys.reset(new std::uint64_t[size * static_cast<std::size_t>(capacity_)]);
        space.rows.resize(static_cast<std::size_t>(capacity_));
        space.scores.resize(static_cast<std::size_t>(capacity_));
    }

    // Packs the queries of a block and sets their limits: +inf for those to be searched plainly.
    void pack(Workspace& space, std::int64_t first, std::int64_t count) {
        const std::int64_t tile = kernel_.query_tile, pairs = catalogue_.pairs;
        std::fill(space.limits.begin(), space.limits.end(), kInfinity);
        std::fill(space.checked.begin(), space.checked.end(), 0);
        std::fill(space.counts.begin(), space.counts.end(), 0);
        for (std::int64_t q = 0; q < divide_up(count, tile) * tile; ++q) {
            const float* const from = request_.queries + (first + q) * request_.factors;
            const double length = q < count ? topn::length_of(from, request_.factors) : 0;
            const bool suits =
                length > kShortestQuery && length * catalogue_.longest < kLargestScore;
            if (suits) {
                const auto scale = static_cast<float>(topn::kWholeLength / (length * (1 + 1e-6)));
                kernel_.to_whole(from, request_.factors, scale, space.whole.data());
                space.limits[static_cast<std::size_t>(q)] = -kInfinity;
            } else {
                std::fill(space.whole.begin(), space.whole.end(), std::int16_t{0});
                if (q < count) space.counts[static_cast<std::size_t>(q)] = topn::kOverfull;
            }
            std::int16_t* const to = space.packed.get() + (q / tile * tile * pairs + q % tile) * 2;
            for (std::int64_t k = 0; k < pairs; ++k) {
                std::memcpy(to + k * tile * 2, space.whole.data() + 2 * k, 4);
            }
        }
    }

    void mark_excluded(Workspace& space, std::int64_t first, std::int64_t count) const {
        std::fill(space.marks.begin(), space.marks.end(), 0);
        for (std::int64_t q = 0; q < count; ++q) {
            std::uint64_t* const marks = space.marks.data() + q * topn::kMarkWords;
            const std::int64_t end = request_.excluded_offsets[first + q + 1];
            for (std::int64_t i = request_.excluded_offsets[first + q]; i < end; ++i) {
                const std::uint32_t mark = topn::mark_of(request_.excluded[i]);
                marks[mark / 64] |= std::uint64_t{1} << (mark % 64);
            }
        }
    }

    void work(std::int64_t task, int thread) {
        Workspace& space = workspaces_[static_cast<std::size_t>(thread)];
        prepare(space);
        const std::int64_t split = task % plan_.splits;
        const std::int64_t query = task / plan_.splits * plan_.block;
        const std::int64_t queries = std::min(plan_.block, request_.query_count - query);
        pack(space, query, queries);
        const std::int64_t panel_bytes = kernel_.item_tile * catalogue_.pairs * 4;
        const bool excludes = request_.excluded_offsets != nullptr;
        if (excludes) mark_excluded(space, query, queries);
        const Preselection selection{
            .panels = catalogue_.panels.get(),
            .lengths = catalogue_.lengths.data(),
            .order = catalogue_.order.data(),
            .first = split,
            .step = plan_.splits,
            .last = catalogue_.panel_count,
            .items = catalogue_.candidates,
            .pairs = catalogue_.pairs,
            .panels_at_a_time = std::max<std::int64_t>(2, kPanelBytes / panel_bytes),
            .slack = catalogue_.slack,
            .packed = space.packed.get(),
            .queries = queries,
            .keys = space.keys.get(),
            .capacity = capacity_,
            .wanted = plan_.wanted,
            .checked = space.checked.data(),
            .counts = space.counts.data(),
            .limits = space.limits.data(),
            .excluded = excludes ? request_.excluded : nullptr,
            .begins = excludes ? request_.excluded_offsets + query : nullptr,
            .ends = excludes ? request_.excluded_offsets + query + 1 : nullptr,
            .marks = space.marks.data(),
            .stop = &stop_};
        kernel_.preselect(selection);
        if (__atomic_load_n(&stop_, __ATOMIC_RELAXED)) return;
        for (std::int64_t q = 0; q < queries; ++q) finish(selection, space, q, query + q, split);
    }

    // Scores a query's candidates in full.
    void finish(const Preselection& selection, Workspace& space, std::int64_t slot,
                std::int64_t query, std::int64_t split) {
        const std::int32_t count = selection.counts[slot];
        if (count == topn::kOverfull) {
            // Another split may say so of the same query at the same time.
            __atomic_store_n(&plain_[static_cast<std::size_t>(query)], 1, __ATOMIC_RELAXED);
            lists_.take(query, split, nullptr, 0);
            return;
        }
        std::uint64_t* const keys = selection.keys + slot * capacity_;
        for (std::int32_t i = 0; i < count; ++i) {
            space.rows[static_cast<std::size_t>(i)] =
                catalogue_.order[static_cast<std::size_t>(topn::row_of(keys[i]))];
        }
        kernel_.rescore(request_.queries + query * request_.factors, request_.items,
                        request_.factors, space.rows.data(), count, space.scores.data());
        for (std::int32_t i = 0; i < count; ++i) {
            const auto at = static_cast<std::size_t>(i);
            keys[i] = topn::key_of(space.scores[at], space.rows[at]);
        }
        lists_.take(query, split, keys, count);
    }

    void search_plainly(int threads, const std::function<bool()>& interrupted) {
        std::vector<std::int64_t> queries;
        for (std::size_t q = 0; q < plain_.size(); ++q) {
            if (plain_[q] != 0) queries.push_back(static_cast<std::int64_t>(q));
        }
        // Some at a time: their vectors and lists are copied.
        const std::int64_t row_bytes = request_.factors * 4 + answer_.stride * 8;
        const std::int64_t most = std::max<std::int64_t>(64, (4 << 20) / row_bytes);
        const auto all = static_cast<std::int64_t>(queries.size());
        for (std::int64_t start = 0; start < all; start += most) {
            search_plainly(queries.data() + start, std::min(most, all - start), threads,
                           interrupted);
        }
    }

    void search_plainly(const std::int64_t* queries, std::int64_t count, int threads,
                        const std::function<bool()>& interrupted) {
        const std::int64_t factors = request_.factors, stride = answer_.stride;
        std::vector<float> vectors(static_cast<std::size_t>(count * factors));
        std::vector<std::int64_t> offsets{0};
        std::vector<std::int32_t> excluded{0};  // never without an address
        excluded.clear();
        for (std::int64_t q = 0; q < count; ++q) {
            std::copy_n(request_.queries + queries[q] * factors, factors,
                        vectors.begin() + q * factors);
            if (request_.excluded_offsets == nullptr) continue;
            excluded.insert(excluded.end(),
                            request_.excluded + request_.excluded_offsets[queries[q]],
                            request_.excluded + request_.excluded_offsets[queries[q] + 1]);
            offsets.push_back(static_cast<std::int64_t>(excluded.size()));
        }
        std::vector<std::int32_t> ids(static_cast<std::size_t>(count * stride));
        std::vector<float> scores(ids.size());
        std::vector<std::int32_t> counts(static_cast<std::size_t>(count));
        TopNRequest request = request_;
        request.queries = vectors.data();
        request.query_count = count;
        if (request_.excluded_offsets != nullptr) {
            request.excluded_offsets = offsets.data();
            request.excluded = excluded.data();
        }
        topn::search(request, {ids.data(), scores.data(), counts.data(), stride}, kernel_, threads,
                     interrupted);
        for (std::int64_t q = 0; q < count; ++q) {
            std::copy_n(ids.begin() + q * stride, stride, answer_.ids + queries[q] * stride);
            std::copy_n(scores.begin() + q * stride, stride, answer_.scores + queries[q] * stride);
            answer_.counts[queries[q]] = counts[static_cast<std::size_t>(q)];
        }
    }

    const TopNRequest& request_;
    const TopNAnswer& answer_;
    const Catalogue& catalogue_;
    const topn::Kernel& kernel_;
    const topn::Plan plan_;
    topn::Lists lists_;
    const std::int64_t capacity_;
    std::vector<Workspace> workspaces_;
    std::vector<unsigned char> plain_;  // queries to be searched in float32
    bool stop_ = false;
};

}  // namespace

void topn::search(const TopNRequest& request, const TopNAnswer& answer, const Catalogue& catalogue,
                  int threads, const std::function<bool()>& interrupted) {
    topn::check(request, answer);
    const std::int64_t candidates =
        request.rows != nullptr ? request.row_count : request.item_count;
    if (catalogue.factors != request.factors || catalogue.item_count != request.item_count ||
        catalogue.candidates != candidates) {
        throw std::invalid_argument("top_n: the catalogue was made of other items");
    }
    if (request.query_count == 0) return;
    threads = resolve_threads(threads);
    PreselectedSearch search(request, answer, catalogue, threads);
    search.run(threads, interrupted);
}

}  // namespace alsatian
