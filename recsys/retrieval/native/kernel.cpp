// The inner loop of exact top-N, compiled once for each SIMD variant (see kernel.hpp).
//
// A tile of queries meets a panel of items in registers: each accumulator is one chain over the
// factors, in order, so a score's bits do not depend on where in a batch its query or item stands.
// The finished tile is compared with the queries' thresholds and almost always dropped on the spot;
// scores never go to memory unless one of them may enter a top list.
#include "kernel.hpp"

#include "preselect.hpp"
#include "vector.hpp"

#ifndef ALSATIAN_VARIANT
#error "ALSATIAN_VARIANT must name the namespace of this variant"
#endif

namespace alsatian::topn {
namespace {

inline bool is_excluded(const Scan& scan, std::int64_t query, std::int32_t row) {
    if (scan.excluded == nullptr) return false;
    const std::int64_t end = scan.ends[query];
    std::int64_t at = scan.cursors[query];  // rows come in ascending order, so it only moves on
    while (at < end && scan.excluded[at] < row) ++at;
    scan.cursors[query] = at;
    return at < end && scan.excluded[at] == row;
}

// Offers the scores whose bit in `mask` is set; position is that of the panel's first item.
__attribute__((noinline)) void offer(const Scan& scan, std::int64_t query, const float* scores,
                                     std::uint64_t mask, std::int64_t position) {
    for (; mask != 0; mask &= mask - 1) {
        const int lane = __builtin_ctzll(mask);
        const float score = scores[lane];
        if (!(score > scan.thresholds[query])) continue;  // risen since the tile was compared
        const std::int64_t at = position + lane;
        const std::int32_t row =
            scan.rows != nullptr ? scan.rows[at] : static_cast<std::int32_t>(at);
        if (is_excluded(scan, query, row)) continue;
        const std::int32_t count = scan.counts[query]++;
        scan.keys[query * scan.capacity + count] = key_of(score, row);
        if (count + 1 == scan.capacity) shrink(scan, query);
    }
}

template <int Rows>
void tile(const Scan& scan, std::int64_t query, const float* packed, const float* panel,
          std::int64_t position, std::uint64_t valid) {
    Vector sums[Rows][kVectors];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sums[r][v] = zero();
    }
    const std::int64_t factors = scan.factors;
    for (std::int64_t k = 0; k < factors; ++k) {
        Vector item[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) item[v] = load(panel + k * kItemTile + v * kWidth);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
            const Vector value = spread(packed[k * kQueryTile + r]);
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) {
                sums[r][v] = add_product(sums[r][v], value, item[v]);
            }
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
        const Vector limit = spread(scan.thresholds[query + r]);
        std::uint64_t mask = 0;
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) mask |= above(sums[r][v], limit) << (v * kWidth);
        mask &= valid;
        if (__builtin_expect(mask != 0, 0)) {
            alignas(64) float scores[kItemTile];
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) store(scores + v * kWidth, sums[r][v]);
            offer(scan, query + r, scores, mask, position);
        }
    }
}

using Tile = void (*)(const Scan&, std::int64_t, const float*, const float*, std::int64_t,
                      std::uint64_t);

// tile<rows> by number, so that a lone query does not pay for a whole tile.
template <int Rows>
Tile tile_for(std::int64_t rows) {
    if constexpr (Rows == 1) {
        return tile<1>;
    } else {
        return rows >= Rows ? tile<Rows> : tile_for<Rows - 1>(rows);
    }
}

// Packs up to kItemTile items from `position` on as [factor][item]; absent items are zero.
void pack_panel(const Scan& scan, std::int64_t position, std::int64_t present, float* panel) {
    const std::int64_t factors = scan.factors;
    for (int first = 0; first < kItemTile; first += 4) {
        const float* from[4];
        int here = 0;
        for (; here < 4 && first + here < present; ++here) {
            const std::int64_t at = position + first + here;
            const std::int64_t row = scan.rows != nullptr ? scan.rows[at] : at;
            from[here] = scan.items + row * factors;
        }
        std::int64_t k = 0;
        if (here == 4) {
            for (; k + 4 <= factors; k += 4) {
                transpose4(from, k, panel + k * kItemTile + first, kItemTile);
            }
        }
        for (; k < factors; ++k) {
            for (int i = 0; i < 4; ++i) {
                panel[k * kItemTile + first + i] = i < here ? from[i][k] : 0.0f;
            }
        }
    }
}

void scan_all(const Scan& scan) {
    const std::int64_t panel_size = kItemTile * scan.factors;
    const std::int64_t tile_size = kQueryTile * scan.factors;
    const std::int64_t block = scan.panel_count * kItemTile;
    constexpr std::uint64_t all = ~std::uint64_t{0} >> (64 - kItemTile);
    for (std::int64_t start = scan.first; start < scan.last; start += block) {
        if (__atomic_load_n(scan.stop, __ATOMIC_RELAXED)) return;
        const std::int64_t end = start + block < scan.last ? start + block : scan.last;
        for (std::int64_t at = start; at < end; at += kItemTile) {
            const std::int64_t present = end - at < kItemTile ? end - at : kItemTile;
            pack_panel(scan, at, present, scan.panels + (at - start) / kItemTile * panel_size);
        }
        for (std::int64_t query = 0; query < scan.queries; query += kQueryTile) {
            const Tile compute = tile_for<kQueryTile>(scan.queries - query);
            const float* packed = scan.packed + query / kQueryTile * tile_size;
            for (std::int64_t at = start; at < end; at += kItemTile) {
                const std::uint64_t valid =
                    end - at < kItemTile ? all >> (kItemTile - (end - at)) : all;
                compute(scan, query, packed, scan.panels + (at - start) / kItemTile * panel_size,
                        at, valid);
            }
        }
    }
}

}  // namespace

namespace ALSATIAN_VARIANT {
const Kernel& kernel() {
    static constexpr Kernel table{kQueryTile, kItemTile, &scan_all,
                                  kHasWhole ? &preselect : nullptr, &to_whole, &rescore};
    return table;
}
}  // namespace ALSATIAN_VARIANT

}  // namespace alsatian::topn
