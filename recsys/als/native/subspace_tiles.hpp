// Steps of the subspace solver whose normal matrix comes from the matrix unit (AMX): for subspace.cpp
// alone, in the variant that has it.
//
// The unit multiplies numbers of 8 significant bits, so A_BB becomes a matrix close to it,
//
//     M = a G_BB + lambda I + sum_e sign(excess_e) z_e z_e',   z_e = sqrt(|excess_e|) y_eB rounded.
//
// Both operands are the same numbers: M is symmetric, and where no excess is negative, positive definite
// whatever the rounding. The gradient g = (b - A x)_B is that of the full equations. Where d solves
// M d = g, the row moves to the exact minimum on the line x_B + t d, t = g'd / d'A_BB d: no step can make
// the objective worse, and one that rounding has turned by 2^-9 falls short of the best by 2^-18 of what
// it gains. Of d'A_BB d, only d . y_eB is not at hand, which the scores need anyway.
#pragma once

#include "subspace_entries.hpp"
#include "tiles.hpp"

#if defined(ALSATIAN_TILES)

namespace alsatian::als {
namespace {

// Entries ahead of the one being read whose block is asked for.
constexpr std::int64_t kAheadTiled = 32;
// Entries between two calls that keep the matrix unit awake.
constexpr std::int64_t kPulse = 64;

// The numbers of a block, known to the compiler where S is not 0.
template <std::int64_t S>
ALSATIAN_INLINE std::int64_t stride_of(const Slice<float>& slice) {
    return S > 0 ? S : slice.stride;
}

ALSATIAN_INLINE const float* block_of(const Slice<float>& slice, std::int32_t row) {
    return slice.rows + row * slice.rows_stride;
}

template <std::int64_t S>
ALSATIAN_INLINE void prefetch_block(const Slice<float>& slice, std::int32_t row) {
    constexpr std::int64_t line = kCacheLine / sizeof(float);
    const float* const from = block_of(slice, row);
    for (std::int64_t k = 0; k < stride_of<S>(slice); k += line) __builtin_prefetch(from + k);
}

// out[i] <- v . y for each of n entries, to a multiple of kGroup. `ahead` counts the entries, these and
// later ones, that are worth a prefetch. `awake`: in the middle of a row's step.
template <std::int64_t S, bool awake>
void dot_blocks(const Slice<float>& slice, const std::int32_t* indices, std::int64_t n,
                std::int64_t ahead, const float* v, float* out) {
    for (std::int64_t done = 0; done < n; done += kGroup) {
        if (awake && done % kPulse == 0) keep_awake();
        const float* places[kGroup];
        for (std::int64_t i = 0; i < kGroup; ++i) {
            const std::int64_t entry = done + i, later = entry + kAheadTiled;
            if (later < ahead) prefetch_block<S>(slice, indices[later]);
            places[i] = block_of(slice, indices[entry < n ? entry : n - 1]);
        }
        FloatLanes sum[kGroup] = {};
        for (std::int64_t k = 0; k < stride_of<S>(slice); k += 16) {
            const FloatLanes part = load(v + k);
            for (std::int64_t i = 0; i < kGroup; ++i) sum[i] += part * load(places[i] + k);
        }
        sum_lanes8<float>(sum, out + done);
    }
}

template <std::int64_t S>
void add_scores_tiled(const Side<float>& side, const Slice<float>& slice, std::int64_t begin,
                      std::int64_t end, std::int64_t first, float* scores,
                      const SubspaceScratch<float>& scratch) {
    for (std::int64_t k = 0; k < slice.stride; ++k) scratch.step[k] = 0.0f;
    for (std::int64_t u = begin; u < end; ++u) {
        const float* const x = side.target + u * side.factors + slice.begin;
        for (std::int64_t k = 0; k < slice.width; ++k) scratch.step[k] = x[k];
        const std::int64_t entry = side.indptr[u], n = side.indptr[u + 1] - entry;
        dot_blocks<S, false>(slice, side.indices + entry, n, side.indptr[end] - entry, scratch.step,
                             scratch.dots);
        float* const of_row = scores + (entry - first);
        for (std::int64_t e = 0; e < n; ++e) of_row[e] += scratch.dots[e];
    }
}

// ---- the block's normal equations ----------------------------------------------------------------

// What 16 entries add to the matrix and, before their scores, to the gradient; see weigh_group in rows.hpp.
struct Weights16 {
    __m512 excess, labels;
};

// Of 16 entries from `entry` on, as far as `mask` goes; the others weigh nothing.
ALSATIAN_INLINE Weights16 weigh16(const Side<float>& side, const Row<float>& row, std::int64_t entry,
                                  __mmask16 mask) {
    const __m512 value = _mm512_mul_ps(_mm512_set1_ps(static_cast<float>(side.alpha)),
                                       _mm512_maskz_loadu_ps(mask, side.data + entry));
    __m512 unobserved = _mm512_set1_ps(row.unobserved);
    const __m512i columns = _mm512_maskz_loadu_epi32(mask, side.indices + entry);
    if (side.column_weights) [[unlikely]] {
        unobserved = _mm512_mul_ps(
            unobserved, _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, columns, side.column_weights, 4));
    }
    const __m512 excess = _mm512_maskz_sub_ps(mask, _mm512_abs_ps(value), unobserved);
    __m512 labels = _mm512_max_ps(value, _mm512_setzero_ps());
    if (side.offsets) [[unlikely]] {
        labels = _mm512_fnmadd_ps(
            excess, _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, columns, side.offsets, 4), labels);
    }
    return {excess, labels};
}

