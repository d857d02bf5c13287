"""Time and memory of training from 1 to 100 million entries, and speed by threads.

    python -m benchmarks.als_scaling --json scaling.json --plot scaling.png
    python -m benchmarks.als_scaling --entries 1e6 1e7 --factors 32

Matrices grow in users and items alike, so that rows keep their mean length (as in MovieLens 20M: 90
entries a user, 460 an item). Each is drawn in one process and trained in another, whose peak memory
is held against both orientations of the matrix and both sides of factors, once each: what the
process held before it read the matrix is taken off. The slope is that of log seconds over log
entries: 1 is linear. Threads are compared on the matrix nearest to 10 million entries.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import read_matrix, write_matrix
from benchmarks.context import context, limit_threads, print_context
from benchmarks.powerlaw import powerlaw_in_parts, powerlaw_matrix
from benchmarks.rounds import resident
from recsys.als import AlternatingLeastSquares
from recsys.storage import write_json

ENTRIES = (1e6, 3e6, 1e7, 3e7, 1e8)
TINY = (2e4, 4e4, 8e4)
USER_MEAN, ITEM_MEAN = 90, 460
PROMISE = 1.3


def draw(entries: int, seed: int, place: Path) -> None:
    """Draw a matrix of about `entries` entries and write it."""
    users, items = max(200, entries // USER_MEAN), max(150, entries // ITEM_MEAN)
    write_matrix(powerlaw_in_parts(users, items, entries, seed=seed), place)


def train(place: Path, factors: int, solver: str, threads: int, sweeps: int) -> dict[str, Any]:
    """Train on a written matrix, in this process; seconds of sweeps and peak memory.

    Parameters
    ----------
    place : Path
        What :func:`draw` wrote.
    factors, solver, threads : int, str, int
        Settings of the model.
    sweeps : int
        Timed, after one that is not.
    """
    settings: dict[str, Any] = {"solver": solver, "num_threads": threads, "random_state": 1}
    small = powerlaw_matrix(60, 40, 200, seed=1)
    AlternatingLeastSquares(factors, iterations=1, **settings).fit(small, show_progress=False)
    memory = Path("/proc/self/status").exists()
    if memory:
        with suppress(OSError):  # begin the peak anew, where that is allowed
            Path("/proc/self/clear_refs").write_text("5")
        before = resident("VmRSS:")
    matrix = read_matrix(place)
    seconds: list[float] = []

    def hear(iteration: int, spent: float, loss: float | None) -> None:
        seconds.append(spent)

    model = AlternatingLeastSquares(factors, iterations=sweeps + 1, **settings)
    model.fit(matrix, show_progress=False, callback=hear)
    users, items = matrix.shape
    bound = 16 * int(matrix.nnz) + 8 * (users + items + 2) + 4 * (users + items) * factors
    peak = resident("VmHWM:") - before if memory else None
    return {
        "users": users,
        "items": items,
        "entries": int(matrix.nnz),
        "threads": threads,
        "seconds": seconds[1:],
        "median_seconds": statistics.median(seconds[1:]),
        "peak_bytes": peak,
        "bound_bytes": bound,
        "ratio": None if peak is None else peak / bound,
    }


def _apart(*arguments: object) -> dict[str, Any]:
    """Run :func:`draw` or :func:`train` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.als_scaling", "--part", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, arguments))} failed: {done.stderr.strip()[-500:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _part(arguments: list[str]) -> None:
    """What a process of :func:`_apart` does."""
    what, place, *rest = arguments
    if what == "draw":
        draw(int(rest[0]), int(rest[1]), Path(place))
        print("{}")
    else:
        factors, solver, threads, sweeps = rest
        limit_threads(int(threads))
        print(json.dumps(train(Path(place), int(factors), solver, int(threads), int(sweeps))))


