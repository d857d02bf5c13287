// Sparse matrices: what they promise, checked; the transpose by counting.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core.hpp"
#include "parallel.hpp"

namespace alsatian::als {

namespace {

constexpr std::int64_t kPollEntries = 1 << 20;

[[noreturn]] void refuse(const std::string& what, std::int64_t row) {
    throw std::invalid_argument(what + " in row " + std::to_string(row));
}

float check_row(const Csr& matrix, std::int64_t row) {
    std::int64_t last = -1;
    float largest = 0.0f;
    for (std::int64_t e = matrix.indptr[row]; e < matrix.indptr[row + 1]; ++e) {
        const std::int64_t column = matrix.indices[e];
        if (column < 0 || column >= matrix.columns) {
            refuse("column " + std::to_string(column) + " outside 0.." +
                       std::to_string(matrix.columns - 1),
                   row);
        }
        if (column <= last) refuse("columns not ascending and unique", row);
        if (!std::isfinite(matrix.data[e])) refuse("value not finite", row);
        largest = std::max(largest, std::abs(matrix.data[e]));
        last = column;
    }
    return largest;
}

}  // namespace

float check(const Csr& matrix) {
    if (matrix.indptr[0] != 0) throw std::invalid_argument("row pointers do not start at 0");
    for (std::int64_t row = 0; row < matrix.rows; ++row) {
        if (matrix.indptr[row + 1] < matrix.indptr[row]) refuse("row pointers descend", row);
    }
    float largest = 0.0f;
    for (std::int64_t row = 0; row < matrix.rows; ++row) largest = std::max(largest, check_row(matrix, row));
    return largest;
}

void transpose(const Csr& matrix, std::int64_t* indptr, std::int32_t* indices, float* data,
               const Run& run) {
    const std::int64_t nnz = matrix.indptr[matrix.rows];
    // A count of every column for each stretch of rows: few stretches, so that the counts stay small
    // beside the matrix. Entries come out in the order of rows whatever the number of stretches.
    const std::int64_t parts = std::clamp<std::int64_t>(
        nnz / (8 * std::max<std::int64_t>(1, matrix.columns)), 1, resolve_threads(run.threads));
    const auto first_row = [&](std::int64_t part) {
        return std::lower_bound(matrix.indptr, matrix.indptr + matrix.rows, nnz * part / parts) -
               matrix.indptr;
    };
    std::vector<std::int64_t> bounds;
    for (std::int64_t part = 0; part < parts; ++part) bounds.push_back(first_row(part));
    bounds.push_back(matrix.rows);
    bounds[0] = 0;
    const auto columns = static_cast<std::size_t>(matrix.columns);
    std::vector<std::int64_t> next(static_cast<std::size_t>(parts) * columns);
    const auto stretch = [&](std::int64_t part) {
        return std::pair{bounds[static_cast<std::size_t>(part)],
                         bounds[static_cast<std::size_t>(part) + 1]};
    };
    const auto poll = [](std::int64_t entry) {
        if (entry % kPollEntries == 0 && parallel_stopping()) throw Interrupted{};
    };
    parallel_for(
        run.threads, parts,
        [&](std::int64_t part, int) {
            std::int64_t* const count = &next[static_cast<std::size_t>(part) * columns];
            const auto [begin, end] = stretch(part);
            for (std::int64_t e = matrix.indptr[begin]; e < matrix.indptr[end]; ++e) {
                poll(e);
                ++count[matrix.indices[e]];
            }
        },
        run.interrupted);
    std::int64_t place = 0;
    for (std::size_t column = 0; column < columns; ++column) {
        indptr[column] = place;
        for (std::size_t part = 0; part < static_cast<std::size_t>(parts); ++part) {
            const std::int64_t count = next[part * columns + column];
            next[part * columns + column] = place;
            place += count;
        }
    }
    indptr[columns] = place;
    parallel_for(
        run.threads, parts,
        [&](std::int64_t part, int) {
            std::int64_t* const at = &next[static_cast<std::size_t>(part) * columns];
            const auto [begin, end] = stretch(part);
            for (std::int64_t row = begin; row < end; ++row) {
                for (std::int64_t e = matrix.indptr[row]; e < matrix.indptr[row + 1]; ++e) {
                    poll(e);
                    const std::int64_t to = at[matrix.indices[e]]++;
                    indices[to] = static_cast<std::int32_t>(row);
                    data[to] = matrix.data[e];
                }
            }
        },
        run.interrupted);
}

}  // namespace alsatian::als
