"""Seconds of training until a given NDCG@10 on MovieLens 1M, all libraries at equal settings.

Interactions are split 80/20 at random. Every library trains with conjugate gradients at the same
settings, sweep by sweep; after each sweep its factors rank all items but those seen in training,
with the same code, and NDCG@10 over the test part is noted, off the clock. The target is 99 % of
the best value that anybody reaches. Set-up (transposes, copies) is left out for all.
"""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

from benchmarks.context import limit_threads
from benchmarks.datasets import data_folder, existing, made_up
from benchmarks.peers import Alsatian, Contender, gather
from benchmarks.problem import Problem
from recsys.als import AlternatingLeastSquares
from recsys.evaluation import Split, random_split
from recsys.evaluation.metrics import ndcg, relevance
from recsys.interactions import Interactions

# Within a percent of the best that benchmarks.quality_ml1m finds for this objective.
ALPHA, REGULARIZATION = 5.0, 80.0
SHARE = 0.99
AT = 10


def run(threads: int, seed: int, *, tiny: bool, repeats: int = 3) -> dict[str, Any]:
    """Train every contender `repeats` times, in turns; the median counts.

    Raises
    ------
    InputNotFoundError
        The interactions of MovieLens 1M are not where ``ALSATIAN_DATA`` says.
    """
    sweeps = 4 if tiny else 15
    repeats = 1 if tiny else repeats
    events, source = _events(seed, tiny)
    split = random_split(events, 0.2, seed=seed)
    matrix = split.train.matrix.astype(np.float32)
    matrix.data[:] = ALPHA
    problem = Problem(
        matrix, 16 if tiny else 64, regularization=REGULARIZATION, threads=threads, seed=seed
    )
    _, absent = gather(problem)
    seconds: dict[str, list[list[float]]] = {}
    reached: dict[str, list[float]] = {}
    for _ in range(repeats):
        contenders, _ = gather(problem)
        limit_threads(threads)
        for count in range(1, sweeps + 1):
            for one in contenders:
                spent = one.train_to(count)
                if count == 1:
                    seconds.setdefault(one.name, []).append([])
                seconds[one.name][-1].append(spent)
                if len(seconds[one.name]) == 1:  # the same factors in every repeat
                    reached.setdefault(one.name, []).append(quality(one, split, problem))
    target = SHARE * max(max(values) for values in reached.values())
    medians = {
        name: [statistics.median(same) for same in zip(*runs, strict=True)]
        for name, runs in seconds.items()
    }
    lines = {name: _line(values, medians[name], target) for name, values in reached.items()}
    times = {name: line["seconds_to_target"] for name, line in lines.items()}
    ours = times.pop(Alsatian.name)
    peers = [value for value in times.values() if value is not None]
    return {
        "case": "ndcg",
        "data": source,
        "factors": problem.factors,
        "alpha": ALPHA,
        "regularization": REGULARIZATION,
        "target": target,
        "repeats": repeats,
        "contenders": lines,
        "absent": absent,
        "ratio": min(peers) / ours if peers and ours else None,
    }


def _line(values: list[float], seconds: list[float], target: float) -> dict[str, Any]:
    reached = next((k for k, value in enumerate(values) if value >= target), None)
    return {
        "ndcg": values,
        "seconds": seconds,
        "sweeps_to_target": None if reached is None else reached + 1,
        "seconds_to_target": None if reached is None else seconds[reached],
    }


def quality(one: Contender, split: Split, problem: Problem) -> float:
    """Mean NDCG@10 over the users with test items; what they have in training is not ranked."""
    judge = AlternatingLeastSquares(problem.factors, num_threads=problem.threads)
    judge.user_factors, judge.item_factors = one.factors()
    users = split.test_users
    ids, _ = judge.recommend(users, split.train.matrix[users], N=AT)
    test = split.test[users]
    return float(ndcg(relevance(ids, test), np.diff(test.indptr), AT).mean())


def _events(seed: int, tiny: bool) -> tuple[Interactions, str]:
    if tiny:
        return made_up(seed, plain=False)
    path = existing(
        data_folder("ml-1m") / "interactions.parquet",
        "set ALSATIAN_DATA to the folder that holds ml-1m, or use --tiny",
    )
    return Interactions.from_parquet(path), "MovieLens 1M"


def report(result: dict[str, Any]) -> None:
    """Print a line for each contender."""
    print(
        f"time to NDCG@{AT} {result['target']:.4f} (99 % of the best), {result['data']}, "
        f"f={result['factors']}, alpha {result['alpha']:g}, regularization "
        f"{result['regularization']:g}, CG; median of {result['repeats']}"
    )
    for name, line in result["contenders"].items():
        best = max(line["ndcg"])
        if line["seconds_to_target"] is None:
            print(f"  {name:<12} not reached in {len(line['ndcg'])} sweeps; best {best:.4f}")
        else:
            print(
                f"  {name:<12} {line['seconds_to_target']:8.3f} s in {line['sweeps_to_target']} "
                f"sweeps; best {best:.4f}"
            )
    for name, why in result["absent"].items():
        print(f"  {name:<12} not measured: {why}")
    if result["ratio"] is not None:
        print(f"  fastest peer / alsatian: {result['ratio']:.2f}")
