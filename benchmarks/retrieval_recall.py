"""Retrieval: recall, queries per second and memory of each index, beside FAISS and implicit.

    python -m benchmarks.retrieval_recall                       # 20,000 x 26,744, half a minute
    python -m benchmarks.retrieval_recall --events train.parquet  # factors of your own events
    python -m benchmarks.retrieval_recall --tiny --json result.json

Factors are trained by our ALS, on a made-up power-law matrix or on a Parquet file of user_id and
item_id: random normals would flatter the graph. Each contestant answers the same queries; rounds
are interleaved and the median is printed. Recall is against the exact search, without exclusions.
"matrix product" is NumPy's BLAS, block by block, which selects nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from benchmarks.context import context, print_context
from benchmarks.powerlaw import powerlaw_matrix
from recsys.als import AlternatingLeastSquares
from recsys.interactions import Interactions
from recsys.retrieval import (
    ExactIndex,
    FaissFlatIndex,
    FaissHnswIndex,
    recall_against_exact,
    simd_in_use,
    simd_variants,
    top_n,
)

Floats = NDArray[np.float32]
BREADTHS = (32, 64, 128, 256)
BLOCK = 2000  # queries of one matrix product


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    options = _options(arguments)
    packages = ("alsatian", "faiss-cpu", "implicit", "numpy", "scipy")
    facts = context(packages, threads=options.threads, seed=options.seed)
    faiss.omp_set_num_threads(options.threads)
    seen, users, items = _factors(options)
    with threadpool_limits(options.threads):
        rows = _measure(seen, users, items, options)
    result = {
        "context": facts,
        "simd": simd_in_use(),
        "rounds": options.rounds,
        "queries": len(users),
        "items": len(items),
        "factors": items.shape[1],
        "n": options.n,
        "rows": rows,
    }
    _show(result)
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=Path, help="Parquet file of user_id and item_id")
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=26_744)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--tiny", action="store_true", help="a size that takes seconds")
    options = parser.parse_args(arguments)
    if options.tiny:
        options.queries, options.items, options.factors, options.rounds = 300, 1500, 16, 1
    return options


def _factors(options: argparse.Namespace) -> tuple[csr_matrix, Floats, Floats]:
    """Interactions of the queries' users, their factors, and all item factors."""
    if options.events is not None:
        matrix = Interactions.from_parquet(options.events).matrix
    else:
        users = max(options.queries, options.items)
        matrix = powerlaw_matrix(users, options.items, 40 * users, seed=options.seed)
    model = AlternatingLeastSquares(
        factors=options.factors, iterations=8, alpha=10.0, random_state=options.seed
    )
    model.fit(matrix, show_progress=False)
    random = np.random.default_rng(options.seed)
    chosen = random.permutation(matrix.shape[0])[: options.queries]
    return (
        matrix[chosen],
        np.ascontiguousarray(model.user_factors[chosen], np.float32),
        np.ascontiguousarray(model.item_factors, np.float32),
    )


def _measure(
    seen: csr_matrix, users: Floats, items: Floats, options: argparse.Namespace
) -> list[dict[str, Any]]:
    from implicit.cpu.topk import topk

    n, threads = options.n, options.threads
    exact, flat = ExactIndex(items), FaissFlatIndex(items)
    begin = time.perf_counter()
    graph = FaissHnswIndex(items, num_threads=threads)
    build = time.perf_counter() - begin
    plain = faiss.IndexFlatIP(items.shape[1])
    plain.add(items)
    vectors = int(items.nbytes)
    # HNSW keeps, for each node, 2 x links neighbours on the ground floor and a few above.
    linked = vectors + int(graph._index.hnsw.neighbors.size()) * 4

    def graph_at(breadth: int, exclude: csr_matrix | None) -> Callable[[], Any]:
        def search() -> Any:
            graph.ef_search = breadth
            return graph.search(users, n, exclude=exclude, num_threads=threads)

        return search

    def product() -> None:
        for start in range(0, len(users), BLOCK):
            users[start : start + BLOCK] @ items.T

    contestants: list[tuple[str, Callable[[], Any], float, int]] = [
        ("matrix product", product, float("nan"), vectors),
        ("exact", lambda: exact.search(users, n, num_threads=threads), 1.0, vectors),
        (
            "exact, seen excluded",
            lambda: exact.search(users, n, exclude=seen, num_threads=threads),
            1.0,
            vectors,
        ),
        ("FAISS flat itself", lambda: plain.search(users, n), 1.0, vectors),
        (
            "flat, seen excluded",
            lambda: flat.search(users, n, exclude=seen, num_threads=threads),
            recall_against_exact(flat, exact, users, n),
            vectors,
        ),
        (
            "implicit topk, seen excluded",
            lambda: topk(items, users, n, filter_query_items=seen, num_threads=threads),
            1.0,
            vectors,
        ),
    ]
    for variant in simd_variants()[:-1]:
        contestants.append(
            (f"exact, {variant} kernel", _kernel(users, items, n, threads, variant), 1.0, vectors)
        )
    for breadth in BREADTHS:
        graph.ef_search = breadth
        recall = recall_against_exact(graph, exact, users, n)
        contestants.append((f"hnsw, breadth {breadth}", graph_at(breadth, None), recall, linked))
    contestants.append(
        (f"hnsw, breadth {breadth}, seen excluded", graph_at(breadth, seen), recall, linked)
    )
    seconds: dict[str, list[float]] = {name: [] for name, *_ in contestants}
    for _ in range(options.rounds):
        for name, search, _, _ in contestants:
            begin = time.perf_counter()
            search()
            seconds[name].append(time.perf_counter() - begin)
    reference = statistics.median(seconds["FAISS flat itself"])
    return [
        {
            "name": name,
            "seconds": statistics.median(seconds[name]),
            "queries_per_second": len(users) / statistics.median(seconds[name]),
            "times_faiss_flat": reference / statistics.median(seconds[name]),
            "recall": recall,
            "mebibytes": size / 2**20,
            **({"build_seconds": build} if name.startswith("hnsw") else {}),
        }
        for name, _, recall, size in contestants
    ]


def _kernel(users: Floats, items: Floats, n: int, threads: int, variant: str) -> Callable[[], Any]:
    return lambda: top_n(users, items, n, num_threads=threads, simd=variant)


def _show(result: dict[str, Any]) -> None:
    print_context(result["context"])
    print(
        f"{result['queries']:,} queries x {result['items']:,} items, {result['factors']} factors, "
        f"top {result['n']}, median of {result['rounds']} rounds, "
        f"kernel {result['simd']}"
    )
    print(f"{'':34}{'seconds':>9}{'queries/s':>12}{'x FAISS':>9}{'recall':>8}{'MiB':>8}")
    for row in result["rows"]:
        print(
            f"{row['name']:34}{row['seconds']:9.3f}{row['queries_per_second']:12,.0f}"
            f"{row['times_faiss_flat']:9.2f}{row['recall']:8.4f}{row['mebibytes']:8.1f}"
        )
    build = next(row["build_seconds"] for row in result["rows"] if "build_seconds" in row)
    print(f"the graph took {build:.1f} s to build")


if __name__ == "__main__":
    sys.exit(main())