def slope(points: list[dict[str, Any]], field: str) -> float:
    """Slope of the line through log `field` over log entries, by least squares."""
    entries, values = (np.log([one[name] for one in points]) for name in ("entries", field))
    return float(np.polyfit(entries, values, 1)[0])


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure every size, then the threads; print as it goes."""
    sizes = [int(size) for size in options.entries]
    nearest = min(sizes, key=lambda size: abs(np.log(size / 1e7)))
    points, by_threads = [], []
    print(
        f"{options.solver}, f={options.factors}\n{'entries':>12}{'users':>11}{'items':>9}"
        f"{'s a sweep':>11}{'M entries/s':>13}{'peak GiB':>10}{'of bound':>10}"
    )
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "matrix"
            _apart("draw", place, size, options.seed)
            sweeps = options.sweeps or (9 if size <= 3e6 else 5 if size <= 3e7 else 3)
            point = _apart("train", place, options.factors, options.solver, options.threads, sweeps)
            points.append(point)
            _print_point(point)
            if size == nearest:
                by_threads = [point] + [
                    _apart("train", place, options.factors, options.solver, count, sweeps)
                    for count in _counts(options.threads)
                ]
    by_threads.sort(key=lambda one: one["threads"])
    alone = by_threads[0]["median_seconds"]
    for one in by_threads:
        one["speed_up"] = alone / one["median_seconds"]
        print(
            f"{one['threads']} threads, {one['entries']:,} entries: {one['median_seconds']:.3f} s, "
            f"{one['speed_up']:.2f} x one thread"
        )
    ratios = [point["ratio"] for point in points if point["ratio"] is not None]
    result = {
        "solver": options.solver,
        "factors": options.factors,
        "points": points,
        "threads": by_threads,
        "slope_of_time": slope(points, "median_seconds") if len(points) > 1 else None,
        "worst_memory_ratio": max(ratios, default=None),
        "promised_memory_ratio": PROMISE,
    }
    if result["slope_of_time"] is not None:
        print(f"slope of log seconds over log entries: {result['slope_of_time']:.3f} (1 is linear)")
    if ratios:
        print(f"peak memory over inputs and factors: at most {max(ratios):.2f}; promised {PROMISE}")
    return result


def _counts(threads: int) -> list[int]:
    """Powers of two below `threads`."""
    return [1 << k for k in range(threads.bit_length()) if 1 << k < threads]


def _print_point(point: dict[str, Any]) -> None:
    known = point["peak_bytes"] is not None
    print(
        f"{point['entries']:>12,}{point['users']:>11,}{point['items']:>9,}"
        f"{point['median_seconds']:>11.3f}"
        f"{point['entries'] / point['median_seconds'] / 1e6:>13.1f}"
        + (f"{point['peak_bytes'] / 2**30:>10.2f}{point['ratio']:>10.2f}" if known else ""),
        flush=True,
    )


def plot(result: dict[str, Any], path: Path) -> None:
    """Draw seconds a sweep over entries, and peak memory beside what it is promised to stay under.

    Parameters
    ----------
    result : dict
        From :func:`run`.
    path : Path
        Where the PNG is written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    time_axes, memory_axes = figure.subplots(1, 2)
    points = result["points"]
    entries = [one["entries"] for one in points]
    seconds = [one["median_seconds"] for one in points]
    middle = len(points) // 2
    linear = [seconds[middle] * count / entries[middle] for count in entries]
    time_axes.loglog(entries, seconds, "o-", label="measured")
    time_axes.loglog(entries, linear, "--", color="grey", label="linear")
    time_axes.set(xlabel="entries", ylabel="seconds a sweep")
    time_axes.legend()
    gib = 2.0**30
    if all(one["peak_bytes"] is not None for one in points):
        memory_axes.loglog(entries, [one["peak_bytes"] / gib for one in points], "o-", label="peak")
    for factor, style in ((1.0, ":"), (PROMISE, "--")):
        memory_axes.loglog(
            entries,
            [factor * one["bound_bytes"] / gib for one in points],
            style,
            color="grey",
            label=f"{factor:g} x inputs and factors",
        )
    memory_axes.set(xlabel="entries", ylabel="GiB")
    memory_axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, measure, print; 1 where the memory promise is broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=float, nargs="+", help="default 1e6 3e6 1e7 3e7 1e8")
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--solver", default="cg")
    parser.add_argument("--sweeps", type=int, help="timed sweeps; fewer for larger sizes if unset")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="sizes of a second")
    parser.add_argument("--json", type=Path, metavar="PATH")
    parser.add_argument("--plot", type=Path, metavar="PNG")
    parser.add_argument("--part", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.part:
        _part(options.part)
        return 0
    options.entries = options.entries or (TINY if options.tiny else ENTRIES)
    if options.tiny:
        options.factors, options.sweeps = min(options.factors, 16), 2
    facts = context(("alsatian", "numpy"), threads=options.threads, seed=options.seed)
    print_context(facts)
    result = {"context": facts, **run(options)}
    if options.json:
        write_json(options.json, result)
    if options.plot:
        plot(result, options.plot)
    # A tiny process is mostly thread stacks and allocator pools: its ratio says nothing.
    worst = None if options.tiny else result["worst_memory_ratio"]
    return 0 if worst is None or worst <= PROMISE else 1


if __name__ == "__main__":
    sys.exit(main())
