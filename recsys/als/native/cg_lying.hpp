// Conjugate gradients from bfloat16 rows, in 32 bits, where they lie: for kernels.cpp alone.
//
// A cache line of a row holds two registers' worth of numbers, which one operation makes 32 bits wide (half.hpp).
// To do so in each pass, and to read rows where they lie, costs less than a copy in 32 bits that is written once
// and read in each pass: that is twice the bytes.
#pragma once

#include "cg.hpp"

namespace alsatian::als {
namespace {

#if defined(ALSATIAN_LYING)

constexpr std::int64_t kLyingStretch = 16;  // entries of which dot products fill a register
// Entries ahead of which rows are asked for: no more than the nearest cache has room for beside those at work.
constexpr std::int64_t kLyingAhead = 64;
constexpr std::int64_t kLyingAheadNumbers = 4096;
// Sums over rows of up to so many numbers stay in registers from the first entry of a row to its last.
constexpr std::int64_t kLyingHeld = 128;

// Read once: the compiler would rather have two operations read it from memory, which has no time for that.
ALSATIAN_INLINE __m512i line_at(const std::uint32_t* from) {
    __m512i line = _mm512_loadu_si512(from);
    asm("" : "+v"(line));
    return line;
}
ALSATIAN_INLINE __m512 low_half(__m512i line) { return _mm512_castsi512_ps(_mm512_slli_epi32(line, 16)); }
ALSATIAN_INLINE __m512 high_half(__m512i line) { return _mm512_castsi512_ps(line); }

// Dot products of four rows (4 i + j of `rows` for each i < quads, zeros for the others) with a vector, four
// parts of each still to be added: those of row i in quarter i.
template <std::int64_t S, int quads>
ALSATIAN_INLINE __m512 quartered_dots(const std::uint32_t* const* rows, int j, std::int64_t stride,
                                      const float* v) {
    __m512 sum[4];
    for (int i = 0; i < 4; ++i) sum[i] = _mm512_setzero_ps();
    for (std::int64_t k = 0; k < stride; k += kHalfGroup) {
        const __m512 low = _mm512_loadu_ps(v + k), high = _mm512_loadu_ps(v + k + 16);
        for (int i = 0; i < quads; ++i) {
            const __m512i line = line_at(rows[4 * i + j] + k / 2);
            sum[i] = _mm512_fmadd_ps(high, high_half(line), _mm512_fmadd_ps(low, low_half(line), sum[i]));
        }
    }
    const auto halves = [](__m512 a, __m512 b) {
        return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
    };
    const __m512 first = halves(sum[0], sum[1]), second = halves(sum[2], sum[3]);
    return _mm512_add_ps(_mm512_shuffle_f32x4(first, second, 0x88), _mm512_shuffle_f32x4(first, second, 0xDD));
}

// Dot products of 4 quads rows with a vector, in order.
template <std::int64_t S, int quads>
ALSATIAN_INLINE __m512 lying_dots(const std::uint32_t* const* rows, std::int64_t any_stride, const float* v) {
    const std::int64_t stride = known<S>(any_stride);
    __m512 part[4];
    for (int j = 0; j < 4; ++j) part[j] = quartered_dots<S, quads>(rows, j, stride, v);
    const __m512 even = _mm512_add_ps(_mm512_unpacklo_ps(part[0], part[1]), _mm512_unpackhi_ps(part[0], part[1]));
    const __m512 odd = _mm512_add_ps(_mm512_unpacklo_ps(part[2], part[3]), _mm512_unpackhi_ps(part[2], part[3]));
    const __m512d a = _mm512_castps_pd(even), b = _mm512_castps_pd(odd);
    return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
}

// Sums of `lines` lines of rows, in each of `sets`.
template <int lines>
struct LyingSums {
    static constexpr int sets = lines >= 4 ? 1 : 4 / lines;  // chains enough to cover the latency of a sum

    ALSATIAN_INLINE LyingSums() {
        for (int s = 0; s < sets; ++s) {
            for (int k = 0; k < 2 * lines; ++k) sum[s][k] = _mm512_setzero_ps();
        }
    }

    // += n rows (a multiple of 4) from word `at` on, times their scales.
    template <int n>
    ALSATIAN_INLINE void add(const std::uint32_t* const* rows, std::int64_t at, const float* scales) {
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i) {
            const std::uint32_t* const row = rows[i] + at;
            const __m512 scale = _mm512_set1_ps(scales[i]);
            __m512* const to = sum[i % sets];
            for (int k = 0; k < lines; ++k) {
                const __m512i line = line_at(row + 16 * k);
                to[2 * k] = _mm512_fmadd_ps(scale, low_half(line), to[2 * k]);
                to[2 * k + 1] = _mm512_fmadd_ps(scale, high_half(line), to[2 * k + 1]);
            }
        }
    }

