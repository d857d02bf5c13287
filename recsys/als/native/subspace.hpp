// The loops of the subspace solver, compiled once for each SIMD variant under the rules of kernels.hpp.
#pragma once

#include <cstdint>

#include "kernels.hpp"

namespace alsatian::als {

// Entries that are added to a block's normal matrix together: few enough for L1.
constexpr std::int64_t kChunk = 32;

// The same for the matrix unit, a multiple of 32; and what a block's width is then padded to.
constexpr std::int64_t kTiledBlock = 64;
constexpr std::int64_t kTileColumns = 32;

// Rows that meet the Gramian together: it is read once for all of them.
constexpr std::int64_t kTogether = 24;
constexpr std::int64_t kTogetherTiled = 32;
// Where systems are solved together, as many times the lanes of a register.
constexpr std::int64_t kTogetherLanes = 3;
constexpr std::int64_t kMostTogether = kTogetherLanes * kMostLanes;

// A block of the other side in whole numbers of 16 bits, in a basis W where the Gramian's block is a diagonal
// (whitened_store.hpp): a row y of the block is y W there, a row x of the target x W'^-1, a gradient g is g W.
template <class T>
struct Whitened {
    const std::int16_t* numbers;  // `stride` a row
    const float* scales;          // what a row's numbers are to be multiplied by
    float longest;                // no row of `numbers` is longer
    const T* gramian;             // (factors, stride): columns of Slice::gramian in this basis
    const T* linear;              // (stride): Side::linear in this basis, zeros where there is none
    const T* turn_target;         // (width, stride): W'^-1
    const T* turn_back;           // (stride, stride): W'
    const T* holds;               // (stride): the diagonal W'G_BB W, ones in the padding
    const T* lambdas;             // (stride): the diagonal W'W, zeros in the padding
    const T* zeros;               // (stride, stride)
    std::int64_t entries;         // packed at once, an even number up to kBlockRows
    std::int64_t near_entries;    // places of SubspaceScratch::near, a multiple of kPad
};

// One block of dimensions [begin, begin + width) of everything that a step on it reads.
template <class T>
struct Slice {
    std::int64_t begin;
    std::int64_t width;
    std::int64_t stride;       // width padded to kPad
    const T* rows;             // row i's block of the other side begins at rows + i * rows_stride
    std::int64_t rows_stride;
    bool padded_rows;          // `stride` numbers of each row may be read, zeros after `width`
    const T* gramian;          // (factors, stride): unobserved * other^T other, columns of the block
    bool tiled;                // take the normal matrix on the matrix unit; `stride` is a multiple of 32
    const std::uint32_t* packed_gramian;  // `gramian` for the matrix unit, where `tiled`
    const Whitened<T>* whitened;  // the same in whole numbers; may be null
};

// What one thread works in; each array is aligned to 64 bytes.
template <class T>
struct SubspaceScratch {
    T* rows;      // (kChunk, stride) blocks that have to be copied
    T* scaled;    // (kChunk, stride) blocks times excess
    T* matrix;    // (stride, stride)
    T* inverses;  // (stride, kPad) of what is on the diagonal; see block_cholesky.hpp
    T* products;  // (as many, stride) rows of the target times the Gramian
    T* gradient;  // (stride)
    T* step;      // (stride)
    T* diagonal;  // (stride)
    T* zeros;     // (stride), all 0
    T* start;     // (stride) for tiles: the gradient, which the factorization overwrites
    T* dots;      // (entries of the longest row, to a multiple of kGroup) the step times their block, for tiles
    T* matrices;  // (lanes, stride, stride) of systems to be solved together; null unless they are
    T* sides;     // (lanes, stride) their right sides
    T* systems;   // as Scratch::systems
    T* solution;  // (2 * padded(width, 4), lanes)
    T* turned;    // (as many, stride) rows of the target in the basis of Whitened, then their steps; and
    T* moved;     // (as many, stride) the latter turned back
    std::int16_t* near;    // (Whitened::near_entries, stride) a row's entries
    float* near_numbers;   // (5, near_entries) what goes with them
    std::int64_t* failed;  // (1 + kMostTogether) how many rows were not positive, and which
    std::uint32_t* left;   // (kTiledBlock or kBlockRows, stride / 2) packed entries, transposed for tiles
    std::uint32_t* right;  // (the same) packed entries
    std::uint32_t* packed_rows;  // (kTogetherTiled, factors padded to 32) rows of the target
};

template <class T>
struct SubspaceKernels {
    bool tiles;  // whether there is a matrix unit
    // scores[e - first] += x . y over the block, for each entry e of rows [begin, end).
    void (*add_scores)(const Side<T>&, const Slice<T>&, std::int64_t begin, std::int64_t end,
                       std::int64_t first, T* scores, const SubspaceScratch<T>&);
    // `gramian` (factors, stride) as Slice::packed_gramian: stride x factors padded to 32 (tiles only).
    void (*pack_gramian)(const T* gramian, std::int64_t factors, std::int64_t stride, std::uint32_t* to);
    // Rows of `width` numbers, `row_stride` apart, times `turn` (width, stride), in whole numbers of 16 bits; they are
    // to be multiplied by `scales`. Returns how long they are at most, before that, or something that is not finite
    // where they are not. `room` has places for (kTogether, stride). Null for variants without such numbers.
    float (*whiten)(const T* rows, std::int64_t count, std::int64_t width, std::int64_t row_stride,
                    std::int64_t stride, const T* turn, T* room, std::int16_t* to, float* scales);
    // One exact step on the block for each of rows [begin, end), which moves `scores` along. After `not_positive`
    // the rows in scratch.failed are unchanged, and the work is to go on at the row that is named.
    Progress (*step)(const Side<T>&, const Slice<T>&, std::int64_t begin, std::int64_t end,
                     std::int64_t first, T* scores, const SubspaceScratch<T>&);
};

namespace baseline {
const SubspaceKernels<float>& subspace_f32();
const SubspaceKernels<double>& subspace_f64();
}  // namespace baseline
#if defined(ALSATIAN_X86_VARIANTS)
namespace avx2 {
const SubspaceKernels<float>& subspace_f32();
const SubspaceKernels<double>& subspace_f64();
}  // namespace avx2
namespace avx512 {
const SubspaceKernels<float>& subspace_f32();
const SubspaceKernels<double>& subspace_f64();
}  // namespace avx512
namespace amx {
const SubspaceKernels<float>& subspace_f32();
const SubspaceKernels<double>& subspace_f64();
}  // namespace amx
#endif

}  // namespace alsatian::als
