"""One sweep of ALS with conjugate gradients, beside implicit, irspack and cmfrec.

Run ``python -m benchmarks.als_sweep``. It makes its own matrix at the size of MovieLens 20M, and
takes one sweep (users and items) of each library in turn, round after round, so that whatever else
the machine does meets them alike. Set-up (transposes, copies) is left out for all. All libraries
minimize the same objective, and the value each reaches is printed beside its speed: implicit takes
the confidences w; irspack (its ``original`` loss) and cmfrec add 1 to what they are given, so they
get w - 1. Exit status 0 if ours is the faster in the median round by ``--at-least``, else 1.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.context import context, limit_threads, print_context

SIZES = {
    "full": (138_493, 26_744, 12_400_000),
    "tiny": (600, 300, 9_000),
}
REGULARIZATION = 0.01
CG_STEPS = 3


@dataclass
class Contender:
    """A library: one timed sweep, and the factors it has reached."""

    name: str
    sweep: Callable[[], float]
    factors: Callable[[], tuple[Any, Any]]
    seconds: list[float] = field(default_factory=list)
    objective: float = float("nan")


def ours(matrix: Any, factors: int, threads: int, seed: int) -> Contender:
    """Our core; the sweep includes both Gramians, as everyone's does."""
    from recsys.als import AlternatingLeastSquares, cpu
    from recsys.als.config import ALSConfig

    config = ALSConfig(
        factors=factors, regularization=REGULARIZATION, cg_steps=CG_STEPS, num_threads=threads
    )
    model = AlternatingLeastSquares(**(config.to_dict() | {"iterations": 0}), random_state=seed)
    model.fit(matrix, show_progress=False)
    rows = cpu.sparse_rows(matrix, "matrix")
    columns = cpu.transposed(rows, threads)

    def sweep() -> float:
        begin = time.perf_counter()
        cpu.solve(rows, model.user_factors, model.item_factors, config)
        cpu.solve(columns, model.item_factors, model.user_factors, config)
        return time.perf_counter() - begin

    return Contender("alsatian", sweep, lambda: (model.user_factors, model.item_factors))


def implicit_(matrix: Any, factors: int, threads: int, seed: int) -> Contender:
    """``implicit``: warm-started fits of one iteration, timed by its own callback."""
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=factors,
        regularization=REGULARIZATION,
        iterations=1,
        num_threads=threads,
        random_state=seed,
    )
    model.cg_steps = CG_STEPS
    told: list[float] = []

    def sweep() -> float:
        model.fit(matrix, show_progress=False, callback=lambda _, seconds, __: told.append(seconds))
        return told[-1]

    return Contender("implicit", sweep, lambda: (model.user_factors, model.item_factors))


def irspack_(matrix: Any, factors: int, threads: int, seed: int) -> Contender:
    """``irspack``: epochs of its trainer."""
    from irspack.recommenders.ials import IALSTrainer, LossType, SolverType

    less = matrix.copy()
    less.data -= 1
    trainer = IALSTrainer(
        less,
        n_components=factors,
        alpha0=1.0,
        reg=REGULARIZATION,
        nu=0.0,
        init_std=0.1,
        solver_type=SolverType.CG,
        max_cg_steps=CG_STEPS,
        ialspp_subspace_dimension=64,
        loss_type=LossType.ORIGINAL,
        random_seed=seed,
        n_threads=threads,
        prediction_time_max_cg_steps=CG_STEPS,
        prediction_time_ialspp_iteration=1,
    )

    def sweep() -> float:
        begin = time.perf_counter()
        trainer.run_epoch()
        return time.perf_counter() - begin

    return Contender(
        "irspack", sweep, lambda: (trainer.core_trainer.user, trainer.core_trainer.item)
    )


def cmfrec_(matrix: Any, factors: int, threads: int, seed: int) -> Contender:
    """``cmfrec``: it cannot go on from its own factors; a sweep is half of what two more cost."""
    from cmfrec import CMF_implicit

    less = matrix.copy()
    less.data -= 1
    last: list[Any] = []

    def fit(sweeps: int) -> float:
        model = CMF_implicit(
            k=factors,
            lambda_=REGULARIZATION,
            alpha=1.0,
            niter=sweeps,
            use_cg=True,
            max_cg_steps=CG_STEPS,
            finalize_chol=False,
            use_float=True,
            precompute_for_predictions=False,
            random_state=seed,
            nthreads=threads,
            verbose=False,
        )
        begin = time.perf_counter()
        model.fit(less)
        last[:] = [model]
        return time.perf_counter() - begin

    def sweep() -> float:
        one = fit(1)
        return (fit(3) - one) / 2

    return Contender("cmfrec (3 sweeps)", sweep, lambda: (last[0].A_, last[0].B_))