ALSATIAN_INLINE __mmask16 first(std::int64_t n) {
    return static_cast<__mmask16>(n >= 16 ? 0xFFFFu : n > 0 ? (1u << n) - 1u : 0u);
}

// What the 32 entries of one tile weigh; zeros after the last of them.
struct TileWeights {
    alignas(64) float rest[kTileEntries];
    alignas(64) float roots[kTileEntries];
    std::uint32_t negative;  // a bit for each entry of negative excess
};

ALSATIAN_INLINE void weigh_tile(const Side<float>& side, const Row<float>& row, std::int64_t entry,
                                std::int64_t n, const float* scores, TileWeights& weights) {
    weights.negative = 0;
    for (std::int64_t i = 0; i < kTileEntries; i += 16) {
        const __mmask16 mask = first(n - i);
        const Weights16 of = weigh16(side, row, entry + i, mask);
        const __m512 score = _mm512_maskz_loadu_ps(mask, scores + i);
        _mm512_store_ps(weights.rest + i, _mm512_maskz_fnmadd_ps(mask, of.excess, score, of.labels));
        _mm512_store_ps(weights.roots + i, _mm512_sqrt_ps(_mm512_abs_ps(of.excess)));
        const __mmask16 less = _mm512_cmp_ps_mask(of.excess, _mm512_setzero_ps(), _CMP_LT_OQ);
        weights.negative |= static_cast<std::uint32_t>(less) << i;
    }
}

