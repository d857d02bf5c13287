"""What the machine can do at most, and what a sweep has to do at least.

A sweep has to multiply and to fetch: for each stored entry, in both orientations, the factor vector
of the other side. So three rates are measured with NumPy, on as many threads as the contenders get:
products of matrices (float32, each thread its own), reading memory in order, and fetching rows in
the order of the benchmark's own indices out of a table of the benchmark's own size (popular rows
then are in a cache, as they are in the sweep). NumPy's copy of a row is not the fastest there can
be; our core's own pass over all entries (the objective: fetch a row, take a dot product) is
measured beside it, and the better of both is the limit. All is counted in float32: who keeps the
fetched side at half the width, or rows that are fetched often in the nearest cache, can come below.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from benchmarks.context import context, limit_threads, print_context
from recsys.als import cpu
from recsys.als.config import ALSConfig
from recsys.storage import write_json

FLOAT = 4
ENTRY = 8  # bytes of an index and a value
BLOCK = 1 << 18  # bytes of fetched rows that are overwritten again and again: they stay in a cache


@dataclass(frozen=True)
class Work:
    """What one sweep has to do: the least for the solver as it is defined, in float32.

    Attributes
    ----------
    operations : float
        Floating-point operations; symmetric matrices count half.
    fetched : float
        Bytes of factor rows fetched, one for each entry and orientation.
    streamed : float
        Bytes read or written in order: entries, and the factors of both sides once each.
    """

    operations: float
    fetched: float
    streamed: float


def work(
    solver: str, factors: int, users: int, items: int, entries: int, cg_steps: int, block: int
) -> Work:
    """Count the work of one sweep over users and items.

    Parameters
    ----------
    solver : str
        ``"cg"``: a product with the normal matrix at the start and in each step, without the
        matrix. ``"cholesky"``: the matrix of each row, and its factor. ``"subspace"``: the
        predictions once, then the diagonal blocks of the matrix, their factors, the gradients, and
        the predictions again.
    factors, users, items, entries : int
        The size of the problem.
    cg_steps, block : int
        Steps of ``cg``; dimensions of a block of ``subspace``.
    """
    f, rows, both = float(factors), float(users + items), 2.0 * entries
    d = float(min(block, factors))
    operations = {
        "cg": (cg_steps + 1) * (4 * both * f + 2 * rows * f * f),
        "cholesky": both * (f * f + 2 * f) + rows * (f**3 / 3 + 2 * f * f),
        "subspace": both * (f * d + 6 * f) + rows * (2 * f * f + f * d * d / 3),
    }[solver]
    gramians = rows * f * f
    return Work(operations + gramians, both * f * FLOAT, both * ENTRY + 3 * rows * f * FLOAT)


def best_rate(amount: float, task: Callable[[int], Any], threads: int, repeats: int) -> float:
    """Amount per second over all threads, in the best of `repeats` runs.

    Parameters
    ----------
    amount : float
        What one call of `task` does.
    task : callable
        Called with the number of the thread; releases the GIL.
    threads, repeats : int
        Calls at once, and runs.
    """
    best = float("inf")
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        for _ in range(repeats + 1):  # the first run warms up, and may be the best all the same
            begin = time.perf_counter()
            list(pool.map(task, range(threads)))
            best = min(best, time.perf_counter() - begin)
    return amount * threads / best


def products(threads: int, size: int = 1536, repeats: int = 5) -> float:
    """Operations per second of float32 matrix products, each thread its own."""
    rng = np.random.default_rng(0)
    left = [rng.random((size, size), np.float32) for _ in range(threads)]
    out = [np.empty((size, size), np.float32) for _ in range(threads)]
    return best_rate(
        2.0 * size**3, lambda k: np.matmul(left[k], left[0].T, out=out[k]), threads, repeats
    )


def reading(threads: int, size: int = 1 << 29, repeats: int = 3) -> float:
    """Bytes per second read in order: a dot product of an array of `size` bytes with itself."""
    arrays = [np.ones(size // FLOAT, np.float32) for _ in range(threads)]
    return best_rate(size, lambda k: np.dot(arrays[k], arrays[k]), threads, repeats)


def fetching(table: Any, indices: Any, threads: int, repeats: int = 3) -> float:
    """Bytes per second of rows of `table` copied in the order of `indices`."""
    row = table.shape[1] * table.itemsize
    count = len(indices) // threads
    step = max(1, min(BLOCK // row, count))
    parts = [indices[k * count : (k + 1) * count] for k in range(threads)]
    out = [np.empty((step, table.shape[1]), table.dtype) for _ in range(threads)]

    def copy(thread: int) -> None:
        part = parts[thread]
        for begin in range(0, count - step + 1, step):
            # "clip" spares NumPy a buffer of its own; the indices are in range.
            np.take(table, part[begin : begin + step], axis=0, out=out[thread], mode="clip")

    return best_rate(float(count // step * step * row), copy, threads, repeats)


def core_pass(matrix: csr_matrix, factors: int, threads: int, repeats: int = 3) -> float:
    """Bytes of factor rows per second in our core's pass over all entries (the objective)."""
    rng = np.random.default_rng(0)
    users, items = (rng.random((rows, factors), np.float32) for rows in matrix.shape)
    rows = cpu.sparse_rows(matrix, "matrix")
    config = ALSConfig(factors=factors, num_threads=threads)
    best = float("inf")
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        cpu.objective(rows, users, items, config)
        best = min(best, time.perf_counter() - begin)
    return float(matrix.nnz) * factors * FLOAT / best


