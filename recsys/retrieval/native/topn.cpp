// The portable part of exact top-N: blocking, threads, selection, order. The inner loop is kernel.cpp.
#include "topn.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <vector>

#include "catalogue.hpp"
#include "lists.hpp"
#include "parallel.hpp"
#include "search.hpp"

namespace alsatian {

namespace topn {

float nth_best(std::uint64_t* keys, std::int32_t count, std::int64_t wanted) {
    std::nth_element(keys, keys + (wanted - 1), keys + count, std::greater<std::uint64_t>());
    return score_of(keys[wanted - 1]);
}

void shrink(const Scan& scan, std::int64_t query) {
    std::uint64_t* const keys = scan.keys + query * scan.capacity;
    const std::int32_t count = scan.counts[query];
    if (count <= scan.wanted) return;
    scan.thresholds[query] = nth_best(keys, count, scan.wanted);
    scan.counts[query] = static_cast<std::int32_t>(scan.wanted);
}

const Kernel& kernel_for(Simd variant) {
#if defined(ALSATIAN_X86_VARIANTS)
    if (variant == Simd::avx512 || variant == Simd::amx) return avx512::kernel();
    if (variant == Simd::avx2) return avx2::kernel();
#endif
    if (variant != Simd::baseline) throw std::invalid_argument("SIMD variant not in this build");
    return baseline::kernel();
}

void check(const TopNRequest& request, const TopNAnswer& answer) {
    const auto refuse = [](const char* what) { throw std::invalid_argument(what); };
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    if (request.query_count < 0 || request.item_count < 0 || request.factors < 1) {
        refuse("top_n: negative size or no factors");
    }
    if (request.item_count > most) refuse("top_n: more items than a 32-bit row number can count");
    if (request.wanted < 1 || answer.stride < request.wanted) refuse("top_n: bad number of rows");
    if (request.rows != nullptr) {
        std::int64_t before = -1;
        for (std::int64_t i = 0; i < request.row_count; ++i) {
            const std::int64_t row = request.rows[i];
            if (row <= before || row >= request.item_count) {
                refuse("top_n: candidate rows are not ascending or out of range");
            }
            before = row;
        }
    }
    if (request.excluded_offsets == nullptr) return;
    const std::int64_t* const offsets = request.excluded_offsets;
    if (offsets[0] != 0) refuse("top_n: offsets of excluded rows do not begin at 0");
    for (std::int64_t q = 0; q < request.query_count; ++q) {
        if (offsets[q + 1] < offsets[q]) refuse("top_n: offsets of excluded rows fall");
        for (std::int64_t i = offsets[q] + 1; i < offsets[q + 1]; ++i) {
            if (request.excluded[i] < request.excluded[i - 1]) {
                refuse("top_n: excluded rows of a query are not ascending");
            }
        }
    }
}

}  // namespace topn

namespace {

using topn::Kernel;
using topn::Scan;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t kPanelBytes = 128 * 1024;  // packed items, to stay in L2

std::int64_t divide_up(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

// Memory of one thread, made when its first task comes.
struct Workspace {
    topn::Aligned<float> packed;
    topn::Aligned<float> panels;
    std::unique_ptr<std::uint64_t[]> keys;
    std::vector<std::int32_t> counts;
    std::vector<float> thresholds;
    std::vector<std::int64_t> cursors;
    std::vector<std::int64_t> ends;
};

class Search {
   public:
    Search(const TopNRequest& request, const TopNAnswer& answer, const Kernel& kernel, int threads)
        : request_(request), kernel_(kernel), plan_(topn::make_plan(request, threads)),
          lists_(request, answer, plan_), workspaces_(static_cast<std::size_t>(threads)) {
        const std::int64_t panel = kernel.item_tile * request.factors * 4;
        panel_count_ = std::max<std::int64_t>(2, kPanelBytes / panel);
    }

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
    }

   private:
    void prepare(Workspace& space) const {
        if (space.keys) return;
        const std::int64_t padded = divide_up(plan_.block, kernel_.query_tile) * kernel_.query_tile;
        const auto size = static_cast<std::size_t>(padded);
        space.packed = topn::aligned<float>(padded * request_.factors);
        space.panels = topn::aligned<float>(panel_count_ * kernel_.item_tile * request_.factors);
        space.counts.resize(size);
        space.thresholds.resize(size);
        space.cursors.resize(size);
        space.ends.resize(size);
        space.keys.reset(new std::uint64_t[size * static_cast<std::size_t>(plan_.capacity)]);
    }

    void pack_queries(std::int64_t first, std::int64_t count, float* packed) const {
        const std::int64_t tile = kernel_.query_tile;
        const std::int64_t factors = request_.factors;
        for (std::int64_t start = 0; start < count; start += tile, packed += tile * factors) {
            for (std::int64_t r = 0; r < tile; ++r) {
                const bool present = start + r < count;
                const float* from = request_.queries + (first + start + r) * factors;
                for (std::int64_t k = 0; k < factors; ++k) {
                    packed[k * tile + r] = present ? from[k] : 0.0f;
                }
            }
        }
    }

    void work(std::int64_t task, int thread) {
        Workspace& space = workspaces_[static_cast<std::size_t>(thread)];
        prepare(space);
        const std::int64_t split = task % plan_.splits;
        const std::int64_t query = task / plan_.splits * plan_.block;
        const std::int64_t queries = std::min(plan_.block, request_.query_count - query);
        const std::int64_t first = plan_.candidates * split / plan_.splits;
        const std::int64_t last = plan_.candidates * (split + 1) / plan_.splits;
        pack_queries(query, queries, space.packed.get());
        std::fill(space.counts.begin(), space.counts.end(), 0);
        std::fill(space.thresholds.begin(), space.thresholds.end(), kInfinity);
        std::fill_n(space.thresholds.begin(), queries, -kInfinity);
        if (request_.excluded_offsets != nullptr) set_cursors(space, query, queries, first);
        const Scan scan{request_.items, request_.rows, first, last, request_.factors,
                        space.packed.get(), queries, space.panels.get(), panel_count_,
                        space.keys.get(), plan_.capacity, plan_.wanted, space.counts.data(),
                        space.thresholds.data(),
                        request_.excluded_offsets != nullptr ? request_.excluded : nullptr,
                        space.cursors.data(), space.ends.data(), &stop_};
        kernel_.scan(scan);
        for (std::int64_t q = 0; q < queries; ++q) finish(scan, q, query + q, split);
    }

    void set_cursors(Workspace& space, std::int64_t query, std::int64_t queries,
                     std::int64_t first) const {
        const std::int64_t row = request_.rows != nullptr && first < plan_.candidates
                                     ? request_.rows[first]
                                     : first;
        for (std::int64_t q = 0; q < queries; ++q) {
            const std::int64_t begin = request_.excluded_offsets[query + q];
            const std::int64_t end = request_.excluded_offsets[query + q + 1];
            const std::int32_t* const at =
                std::lower_bound(request_.excluded + begin, request_.excluded + end, row);
            space.cursors[static_cast<std::size_t>(q)] = at - request_.excluded;
            space.ends[static_cast<std::size_t>(q)] = end;
        }
    }

    void finish(const Scan& scan, std::int64_t slot, std::int64_t query, std::int64_t split) {
        topn::shrink(scan, slot);
        lists_.take(query, split, scan.keys + slot * scan.capacity, scan.counts[slot]);
    }

    const TopNRequest& request_;
    const Kernel& kernel_;
    const topn::Plan plan_;
    topn::Lists lists_;
    std::int64_t panel_count_ = 0;
    std::vector<Workspace> workspaces_;
    bool stop_ = false;
};

}  // namespace

void topn::search(const TopNRequest& request, const TopNAnswer& answer, const Kernel& kernel,
                  int threads, const std::function<bool()>& interrupted) {
    check(request, answer);
    if (request.query_count == 0) return;
    threads = resolve_threads(threads);
    Search search(request, answer, kernel, threads);
    search.run(threads, interrupted);
}

void top_n(const TopNRequest& request, const TopNAnswer& answer, Simd variant, int threads,
           const std::function<bool()>& interrupted) {
    topn::search(request, answer, topn::kernel_for(variant), threads, interrupted);
}

}  // namespace alsatian
