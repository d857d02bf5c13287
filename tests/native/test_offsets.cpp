// Entries beyond 2^31: a small matrix, far out in an array of mostly untouched pages, has to give
// what it gives at the beginning of one.
#include <sys/mman.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "core.hpp"

namespace {

using namespace alsatian;
using namespace alsatian::als;

constexpr std::int64_t kFar = (std::int64_t{1} << 31) + 7;
constexpr std::int64_t kRows = 60, kColumns = 40, kFactors = 24;
constexpr int kSkipped = 77;

int failures = 0;

void check(bool holds, const std::string& what) {
    if (holds) return;
    ++failures;
    std::fprintf(stderr, "FAILED: %s\n", what.c_str());
}

// An array of `count` numbers whose pages cost nothing until they are touched.
template <class T>
class Reserved {
   public:
    explicit Reserved(std::int64_t count) : bytes_(static_cast<std::size_t>(count) * sizeof(T)) {
        void* const made = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        data_ = made == MAP_FAILED ? nullptr : static_cast<T*>(made);
    }
    ~Reserved() {
        if (data_ != nullptr) munmap(data_, bytes_);
    }
    Reserved(const Reserved&) = delete;
    Reserved& operator=(const Reserved&) = delete;
    T* get() const { return data_; }

   private:
    std::size_t bytes_;
    T* data_;
};

std::vector<float> drawn(std::int64_t count, unsigned seed) {
    std::vector<float> made(static_cast<std::size_t>(count));
    unsigned state = seed;
    for (float& number : made) {
        state = state * 1664525u + 1013904223u;
        number = static_cast<float>(state >> 8) / static_cast<float>(1 << 24) - 0.4f;
    }
    return made;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
    return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct Results {
    std::vector<float> cg, cholesky, subspace;
    double objective = 0.0;
    std::vector<std::int64_t> indptr;
    std::vector<std::int32_t> indices;
    std::vector<float> data;
};

Results computed(const Csr& matrix, std::int64_t entries) {
    const Weights weights{2.0, 0.5, 0.1, 0.5};
    const Run run{2, simd_from_environment(), {}};
    const std::vector<float> start = drawn(kRows * kFactors, 1), other = drawn(kColumns * kFactors, 2);
    const auto solved = [&](Solver solver) {
        std::vector<float> target = start;
        solve<float>(matrix, target.data(), other.data(), nullptr, nullptr, kFactors, weights, {}, solver,
                     3, run);
        return target;
    };
    Results made;
    made.cg = solved(Solver::cg);
    made.cholesky = solved(Solver::cholesky);
    made.subspace = start;
    solve_subspace<float>(matrix, made.subspace.data(), other.data(), nullptr, kFactors, weights, {}, 8, run);
    made.objective = objective<float>(matrix, start.data(), other.data(), kFactors, weights, {}, 0.1,
                                      nullptr, run);
    made.indptr.resize(kColumns + 1);
    made.indices.resize(static_cast<std::size_t>(entries));
    made.data.resize(static_cast<std::size_t>(entries));
    transpose(matrix, made.indptr.data(), made.indices.data(), made.data.data(), run);
    return made;
}

}  // namespace

int main() {
    std::vector<std::int64_t> near{0}, far{kFar};
    std::vector<std::int32_t> indices;
    std::vector<float> data;
    for (std::int64_t row = 0; row < kRows; ++row) {
        for (std::int64_t column = row % 7; column < kColumns; column += 1 + row % 5) {
            indices.push_back(static_cast<std::int32_t>(column));
            data.push_back(static_cast<float>(1 + (row + column) % 4) * (column % 9 == 0 ? -1.f : 1.f));
        }
        near.push_back(static_cast<std::int64_t>(indices.size()));
        far.push_back(kFar + near.back());
    }
    const std::int64_t entries = near.back();
    const Reserved<std::int32_t> far_indices(kFar + entries);
    const Reserved<float> far_data(kFar + entries);
    if (far_indices.get() == nullptr || far_data.get() == nullptr) {
        std::fprintf(stderr, "skipped: no address space for 2^31 entries\n");
        return kSkipped;
    }
    std::memcpy(far_indices.get() + kFar, indices.data(), indices.size() * sizeof(std::int32_t));
    std::memcpy(far_data.get() + kFar, data.data(), data.size() * sizeof(float));

    const Results here = computed({kRows, kColumns, near.data(), indices.data(), data.data()}, entries);
    const Results there =
        computed({kRows, kColumns, far.data(), far_indices.get(), far_data.get()}, entries);
    check(same(here.cg, there.cg), "cg");
    check(same(here.cholesky, there.cholesky), "cholesky");
    check(same(here.subspace, there.subspace), "subspace");
    // Its parts are cut by where they lie, so the order of the sum may differ.
    check(std::abs(here.objective - there.objective) <= 1e-12 * here.objective, "objective");
    check(here.indptr == there.indptr, "transpose: pointers");
    check(here.indices == there.indices, "transpose: indices");
    check(same(here.data, there.data), "transpose: values");
    check(!same(here.cg, here.cholesky), "the solvers differ, so something was computed");
    return failures == 0 ? 0 : 1;
}
