"""One sweep of ALS on a CUDA card beside implicit's GPU sweep on the same card, interleaved.

    python -m benchmarks.als_gpu                      # f = 64, 128 and 256
    python -m benchmarks.als_gpu --factors 64 --json gpu.json --at-least 3
    ALSATIAN_GPU=cpu python -m benchmarks.als_gpu --tiny   # does it run at all? No measurement.

Conjugate gradients, 3 steps, on a matrix of the size of MovieLens 20M. Both start from the same
factors and minimize the same objective, whose value is printed beside the speed. Transposing and
copying to the card are left out for both. Lines marked ``*`` compute in reduced precision and count
for no ratio. Without a card the line says unmeasured. Exit status 1 where a ratio is less than
``--at-least``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import context, print_context
from benchmarks.powerlaw import powerlaw_matrix
from recsys.als import AlternatingLeastSquares, cpu
from recsys.als.config import ALSConfig
from recsys.als.engine import Training, open_training
from recsys.als.randomness import generator, initial_factors
from recsys.errors import AlsatianError
from recsys.storage import write_json

SIZES = {"full": (138_493, 26_744, 12_400_000), "tiny": (120, 60, 900)}
REGULARIZATION = 0.01
CG_STEPS = 3
PACKAGES = ("alsatian", "implicit", "torch", "triton", "numpy")
OURS: dict[str, dict[str, Any]] = {
    "alsatian": {},
    "alsatian, tf32 *": {"gpu_precision": "tf32"},
    "alsatian, bfloat16 *": {"gathered_dtype": "bfloat16"},
}


@dataclass
class Contender:
    """What is timed: a sweep, and the factors it has reached."""

    name: str
    sweep: Callable[[], float]
    factors: Callable[[], tuple[Any, Any]]
    seconds: list[float] = field(default_factory=list)


def start_of(matrix: Any, factors: int, seed: int) -> tuple[Any, Any]:
    """Equal factors for everyone to start from."""
    rng = generator(seed)
    users, items = (initial_factors(rng, rows, factors, "float32") for rows in matrix.shape)
    return users, items


def ours(matrix: Any, start: tuple[Any, Any], name: str) -> Contender:
    """Our training on the card; each half ends with a look at what could not be solved."""
    users, items = (side.copy() for side in start)
    config = ALSConfig(
        factors=users.shape[1],
        regularization=REGULARIZATION,
        cg_steps=CG_STEPS,
        device="cuda",
        **OURS[name],
    )
    training: Training = open_training(
        matrix, cpu.sparse_rows(matrix, "matrix"), users, items, config
    )

    def sweep() -> float:
        begin = time.perf_counter()
        training.solve_users()
        training.solve_items()
        return time.perf_counter() - begin

    def factors() -> tuple[Any, Any]:
        training.fetch()
        return users, items

    return Contender(name, sweep, factors)


def implicit_(matrix: Any, start: tuple[Any, Any]) -> Contender:
    """``implicit`` on the card: warm-started fits of one iteration, timed by its own callback."""
    import implicit.gpu
    from implicit.gpu.als import AlternatingLeastSquares as OnCard

    if not implicit.gpu.HAS_CUDA:
        raise ImportError("implicit was built without CUDA, or finds no card")
    model = OnCard(factors=start[0].shape[1], regularization=REGULARIZATION, iterations=1)
    model.cg_steps = CG_STEPS
    model.user_factors = implicit.gpu.Matrix(start[0])
    model.item_factors = implicit.gpu.Matrix(start[1])
    told: list[float] = []

    def sweep() -> float:
        model.fit(matrix, show_progress=False, callback=lambda _, seconds, __: told.append(seconds))
        return told[-1]

    def factors() -> tuple[Any, Any]:
        return model.user_factors.to_numpy(), model.item_factors.to_numpy()

    return Contender("implicit", sweep, factors)


def measure(matrix: Any, factors: int, rounds: int, seed: int) -> dict[str, Any]:
    """One number of factors: every contender in turn, `rounds` times after one not counted."""
    start = start_of(matrix, factors, seed)
    contenders, absent = [ours(matrix, start, name) for name in OURS], None
    try:
        contenders.append(implicit_(matrix, start))
    except ImportError as error:
        absent = str(error)
    for number in range(rounds + 1):
        for contender in contenders:
            seconds = contender.sweep()
            if number:
                contender.seconds.append(seconds)
    judge = AlternatingLeastSquares(factors, REGULARIZATION)
    lines = []
    for contender in contenders:
        judge.user_factors, judge.item_factors = map(np.asarray, contender.factors())
        lines.append(
            {
                "name": contender.name,
                "seconds": contender.seconds,
                "median_seconds": statistics.median(contender.seconds),
                "objective": judge.objective(matrix),
            }
        )
    ratios = None
    if absent is None:
        pairs = zip(contenders[-1].seconds, contenders[0].seconds, strict=True)
        ratios = [peer / own for peer, own in pairs]
    return {
        "factors": factors,
        "sweeps": rounds + 1,
        "contenders": lines,
        "implicit_absent": absent,
        "ratios": ratios,
        "median_ratio": statistics.median(ratios) if ratios else None,
    }


def card_facts() -> dict[str, Any]:
    """The card that would be measured; ``unmeasured`` says why there is none."""
    try:
        from recsys.als.gpu import find_card

        card = find_card(ALSConfig(device="cuda"))
    except AlsatianError as error:
        return {"unmeasured": f"no CUDA card ({error})"}
    facts = {"card": str(card), "kernels": card.kernels, "bytes_free": card.memory}
    if not card.is_cuda:
        facts["unmeasured"] = "no CUDA card (ALSATIAN_GPU=cpu: the times below are no measurement)"
    return facts


def run(size: str, factors: list[int], rounds: int, seed: int) -> dict[str, Any]:
    """Measure everything that can be measured here.

    Parameters
    ----------
    size : str
        ``"full"`` or ``"tiny"``.
    factors : list of int
        Each is a measurement of its own.
    rounds : int
        Rounds measured, after one that is not counted.
    seed : int
        Of matrix and start.
    """
    found = {"context": context(PACKAGES, threads=os.cpu_count() or 1, seed=seed)} | card_facts()
    found["cases"] = []
    if "card" in found:
        users, items, entries = SIZES[size]
        matrix = powerlaw_matrix(users, items, entries, seed=seed)
        found["matrix"] = {"users": users, "items": items, "entries": entries}
        found["cases"] = [measure(matrix, one, rounds, seed) for one in factors]
    return found


def report(result: dict[str, Any]) -> None:
    """Print tables."""
    print_context(result["context"])
    if "card" in result:
        print(f"card: {result['card']}, {result['kernels']} kernels")
    if "unmeasured" in result:
        print(f"unmeasured: {result['unmeasured']}")
    for case in result["cases"]:
        shape = result["matrix"]
        print(
            f"one sweep of CG, {CG_STEPS} steps, f={case['factors']}, {shape['users']:,} x "
            f"{shape['items']:,}, {shape['entries']:,} entries; objective after "
            f"{case['sweeps']} sweeps"
        )
        for line in case["contenders"]:
            spread = f"{min(line['seconds']):.4f}..{max(line['seconds']):.4f}"
            print(
                f"  {line['name']:<18} {line['median_seconds']:9.4f} s  ({spread})  "
                f"objective {line['objective']:.6e}"
            )
        if case["median_ratio"] is None:
            print(f"  {'implicit':<18} not measured: {case['implicit_absent']}")
        else:
            print(f"  implicit / alsatian: median {case['median_ratio']:.2f}")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--factors", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="a smoke test: small matrix, f=8")
    parser.add_argument("--at-least", type=float, default=0.0, metavar="RATIO")
    parser.add_argument("--json", type=Path, metavar="PATH")
    options = parser.parse_args(arguments)
    if options.tiny:
        result = run("tiny", [8], 1, options.seed)
    else:
        result = run("full", options.factors, options.rounds, options.seed)
    report(result)
    if options.json:
        write_json(options.json, result)
    ratios = [case["median_ratio"] for case in result["cases"] if case["median_ratio"] is not None]
    return 0 if all(ratio >= options.at_least for ratio in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
