// The inner loop of the preselection in whole numbers, for kernel.cpp: compiled once for each variant.
//
// A tile of queries meets a panel of items as in kernel.cpp, but vectors are whole numbers of 16 bits
// and two factors are multiplied and added at a time: twice what float32 does. A sum is compared with
// what it has to be for the score to reach the query's limit, less what rounding may have taken off;
// what passes is kept and scored in full at the end.
#pragma once

#include "kernel.hpp"
#include "vector.hpp"

namespace alsatian::topn {
namespace {

void to_whole(const float* vector, std::int64_t factors, float scale, std::int16_t* to) {
    std::int64_t k = 0;
#if !defined(ALSATIAN_TOPN_PORTABLE) && defined(__SSE2__)
    const Vector by = spread(scale);
    for (; k + kWidth <= factors; k += kWidth) store_narrow(to + k, multiply(load_any(vector + k), by));
#endif
    for (; k < factors; ++k) to[k] = static_cast<std::int16_t>(__builtin_rintf(vector[k] * scale));
    if (factors % 2 != 0) to[factors] = 0;
}

// As many rows at once as hide the latency of a sum.
template <int Count>
void rescore_some(const float* query, const float* items, std::int64_t factors,
                  const std::int32_t* rows, float* scores) {
    const float* from[Count];
    float sums[Count];
#pragma GCC unroll 8
    for (int i = 0; i < Count; ++i) {
        from[i] = items + rows[i] * factors;
        sums[i] = 0.0f;
    }
    for (std::int64_t k = 0; k < factors; ++k) {
#pragma GCC unroll 8
        for (int i = 0; i < Count; ++i) sums[i] = add_product_of_one(sums[i], query[k], from[i][k]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < Count; ++i) scores[i] = sums[i];
}

void rescore(const float* query, const float* items, std::int64_t factors, const std::int32_t* rows,
             std::int64_t count, float* scores) {
    for (std::int64_t i = 0; i < count; ++i) {
        const float* const row = items + rows[i] * factors;
        for (std::int64_t k = 0; k < factors; k += 16) __builtin_prefetch(row + k);
    }
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8) rescore_some<8>(query, items, factors, rows + i, scores + i);
    for (; i < count; ++i) rescore_some<1>(query, items, factors, rows + i, scores + i);
}

#if !defined(ALSATIAN_TOPN_PORTABLE) && defined(__SSE2__)

constexpr float kUnit = 1.0f / (kWholeLength * kWholeLength);

// Whether `row` is among `count` > 0 ascending rows; without branches that nobody can foretell.
inline bool holds(const std::int32_t* rows, std::int64_t count, std::int32_t row) {
    while (count > 1) {
        const std::int64_t half = count / 2;
        rows += rows[half - 1] < row ? half : 0;
        count -= half;
    }
    return *rows == row;
}

// Drops excluded rows from the keys that have come since the last time; returns how many keys stay.
inline std::int32_t drop_excluded(const Preselection& selection, std::int64_t query) {
    const std::int32_t count = selection.counts[query];
    if (selection.excluded == nullptr) return count;
    const std::int64_t begin = selection.begins[query], end = selection.ends[query];
    if (begin == end) return count;
    std::uint64_t* const keys = selection.keys + query * selection.capacity;
    const std::uint64_t* const marks = selection.marks + query * kMarkWords;
    std::int32_t kept = selection.checked[query];
    for (std::int32_t i = kept; i < count; ++i) {
        const std::int32_t row = selection.order[row_of(keys[i])];
        const std::uint32_t mark = mark_of(row);
        keys[kept] = keys[i];
        const bool marked = ((marks[mark / 64] >> (mark % 64)) & 1) != 0;
        kept += marked && holds(selection.excluded + begin, end - begin, row) ? 0 : 1;
    }
    return kept;
}

// Up to so many keys each is compared with every other: no branches, and vectors all the way.
constexpr int kFew = 96;

// The `wanted`-th best score among more than so many keys.
inline float limit_among(std::uint64_t* keys, std::int32_t count, std::int64_t wanted) {
    if (count > kFew) return nth_best(keys, count, wanted);
    // Scores as integers of the same order. Padding is below all of them.
    std::int32_t scores[kFew], better[kFew];
    const std::int32_t padded = (count + kWidth - 1) / kWidth * kWidth;
    for (std::int32_t i = 0; i < count; ++i) {
        scores[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(keys[i] >> 32) ^ 0x80000000u);
    }
    for (std::int32_t i = count; i < padded; ++i) scores[i] = INT32_MIN;
    for (std::int32_t i = 0; i < padded; i += kWidth) {
        const Whole own = load_whole(scores + i);
        Whole above_own = spread_whole(0);
        for (std::int32_t j = 0; j < count; ++j) {
            above_own = count_greater(above_own, spread_whole(scores[j]), own);
        }
        store_whole(better + i, above_own);
    }
    std::int32_t least = INT32_MAX;
    for (std::int32_t i = 0; i < count; ++i) {
        const std::int32_t score = better[i] < wanted ? scores[i] : INT32_MAX;
        least = score < least ? score : least;
    }
    return score_of(static_cast<std::uint64_t>(static_cast<std::uint32_t>(least) ^ 0x80000000u) << 32);
}

// Drops what is excluded, raises the query's limit and drops what cannot reach it.
__attribute__((noinline)) void shrink(const Preselection& selection, std::int64_t query) {
    std::uint64_t* const keys = selection.keys + query * selection.capacity;
    const std::int32_t count = drop_excluded(selection, query);
    selection.counts[query] = selection.checked[query] = count;
    if (count <= selection.wanted) return;
    const float limit = limit_among(keys, count, selection.wanted);
    std::int32_t kept = 0;
    for (std::int32_t i = 0; i < count; ++i) {
        const std::uint64_t key = keys[i];
        const float length = selection.lengths[row_of(key) / kItemTile];
        const float slack = (length > kShortest ? selection.slack * length : length) + kLeast;
        keys[kept] = key;
        kept += score_of(key) + 2 * slack >= limit ? 1 : 0;
    }
    const bool full = kept + 8 > selection.capacity;  // or it would shrink again and again
    selection.counts[query] = selection.checked[query] = full ? kOverfull : kept;
    selection.limits[query] = full ? __builtin_inff() : limit;
}

// Keeps what passed in a tile: bit i of the masks is item i % kItemTile for query i / kItemTile.
__attribute__((noinline)) void keep(const Preselection& selection, std::int64_t query,
                                    const std::int32_t* sums, const std::int32_t* off,
                                    const std::uint64_t* masks, int words, std::int64_t panel) {
    const float length = selection.lengths[panel];
    const float slack = (length > kShortest ? selection.slack * length : length) + kLeast;
    for (int word = 0; word < words; ++word) {
        for (std::uint64_t mask = masks[word]; mask != 0; mask &= mask - 1) {
            const int bit = word * 64 + __builtin_ctzll(mask);
            const std::int64_t position = panel * kItemTile + bit % kItemTile;
            if (position >= selection.items) continue;
            const int row = bit / kItemTile;
            const std::int64_t slot = query + row;
            const float least = static_cast<float>(sums[bit] + off[row]) * (kUnit * length) - slack;
            if (least + 2 * slack < selection.limits[slot]) continue;  // risen since
            const std::int32_t count = selection.counts[slot]++;
            selection.keys[slot * selection.capacity + count] =
                key_of(least, static_cast<std::int32_t>(position));
            if (count + 1 == selection.capacity) shrink(selection, slot);
        }
    }
}

// Adds to `sums` the products of a tile with a panel.
template <int Rows>
inline void sum_products(const std::int16_t* packed, const std::int16_t* items, std::int64_t pairs,
                         Whole (&sums)[Rows][kVectors]) {
#if defined(ALSATIAN_TILE_IN_ASSEMBLY)
    if constexpr (Rows == kQueryTile) {
        sum_whole_tile(packed, items, pairs, sums);
        return;
    }
#endif
    for (std::int64_t k = 0; k < pairs; ++k) {
        Whole item[kVectors];
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            item[v] = load_whole(items + (k * kItemTile + v * kWidth) * 2);
        }
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
            const Whole value = spread_pair(packed + (k * kQueryTile + r) * 2);
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; ++v) add_pairs(sums[r][v], value, item[v]);
        }
    }
}

