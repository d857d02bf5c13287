// Exact top-N with a given kernel: what top_n does once it has chosen one. For the native tests too.
#pragma once

#include "catalogue.hpp"
#include "kernel.hpp"
#include "topn.hpp"

namespace alsatian::topn {

void search(const TopNRequest& request, const TopNAnswer& answer, const Kernel& kernel, int threads,
            const std::function<bool()>& interrupted = {});

// The same by way of a preselection in `catalogue`, which was made of the request's items and rows.
void search(const TopNRequest& request, const TopNAnswer& answer, const Catalogue& catalogue,
            int threads, const std::function<bool()>& interrupted = {});

// Throws std::invalid_argument on a malformed request.
void check(const TopNRequest& request, const TopNAnswer& answer);

// The kernel of a variant.
const Kernel& kernel_for(Simd variant);

}  // namespace alsatian::topn
