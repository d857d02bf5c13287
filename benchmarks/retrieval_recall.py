"""Retrieval: recall, queries per second and memory of each index, beside FAISS and implicit.

    python -m benchmarks.retrieval_recall                       # 20,000 x 26,744, half a minute
    python -m benchmarks.retrieval_recall --events train.parquet  # factors of your own events
    python -m benchmarks.retrieval_recall --queries 2000 --items 500000 --without hnsw
    python -m benchmarks.retrieval_recall --tiny --json result.json --plot recall.png

Factors are trained by our ALS, on a made-up power-law matrix or on a Parquet file of user_id and
item_id: random normals would flatter the graph. Each contestant answers the same queries; rounds
are interleaved; median times and the median of the ratios to FAISS flat are printed. Indexes are
tuned on other users than those who ask, where there are enough. Recall is against the exact
search, and without exclusions where none are named.
"matrix product" is NumPy's BLAS, block by block, which selects nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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
    FaissIvfIndex,
    FaissIvfPqIndex,
    Index,
    recall_against_exact,
    simd_in_use,
    simd_variants,
    top_n,
    tune,
)
from recsys.retrieval.recall import found_per_query
from recsys.storage import write_json

Floats = NDArray[np.float32]
APPROXIMATE: dict[str, Callable[..., Any]] = {
    "hnsw": FaissHnswIndex,
    "ivf": FaissIvfIndex,
    "ivfpq": FaissIvfPqIndex,
}
BREADTHS = {"hnsw": (32, 64, 128, 256), "ivf": (4, 8, 16, 32, 64), "ivfpq": (4, 8, 16, 32, 64)}
BLOCK = 2000  # queries of one matrix product, at most
PRODUCT_CELLS = 60_000_000
SINGLES = 50  # queries asked one at a time
LEAST_MISSED = 1e-5  # where a recall of 1 is drawn


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    options = _options(arguments)
    packages = ("alsatian", "faiss-cpu", "implicit", "numpy", "scipy")
    facts = context(packages, threads=options.threads, seed=options.seed)
    faiss.omp_set_num_threads(options.threads)
    seen, users, items, sample = _factors(options)
    load = os.getloadavg()[0]
    with threadpool_limits(options.threads):
        rows = _measure(seen, users, items, sample, options)
    result = {
        "context": facts,
        "simd": simd_in_use(),
        "rounds": options.rounds,
        "load_before": load,
        "load_after": os.getloadavg()[0],
        "queries": len(users),
        "items": len(items),
        "factors": items.shape[1],
        "n": options.n,
        "rows": rows,
    }
    _show(result)
    if options.plot is not None:
        _plot(result, options.plot)
    if options.json is not None:
        write_json(options.json, result)
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
    parser.add_argument("--recall", type=float, default=0.99, help="what indexes are tuned to")
    parser.add_argument(
        "--without", nargs="*", default=[], choices=list(APPROXIMATE), help="leave these out"
    )
    parser.add_argument("--plot", type=Path, help="draw recall, speed and memory here")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--tiny", action="store_true", help="a size that takes seconds")
    options = parser.parse_args(arguments)
    if options.tiny:
        options.queries, options.items, options.factors, options.rounds = 300, 1500, 16, 1
    return options


def _factors(options: argparse.Namespace) -> tuple[csr_matrix, Floats, Floats, Floats]:
    """Interactions and factors of the queries' users, item factors, factors to tune with."""
    if options.events is not None:
        matrix = Interactions.from_parquet(options.events).matrix
    else:
        users = max(options.queries, options.items)
        matrix = powerlaw_matrix(users, options.items, 40 * users, seed=options.seed)
    model = AlternatingLeastSquares(
        factors=options.factors, iterations=8, alpha=10.0, random_state=options.seed
    )
    model.fit(matrix, show_progress=False)
    # Not the seed alone: the matrix begins with this very permutation, heaviest users first.
    random = np.random.default_rng([options.seed, 1])
    shuffled = random.permutation(matrix.shape[0])
    chosen, others = shuffled[: options.queries], shuffled[options.queries :]
    tuning = others[:2000] if len(others) >= 200 else chosen  # few users: the same ones
    return (
        matrix[chosen],
        np.ascontiguousarray(model.user_factors[chosen], np.float32),
        np.ascontiguousarray(model.item_factors, np.float32),
        np.ascontiguousarray(model.user_factors[tuning], np.float32),
    )


