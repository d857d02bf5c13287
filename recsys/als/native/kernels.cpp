// One object for each SIMD variant; see kernels.hpp for why everything here is internal.
//
// What a row of the solution minimizes stands in rows.hpp, as A x = b. `cg` runs a few warm-started steps
// of conjugate gradients without forming A (Takacs, Pilaszy & Tikk 2011); `cholesky` forms it.

#include "kernels.hpp"

#include "cg_half.hpp"
#include "exact.hpp"
#include "gram_tiles.hpp"

namespace alsatian::als {
namespace {

// ---- loss ----------------------------------------------------------------------------------------

template <class T>
double observed_loss(const Side<T>& side, std::int64_t begin, std::int64_t end,
                     const Scratch<T>& scratch) {
    double loss = 0.0;
    for (std::int64_t u = begin; u < end; ++u) {
        const Row<T> row = row_of(side, u, end);
        copy_row(side.target + u * side.factors, side.factors, side.stride, scratch.x);
        for (std::int64_t done = 0; done < row.n; done += kGroup) {
            T dots[kGroup];
            gather_group<0>(side, row, scratch, row.begin + done, 0);
            dots8(scratch.rows, side.stride, scratch.x, dots);
            const std::int64_t left = row.n - done;
            for (std::int64_t i = 0; i < (left < kGroup ? left : kGroup); ++i) {
                const double value = side.alpha * static_cast<double>(side.data[row.begin + done + i]);
                const double weight = value < 0.0 ? -value : value;
                const std::int32_t column = side.indices[row.begin + done + i];
                double score = static_cast<double>(dots[i]), unobserved = side.unobserved;
                if (side.offsets) score += static_cast<double>(side.offsets[column]);
                if (side.row_weights) unobserved *= static_cast<double>(side.row_weights[u]);
                if (side.column_weights) {
                    unobserved *= static_cast<double>(side.column_weights[column]);
                }
                const double miss = (value > 0.0 ? 1.0 : 0.0) - score;
                loss += weight * miss * miss - unobserved * score * score;
            }
        }
    }
    return loss;
}

template <class T>
void turn_all(const T* rows, std::int64_t count, std::int64_t factors, const T* basis, T* to) {
    turn_by_lanes(rows, count, factors, factors, basis, padded(factors, 2 * kPad), to);
}

#if defined(ALSATIAN_TILES)
constexpr bool kHasTiles = true;
#else
constexpr bool kHasTiles = false;
#endif

template <class T>
constexpr auto fix_of() -> decltype(Kernels<T>::fix) {
#if defined(ALSATIAN_FIXED)
    if constexpr (sizeof(T) == 4) return fix_rows;
#endif
    return nullptr;
}

#if defined(ALSATIAN_NARROW)
constexpr bool kNarrow = true;
#else
constexpr bool kNarrow = false;
#endif

template <class T>
constexpr Kernels<T> kTable = {kWidth<T>,
                               kHasTiles && sizeof(T) == 4,
                               kNarrow && sizeof(T) == 4,
                               solve_cg<T>,
                               solve_cholesky<T>,
                               solve_cg_half<T>,
                               halve<T>,
                               turn_all<T>,
                               fix_of<T>(),
                               lengths<T>,
                               lay_out_turn,
                               gram_by_tiles<T>,
                               equations<T>,
                               rank_update<T>,
                               observed_loss<T>};

}  // namespace

namespace ALSATIAN_VARIANT {

const Kernels<float>& kernels_f32() { return kTable<float>; }
const Kernels<double>& kernels_f64() { return kTable<double>; }

}  // namespace ALSATIAN_VARIANT

}  // namespace alsatian::als
