// The border between the portable core (topn.cpp) and the SIMD variants of its inner loop.
//
// kernel.cpp and preselect.cpp are compiled once for each variant. Only raw pointers and plain structs cross, and they
// call no inline function of the standard library: a weak symbol compiled with AVX-512 could
// otherwise be the one the linker keeps for every processor.
#pragma once

#include <cstdint>

namespace alsatian::topn {

// One task: `queries` queries against the candidates at positions [first, last).
struct Scan {
    const float* items;         // row-major item matrix
    const std::int32_t* rows;   // candidate rows, or null: position is row
    std::int64_t first;
    std::int64_t last;
    std::int64_t factors;

    const float* packed;        // queries in tiles: [tile][factor][query of the tile], zero padded
    std::int64_t queries;

    float* panels;              // room for `panel_count` packed item panels
    std::int64_t panel_count;

    // Selection. The best so far of query q are keys[q * capacity .. + counts[q]), unordered; no
    // score at or below thresholds[q] can enter any more. Padding queries have threshold +inf.
    std::uint64_t* keys;
    std::int64_t capacity;
    std::int64_t wanted;
    std::int32_t* counts;
    float* thresholds;

    const std::int32_t* excluded;  // null: none; else ascending per query
    std::int64_t* cursors;         // next excluded entry not below the rows already scanned
    const std::int64_t* ends;

    const bool* stop;              // read atomically between item blocks
};

// The same in whole numbers of 16 bits: a preselection, which leaves no true row out (see
// catalogue.hpp). Scores are in units of their query's length.
struct Preselection {
    const std::int16_t* panels;    // [panel][pair of factors][item][2], by falling length of items
    const float* lengths;          // of each panel: that of its longest item
    const std::int32_t* order;     // row of the item at each position
    std::int64_t first, step;      // panels: first, first + step, ...
    std::int64_t last;             // none from here on
    std::int64_t items;            // positions that hold an item
    std::int64_t pairs;            // of factors
    std::int64_t panels_at_a_time;
    float slack;                   // a sum is off by at most this much of its panel's length

    const std::int16_t* packed;    // queries in tiles: [tile][pair][query of the tile][2]
    std::int64_t queries;

    // The keys hold the least that a score can be, and its position. Rows whose score cannot reach
    // limits[q], the `wanted`-th best of those, are dropped. Padding queries have limit +inf.
    std::uint64_t* keys;
    std::int64_t capacity;
    std::int64_t wanted;
    std::int32_t* checked;         // of the keys: known not to be excluded
    std::int32_t* counts;          // kOverfull where too many are too close to tell apart
    float* limits;

    const std::int32_t* excluded;  // null: none; else ascending per query
    const std::int64_t* begins;
    const std::int64_t* ends;
    const std::uint64_t* marks;    // kMarkWords of each query, a bit for each of its excluded rows

    const bool* stop;
};

// A row without its mark is not excluded, which spares most searches among the excluded (Bloom 1970).
constexpr int kMarkWords = 16;
static inline std::uint32_t mark_of(std::int32_t row) {
    return (static_cast<std::uint32_t>(row) * 2654435761u) >> 22;  // below 64 kMarkWords
}

constexpr std::int32_t kOverfull = -1;
// Length that the whole numbers of a vector have: two products of them, and some rounding, fit 31 bits.
constexpr float kWholeLength = 32000.0f;
// A panel no longer than this is taken for zeros.
constexpr float kShortest = 1e-18f;
// More than float32 loses below its range in a score, in units of its query's length.
constexpr float kLeast = 1e-26f;

struct Kernel {
    int query_tile;  // queries computed together
    int item_tile;   // items of one panel
    void (*scan)(const Scan& scan);

    // Null where the variant has no whole numbers.
    void (*preselect)(const Preselection& selection);
    // round(scale * vector), `pairs` * 2 numbers; the last is 0 where `factors` is odd.
    void (*to_whole)(const float* vector, std::int64_t factors, float scale, std::int16_t* to);
    // Scores of `count` rows, with the very bits that `scan` gives them.
    void (*rescore)(const float* query, const float* items, std::int64_t factors,
                    const std::int32_t* rows, std::int64_t count, float* scores);
};

// Key order is result order, reversed: a greater key is a better row. Score in the upper half,
// complement of the row in the lower, so that of equal scores the lower row is greater.
static inline std::uint64_t key_of(float score, std::int32_t row) {
    const float plain = score + 0.0f;  // -0 and +0 are one score
    std::uint32_t bits;
    __builtin_memcpy(&bits, &plain, sizeof bits);
    bits = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    return (static_cast<std::uint64_t>(bits) << 32) | ~static_cast<std::uint32_t>(row);
}

static inline float score_of(std::uint64_t key) {
    auto bits = static_cast<std::uint32_t>(key >> 32);
    bits = (bits & 0x80000000u) != 0 ? bits & 0x7fffffffu : ~bits;
    float score;
    __builtin_memcpy(&score, &bits, sizeof score);
    return score;
}

static inline std::int32_t row_of(std::uint64_t key) {
    return static_cast<std::int32_t>(~static_cast<std::uint32_t>(key));
}

// Keeps the `wanted` best of query's keys and raises its threshold. In topn.cpp.
void shrink(const Scan& scan, std::int64_t query);

// The score of the `wanted`-th best of more than so many keys, which it puts first. In topn.cpp.
float nth_best(std::uint64_t* keys, std::int32_t count, std::int64_t wanted);

// clang-format off
namespace baseline { const Kernel& kernel(); }
namespace avx2 { const Kernel& kernel(); }
namespace avx512 { const Kernel& kernel(); }
namespace portable { const Kernel& kernel(); }  // compiler vectors only; built by the native tests
// clang-format on

}  // namespace alsatian::topn