@dataclass(frozen=True)
class Contestant:
    """One line of the table: how it answers a block of queries, and what it is."""

    name: str
    family: str
    search: Callable[[Floats, csr_matrix | None], Any]
    recall: float
    size: int
    seen: bool = False
    single: bool = False
    build: float = 0.0


def _measure(
    seen: csr_matrix, users: Floats, items: Floats, sample: Floats, options: argparse.Namespace
) -> list[dict[str, Any]]:
    exact = ExactIndex(items)
    contestants = _exhaustive(exact, users, items, options)
    for kind, make in APPROXIMATE.items():
        if kind not in options.without:
            contestants += _approximate(kind, make, exact, users, seen, sample, options)
    seconds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for _ in range(options.rounds):
        for one in contestants:
            begin = time.perf_counter()
            one.search(users, seen if one.seen else None)
            seconds[one.name].append(time.perf_counter() - begin)
    flat = seconds["FAISS flat itself"]
    return [
        {
            "name": one.name,
            "family": one.family,
            "seconds": statistics.median(seconds[one.name]),
            "queries_per_second": len(users) / statistics.median(seconds[one.name]),
            "single_queries_per_second": _one_by_one(one, users) if one.single else None,
            "times_faiss_flat": statistics.median(
                theirs / ours for theirs, ours in zip(flat, seconds[one.name], strict=True)
            ),
            "recall": one.recall,
            "mebibytes": one.size / 2**20,
            "build_seconds": one.build,
        }
        for one in contestants
    ]


def _one_by_one(contestant: Contestant, users: Floats) -> float:
    taken = []
    for query in range(min(SINGLES, len(users))):
        begin = time.perf_counter()
        contestant.search(users[query : query + 1], None)
        taken.append(time.perf_counter() - begin)
    return 1 / statistics.median(taken)