    // out += the sums
    ALSATIAN_INLINE void finish(float* out) const {
        for (int k = 0; k < 2 * lines; ++k) {
            __m512 whole = sum[0][k];
            for (int s = 1; s < sets; ++s) whole = _mm512_add_ps(whole, sum[s][k]);
            _mm512_storeu_ps(out + 16 * k, _mm512_add_ps(_mm512_loadu_ps(out + 16 * k), whole));
        }
    }

    __m512 sum[sets][2 * lines];
};

// out += n rows times their scales
template <int n>
ALSATIAN_INLINE void add_lying_rows(const std::uint32_t* const* rows, std::int64_t stride, const float* scales,
                                    float* out) {
    const std::int64_t lines = stride / kHalfGroup;
    const auto add = [&](auto&& sums, std::int64_t line) {
        sums.template add<n>(rows, 16 * line, scales);
        sums.finish(out + kHalfGroup * line);
    };
    std::int64_t line = 0;
    for (; line + 8 <= lines; line += 8) add(LyingSums<8>(), line);
    for (; line < lines; ++line) add(LyingSums<1>(), line);
}

// What is done with dot products: rows times label - excess dot, rows times excess dot and the sum of excess
// dot^2, or that alone.
enum class Pass { residual, product, curvature };

template <std::int64_t S>
ALSATIAN_INLINE void ask(const Side<float>& side, std::int64_t entry) {
    const std::int64_t lines = known<S>(side.stride) / kHalfGroup;
    const std::uint32_t* const from = side.half + side.indices[entry] * (lines * 16);
    for (std::int64_t k = 0; k < lines; ++k) __builtin_prefetch(from + 16 * k);
}

struct LyingWeights {
    __m512 labels, excess;
};

ALSATIAN_INLINE __mmask16 first_lanes(std::int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }

// Of up to kLyingStretch entries from `entry` on; 0 after them.
ALSATIAN_INLINE LyingWeights lying_weights(const Side<float>& side, const Row<float>& row, std::int64_t entry,
                                         std::int64_t n) {
    if (side.column_weights || side.offsets) [[unlikely]] {
        const __mmask16 mask = first_lanes(n);
        alignas(64) float data[kLyingStretch], labels[kLyingStretch], excess[kLyingStretch];
        alignas(64) std::int32_t columns[kLyingStretch];
        _mm512_store_ps(data, _mm512_maskz_loadu_ps(mask, side.data + entry));
        _mm512_store_si512(columns, _mm512_maskz_loadu_epi32(mask, side.indices + entry));
        for (std::int64_t i = 0; i < kLyingStretch; i += kGroup) {
            weigh_group(side, row, data + i, columns + i, labels + i, excess + i);
        }
        return {_mm512_maskz_load_ps(mask, labels), _mm512_maskz_load_ps(mask, excess)};
    }
    const __m512 alpha = _mm512_set1_ps(static_cast<float>(side.alpha)), unobserved = _mm512_set1_ps(row.unobserved);
    if (n == kLyingStretch) [[likely]] {
        const __m512 value = _mm512_mul_ps(alpha, _mm512_loadu_ps(side.data + entry));
        return {_mm512_max_ps(value, _mm512_setzero_ps()), _mm512_sub_ps(_mm512_abs_ps(value), unobserved)};
    }
    const __mmask16 mask = first_lanes(n);
    const __m512 value = _mm512_mul_ps(alpha, _mm512_maskz_loadu_ps(mask, side.data + entry));
    return {_mm512_max_ps(value, _mm512_setzero_ps()), _mm512_maskz_sub_ps(mask, _mm512_abs_ps(value), unobserved)};
}

// A pass over a row's entries, where they lie.
template <std::int64_t S, Pass pass>
class LyingPass {
   public:
    ALSATIAN_INLINE LyingPass(const Side<float>& side, const Row<float>& row, const float* v, float* out)
        : side_(side), row_(row), v_(v), out_(out), curvature_(_mm512_setzero_ps()) {}

    // out += sum of rows; the curvature is returned.
    ALSATIAN_INLINE float run() {
        // Rows of a stretch are added after dot products of the next have begun: neither waits for the other.
        Stretch places[2];
        const bool asking = pass == Pass::residual || row_.n > side_.narrow_entries;
        int here = 0;
        std::int64_t n = 0;
        for (std::int64_t at = 0; at < row_.n; at += kLyingStretch, here ^= 1) {
            n = row_.n - at < kLyingStretch ? row_.n - at : kLyingStretch;
            if (asking) ask_ahead(row_.begin + at);
            if (n > kLyingStretch / 2) {
                weigh<4>(row_.begin + at, n, places[here]);
            } else {
                weigh<2>(row_.begin + at, n, places[here]);
            }
            if (at > 0) add<kLyingStretch>(places[here ^ 1]);
        }
        if (n > kLyingStretch / 2) {
            add<kLyingStretch>(places[here ^ 1]);
        } else {
            add<kLyingStretch / 2>(places[here ^ 1]);
        }
        if constexpr (kHeld) sums_.finish(out_);
        return pass == Pass::residual ? 0.0f : _mm512_reduce_add_ps(curvature_);
    }