// Packs the 32 entries at `places`: right <- their rows times roots, two entries a word, tiles of 16
// columns; gradient += their rows times rest. What is at `later` is asked for meanwhile.
ALSATIAN_INLINE void lay_out(const float* const* places, const float* const* later,
                             const TileWeights& weights, std::int64_t stride, float* gradient,
                             std::uint32_t* right) {
    for (std::int64_t j = 0; j < stride; j += 32, right += 2 * kTileWords) {
        __m512 low = _mm512_load_ps(gradient + j), high = _mm512_load_ps(gradient + j + 16);
        __m512 low_odd = _mm512_setzero_ps(), high_odd = _mm512_setzero_ps();
        keep_awake();
        for (std::int64_t k = 0; k < 16; ++k) {
            for (std::int64_t i = 2 * k; i < 2 * k + 2; ++i) {
                __builtin_prefetch(later[i] + j);
                __builtin_prefetch(later[i] + j + 16);
            }
            const float* const a = places[2 * k] + j;
            const float* const b = places[2 * k + 1] + j;
            const __m512 low_a = _mm512_loadu_ps(a), high_a = _mm512_loadu_ps(a + 16);
            const __m512 low_b = _mm512_loadu_ps(b), high_b = _mm512_loadu_ps(b + 16);
            const __m512 rest_a = _mm512_set1_ps(weights.rest[2 * k]);
            const __m512 rest_b = _mm512_set1_ps(weights.rest[2 * k + 1]);
            low = _mm512_fmadd_ps(rest_a, low_a, low), high = _mm512_fmadd_ps(rest_a, high_a, high);
            low_odd = _mm512_fmadd_ps(rest_b, low_b, low_odd);
            high_odd = _mm512_fmadd_ps(rest_b, high_b, high_odd);
            const __m512 root_a = _mm512_set1_ps(weights.roots[2 * k]);
            const __m512 root_b = _mm512_set1_ps(weights.roots[2 * k + 1]);
            _mm512_store_si512(right + 16 * k, round_pairs(_mm512_mul_ps(root_a, low_a),
                                                           _mm512_mul_ps(root_b, low_b)));
            _mm512_store_si512(right + kTileWords + 16 * k, round_pairs(_mm512_mul_ps(root_a, high_a),
                                                                        _mm512_mul_ps(root_b, high_b)));
        }
        _mm512_store_ps(gradient + j, _mm512_add_ps(low, low_odd));
        _mm512_store_ps(gradient + j + 16, _mm512_add_ps(high, high_odd));
    }
}

// left <- right, transposed tile by tile, entries of negative excess with their sign turned.
ALSATIAN_INLINE void lay_left(const std::uint32_t* right, const TileWeights& weights, std::int64_t stride,
                              std::uint32_t* left) {
    keep_awake();
    for (std::int64_t block = 0; block < stride / 16; ++block) {
        transpose_words(right + block * kTileWords, 16, left + block * kTileWords, 16);
    }
    if (weights.negative == 0) [[likely]] return;
    alignas(64) std::uint32_t signs[16];
    for (std::int64_t k = 0; k < 16; ++k) {
        const std::uint32_t both = weights.negative >> (2 * k);
        signs[k] = (both & 1u) << 15 | (both & 2u) << 30;
    }
    const __m512i turn = _mm512_load_si512(signs);
    for (std::int64_t word = 0; word < stride * 16; word += 16) {
        _mm512_store_si512(left + word, _mm512_xor_si512(_mm512_load_si512(left + word), turn));
    }
}

// scratch.matrix <- the upper triangle of M, ones on the diagonal of the padding, and scratch.gradient <-
// (b - A x)_B. False when told to stop.
template <std::int64_t S>
bool tiled_equations(const Side<float>& side, const Slice<float>& slice, const Row<float>& row,
                     const float* product, const float* scores, const SubspaceScratch<float>& scratch) {
    const std::int64_t stride = stride_of<S>(slice);
    start_gradient(side, slice, row, product, scratch);
    // The first products are added to the Gramian's block where it stands, if it needs no more than lambda.
    const bool plain = row.weight == 1.0f && slice.width == stride && row.n > 0;
    const float* start = plain ? slice.gramian + slice.begin * stride : scratch.matrix;
    if (!plain) start_matrix(slice, row, scratch);
    TileWeights weights;
    for (std::int64_t done = 0; done < row.n;) {
        if (done % kLook == 0 && side.stopping()) return false;
        std::int64_t depth = 0;
        for (; depth < kTiledBlock / kTileEntries && done < row.n; ++depth, done += kTileEntries) {
            const std::int64_t entry = row.begin + done, left = row.n - done;
            const std::int64_t n = left < kTileEntries ? left : kTileEntries;
            const std::int32_t* const indices = side.indices + entry;
            const float* places[kTileEntries];
            const float* later[kTileEntries];
            for (std::int64_t i = 0; i < kTileEntries; ++i) {
                const std::int64_t ahead = i + kTileEntries;
                places[i] = block_of(slice, indices[i < n ? i : n - 1]);
                later[i] = entry + ahead < row.ahead_end ? block_of(slice, indices[ahead]) : places[i];
            }
            weigh_tile(side, row, entry, n, scores + done, weights);
            std::uint32_t* const right = scratch.right + depth * stride * 16;
            lay_out(places, later, weights, stride, scratch.gradient, right);
            lay_left(right, weights, stride, scratch.left + depth * stride * 16);
        }
        multiply_triangle(start, scratch.matrix, stride, scratch.left, scratch.right, depth);
        start = scratch.matrix;
    }
    for (std::int64_t k = 0; plain && k < stride; ++k) scratch.matrix[k * stride + k] += row.lambda;
    return true;
}

