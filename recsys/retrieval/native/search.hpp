// Exact top-N with a given kernel: what top_n does once it has chosen one. For the native tests too.
#pragma once

#include "kernel.hpp"
#include "topn.hpp"

namespace alsatian::topn {

void search(const TopNRequest& request, const TopNAnswer& answer, const Kernel& kernel, int threads,
            const std::function<bool()>& interrupted = {});

}  // namespace alsatian::topn