def _exhaustive(
    exact: ExactIndex, users: Floats, items: Floats, options: argparse.Namespace
) -> list[Contestant]:
    from implicit.cpu.topk import topk

    n, threads, vectors = options.n, options.threads, int(items.nbytes)
    flat = FaissFlatIndex(items)
    plain = faiss.IndexFlatIP(items.shape[1])
    plain.add(items)

    def product(x: Floats, _: Any) -> None:
        block = max(1, min(BLOCK, PRODUCT_CELLS // len(items)))
        for start in range(0, len(x), block):
            x[start : start + block] @ items.T

    def ours(index: Index) -> Callable[[Floats, csr_matrix | None], Any]:
        return lambda x, seen: index.search(x, n, exclude=seen, num_threads=threads)

    recall = recall_against_exact(flat, exact, users, n)
    return [
        Contestant("matrix product", "", product, float("nan"), vectors),
        Contestant("exact", "exact", ours(exact), 1.0, vectors, single=True),
        Contestant("exact, seen excluded", "", ours(exact), 1.0, vectors, seen=True),
        Contestant(
            "FAISS flat itself", "FAISS flat", lambda x, _: plain.search(x, n), 1.0, vectors,
            single=True,
        ),
        Contestant("flat, seen excluded", "", ours(flat), recall, vectors, seen=True),
        Contestant(
            "implicit topk, seen excluded", "",
            lambda x, seen: topk(items, x, n, filter_query_items=seen, num_threads=threads),
            1.0, vectors, seen=True,
        ),
        *(
            Contestant(
                f"exact, {variant} kernel", "", _kernel(items, n, threads, variant), 1.0, vectors
            )
            for variant in simd_variants()[:-1]
        ),
    ]  # fmt: skip


def _approximate(
    kind: str,
    make: Callable[..., Any],
    exact: ExactIndex,
    users: Floats,
    seen: csr_matrix,
    sample: Floats,
    options: argparse.Namespace,
) -> list[Contestant]:
    """One index at several breadths, then as it is tuned to a recall."""
    n, threads = options.n, options.threads
    begin = time.perf_counter()
    index = make(exact.vectors, num_threads=threads)
    build = time.perf_counter() - begin
    knob = index.knobs()[0].name

    def at(settings: dict[str, int]) -> Callable[[Floats, csr_matrix | None], Any]:
        def search(x: Floats, exclude: csr_matrix | None) -> Any:
            for name, value in settings.items():
                setattr(index, name, value)
            return index.search(x, n, exclude=exclude, num_threads=threads)

        return search

    def contestant(label: str, settings: dict[str, int], **more: Any) -> Contestant:
        for name, value in settings.items():
            setattr(index, name, value)
        recall = recall_against_exact(index, exact, users, n)
        return Contestant(
            f"{kind}, {label}", kind, at(settings), recall, index.bytes,
            single=True, build=build, **more,
        )  # fmt: skip

    now = {k.name: getattr(index, k.name) for k in index.knobs()}
    told = "breadth" if kind == "hnsw" else knob
    lines = [
        contestant(f"{told} {value}", {**now, knob: min(value, index.knobs()[0].high)})
        for value in BREADTHS[kind]
    ]
    tuned = tune(index, sample, n=n, recall=options.recall, num_threads=threads)
    chosen = {k.name: getattr(index, k.name) for k in index.knobs()}
    label = f"tuned: {', '.join(f'{name} {value}' for name, value in chosen.items())}"
    lines.append(contestant(label, chosen))
    print(f"{kind} tuned to {options.recall}: {tuned}, built in {build:.1f} s", flush=True)
    lines.append(
        replace(
            lines[-1],
            name=f"{kind}, tuned, seen excluded",
            seen=True,
            single=False,
            family="",
            recall=_recall_without_seen(index, exact, users, seen, n),
        )
    )
    return lines


def _recall_without_seen(
    index: Index, exact: ExactIndex, users: Floats, seen: csr_matrix, n: int
) -> float:
    truth = exact.search(users, n, exclude=seen)
    found = index.search(users, n, exclude=seen)
    return float(found_per_query(truth, found).sum() / truth.counts.sum())


def _kernel(
    items: Floats, n: int, threads: int, variant: str
) -> Callable[[Floats, csr_matrix | None], Any]:
    return lambda x, _: top_n(x, items, n, num_threads=threads, simd=variant)


def _show(result: dict[str, Any]) -> None:
    print_context(result["context"])
    print(
        f"{result['queries']:,} queries x {result['items']:,} items, {result['factors']} factors, "
        f"top {result['n']}, median of {result['rounds']} rounds, "
        f"kernel {result['simd']}"
    )
    print(
        f"{'':40}{'seconds':>9}{'queries/s':>12}{'singly':>9}{'x FAISS':>9}{'recall':>8}"
        f"{'MiB':>8}{'build s':>9}"
    )
    for row in result["rows"]:
        singly = row["single_queries_per_second"]
        print(
            f"{row['name']:40}{row['seconds']:9.3f}{row['queries_per_second']:12,.0f}"
            f"{'' if singly is None else format(singly, ',.0f'):>9}"
            f"{row['times_faiss_flat']:9.2f}{row['recall']:8.4f}{row['mebibytes']:8.1f}"
            f"{row['build_seconds']:9.1f}"
        )


def _plot(result: dict[str, Any], path: Path) -> None:
    """Recall against queries per second, many at a time and singly, and memory."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    families = list(dict.fromkeys(row["family"] for row in result["rows"] if row["family"]))
    for colour, family in enumerate(families):
        rows = sorted(
            (row for row in result["rows"] if row["family"] == family), key=lambda r: r["recall"]
        )
        missed = [max(1 - row["recall"], LEAST_MISSED) for row in rows]
        for axis, key in zip(
            axes, ("queries_per_second", "single_queries_per_second"), strict=False
        ):
            axis.plot(missed, [row[key] for row in rows], "o-", color=f"C{colour}", label=family)
        axes[2].barh(family, rows[0]["mebibytes"], color=f"C{colour}")
    for axis, title in zip(axes, ("many at a time", "one at a time"), strict=False):
        axis.set(xscale="log", yscale="log", title=title, ylabel="queries a second")
        axis.set_xlabel(f"share of the exact top {result['n']} missed (1 − recall)")
        axis.invert_xaxis()
        axis.grid(alpha=0.3, which="both")
    axes[0].legend(loc="lower left")
    axes[2].set(title="memory, vectors included", xlabel="MiB")
    figure.suptitle(
        f"{result['items']:,} items, {result['queries']:,} queries, {result['factors']} factors, "
        f"{result['context']['threads']} threads"
    )
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    sys.exit(main())