// False where no item of the panel, or of a later one, can enter a list of the tile.
template <int Rows>
bool select_tile(const Preselection& selection, std::int64_t query, const std::int16_t* packed,
                 std::int64_t panel) {
    const float length = selection.lengths[panel];
    constexpr int kParts = (kQueryTile + kWidth - 1) / kWidth;
    constexpr std::uint64_t all = ~std::uint64_t{0} >> (64 - Rows);
    const Vector reach = spread(length * (1.0f + selection.slack) + kLeast);
    Vector wanted[kParts];
    std::uint64_t beyond = 0;
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) {
        wanted[part] = load_any(selection.limits + query + part * kWidth);
        beyond |= above(wanted[part], reach) << (part * kWidth);
    }
    if ((beyond & all) == all) return false;
    // What a sum has to reach, for each query of the tile. It is taken off beforehand, so that the sign
    // tells; sum and limit together stay within 32 bits.
    constexpr float kMost = 1.06e9f;
    const float scale = length > kShortest ? 1.0f / (kUnit * length) : 0.0f;
    std::int32_t limits[kParts * kWidth];
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) {
        const Vector needed =
            less_by(wanted[part], spread(scale), spread(selection.slack / kUnit));
        store_whole(limits + part * kWidth,
                    rounded_down(within(needed, spread(-kMost), spread(kMost))));
    }

    const std::int16_t* const items = selection.panels + panel * selection.pairs * kItemTile * 2;
    Whole sums[Rows][kVectors];
    Whole none = spread_whole(-1);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
        const Whole start = spread_whole(-limits[r]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sums[r][v] = start;
    }
    sum_products<Rows>(packed, items, selection.pairs, sums);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) none = both(none, sums[r][v]);
    }
    if (__builtin_expect(negative(none) == kAllLanes, 1)) return true;
    constexpr int kRowsPerWord = 64 / kItemTile;
    constexpr int kWords = (Rows + kRowsPerWord - 1) / kRowsPerWord;
    std::uint64_t masks[kWords] = {};
    alignas(64) std::int32_t found[Rows * kItemTile];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
            masks[r / kRowsPerWord] |= (~negative(sums[r][v]) & kAllLanes)
                                       << (r % kRowsPerWord * kItemTile + v * kWidth);
            store_whole(found + r * kItemTile + v * kWidth, sums[r][v]);
        }
    }
    keep(selection, query, found, limits, masks, kWords, panel);
    return true;
}