   private:
    static constexpr bool kHeld = S > 0 && S <= kLyingHeld && pass != Pass::curvature;

    ALSATIAN_INLINE void ask_ahead(std::int64_t entry) const {
        const std::int64_t fitting = kLyingAheadNumbers / known<S>(side_.stride);
        entry += fitting < kLyingAhead ? (fitting > 4 ? fitting : 4) : kLyingAhead;
        const std::int64_t end = entry + kLyingStretch < row_.ahead_end ? entry + kLyingStretch : row_.ahead_end;
#pragma GCC unroll 4
        for (; entry < end; ++entry) ask<S>(side_, entry);
    }

    // Rows of entries, and what they are multiplied by.
    struct Stretch {
        alignas(64) const std::uint32_t* rows[kLyingStretch];
        alignas(64) float scales[kLyingStretch];
    };

    template <int quads>
    ALSATIAN_INLINE void weigh(std::int64_t entry, std::int64_t n, Stretch& place) {
        const std::int64_t stride = known<S>(side_.stride);
        // Places after the last entry repeat the first, with weights of 0. Only there are loads masked, which
        // cost more.
        __m512i columns;
        if (n == kLyingStretch) [[likely]] {
            columns = _mm512_loadu_si512(side_.indices + entry);
        } else {
            columns = _mm512_mask_loadu_epi32(_mm512_set1_epi32(side_.indices[entry]), first_lanes(n),
                                              side_.indices + entry);
        }
        const __m512i size = _mm512_set1_epi64(2 * stride);
        const __m512i base = _mm512_set1_epi64(reinterpret_cast<std::int64_t>(side_.half));
        const auto pointers = [&](__m256i column) {
            return _mm512_add_epi64(base, _mm512_mul_epu32(_mm512_cvtepu32_epi64(column), size));
        };
        _mm512_store_si512(place.rows, pointers(_mm512_castsi512_si256(columns)));
        if constexpr (quads > 2) _mm512_store_si512(place.rows + 8, pointers(_mm512_extracti64x4_epi64(columns, 1)));
        const auto [labels, excess] = lying_weights(side_, row_, entry, n);
        const __m512 dots = lying_dots<S, quads>(place.rows, stride, v_);
        __m512 scale = _mm512_mul_ps(excess, dots);
        if constexpr (pass != Pass::residual) curvature_ = _mm512_fmadd_ps(scale, dots, curvature_);
        if constexpr (pass == Pass::curvature) return;
        if constexpr (pass == Pass::residual) scale = _mm512_sub_ps(labels, scale);
        _mm512_store_ps(place.scales, scale);
    }

    template <int n>
    ALSATIAN_INLINE void add(const Stretch& place) {
        if constexpr (pass == Pass::curvature) return;
        if constexpr (kHeld) {
            sums_.template add<n>(place.rows, 0, place.scales);
        } else {
            add_lying_rows<n>(place.rows, known<S>(side_.stride), place.scales, out_);
        }
    }

    const Side<float>& side_;
    const Row<float>& row_;
    const float* const v_;
    float* const out_;
    __m512 curvature_;
    [[no_unique_address]] LyingSums<kHeld ? S / kHalfGroup : 1> sums_;
};

template <std::int64_t S, Pass pass>
ALSATIAN_INLINE float pass_lying(const Side<float>& side, const Row<float>& row, const float* v, float* out) {
    return LyingPass<S, pass>(side, row, v, out).run();
}

// scratch.r <- b - A x
template <std::int64_t S>
ALSATIAN_INLINE void lying_residual(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch) {
    const std::int64_t stride = known<S>(side.stride);
    multiply_gramian<S>(side, scratch.x, scratch.r);
    finish_product(row, scratch.x, stride, scratch.r);
    for (std::int64_t k = 0; k < stride; k += 16) store(scratch.r + k, -load(scratch.r + k));
    pass_lying<S, Pass::residual>(side, row, scratch.x, scratch.r);
}

// Returns p'Ap, and leaves q = A p where `need_product`.
template <std::int64_t S>
ALSATIAN_INLINE float lying_product(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch,
                                    bool need_product) {
    const std::int64_t stride = known<S>(side.stride);
    multiply_gramian<S>(side, scratch.p, scratch.q);
    finish_product(row, scratch.p, stride, scratch.q);
    const float held = dot(scratch.p, scratch.q, stride);
    return held + (need_product ? pass_lying<S, Pass::product>(side, row, scratch.p, scratch.q)
                                : pass_lying<S, Pass::curvature>(side, row, scratch.p, nullptr));
}

#endif

}  // namespace
}  // namespace alsatian::als