// ---- one row -------------------------------------------------------------------------------------

// d'A_BB d, scratch.dots being d . y_eB of the row's entries.
template <std::int64_t S>
float curvature(const Side<float>& side, const Slice<float>& slice, const Row<float>& row,
                const SubspaceScratch<float>& scratch) {
    const std::int64_t stride = stride_of<S>(slice);
    const float* const d = scratch.step;
    const float* const gram = slice.gramian + slice.begin * stride;
    float sum = row.lambda * dot(d, d, stride);
    keep_awake();
    for (std::int64_t j = 0; j < stride; j += 32) {
        FloatLanes low{}, high{};
        for (std::int64_t i = 0; i < slice.width; ++i) {
            const FloatLanes part = spread<float>(d[i]);
            low += part * load(gram + i * stride + j);
            high += part * load(gram + i * stride + j + 16);
        }
        sum += row.weight * sum_lanes<float>(low * load(d + j) + high * load(d + j + 16));
    }
    __m512 of_entries = _mm512_setzero_ps();
    for (std::int64_t done = 0; done < row.n; done += 16) {
        const __mmask16 mask = first(row.n - done);
        const __m512 moved = _mm512_maskz_loadu_ps(mask, scratch.dots + done);
        const __m512 excess = weigh16(side, row, row.begin + done, mask).excess;
        of_entries = _mm512_fmadd_ps(_mm512_mul_ps(excess, moved), moved, of_entries);
    }
    return sum + _mm512_reduce_add_ps(of_entries);
}

template <std::int64_t S>
Outcome step_tiled(const Side<float>& side, const Slice<float>& slice, const Row<float>& row,
                   const float* product, float* scores, const SubspaceScratch<float>& scratch) {
    if (settle_empty(side, row)) return Outcome::done;
    if (!tiled_equations<S>(side, slice, row, product, scores, scratch)) return Outcome::stopped;
    const std::int64_t stride = stride_of<S>(slice);
    if (!finite(dot(scratch.gradient, scratch.gradient, stride))) return Outcome::not_finite;
    for (std::int64_t k = 0; k < stride; ++k) scratch.start[k] = scratch.gradient[k];
    if (!factorize(scratch.matrix, stride, scratch.diagonal, scratch.inverses, scratch.gradient,
                   [] { keep_awake(); })) {
        return Outcome::not_positive;
    }
    keep_awake();
    substitute(scratch.matrix, stride, scratch.inverses, scratch.gradient, scratch.step);
    const float gain = dot(scratch.start, scratch.step, stride);
    if (gain == 0.0f) return Outcome::done;
    dot_blocks<S, true>(slice, side.indices + row.begin, row.n, row.n, scratch.step, scratch.dots);
    const float t = gain / curvature<S>(side, slice, row, scratch);
    if (!(t > 0.0f && finite(t))) return Outcome::not_positive;
    float* const x = side.target + row.index * side.factors + slice.begin;
    float size = 0.0f;
    for (std::int64_t k = 0; k < slice.width; ++k) {
        const float moved = x[k] + t * scratch.step[k];
        size += moved * moved;
    }
    if (!finite(size)) return Outcome::not_finite;
    for (std::int64_t k = 0; k < slice.width; ++k) x[k] += t * scratch.step[k];
    for (std::int64_t e = 0; e < row.n; ++e) scores[e] += t * scratch.dots[e];
    return Outcome::done;
}

}  // namespace
}  // namespace alsatian::als
#endif
