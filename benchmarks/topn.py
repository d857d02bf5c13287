"""Exact top-N for many users: ours beside FAISS flat, implicit and RecTools, in one run.

    python -m benchmarks.topn                  # all cases, some five minutes
    python -m benchmarks.topn --case ml20m     # 20,000 users, 26,744 items
    python -m benchmarks.topn --tiny --json result.json

Contenders take turns, round after round, in one process; ratios are taken within a round, and their
medians are printed. "normal" cases search random normals, on which nothing can be saved by the
lengths of items; the others search factors that our ALS trained on power-law data, as users would.
FAISS flat excludes nothing, everybody else leaves out what a user has seen. The limit is the matrix
product alone at the rate that the machine's BLAS reaches in the same run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from benchmarks.cases import stored_matrix
from benchmarks.context import context, print_context
from benchmarks.limits import products
from benchmarks.powerlaw import powerlaw_matrix
from recsys.als import AlternatingLeastSquares
from recsys.retrieval import ExactIndex, simd_in_use, top_n
from recsys.storage import write_json

Floats = NDArray[np.float32]
OURS = "alsatian"


@dataclass(frozen=True)
class Case:
    """What is searched, and what is promised: times FAISS flat, times implicit."""

    users: int
    items: int
    trained: bool
    times_flat: float
    times_implicit: float | None = None


CASES = {
    "ml20m": Case(20_000, 26_744, True, 1.8, 4.5),
    "ml20m-normal": Case(20_000, 26_744, False, 1.8, 4.5),
    "items500k": Case(2_000, 500_000, True, 1.6),
    "items500k-normal": Case(2_000, 500_000, False, 1.6),
}
TINY = Case(300, 1_500, True, 0.0)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    options = _options(arguments)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    facts = context(
        ("alsatian", "faiss-cpu", "implicit", "rectools", "numpy"),
        threads=options.threads,
        seed=options.seed,
    )
    print_context(facts)
    cases = {"tiny": TINY} if options.tiny else {name: CASES[name] for name in options.case}
    rate = products(options.threads, **({"size": 256, "repeats": 1} if options.tiny else {}))
    print(f"matrix products at {rate / 1e9:.0f} G operations/s; kernel {simd_in_use()}")
    results = {}
    for name, case in cases.items():
        results[name] = _measure(case, name, rate, options)
        _show(name, case, results[name])
    if options.json is not None:
        found = {"context": facts, "simd": simd_in_use(), "products": rate, "cases": results}
        write_json(options.json, found)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("out/bench/matrices"))
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--tiny", action="store_true", help="a size that takes seconds")
    options = parser.parse_args(arguments)
    if options.tiny:
        options.factors, options.rounds = 16, 1
    return options


def _problem(case: Case, options: argparse.Namespace) -> tuple[Floats, Floats, csr_matrix]:
    """Vectors of users and items, and what the users have seen."""
    # Not the seed alone: its first draw orders the users of the matrix by how much they do.
    random = np.random.default_rng([options.seed, 1])
    if case.items == CASES["ml20m"].items:
        matrix = stored_matrix("ml20m", options.seed, options.folder)
    else:
        users = max(case.users, int(0.8 * case.items))
        matrix = powerlaw_matrix(users, case.items, 40 * users, seed=options.seed)
    chosen = random.permutation(matrix.shape[0])[: case.users]
    if case.trained:
        model = AlternatingLeastSquares(
            factors=options.factors, iterations=8, alpha=10.0, random_state=options.seed
        )
        model.fit(matrix, show_progress=False)
        users_factors = np.asarray(model.user_factors, np.float32)[chosen]
        items = np.ascontiguousarray(model.item_factors, np.float32)
    else:
        users_factors = random.normal(size=(case.users, options.factors)).astype(np.float32)
        items = random.normal(size=(case.items, options.factors)).astype(np.float32)
    seen = csr_matrix(matrix[chosen])
    seen.sort_indices()
    return np.ascontiguousarray(users_factors), items, seen


def _measure(case: Case, name: str, rate: float, options: argparse.Namespace) -> dict[str, Any]:
    x, y, seen = _problem(case, options)
    begin = time.perf_counter()
    index = ExactIndex(y)
    index.search(x[:64], options.n, num_threads=options.threads)  # makes the whole numbers
    prepared = time.perf_counter() - begin
    contenders = _contenders(index, x, seen, options)
    seconds: dict[str, list[float]] = {who: [] for who in contenders}
    for number in range(options.rounds + 1):
        order = list(contenders)
        turn = number % len(order)  # nobody always comes after the same one
        for who in order[turn:] + order[:turn]:
            begin = time.perf_counter()
            contenders[who]()
            if number > 0 or options.rounds == 0:
                seconds[who].append(time.perf_counter() - begin)
    exact = index.search(x, options.n, exclude=seen, num_threads=options.threads)
    plain = top_n(x, y, options.n, exclude=seen, preselect=False)
    least = 2.0 * len(x) * len(y) * y.shape[1] / rate
    return {
        "users": len(x),
        "items": len(y),
        "factors": int(y.shape[1]),
        "n": options.n,
        "rounds": options.rounds,
        "prepared_seconds": prepared,
        "same_as_plain": bool(np.array_equal(exact.ids, plain.ids)),
        "product_seconds": least,
        "times_the_product": statistics.median(seconds[OURS]) / least,
        "seconds": seconds,
        "ratios": {
            who: [theirs / ours for theirs, ours in zip(taken, seconds[OURS], strict=True)]
            for who, taken in seconds.items()
        },
    }


def _contenders(
    index: ExactIndex, x: Floats, seen: csr_matrix, options: argparse.Namespace
) -> dict[str, Callable[[], Any]]:
    import faiss
    from implicit.cpu.als import AlternatingLeastSquares as Implicit

    n, threads, y = options.n, options.threads, index.vectors
    faiss.omp_set_num_threads(threads)
    flat = faiss.IndexFlatIP(y.shape[1])
    flat.add(y)
    theirs = Implicit(factors=y.shape[1], num_threads=threads)
    theirs.user_factors, theirs.item_factors = x, y
    everybody = np.arange(len(x))

    def implicit() -> None:
        with threadpool_limits(1, user_api="blas"):  # as implicit asks: its threads call BLAS
            theirs.recommend(everybody, seen, N=n)

    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: index.search(x, n, exclude=seen, num_threads=threads),
        "alsatian, nothing excluded": lambda: index.search(x, n, num_threads=threads),
        "alsatian in float32": lambda: top_n(
            x, y, n, exclude=seen, num_threads=threads, preselect=False
        ),
        "FAISS flat": lambda: flat.search(x, n),
        "implicit": implicit,
    }
    try:
        from rectools.models.rank import Distance, ImplicitRanker
    except ImportError as error:
        print(f"RecTools is left out: {error}")
    else:
        ranker = ImplicitRanker(Distance.DOT, x, y, num_threads=threads)

        def rectools() -> None:
            with threadpool_limits(1, user_api="blas"):
                ranker.rank(everybody, k=n, filter_pairs_csr=seen)

        contenders["RecTools"] = rectools
    return contenders


def _show(name: str, case: Case, found: dict[str, Any]) -> None:
    print(
        f"\n{name}: {found['users']:,} users x {found['items']:,} items, {found['factors']} "
        f"factors, top {found['n']}, {found['rounds']} rounds; whole numbers made in "
        f"{found['prepared_seconds']:.3f} s; same as the plain search: {found['same_as_plain']}"
    )
    print(f"{'':28}{'seconds':>9}{'users/s':>11}{'ours is x':>11}{'(least to most)':>18}")
    for who, taken in found["seconds"].items():
        ratios = found["ratios"][who]
        median = statistics.median(taken)
        print(
            f"{who:28}{median:9.3f}{found['users'] / median:11,.0f}"
            f"{statistics.median(ratios):11.2f}{f'{min(ratios):.2f} to {max(ratios):.2f}':>18}"
        )
    print(
        f"the product alone at the machine's rate: {found['product_seconds']:.3f} s, ours is "
        f"{found['times_the_product']:.2f} x that; promised {case.times_flat} x FAISS flat"
        + (f", {case.times_implicit} x implicit" if case.times_implicit else "")
    )


if __name__ == "__main__":
    sys.exit(main())
