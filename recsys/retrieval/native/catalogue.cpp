#include "catalogue.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "parallel.hpp"

namespace alsatian::topn {

double length_of(const float* vector, std::int64_t factors) {
    double sums[4] = {0, 0, 0, 0};
    std::int64_t k = 0;
    for (; k + 4 <= factors; k += 4) {
        for (int i = 0; i < 4; ++i) {
            const double value = vector[k + i];
            sums[i] += value * value;
        }
    }
    for (; k < factors; ++k) sums[0] += static_cast<double>(vector[k]) * vector[k];
    return std::sqrt(sums[0] + sums[1] + sums[2] + sums[3]);
}

namespace {

// Above the true length: as float, with what rounding may have taken off.
float rounded_up(double length) {
    constexpr double most = std::numeric_limits<float>::max();
    return static_cast<float>(std::min(length * (1 + 1e-6), most));
}

}  // namespace

Catalogue::Catalogue(const float* items, std::int64_t item_count, std::int64_t factors,
                     const std::int32_t* rows, std::int64_t row_count, const Kernel& kernel,
                     int threads, const std::function<bool()>& interrupted)
    : kernel(kernel), item_count(item_count), factors(factors), pairs((factors + 1) / 2) {
    constexpr std::int64_t kChunk = 4096;
    candidates = rows != nullptr ? row_count : item_count;
    const std::int64_t tile = kernel.item_tile;
    panel_count = (candidates + tile - 1) / tile;
    const auto root = static_cast<float>(std::sqrt(static_cast<double>(factors)));
    const float rounding = 0.51f * root / kWholeLength;
    // Besides: float32's rounding of the true score, and that of the comparisons.
    slack = 2.02f * rounding + static_cast<float>(factors) * 1.2e-7f + 2e-6f;

    // Length in the upper half (positive floats are ordered as their bits are), complement of the row.
    std::vector<std::uint64_t> keys(static_cast<std::size_t>(candidates));
    parallel_for(threads, (candidates + kChunk - 1) / kChunk, [&](std::int64_t chunk, int) {
        const std::int64_t end = std::min(candidates, (chunk + 1) * kChunk);
        for (std::int64_t at = chunk * kChunk; at < end; ++at) {
            const std::int32_t row = rows != nullptr ? rows[at] : static_cast<std::int32_t>(at);
            const float length = rounded_up(length_of(items + row * factors, factors));
            keys[static_cast<std::size_t>(at)] = key_of(length, row);
        }
    }, interrupted);
    std::sort(keys.begin(), keys.end(), std::greater<std::uint64_t>());
    longest = candidates > 0 ? score_of(keys[0]) : 0.0f;
    order.resize(static_cast<std::size_t>(panel_count * tile), 0);
    for (std::size_t at = 0; at < keys.size(); ++at) order[at] = row_of(keys[at]);
    lengths.resize(static_cast<std::size_t>(panel_count));
    panels = aligned<std::int16_t>(panel_count * pairs * tile * 2);
    const std::int64_t at_a_time = std::max<std::int64_t>(1, kChunk / tile);
    parallel_for(threads, (panel_count + at_a_time - 1) / at_a_time, [&](std::int64_t chunk, int) {
        std::vector<std::int16_t> whole(static_cast<std::size_t>(2 * pairs));
        const std::int64_t end = std::min(panel_count, (chunk + 1) * at_a_time);
        for (std::int64_t panel = chunk * at_a_time; panel < end; ++panel) {
            const float length = score_of(keys[static_cast<std::size_t>(panel * tile)]);
            lengths[static_cast<std::size_t>(panel)] = length;
            const float scale = length > kShortest ? kWholeLength / length : 0.0f;
            std::int16_t* const to = panels.get() + panel * pairs * tile * 2;
            for (std::int64_t i = 0; i < tile; ++i) {
                const std::int64_t at = panel * tile + i;
                if (at < candidates) {
                    const std::int32_t row = order[static_cast<std::size_t>(at)];
                    kernel.to_whole(items + row * factors, factors, scale, whole.data());
                } else {
                    std::fill(whole.begin(), whole.end(), std::int16_t{0});
                }
                for (std::int64_t k = 0; k < pairs; ++k) {
                    std::memcpy(to + (k * tile + i) * 2, whole.data() + 2 * k, 4);
                }
            }
        }
    }, interrupted);
}

}  // namespace alsatian::topn