using SelectTile = bool (*)(const Preselection&, std::int64_t, const std::int16_t*, std::int64_t);

template <int Rows>
SelectTile select_tile_for(std::int64_t rows) {
    if constexpr (Rows == 1) {
        return select_tile<1>;
    } else {
        return rows >= Rows ? select_tile<Rows> : select_tile_for<Rows - 1>(rows);
    }
}

void scan_panels(const Preselection& selection) {
    const std::int64_t tile_size = kQueryTile * selection.pairs * 2;
    const std::int64_t block = selection.panels_at_a_time * selection.step;
    for (std::int64_t start = selection.first; start < selection.last; start += block) {
        if (__atomic_load_n(selection.stop, __ATOMIC_RELAXED)) return;
        std::int64_t end = start + block;
        if (end > selection.last) end = selection.last;
        bool any = false;
        for (std::int64_t query = 0; query < selection.queries; query += kQueryTile) {
            const SelectTile select = select_tile_for<kQueryTile>(selection.queries - query);
            const std::int16_t* const packed = selection.packed + query / kQueryTile * tile_size;
            for (std::int64_t panel = start; panel < end; panel += selection.step) {
                if (!select(selection, query, packed, panel)) break;
                any = true;
            }
        }
        if (!any) return;
    }
}

void preselect(const Preselection& selection) {
    scan_panels(selection);
    for (std::int64_t query = 0; query < selection.queries; ++query) {
        if (selection.counts[query] != kOverfull) shrink(selection, query);
    }
}

#else

void preselect(const Preselection&) {}

#endif

}  // namespace
}  // namespace alsatian::topn