MAKERS: dict[str, Callable[..., Contender]] = {
    "alsatian": ours,
    "implicit": implicit_,
    "irspack": irspack_,
    "cmfrec": cmfrec_,
}


def run(size: str, rounds: int, factors: int, threads: int, seed: int) -> dict[str, Any]:
    """Measure, and return everything that is printed or written.

    Parameters
    ----------
    size : str
        ``"full"`` or ``"tiny"``.
    rounds : int
        Rounds measured, after one that is not counted.
    factors, threads, seed : int
        Settings of all contenders.
    """
    from benchmarks.powerlaw import powerlaw_matrix

    users, items, nnz = SIZES[size]
    facts = context(
        ("alsatian", "implicit", "irspack", "cmfrec", "numpy"), threads=threads, seed=seed
    )
    matrix = powerlaw_matrix(users, items, nnz, seed=seed)
    contenders, absent = [], {}
    for name, make in MAKERS.items():
        try:
            contenders.append(make(matrix, factors, threads, seed))
        except ImportError as error:
            absent[name] = str(error)
    for number in range(rounds + 1):
        for contender in contenders:
            seconds = contender.sweep()
            if number > 0:
                contender.seconds.append(seconds)
    _objectives(matrix, contenders, factors)
    first, *peers = contenders
    ratios = [
        min(peer.seconds[k] for peer in peers) / first.seconds[k]
        for k in range(rounds if peers else 0)
    ]
    return {
        "context": facts,
        "matrix": {"users": users, "items": items, "entries": nnz, "factors": factors},
        "sweeps": rounds + 1,
        "absent": absent,
        "contenders": [
            {
                "name": one.name,
                "median_seconds": statistics.median(one.seconds),
                "seconds": one.seconds,
                "objective": one.objective,
            }
            for one in contenders
        ],
        "ratios_to_fastest_peer": ratios,
        "median_ratio": statistics.median(ratios) if ratios else None,
    }


def _objectives(matrix: Any, contenders: list[Contender], factors: int) -> None:
    from recsys.als import AlternatingLeastSquares

    for contender in contenders:
        judge = AlternatingLeastSquares(factors, REGULARIZATION)
        judge.user_factors, judge.item_factors = contender.factors()
        contender.objective = judge.objective(matrix)


def report(result: dict[str, Any]) -> None:
    """Print a table."""
    shape = result["matrix"]
    print_context(result["context"])
    print(
        f"one sweep of CG, {CG_STEPS} steps, f={shape['factors']}, {shape['users']:,} x "
        f"{shape['items']:,}, {shape['entries']:,} entries; objective after "
        f"{result['sweeps']} sweeps"
    )
    for one in result["contenders"]:
        spread = f"{min(one['seconds']):.3f}..{max(one['seconds']):.3f}"
        print(
            f"  {one['name']:<18} {one['median_seconds']:8.3f} s  ({spread})  "
            f"objective {one['objective']:.6e}"
        )
    for name, why in result["absent"].items():
        print(f"  {name:<18} not measured: {why}")
    if result["median_ratio"] is None:
        print("no peer is installed: pip install 'alsatian[bench]'")
    else:
        rounds = ", ".join(f"{ratio:.2f}" for ratio in result["ratios_to_fastest_peer"])
        print(f"fastest peer / alsatian: median {result['median_ratio']:.2f} (rounds {rounds})")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--tiny", action="store_true", help="a matrix of a second, for a smoke test"
    )
    parser.add_argument("--at-least", type=float, default=0.0, metavar="RATIO")
    parser.add_argument("--json", type=Path, metavar="PATH")
    options = parser.parse_args(arguments)
    limit_threads(options.threads)
    result = run(
        "tiny" if options.tiny else "full",
        options.rounds,
        options.factors,
        options.threads,
        options.seed,
    )
    report(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    ratio = result["median_ratio"]
    return 0 if ratio is None or ratio >= options.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
