// The portable part of exact top-N: blocking, threads, selection, order. The inner loop is kernel.cpp.
#include "topn.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "parallel.hpp"
#include "search.hpp"

namespace alsatian {

namespace topn {

void shrink(const Scan& scan, std::int64_t query) {
    std::uint64_t* const keys = scan.keys + query * scan.capacity;
    const std::int32_t count = scan.counts[query];
    if (count <= scan.wanted) return;
    std::nth_element(keys, keys + (scan.wanted - 1), keys + count, std::greater<std::uint64_t>());
    scan.counts[query] = static_cast<std::int32_t>(scan.wanted);
    scan.thresholds[query] = score_of(keys[scan.wanted - 1]);
}

}  // namespace topn

namespace {

using topn::Kernel;
using topn::Scan;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t kPanelBytes = 128 * 1024;         // packed items, to stay in L2
// workspace_bytes in exact.py tells callers what these come to: change both.
constexpr std::int64_t kSelectionBytes = 16 * 1024 * 1024;     // keys of one thread, at most
constexpr std::int64_t kAllSelectionBytes = 64 * 1024 * 1024;  // keys of all threads together
constexpr std::int64_t kFewestSelectionBytes = 1024 * 1024;    // but no less for each
constexpr std::int64_t kPartialBytes = 16 * 1024 * 1024;       // lists kept for merging
constexpr std::int64_t kFewestQueries = 512;   // fewer would pay too often for packing the items
constexpr std::int64_t kMostQueries = 2048;
constexpr std::int64_t kFewestItems = 2048;  // of one split of the catalogue
constexpr int kTasksPerThread = 4;

const Kernel& kernel_for(Simd variant) {
#if defined(ALSATIAN_X86_VARIANTS)
    if (variant == Simd::avx512 || variant == Simd::amx) return topn::avx512::kernel();
    if (variant == Simd::avx2) return topn::avx2::kernel();
#endif
    if (variant != Simd::baseline) throw std::invalid_argument("SIMD variant not in this build");
    return topn::baseline::kernel();
}

std::int64_t divide_up(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

struct Release {
    void operator()(float* memory) const { ::operator delete[](memory, std::align_val_t{64}); }
};
using Floats = std::unique_ptr<float[], Release>;

Floats aligned_floats(std::int64_t count) {
    const auto bytes = static_cast<std::size_t>(std::max<std::int64_t>(count, 1)) * sizeof(float);
    return Floats(static_cast<float*>(::operator new[](bytes, std::align_val_t{64})));
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

// How the work is cut: blocks of queries, each against `splits` ranges of the candidates.
struct Plan {
    std::int64_t candidates;
    std::int64_t wanted;    // no more than there are candidates
    std::int64_t capacity;  // keys kept for a query before they are shrunk to `wanted`
    std::int64_t block;     // queries of a task
    std::int64_t blocks;
    std::int64_t splits;
};

Plan make_plan(const TopNRequest& request, int threads) {
    Plan plan{};
    plan.candidates = request.rows != nullptr ? request.row_count : request.item_count;
    plan.wanted = std::max<std::int64_t>(1, std::min(request.wanted, plan.candidates));
    plan.capacity = std::min(plan.wanted + std::max<std::int64_t>(plan.wanted, 32),
                             plan.candidates + 1);
    plan.block = std::clamp(divide_up(request.query_count, threads * kTasksPerThread),
                            kFewestQueries, kMostQueries);
    const std::int64_t bytes =
        std::clamp(kAllSelectionBytes / threads, kFewestSelectionBytes, kSelectionBytes);
    plan.block = std::min(plan.block, std::max<std::int64_t>(bytes / (plan.capacity * 8), 16));
    plan.blocks = divide_up(request.query_count, plan.block);
    plan.splits = 1;
    if (threads > 1 && plan.blocks < 2 * threads) {
        plan.splits = divide_up(threads * kTasksPerThread, plan.blocks);
        plan.splits = std::min(plan.splits, plan.candidates / kFewestItems);
        plan.splits = std::min(plan.splits,
                               kPartialBytes / (request.query_count * plan.wanted * 8));
        plan.splits = std::max<std::int64_t>(plan.splits, 1);
    }
    return plan;
}

// Memory of one thread, made when its first task comes.
struct Workspace {
    Floats packed;
    Floats panels;
    std::unique_ptr<std::uint64_t[]> keys;
    std::vector<std::int32_t> counts;
    std::vector<float> thresholds;
    std::vector<std::int64_t> cursors;
    std::vector<std::int64_t> ends;
};

class Search {
   public:
    Search(const TopNRequest& request, const TopNAnswer& answer, const Kernel& kernel, int threads)
        : request_(request), answer_(answer), kernel_(kernel), plan_(make_plan(request, threads)),
          workspaces_(static_cast<std::size_t>(threads)) {
        const std::int64_t panel = kernel.item_tile * request.factors * 4;
        panel_count_ = std::max<std::int64_t>(2, kPanelBytes / panel);
        if (plan_.splits > 1) {
            const auto lists = static_cast<std::size_t>(request.query_count * plan_.splits);
            partial_.reset(new std::uint64_t[lists * static_cast<std::size_t>(plan_.wanted)]);
            partial_counts_.resize(lists);
        }
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
        if (plan_.splits > 1) merge();
    }

   private:
    void prepare(Workspace& space) const {
        if (space.keys) return;
        const std::int64_t padded = divide_up(plan_.block, kernel_.query_tile) * kernel_.query_tile;
        const auto size = static_cast<std::size_t>(padded);
        space.packed = aligned_floats(padded * request_.factors);
        space.panels = aligned_floats(panel_count_ * kernel_.item_tile * request_.factors);
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
        std::uint64_t* const keys = scan.keys + slot * scan.capacity;
        const std::int32_t count = scan.counts[slot];
        if (plan_.splits == 1) {
            write(query, keys, count);
            return;
        }
        const std::int64_t list = query * plan_.splits + split;
        std::copy_n(keys, count, partial_.get() + list * plan_.wanted);
        partial_counts_[static_cast<std::size_t>(list)] = count;
    }

    // Sorts `keys` and writes the best of them as the answer for `query`.
    void write(std::int64_t query, std::uint64_t* keys, std::int64_t count) const {
        const std::int64_t kept = std::min(count, plan_.wanted);
        std::partial_sort(keys, keys + kept, keys + count, std::greater<std::uint64_t>());
        std::int32_t* const ids = answer_.ids + query * answer_.stride;
        float* const scores = answer_.scores + query * answer_.stride;
        for (std::int64_t i = 0; i < kept; ++i) {
            ids[i] = topn::row_of(keys[i]);
            scores[i] = topn::score_of(keys[i]);
        }
        std::fill(ids + kept, ids + answer_.stride, -1);
        std::fill(scores + kept, scores + answer_.stride, -kInfinity);
        answer_.counts[query] = static_cast<std::int32_t>(kept);
    }

    void merge() const {
        std::vector<std::uint64_t> keys;
        for (std::int64_t query = 0; query < request_.query_count; ++query) {
            keys.clear();
            for (std::int64_t split = 0; split < plan_.splits; ++split) {
                const std::int64_t list = query * plan_.splits + split;
                const std::uint64_t* const from = partial_.get() + list * plan_.wanted;
                keys.insert(keys.end(), from,
                            from + partial_counts_[static_cast<std::size_t>(list)]);
            }
            write(query, keys.data(), static_cast<std::int64_t>(keys.size()));
        }
    }

    const TopNRequest& request_;
    const TopNAnswer& answer_;
    const Kernel& kernel_;
    const Plan plan_;
    std::int64_t panel_count_ = 0;
    std::vector<Workspace> workspaces_;
    std::unique_ptr<std::uint64_t[]> partial_;  // the best of each split, to be merged
    std::vector<std::int32_t> partial_counts_;
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
    topn::search(request, answer, kernel_for(variant), threads, interrupted);
}

}  // namespace alsatian
