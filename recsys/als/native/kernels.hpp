// The loops that are compiled once for each SIMD variant, as a table of plain function pointers.
//
// kernels.cpp is compiled with flags that other objects are not compiled with. Whatever it emitted as
// a weak symbol (an inline function of the standard library, say) could be picked by the linker for
// the whole module and crash an older processor. Hence: no standard containers here, raw pointers
// only, and everything in kernels.cpp is static.
#pragma once

#include <cstdint>

namespace alsatian::als {

// Scratch rows hold a multiple of kPad numbers, zeros after the true factors, so that no kernel has
// a tail; blocks of gathered rows hold a multiple of kGroup rows, zeros again.
constexpr std::int64_t kPad = 16;
constexpr std::int64_t kGroup = 8;

constexpr std::int64_t kMostFactors = 4096;

constexpr std::int64_t kTurned = 32;  // rows that are turned into another basis together

// Half-width rows of up to so many factors are widened once and passed over in 32 bits even where arithmetic
// in 16 bits is to be had: sums over so few numbers are mostly sums over lanes, of which it has more. They
// alone are worth a matrix of their own once they are long.
constexpr std::int64_t kWideFactors = 64;

// Gathered rows that are worked on at once while a normal matrix is built: a block stays in L1 or L2,
// and 32-bit sums run over no more than this many products before they are added to the total.
constexpr std::int64_t kBlockRows = 128;

// `cholesky` packs at most so many entries at once for the matrix unit, a multiple of 32.
constexpr std::int64_t kMostSplitEntries = 128;

static constexpr inline std::int64_t padded(std::int64_t n, std::int64_t unit) {
    return (n + unit - 1) / unit * unit;
}

// Systems of up to so many factors are solved together, as many as a register has lanes (together.hpp).
constexpr std::int64_t kTogetherFactors = 96;
constexpr std::int64_t kMostLanes = 16;

// Such systems of n columns, n a multiple of 4: registers in a row of a group of kPad rows, and before it.
static constexpr inline std::int64_t together_pitch(std::int64_t n, std::int64_t group) {
    return n + 5 - kPad * group;
}
static constexpr inline std::int64_t together_begin(std::int64_t n, std::int64_t group) {
    return kPad * (group * (n + 5) - kPad * (group * (group - 1) / 2));
}

// A basis to turn rows into, as `matrix` (factors, stride), and as the matrix unit takes it (turn.hpp);
// the latter is null where there is no such unit.
template <class T>
struct Turn {
    const T* matrix;
    const std::uint32_t* tiles;
};

// One side of the alternation: solve rows of `target` given all rows of `other`. Letters as in rows.hpp.
template <class T>
struct Side {
    const std::int64_t* indptr;   // (rows + 1)
    const std::int32_t* indices;  // rows of `other`
    const float* data;            // stored values v; confidence |alpha v|, label 1 where v > 0
    const float* row_weights;     // (rows) a; null where all are 1
    const float* column_weights;  // (others) b; null where all are 1
    const T* offsets;             // (others) c; null where all are 0
    const T* linear;              // (factors) -unobserved sum_j b_j c_j y_j; null where that is 0
    const T* priors;              // (rows, factors); null where all are 0
    std::int64_t others;          // rows of `other`
    double mass;                  // sum of b over all rows of `other`
    std::int64_t factors;         // columns of `target` and `other`, contiguous
    std::int64_t stride;          // factors padded to kPad
    T* target;
    const T* other;
    const std::uint32_t* half;  // `other` in 16 bits (half.hpp), stride / 2 words a row; may be null
    const T* diagonal;     // (stride) the Gramian in the basis of its eigenvectors; null unless `half`
                           // or `turned`
    Turn<T> basis;         // eigenvectors in columns, and the same in rows: `target` is
    Turn<T> basis_back;    // turned into the basis of `half` or `turned`, and back
    std::int64_t half_entries;   // entries packed at once for the matrix unit, a multiple of 32
    std::int64_t split_entries;  // the same for `cholesky`, which packs each number twice; 0 for without
    const T* turned;  // `other` in that basis, `stride` numbers a row, for short rows of `cholesky`; may be null
    std::int64_t short_entries;  // how long those are at most; 0 without `turned`
    const std::int16_t* fixed;    // `other` in whole numbers, `stride` a row (fixed.hpp), for `cholesky`; may be null
    const float* fixed_scales;    // (others) what a row's numbers are to be multiplied by,
    const T* fixed_columns;       // (stride) and a column's
    T fixed_least;                // no eigenvalue of `gramian` is known to be less
    std::int64_t fixed_entries;   // packed at once, an even number up to kBlockRows
    std::int64_t batch;          // rows of the target that are turned at once, a multiple of kTurned
    std::int64_t narrow_entries;  // of rows of up to so many, weights and other rows are kept near by
    std::int64_t tiled_entries;  // rows of so many are solved with it, where there is one
    const T* gramian;  // (stride, stride): unobserved sum_j b_j y_j y_j', zeros in the padding
    double alpha;
    double unobserved;
    double regularization;
    double exponent;
    int cg_steps;
    std::int64_t capacity;  // rows that fit into `Scratch::rows`, a multiple of kGroup
    bool dense_long_rows;   // rows longer than `capacity`: build the normal matrix first
    bool (*stopping)();     // true once the work is to be abandoned
};

// What one thread works in; each array is aligned to 64 bytes.
template <class T>
struct Scratch {
    T* rows;    // (max(capacity, kBlockRows), stride) gathered factors
    T* labels;  // (same count) what an entry adds to the right side, times its row
    T* excess;  // (same count) what an entry adds to the matrix, times its row twice
    std::uint32_t* left;   // (half_entries, stride / 2) packed entries, weighted and transposed
    std::uint32_t* right;  // (half_entries, stride / 2) packed entries
    std::uint32_t* staged;  // (32, stride / 2) one tile deep, before it is transposed
    T* scaled;  // (kBlockRows, stride) gathered factors times excess; null unless a matrix is built
    T* matrix;  // (stride, stride); null unless a matrix is built
    T* matrices;  // (lanes, stride, stride) of systems to be solved together; null unless they are
    T* sides;     // (lanes, stride) their right sides
    T* systems;   // together_begin(n, groups of n rows) registers and kPad more, n = padded(factors, 4)
    T* solution;  // (2 * n, lanes)
    std::int64_t* failed;  // (1 + lanes) how many rows of the last batch were not positive, and which
    std::uint16_t* narrow;  // (stride) a vector in 16 bits
    T* turning;      // (kTurned, stride) what is turned, as the matrix unit takes it
    T* turned;       // (batch, stride) rows of the target in the basis of `half`; null unless that is used
    T* turned_back;  // (kTurned, stride)
    T* x;       // (stride) each, from here on
    T* r;
    T* p;
    T* q;
};

// Why a range of rows was left early.
enum class Outcome : int {
    done = 0,
    stopped = 1,       // `stopping` said so
    not_positive = 2,  // cholesky: pivots of the rows in `failed` are not safely positive; they are unchanged
    not_finite = 3,    // the solution is not finite; the row is unchanged
};

struct Progress {
    Outcome outcome;
    std::int64_t row;  // where it stopped, or is to go on after `not_positive`
};

template <class T>
struct Kernels {
    std::int64_t lanes;  // numbers in a register
    bool tiles;          // whether there is a matrix unit
    bool narrow;         // whether half-width rows are in float16, and are to be below 1
    // Solves rows [begin, end) in place.
    Progress (*solve_cg)(const Side<T>&, std::int64_t begin, std::int64_t end, const Scratch<T>&);
    Progress (*solve_cholesky)(const Side<T>&, std::int64_t begin, std::int64_t end,
                               const Scratch<T>&);
    // The same from `side.half` (32-bit numbers only).
    Progress (*solve_cg_half)(const Side<T>&, std::int64_t begin, std::int64_t end, const Scratch<T>&);
    // Rows of `factors` numbers times `basis`, in 16 bits, (padded(factors, 32) / 2) words a row. `room` has
    // places for 2 kTurned such rows.
    void (*halve)(const T* rows, std::int64_t count, std::int64_t factors, const Turn<T>& basis, T* room,
                  std::uint32_t* to);
    // The same in full width, padded(factors, 32) numbers a row.
    void (*turn)(const T* rows, std::int64_t count, std::int64_t factors, const T* basis, T* to);
    // Rows of `factors` numbers, `row_stride` apart, in whole numbers of 16 bits (fixed.hpp), `stride` a row, after
    // columns are multiplied by `inverse`; their rows are to be multiplied by `scales`. `room` has places for a row.
    // False where a number is not finite. Null for variants that do not multiply such numbers.
    bool (*fix)(const T* rows, std::int64_t count, std::int64_t factors, std::int64_t row_stride,
                std::int64_t stride, const T* inverse, T* room, std::int16_t* to, float* scales);
    // The largest and the smallest square of the lengths of rows that are not 0.
    void (*lengths)(const T* rows, std::int64_t count, std::int64_t factors, T* largest, T* smallest);
    // `to` (stride, stride words) <- a basis (factors, stride) as the matrix unit takes it.
    void (*lay_out_turn)(const float* basis, std::int64_t factors, std::int64_t stride, std::uint32_t* to);
    // Upper triangle of `matrix` (stride, stride; a multiple of 32) += rows' rows, from numbers in two parts of
    // 16 bits; `room` has places for (2 kBlockRows, stride) numbers. For variants with `tiles`.
    void (*gram_by_tiles)(const T* rows, std::int64_t count, std::int64_t factors, std::int64_t stride, T* room,
                          T* matrix);
    // scratch.matrix (upper triangle) <- A, scratch.r <- b of one row. False when told to stop.
    bool (*equations)(const Side<T>&, std::int64_t row, const Scratch<T>&);
    // Upper triangle of tile [i0, i1) x [j0, j1) of `matrix` += left^T right over n block rows.
    // Bounds are multiples of kPad; entries under the diagonal may be written with anything.
    void (*rank_update)(T* matrix, std::int64_t matrix_stride, const T* left, const T* right,
                        std::int64_t stride, std::int64_t n, std::int64_t i0, std::int64_t i1,
                        std::int64_t j0, std::int64_t j1);
    // Sum over the stored entries of rows [begin, end) of w (t - s)^2 - unobserved a b s^2, where
    // s = x.y + c is the predicted score; accumulated in double.
    double (*observed_loss)(const Side<T>&, std::int64_t begin, std::int64_t end, const Scratch<T>&);
};

namespace baseline {
const Kernels<float>& kernels_f32();
const Kernels<double>& kernels_f64();
}  // namespace baseline
#if defined(ALSATIAN_X86_VARIANTS)
namespace avx2 {
const Kernels<float>& kernels_f32();
const Kernels<double>& kernels_f64();
}  // namespace avx2
namespace avx512 {
const Kernels<float>& kernels_f32();
const Kernels<double>& kernels_f64();
}  // namespace avx512
namespace amx {
const Kernels<float>& kernels_f32();
const Kernels<double>& kernels_f64();
}  // namespace amx
#endif

}  // namespace alsatian::als
