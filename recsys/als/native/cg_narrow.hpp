// Conjugate gradients from half-width rows, in half-width arithmetic: for kernels.cpp alone.
//
// Where the processor multiplies 32 numbers of 16 bits (float16, 11 significant bits) at once, rows are
// stored, copied and passed over in that width: twice the numbers of an operation, half the bytes of a pass.
// Sums stay short (a dot product's lanes hold stride / 32 products each, a sum of rows 32 of them) before
// they go on in 32 bits, so that rounding stays below that of a bfloat16 store. What meets the rows is
// scaled by a power of two to below 1 first; rows themselves are (HalfStore in core.cpp): nothing overflows.
#pragma once

#include "cg.hpp"

namespace alsatian::als {
namespace {


#if defined(ALSATIAN_NARROW)

constexpr std::int64_t kLine = 32;       // numbers of a cache line and of a register
constexpr std::int64_t kStretch = 32;    // entries that are added up in 16 bits
constexpr std::int64_t kFar = 40;  // entries ahead of which the beginning is asked for
constexpr std::int64_t kNear = 8;  // and the whole

// Asks for an entry's row as near as L1, and for the beginning of one farther on: what follows on it is
// fetched by the processor itself.
template <std::int64_t S>
ALSATIAN_INLINE void ask(const Side<float>& side, const Row<float>& row, std::int64_t entry) {
    const std::int64_t lines = known<S>(side.stride) / kLine;
    if (entry + kFar < row.ahead_end) {
        const std::uint32_t* const from = side.half + side.indices[entry + kFar] * (lines * 16);
        for (std::int64_t k = 0; k < lines; k += 4) __builtin_prefetch(from + 16 * k, 0, 2);
    }
    if (entry + kNear < row.ahead_end) {
        const std::uint32_t* const from = side.half + side.indices[entry + kNear] * (lines * 16);
        for (std::int64_t k = 0; k < lines; ++k) __builtin_prefetch(from + 16 * k);
    }
}

ALSATIAN_INLINE __m512h narrow(const void* from) { return _mm512_loadu_ph(from); }
ALSATIAN_INLINE __m512 low_of(__m512h v) { return _mm512_cvtxph_ps(_mm512_castph512_ph256(v)); }
ALSATIAN_INLINE __m512 high_of(__m512h v) {
    return _mm512_cvtxph_ps(_mm256_castsi256_ph(_mm512_extracti64x4_epi64(_mm512_castph_si512(v), 1)));
}
ALSATIAN_INLINE __m512i narrowed(__m512 low, __m512 high) {
    const __m256i a = _mm256_castph_si256(_mm512_cvtxps_ph(low)), b = _mm256_castph_si256(_mm512_cvtxps_ph(high));
    return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
}

// A power of two `down` such that numbers up to `largest` times it are at most 1, and `up` that takes it back.
struct Scale {
    float down, up;
};

ALSATIAN_INLINE Scale scale_of(float largest) {
    const std::uint32_t exponent = bits_of(largest) >> 23 & 0xFFu;
    // None for 0, and for what is out of range whatever is done.
    if (exponent < 2 || exponent > 250) return {1.0f, 1.0f};
    const std::uint32_t up = (exponent + 1) << 23, down = (253 - exponent) << 23;
    Scale scale;
    std::memcpy(&scale.up, &up, sizeof up);
    std::memcpy(&scale.down, &down, sizeof down);
    return scale;
}

// `to` (stride halves) <- v, scaled to a length of at most 1; returns what takes products with it back.
template <std::int64_t S>
ALSATIAN_INLINE float narrow_vector(const float* v, std::int64_t any_stride, std::uint16_t* to) {
    const std::int64_t stride = known<S>(any_stride);
    const Scale scale = scale_of(__builtin_sqrtf(dot(v, v, stride)));
    const __m512 down = _mm512_set1_ps(scale.down);
    for (std::int64_t k = 0; k < stride; k += kLine) {
        _mm512_store_si512(to + k, narrowed(_mm512_mul_ps(down, _mm512_loadu_ps(v + k)),
                                            _mm512_mul_ps(down, _mm512_loadu_ps(v + k + 16))));
    }
    return scale.up;
}

// Quarters of a and b, as two shuffles pick them, added.
template <int first, int second>
ALSATIAN_INLINE __m512h fold(__m512h a, __m512h b) {
    const __m512i x = _mm512_castph_si512(a), y = _mm512_castph_si512(b);
    return _mm512_add_ph(_mm512_castsi512_ph(_mm512_shuffle_i32x4(x, y, first)),
                         _mm512_castsi512_ph(_mm512_shuffle_i32x4(x, y, second)));
}

// Sums of the 32 lanes of each of eight registers, in order.
ALSATIAN_INLINE __m256 sum_narrow8(const __m512h* v) {
    const __m512h abcd = fold<0x88, 0xDD>(fold<0x44, 0xEE>(v[0], v[1]), fold<0x44, 0xEE>(v[2], v[3]));
    const __m512h efgh = fold<0x88, 0xDD>(fold<0x44, 0xEE>(v[4], v[5]), fold<0x44, 0xEE>(v[6], v[7]));
    // Eight lanes of each are left, from here on in 32 bits.
    const auto quarter = [](__m512h w) {
        const __m512 a = low_of(w), b = high_of(w);
        return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
    };
    const __m512 first = quarter(abcd), second = quarter(efgh);
    __m512 both = _mm512_add_ps(_mm512_unpacklo_ps(first, second), _mm512_unpackhi_ps(first, second));
    both = _mm512_add_ps(both, _mm512_permute_ps(both, 0x4E));
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 0, 0, 0, 0, 0, 0, 0);
    return _mm512_castps512_ps256(_mm512_permutexvar_ps(order, both));
}

// dots <- the products of eight rows with v.
template <std::int64_t S>
ALSATIAN_INLINE void narrow_dots8(const std::uint16_t* const* rows, std::int64_t any_stride, const std::uint16_t* v,
                                  float* dots) {
    const std::int64_t stride = known<S>(any_stride);
    __m512h sum[kGroup];
    for (std::int64_t i = 0; i < kGroup; ++i) sum[i] = _mm512_setzero_ph();
    for (std::int64_t k = 0; k < stride; k += kLine) {
        const __m512h part = narrow(v + k);
        for (std::int64_t i = 0; i < kGroup; ++i) sum[i] = _mm512_fmadd_ph(part, narrow(rows[i] + k), sum[i]);
    }
    _mm256_storeu_ps(dots, sum_narrow8(sum));
}

// out (kLine * lines numbers) += up * sum over n rows of scales_i row_i; `scales` are two of the same a word.
template <int lines>
ALSATIAN_INLINE void add_narrow(const std::uint16_t* const* rows, std::int64_t at, std::int64_t n,
                                const std::uint32_t* scales, __m512 up, float* out) {
    constexpr int sets = lines >= 8 ? 1 : 8 / lines;  // chains enough to cover the latency of a sum
    __m512h sum[sets][lines];
    for (int s = 0; s < sets; ++s) {
        for (int k = 0; k < lines; ++k) sum[s][k] = _mm512_setzero_ph();
    }
    for (std::int64_t i = 0; i < n; i += sets) {
        for (int s = 0; s < sets; ++s) {
            const std::uint16_t* const row = rows[i + s] + at;
            const __m512h scale = _mm512_castsi512_ph(_mm512_set1_epi32(static_cast<int>(scales[i + s])));
            for (int k = 0; k < lines; ++k) {
                sum[s][k] = _mm512_fmadd_ph(scale, narrow(row + kLine * k), sum[s][k]);
            }
        }
    }
    for (int k = 0; k < lines; ++k) {
        __m512h whole[sets];
        for (int s = 0; s < sets; ++s) whole[s] = sum[s][k];
        for (int half = sets / 2; half > 0; half /= 2) {
            for (int s = 0; s < half; ++s) whole[s] = _mm512_add_ph(whole[s], whole[s + half]);
        }
        float* const to = out + kLine * k;
        _mm512_storeu_ps(to, _mm512_fmadd_ps(up, low_of(whole[0]), _mm512_loadu_ps(to)));
        _mm512_storeu_ps(to + 16, _mm512_fmadd_ps(up, high_of(whole[0]), _mm512_loadu_ps(to + 16)));
    }
}

template <std::int64_t S>
ALSATIAN_INLINE void add_narrow_rows(const std::uint16_t* const* rows, std::int64_t any_stride, std::int64_t n,
                                     const std::uint32_t* scales, float up, float* out) {
    const std::int64_t stride = known<S>(any_stride), lines = stride / kLine;
    const __m512 back = _mm512_set1_ps(up);
    if constexpr (S > 0 && S <= 8 * kLine) {
        add_narrow<S / kLine>(rows, 0, n, scales, back, out);
        return;
    }
    std::int64_t line = 0;
    for (; line + 8 <= lines; line += 8) {
        add_narrow<8>(rows, kLine * line, n, scales, back, out + kLine * line);
    }
    for (; line < lines; ++line) {
        add_narrow<1>(rows, kLine * line, n, scales, back, out + kLine * line);
    }
}

// What is done with dot products: label - excess dot, excess dot, or the sum of excess dot^2.
enum class Pass { residual, product, curvature };

// What a pass multiplies a row's entries by.
struct Narrow {
    const std::uint16_t* vector;  // (stride) in 16 bits, no longer than 1
    float up;                     // takes products with it back
    Scale scale;                  // takes what entries are multiplied by to at most 1
    const float* labels;          // of all entries of the row; null where they are too many to keep
    const float* excess;
    bool asking;                  // entries to come are asked for
};

// Two of the same number a word.
ALSATIAN_INLINE __m512i twice(__m512 v) {
    const __m512i word = _mm512_cvtepu16_epi32(_mm256_castph_si256(_mm512_cvtxps_ph(v)));
    return _mm512_or_si512(word, _mm512_slli_epi32(word, 16));
}

// One pass over n entries (up to 32) of `row` from its place `at` on, where they lie.
template <std::int64_t S, Pass pass>
ALSATIAN_INLINE void pass_stretch(const Side<float>& side, const Row<float>& row, std::int64_t at, std::int64_t n,
                                  const Narrow& with, float* out, __m512& curvature) {
    const std::int64_t stride = known<S>(side.stride), places = padded(n, kGroup), entry = row.begin + at;
    const std::uint16_t* rows[kStretch];
    alignas(64) float dots[kStretch] = {}, own_labels[kStretch], own_excess[kStretch];
    if (with.excess == nullptr) weigh_entries(side, row, entry, n, kStretch, own_labels, own_excess);
    const float* const labels = with.excess == nullptr ? own_labels : with.labels + at;
    const float* const excess = with.excess == nullptr ? own_excess : with.excess + at;
    for (std::int64_t i = 0; i < places; i += kGroup) {
        for (std::int64_t e = i; e < i + kGroup; ++e) {
            // Places after the last entry repeat it, with weights of 0.
            const std::int32_t column = side.indices[entry + (e < n ? e : n - 1)];
            rows[e] = reinterpret_cast<const std::uint16_t*>(side.half) + column * stride;
            if (with.asking) ask<S>(side, row, entry + e);
        }
        narrow_dots8<S>(rows + i, stride, with.vector, dots + i);
    }
    const __m512 first = _mm512_load_ps(dots), second = _mm512_load_ps(dots + 16);
    __m512 scale_first = _mm512_mul_ps(_mm512_loadu_ps(excess), first);
    __m512 scale_second = _mm512_mul_ps(_mm512_loadu_ps(excess + 16), second);
    if constexpr (pass == Pass::curvature) {
        curvature = _mm512_fmadd_ps(scale_first, first, _mm512_fmadd_ps(scale_second, second, curvature));
        return;
    }
    if constexpr (pass == Pass::residual) {
        const __m512 up = _mm512_set1_ps(with.up);
        scale_first = _mm512_fnmadd_ps(up, scale_first, _mm512_loadu_ps(labels));
        scale_second = _mm512_fnmadd_ps(up, scale_second, _mm512_loadu_ps(labels + 16));
    }
    const __m512 down = _mm512_set1_ps(with.scale.down);
    alignas(64) std::uint32_t scales[kStretch];
    _mm512_store_si512(scales, twice(_mm512_mul_ps(down, scale_first)));
    _mm512_store_si512(scales + 16, twice(_mm512_mul_ps(down, scale_second)));
    const float back = pass == Pass::residual ? with.scale.up : with.scale.up * with.up;
    add_narrow_rows<S>(rows, stride, places, scales, back, out);
}

template <std::int64_t S, Pass pass>
ALSATIAN_INLINE float pass_row(const Side<float>& side, const Row<float>& row, const Narrow& with, float* out) {
    __m512 curvature = _mm512_setzero_ps();
    for (std::int64_t at = 0; at < row.n; at += kStretch) {
        const std::int64_t n = row.n - at < kStretch ? row.n - at : kStretch;
        pass_stretch<S, pass>(side, row, at, n, with, out, curvature);
    }
    return _mm512_reduce_add_ps(curvature) * with.up * with.up;
}

// The weights of a row's entries where there is room for them, and the largest of them.
struct Weighed {
    float largest_label, largest_excess;
    bool kept;
};

inline Weighed weigh_row(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch) {
    const bool kept = row.n <= side.narrow_entries;
    __m512 label = _mm512_setzero_ps(), excess = label;
    for (std::int64_t at = 0; at < row.n; at += kStretch) {
        const std::int64_t n = row.n - at < kStretch ? row.n - at : kStretch, to = kept ? at : 0;
        weigh_entries(side, row, row.begin + at, n, kStretch, scratch.labels + to, scratch.excess + to);
        for (std::int64_t i = to; i < to + kStretch; i += 16) {
            label = _mm512_max_ps(label, _mm512_abs_ps(_mm512_loadu_ps(scratch.labels + i)));
            excess = _mm512_max_ps(excess, _mm512_abs_ps(_mm512_loadu_ps(scratch.excess + i)));
        }
    }
    return {_mm512_reduce_max_ps(label), _mm512_reduce_max_ps(excess), kept};
}

// scratch.r <- b - A x
template <std::int64_t S>
ALSATIAN_INLINE void narrow_residual(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch,
                                     const Weighed& weighed) {
    const std::int64_t stride = known<S>(side.stride);
    multiply_gramian<S>(side, scratch.x, scratch.r);
    finish_product(row, scratch.x, stride, scratch.r);
    for (std::int64_t k = 0; k < stride; k += 16) store(scratch.r + k, -load(scratch.r + k));
    const float up = narrow_vector<S>(scratch.x, stride, scratch.narrow);
    // No row is longer than 1, nor is the vector: nor are products.
    const Narrow with{scratch.narrow, up, scale_of(weighed.largest_label + weighed.largest_excess * up),
                      weighed.kept ? scratch.labels : nullptr, weighed.kept ? scratch.excess : nullptr, true};
    pass_row<S, Pass::residual>(side, row, with, scratch.r);
}

// Returns p'Ap, and leaves q = A p where `need_product`.
template <std::int64_t S>
ALSATIAN_INLINE float narrow_product(const Side<float>& side, const Row<float>& row, const Scratch<float>& scratch,
                                     const Weighed& weighed, bool need_product) {
    const std::int64_t stride = known<S>(side.stride);
    multiply_gramian<S>(side, scratch.p, scratch.q);
    finish_product(row, scratch.p, stride, scratch.q);
    const float up = narrow_vector<S>(scratch.p, stride, scratch.narrow);
    // Entries of a row that L2 does not hold are asked for in every pass.
    const Narrow with{scratch.narrow, up, scale_of(weighed.largest_excess), weighed.kept ? scratch.labels : nullptr,
                      weighed.kept ? scratch.excess : nullptr, !weighed.kept};
    if (need_product) {
        pass_row<S, Pass::product>(side, row, with, scratch.q);
        return dot(scratch.p, scratch.q, stride);
    }
    return dot(scratch.p, scratch.q, stride) + pass_row<S, Pass::curvature>(side, row, with, nullptr);
}

#endif

}  // namespace
}  // namespace alsatian::als