def machine(threads: int, *, tiny: bool = False) -> dict[str, float]:
    """Measure the rates that no case changes, in operations and bytes per second."""
    size = {"size": 256, "repeats": 1} if tiny else {}
    length = {"size": 1 << 22, "repeats": 1} if tiny else {}
    return {
        "products_one_thread": products(1, **size),
        "products": products(threads, **size),
        "reading_one_thread": reading(1, **length),
        "reading": reading(threads, **length),
    }


def fetch_rates(
    matrix: csr_matrix, factors: int, threads: int, *, tiny: bool = False
) -> dict[str, float]:
    """Measure fetching of rows of `factors` numbers in the order of the entries, both ways round.

    Parameters
    ----------
    matrix : csr_matrix
        Its indices are the order; NumPy takes the first 4 million of each orientation.
    factors, threads : int
        Length of a row, and threads.
    tiny : bool
        A few entries, once.
    """
    repeats = 1 if tiny else 2
    count = 1 << (12 if tiny else 22)
    rng = np.random.default_rng(0)
    found = []
    for side in (matrix, csr_matrix(matrix.T)):
        table = rng.random((side.shape[1], factors), np.float32)
        found.append(
            (
                fetching(table, side.indices[:count], threads, repeats),
                core_pass(side, factors, threads, repeats),
            )
        )
    (copied, copied_back), (dotted, dotted_back) = zip(*found, strict=True)
    return {
        "fetching_numpy": 2 / (1 / copied + 1 / copied_back),
        "fetching_core": 2 / (1 / dotted + 1 / dotted_back),
    }


def least_seconds(done: Work, rates: dict[str, float]) -> dict[str, float]:
    """Seconds that a sweep takes at least, by each limit alone."""
    fetching_rate = max(rates["fetching_numpy"], rates["fetching_core"])
    return {
        "arithmetic": done.operations / rates["products"],
        "memory": done.fetched / fetching_rate + done.streamed / rates["reading"],
    }


def distance(
    seconds: float, done: Work, rates: dict[str, float]
) -> dict[str, float | str | dict[str, float]]:
    """How far a sweep is from the limit that binds: measured over least seconds."""
    least = least_seconds(done, rates)
    binding = max(least, key=lambda name: least[name])
    return {
        "work": asdict(done),
        "least_seconds": least,
        "binding": binding,
        "times_the_limit": seconds / least[binding],
    }


def main(arguments: list[str] | None = None) -> int:
    """Print the machine's limits alone."""
    from benchmarks.powerlaw import powerlaw_matrix

    parser = argparse.ArgumentParser(description="machine limits: products, reading, fetching")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    limit_threads(options.threads)
    facts = context(("numpy",), threads=options.threads, seed=options.seed)
    rates = machine(options.threads, tiny=options.tiny)
    shape = (600, 300, 9_000) if options.tiny else (138_493, 26_744, 12_400_000)
    matrix = powerlaw_matrix(*shape, seed=options.seed)
    rows = {
        str(f * FLOAT): fetch_rates(matrix, f, options.threads, tiny=options.tiny)
        for f in (16, 32, 64, 128, 256)
    }
    print_context(facts)
    print(
        f"products {rates['products'] / 1e9:.0f} G operations/s "
        f"({rates['products_one_thread'] / 1e9:.0f} on one thread), reading "
        f"{rates['reading'] / 1e9:.1f} GB/s ({rates['reading_one_thread'] / 1e9:.1f})"
    )
    for size, found in rows.items():
        print(
            f"fetching rows of {int(size):>4} bytes from {shape[1]:,}: NumPy "
            f"{found['fetching_numpy'] / 1e9:.1f} GB/s, our core {found['fetching_core'] / 1e9:.1f}"
        )
    if options.json:
        result = {"context": facts, "machine": rates, "rows": rows}
        write_json(options.json, result)
    return 0


if __name__ == "__main__":
    import sys

    sys.exit(main())
