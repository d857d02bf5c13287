// Steps of the subspace solver without the block's matrix, by conjugate gradients over a row's entries, which lie
// side by side in the nearest caches: for subspace.cpp alone.
//
// In the basis of whitened_store.hpp the matrix is A = D + sum_e c_e y_e y_e', D a diagonal, and D^-1 A is close to
// the identity but for a few directions: D, as a preconditioner, leaves a hundred-thousandth after four steps. With
// r the residual, what is still to be gained is r'A^-1 r, at most r'D^-1 r where no c_e is negative: when to stop
// is known, not guessed.
//
// Products are of whole numbers of 16 bits. A direction p is rounded first and is then what it was rounded to:
// y_e.p, p'A p and the steps along p are exact. The sums over entries that make A p are of products t_e = c_e y_e.p
// rounded to some 10 bits, which the residual alone is told of: a direction is then not the best by so much.
#pragma once

#include "subspace_fixed.hpp"

#if defined(ALSATIAN_FIXED)

namespace alsatian::als {
namespace {

// What of a step's gain may be missed, and how many directions may be taken before another way is gone.
constexpr float kMostMissed = 1e-6f;
constexpr int kMostDirections = 10;
// Entries whose products are rounded to one unit.
constexpr std::int64_t kNearChunk = 64;
// What entries are padded to.
constexpr std::int64_t kNearPad = kWidth<float> > kGroup ? kWidth<float> : kGroup;
// Sum of the sizes of as many whole numbers that, times numbers of 16 bits, stay within 32.
constexpr float kNearSum = 65000.0f;
// Squared: what rounding to whole numbers of that sum leaves of their length, at most.
constexpr float kNearRounding = 1e-7f;

// A row's entries, `count` of them to a multiple of kNearPad, zeros after the last.
struct NearRow {
    const std::int16_t* numbers;
    std::int64_t count;
    float* scales;
    float* excess;
    float* rest;
    float* dots;
    float* moved;
};

// near.numbers, .scales, .excess and .rest of a row; gradient += its entries' part.
template <std::int64_t S>
__attribute__((noinline)) void fetch_near(const Side<float>& side, const Slice<float>& slice, const Row<float>& row,
                                          const float* scores, const NearRow& near, std::int16_t* to,
                                          float* gradient) {
    const std::int64_t stride = S > 0 ? S : slice.stride;
    const FixedRows rows = rows_of(slice);
    const std::int32_t* const indices = side.indices + row.begin;
    const std::int64_t ahead = row.ahead_end - row.begin;
    weigh(side, row, row.begin, row.n, scores, near.excess, near.rest);
    for (std::int64_t e = 0; e < row.n; ++e) near.scales[e] = rows.scales[indices[e]];
    for (std::int64_t e = row.n; e < near.count; ++e) near.scales[e] = near.excess[e] = near.rest[e] = 0.0f;
    constexpr std::int64_t kHeld = S > 0 && S <= 8 * kWords ? S / kWords : 0;  // sums that stay in registers
    FloatLanes held[kHeld > 0 ? kHeld : 1];
    for (std::int64_t k = 0; k < kHeld; ++k) held[k] = load(gradient + k * kWords);
    const Words none = no_words();
    for (std::int64_t e = 0; e < row.n; ++e, to += stride) {
        if (e + kAheadDots < ahead) {
            const std::int16_t* const later = rows.at(indices[e + kAheadDots]);
            for (std::int64_t k = 0; k < stride; k += 32) __builtin_prefetch(later + k);
        }
        const std::int16_t* const from = rows.at(indices[e]);
        // Below, a number of 16 bits becomes the upper half of one of 32.
        const FloatLanes rest = spread<float>(near.rest[e] * near.scales[e] * 0x1p-16f);
#pragma GCC unroll 8
        for (std::int64_t k = 0; k < stride; k += 2 * kWords) {
            const Words words = load_words(from + k);
            store_words(to + k, words);
            if constexpr (kHeld > 0) {
                held[k / kWords] += rest * to_lanes(below_pairs(none, words));
                held[k / kWords + 1] += rest * to_lanes(above_pairs(none, words));
            } else {
                store(gradient + k, load(gradient + k) + rest * to_lanes(below_pairs(none, words)));
                store(gradient + k + kWords, load(gradient + k + kWords) + rest * to_lanes(above_pairs(none, words)));
            }
        }
    }
    for (std::int64_t k = 0; k < kHeld; ++k) store(gradient + k * kWords, held[k]);
    for (std::int64_t k = 0; k < (near.count - row.n) * stride; k += 2 * kWords) store_words(to + k, none);
}

// near.dots <- unit p . y of each entry, p in whole numbers. Returns sum_e c_e dots_e^2. Rows are asked for meanwhile.
template <std::int64_t S>
__attribute__((noinline)) float near_dots(const NearRow& near, std::int64_t width, const std::int16_t* p, float unit,
                                          Asking asking) {
    const std::int64_t stride = S > 0 ? S : width;
    const std::int16_t* from = near.numbers;
    for (std::int64_t e = 0; e < near.count; e += kGroup, from += kGroup * stride) {
        asking.ask(kGroup);
        Words sum[kGroup];
#pragma GCC unroll 8
        for (std::int64_t i = 0; i < kGroup; ++i) sum[i] = no_words();
#pragma GCC unroll 8
        for (std::int64_t k = 0; k < stride; k += 2 * kWords) {
            const Words part = load_words(p + k);
#pragma GCC unroll 8
            for (std::int64_t i = 0; i < kGroup; ++i) {
                sum[i] = add_pairs(sum[i], part, load_words(from + i * stride + k));
            }
        }
        FloatLanes sums[kGroup];
#pragma GCC unroll 8
        for (std::int64_t i = 0; i < kGroup; ++i) sums[i] = to_lanes(sum[i]);
        alignas(64) float dots[kGroup];
        sum_lanes8<float>(sums, dots);
        for (std::int64_t i = 0; i < kGroup; ++i) near.dots[e + i] = unit * near.scales[e + i] * dots[i];
    }
    FloatLanes curvature{};
    for (std::int64_t e = 0; e < near.count; e += kWidth<float>) {
        const FloatLanes dots = load(near.dots + e);
        curvature += load(near.excess + e) * dots * dots;
    }
    return sum_lanes<float>(curvature);
}

// q (stride) += sum_e c_e dots_e y_e over entries [begin, end), both even.
template <std::int64_t S>
__attribute__((noinline)) void add_near(const NearRow& near, std::int64_t width, std::int64_t begin, std::int64_t end,
                                        float* q) {
    const std::int64_t stride = S > 0 ? S : width;
    alignas(64) float products[kNearChunk];
    alignas(64) std::int32_t numbers[kNearChunk];
    alignas(64) std::uint32_t pairs[kNearChunk / 2];
    const std::int64_t count = end - begin;
    FloatLanes sums{}, sizes{};
    for (std::int64_t e = 0; e < count; e += kWidth<float>) {
        const std::int64_t at = begin + e;
        const FloatLanes product = load(near.excess + at) * load(near.scales + at) * load(near.dots + at);
        const FloatLanes size = product > 0.0f ? product : -product;
        store(products + e, product);
        sums += size;
        sizes = size > sizes ? size : sizes;
    }
    const float by_sum = sum_lanes<float>(sums) / kNearSum, by_most = largest_lane(sizes) / kFixedMost;
    const float unit = by_sum > by_most ? by_sum : by_most;
    if (!(unit > 0.0f)) return;
    const FloatLanes inverse = spread<float>(1.0f / unit);
    for (std::int64_t e = 0; e < count; e += kWords) store_words(numbers + e, to_words(inverse * load(products + e)));
    for (std::int64_t e = 0; e < count; e += 2) {
        const auto below = static_cast<std::uint32_t>(numbers[e]), above = static_cast<std::uint32_t>(numbers[e + 1]);
        pairs[e / 2] = (below & 0xFFFFu) | above << 16;
    }
    constexpr std::int64_t kLoads = S > 0 && S <= 8 * kWords ? S / (2 * kWords) : 1;
    for (std::int64_t k = 0; k < stride; k += kLoads * 2 * kWords) {
        Words sum[2 * kLoads];
#pragma GCC unroll 8
        for (std::int64_t v = 0; v < 2 * kLoads; ++v) sum[v] = no_words();
        const std::int16_t* from = near.numbers + begin * stride + k;
        for (std::int64_t e = 0; e < count; e += 2, from += 2 * stride) {
            const Words pair = spread_word(pairs + e / 2);
#pragma GCC unroll 8
            for (std::int64_t v = 0; v < kLoads; ++v) {
                const Words a = load_words(from + v * 2 * kWords), b = load_words(from + stride + v * 2 * kWords);
                sum[2 * v] = add_pairs(sum[2 * v], pair, below_pairs(a, b));
                sum[2 * v + 1] = add_pairs(sum[2 * v + 1], pair, above_pairs(a, b));
            }
        }
#pragma GCC unroll 8
        for (std::int64_t v = 0; v < 2 * kLoads; ++v) {
            float* const at = q + k + v * kWords;
            store(at, load(at) + spread<float>(unit) * to_lanes(sum[v]));
        }
    }
}

// Whether rounding would not be felt in a row's step: the largest weight, and the longest chunk of its entries,
// against the least of what holds it.
inline bool near_allows(float longest_row, const NearRow& near, float least) {
    FloatLanes largest{}, lowest{};
    float longest = 0.0f;
    for (std::int64_t begin = 0; begin < near.count; begin += kNearChunk) {
        const std::int64_t end = near.count - begin < kNearChunk ? near.count : begin + kNearChunk;
        FloatLanes squares{};
        for (std::int64_t e = begin; e < end; e += kWidth<float>) {
            const FloatLanes c = load(near.excess + e), scale = load(near.scales + e);
            squares += scale * scale;
            largest = c > largest ? c : largest;
            lowest = c < lowest ? c : lowest;
        }
        const float square = sum_lanes<float>(squares);
        longest = square > longest ? square : longest;
    }
    const float size = longest * longest_row * longest_row;
    return largest_lane(-lowest) == 0.0f &&
           largest_lane(largest) * size * kNearRounding <= kMostRoundingOfStep * least;
}

// The vectors of a row's conjugate gradients, `stride` numbers each.
struct NearVectors {
    alignas(64) float diagonal[kTogetherFactors];
    alignas(64) float step[kTogetherFactors];
    alignas(64) float residual[kTogetherFactors];
    alignas(64) float direction[kTogetherFactors];
    alignas(64) float product[kTogetherFactors];      // of the matrix and the direction
    alignas(64) std::int16_t whole[kTogetherFactors];  // the direction, to be multiplied by a unit
};

// step <- 0, direction <- D^-1 residual. Returns residual' D^-1 residual.
ALSATIAN_INLINE float start_directions(std::int64_t stride, NearVectors& at) {
    FloatLanes sum{};
    for (std::int64_t k = 0; k < stride; k += kWidth<float>) {
        const FloatLanes residual = load(at.residual + k), z = residual / load(at.diagonal + k);
        store(at.step + k, FloatLanes{});
        store(at.direction + k, z);
        sum += z * residual;
    }
    return sum_lanes<float>(sum);
}

struct Rounded {
    float unit;
    float slope;  // residual . direction
    float holds;  // direction' D direction
};

// The direction becomes what it is in whole numbers of which no product with a row leaves 32 bits; product <- D times
// it.
ALSATIAN_INLINE Rounded round_direction(std::int64_t stride, float longest, NearVectors& at) {
    FloatLanes squares{}, sizes{};
    for (std::int64_t k = 0; k < stride; k += kWidth<float>) {
        const FloatLanes number = load(at.direction + k), size = number > 0.0f ? number : -number;
        squares += number * number;
        sizes = size > sizes ? size : sizes;
    }
    const float by_length = __builtin_sqrtf(sum_lanes<float>(squares)) * longest * 0x1.01p-31f;
    const float by_most = largest_lane(sizes) / kFixedMost;
    const float unit = by_length > by_most ? by_length : by_most;
    if (!(unit > 1e-30f && finite(unit))) return {0.0f, 0.0f, 0.0f};
    const FloatLanes inverse = spread<float>(1.0f / unit), units = spread<float>(unit);
    FloatLanes slopes{}, holds{};
    for (std::int64_t k = 0; k < stride; k += 2 * kWords) {
        const auto take = [&](std::int64_t from) {
            const Words words = to_words(inverse * load(at.direction + from));
            const FloatLanes number = units * to_lanes(words), held = load(at.diagonal + from) * number;
            store(at.direction + from, number);
            store(at.product + from, held);
            slopes += load(at.residual + from) * number;
            holds += held * number;
            return words;
        };
        const Words low = take(k), high = take(k + kWords);
        store_words(at.whole + k, packed(low, high));
    }
    return {unit, sum_lanes<float>(slopes), sum_lanes<float>(holds)};
}

// Goes `size` times the direction. Returns residual' D^-1 residual there; product <- D^-1 residual.
ALSATIAN_INLINE float follow(std::int64_t stride, float size, const NearRow& near, NearVectors& at) {
    const FloatLanes sizes = spread<float>(size);
    FloatLanes left{};
    for (std::int64_t k = 0; k < stride; k += kWidth<float>) {
        const FloatLanes residual = load(at.residual + k) - sizes * load(at.product + k);
        store(at.residual + k, residual);
        store(at.step + k, load(at.step + k) + sizes * load(at.direction + k));
        const FloatLanes z = residual / load(at.diagonal + k);
        store(at.product + k, z);
        left += residual * z;
    }
    for (std::int64_t e = 0; e < near.count; e += kWidth<float>) {
        store(near.moved + e, load(near.moved + e) + sizes * load(near.dots + e));
    }
    return sum_lanes<float>(left);
}

// at.step, and near.moved with it, <- the solution from at.residual. False where it is not found.
template <std::int64_t S>
bool find_step(std::int64_t width, float longest, const NearRow& near, NearVectors& at, Asking asking) {
    const std::int64_t stride = S > 0 ? S : width;
    float left = start_directions(stride, at), gained = 0.0f;
    if (!finite(left)) return false;
    for (int taken = 0; left > kMostMissed * gained; ++taken) {
        if (taken == kMostDirections) return false;
        const Rounded rounded = round_direction(stride, longest, at);
        if (!(rounded.slope > 0.0f)) return false;
        const float curvature = rounded.holds + near_dots<S>(near, stride, at.whole, rounded.unit, asking);
        asking.next = asking.end;
        for (std::int64_t begin = 0; begin < near.count; begin += kNearChunk) {
            const std::int64_t end = near.count - begin < kNearChunk ? near.count : begin + kNearChunk;
            add_near<S>(near, stride, begin, end, at.product);
        }
        const float size = rounded.slope / curvature;
        if (!(curvature > 0.0f && finite(size))) return false;
        gained += size * rounded.slope;
        const float now = follow(stride, size, near, at);
        const FloatLanes beta = spread<float>(now / left);
        for (std::int64_t k = 0; k < stride; k += kWidth<float>) {
            store(at.direction + k, load(at.product + k) + beta * load(at.direction + k));
        }
        left = now;
    }
    return true;
}

// scratch.turned <- a row's step in the basis, from what it stood for; `scores` go along. `refused`: nothing was
// changed, and the row is to be stepped in another way.
template <std::int64_t S>
Fixed step_near(const Side<float>& side, const Slice<float>& slice, const Row<float>& row, float* scores,
                const SubspaceScratch<float>& scratch) {
    const Whitened<float>& block = *slice.whitened;
    const std::int64_t places = block.near_entries;
    if (row.n > places) return Fixed::refused;
    if (side.stopping()) return Fixed::stopped;
    const NearRow near{scratch.near,
                       padded(row.n, kNearPad),
                       scratch.near_numbers,
                       scratch.near_numbers + places,
                       scratch.near_numbers + 2 * places,
                       scratch.near_numbers + 3 * places,
                       scratch.near_numbers + 4 * places};
    NearVectors at;
    const float least = start_diagonal(slice, row, at.diagonal);
    start_turned(slice, row, scratch, at.residual);
    fetch_near<S>(side, slice, row, scores, near, scratch.near, at.residual);
    if (!near_allows(block.longest, near, least)) return Fixed::refused;
    for (std::int64_t e = 0; e < near.count; ++e) near.moved[e] = 0.0f;
    // The next row, but for its first entries, which were asked for with the last of this one.
    const FixedRows rows = rows_of(slice);
    const auto known = [&row](std::int64_t entry) { return entry < row.ahead_end ? entry : row.ahead_end; };
    const std::int64_t next = row.begin + row.n + kAheadDots;
    const Asking asking{rows, side.indices, known(next), known(next + row.n)};
    if (!find_step<S>(slice.stride, block.longest, near, at, asking)) return Fixed::refused;
    for (std::int64_t k = 0; k < slice.stride; ++k) scratch.turned[k] = at.step[k];
    for (std::int64_t e = 0; e < row.n; ++e) scores[e] += near.moved[e];
    return Fixed::done;
}

}  // namespace
}  // namespace alsatian::als
#endif
