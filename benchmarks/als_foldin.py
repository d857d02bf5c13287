"""Folding in one user: microseconds from a list of items to factors, ours and the peers'.

    python -m benchmarks.als_foldin                      # 100 items, f=64, 2,000 calls of each
    python -m benchmarks.als_foldin --factors 128 --items 500

A model is trained on a made-up matrix; then users who were not in it come one by one, each with
other items. The same systems are solved by everyone, exactly. Ours and implicit keep the Gramian of
the items from call to call; irspack computes it anew in each. Calls are timed one at a time, ours
and the peers' in turns. "native" is the time inside our native core during such a call, everything
else is the whole public method with its checks.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.context import context, limit_threads, print_context
from benchmarks.peers import Alsatian, Irspack
from benchmarks.powerlaw import powerlaw_matrix
from benchmarks.problem import Problem
from recsys.als import AlternatingLeastSquares, cpu
from recsys.storage import write_json

NATIVE, PYTHON = "alsatian fold_in, native", "alsatian fold_in"
PROMISED = {NATIVE: 100.0, PYTHON: 250.0}  # microseconds, median
AGREEMENT = 1e-3
Call = Callable[[int], Any]


def visitors(count: int, items: int, catalogue: int, seed: int) -> csr_matrix:
    """Rows of `items` random items each, popular ones more often, with confidences of 2 to 6."""
    rng = np.random.default_rng(seed)
    weight = np.arange(1, catalogue + 1, dtype=np.float64) ** -0.8
    weight /= weight.sum()
    drawn = np.stack(
        [np.sort(rng.choice(catalogue, items, replace=False, p=weight)) for _ in range(count)]
    )
    values = rng.integers(2, 7, drawn.size).astype(np.float32)
    return csr_matrix(
        (values, drawn.ravel().astype(np.int32), np.arange(count + 1) * items),
        shape=(count, catalogue),
    )


def calls(problem: Problem, rows: csr_matrix) -> tuple[dict[str, Call], dict[str, str]]:
    """What can be timed, each called with a visitor's number; and who is absent, and why."""
    one = Alsatian(problem)
    one.train_to(2)
    users, items = one.factors()
    model = AlternatingLeastSquares(problem.factors, problem.regularization, num_threads=1)
    model.user_factors, model.item_factors = users, items
    single = [rows[k] for k in range(rows.shape[0])]
    found: dict[str, Call] = {
        PYTHON: lambda k: model.fold_in(single[k].indices, single[k].data),
        "alsatian recalculate_user": lambda k: model.recalculate_user(0, single[k]),
    }
    absent = {}
    try:
        theirs = model.to_implicit()
        theirs.num_threads = 1
        found["implicit recalculate_user"] = lambda k: theirs.recalculate_user(0, single[k])
    except ImportError as error:
        absent["implicit"] = str(error)
    try:
        found["irspack transform_user"] = _irspack(problem, users, items, single)
    except ImportError as error:
        absent["irspack"] = str(error)
    return found, absent


def _irspack(problem: Problem, users: Any, items: Any, single: list[csr_matrix]) -> Call:
    peer = Irspack(problem)
    peer.set_factors(users, items)
    rest = [csr_matrix((row.data - 1, row.indices, row.indptr), row.shape) for row in single]
    return lambda k: peer.transform_user(rest[k])[0]


@contextmanager
def timed_solves() -> Iterator[list[float]]:
    """Microseconds of every solve of the native core while this is open."""
    taken: list[float] = []
    solve = cpu._als.solve

    def timed(*arguments: Any, **named: Any) -> None:
        begin = time.perf_counter_ns()
        solve(*arguments, **named)
        taken.append((time.perf_counter_ns() - begin) / 1e3)

    cpu._als.solve = timed  # type: ignore[assignment]
    try:
        yield taken
    finally:
        cpu._als.solve = solve


def measure(found: dict[str, Call], count: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds of each call: every visitor once in each round, contenders in turns."""
    taken: dict[str, list[float]] = {name: [] for name in found}
    for number in range(rounds + 1):
        for name, call in found.items():
            for visitor in range(count):
                begin = time.perf_counter_ns()
                call(visitor)
                spent = (time.perf_counter_ns() - begin) / 1e3
                if number > 0:  # the first round is for warmth
                    taken[name].append(spent)
        with timed_solves() as inside:
            for visitor in range(count):
                found[PYTHON](visitor)
        if number > 0:
            taken.setdefault(NATIVE, []).extend(inside)
    return taken


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, and return everything that is printed or written."""
    shape = (600, 400, 20_000) if options.tiny else (20_000, 26_744, 2_000_000)
    matrix = powerlaw_matrix(*shape, seed=options.seed)
    problem = Problem(
        matrix, options.factors, solver="cholesky", threads=options.threads, seed=options.seed
    )
    count = max(1, options.calls // options.rounds)
    rows = visitors(count, options.items, shape[1], options.seed)
    found, absent = calls(problem, rows)
    limit_threads(options.threads)
    answers = {name: np.asarray(call(0)) for name, call in found.items()}
    length = float(np.linalg.norm(answers[PYTHON]))
    taken = measure(found, count, options.rounds)
    return {
        "users": shape[0],
        "items": shape[1],
        "factors": options.factors,
        "items_of_a_visitor": options.items,
        "calls": count * options.rounds,
        "absent": absent,
        "microseconds": {
            name: {
                "median": float(np.median(values)),
                "p99": float(np.percentile(values, 99)),
                "least": min(values),
            }
            for name, values in sorted(taken.items(), key=lambda pair: float(np.median(pair[1])))
        },
        "difference_of_factors": {
            name: float(np.linalg.norm(answer - answers[PYTHON])) / length
            for name, answer in answers.items()
        },
        "promised": PROMISED,
    }


def report(result: dict[str, Any]) -> None:
    """Print a table; times in microseconds."""
    print(
        f"one user with {result['items_of_a_visitor']} items, f={result['factors']}, "
        f"{result['items']:,} items, {result['calls']:,} calls of each, one at a time"
    )
    print(f"  {'microseconds':<30}{'median':>9}{'99th':>9}{'least':>9}{'promised':>10}")
    for name, one in result["microseconds"].items():
        promised = f"{PROMISED[name]:>10.0f}" if name in PROMISED else ""
        print(f"  {name:<30}{one['median']:>9.1f}{one['p99']:>9.1f}{one['least']:>9.1f}{promised}")
    for name, why in result["absent"].items():
        print(f"  {name:<30} not measured: {why}")
    worst = max(result["difference_of_factors"].values())
    print(f"  factors of the first visitor differ by at most {worst:.1e} relative")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, measure, print; 1 where factors differ or a promise is broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=100, help="items of a visitor")
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--calls", type=int, default=4000, help="of each contender")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="a model of a second, few calls")
    parser.add_argument("--check", action="store_true", help="fail where a promise is broken")
    parser.add_argument("--json", type=Path, metavar="PATH")
    options = parser.parse_args(arguments)
    if options.tiny:
        options.calls, options.rounds, options.items = 100, 2, 40
    limit_threads(options.threads)
    packages = ("alsatian", "implicit", "irspack", "numpy")
    facts = context(packages, threads=options.threads, seed=options.seed)
    print_context(facts)
    result = {"context": facts, **run(options)}
    report(result)
    if options.json:
        write_json(options.json, result)
    kept = all(result["microseconds"][name]["median"] <= most for name, most in PROMISED.items())
    same = max(result["difference_of_factors"].values()) <= AGREEMENT
    return 0 if same and (kept or not options.check) else 1


if __name__ == "__main__":
    sys.exit(main())
