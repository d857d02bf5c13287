"""Recommendation quality on MovieLens 1M: ours beside implicit's ALS and popularity.

    python -m benchmarks.quality_ml1m                    # MovieLens 1M, two minutes on 2 cores
    python -m benchmarks.quality_ml1m --tiny             # made-up data, seconds
    python -m benchmarks.quality_ml1m --json result.json

Interactions are split 80/20 at random. Three questions are answered, all at the same factors,
iterations and seed:

1. Equal settings: do ours and implicit's ALS reach the same training objective (relative difference
   below 1e-4), and is our NDCG@10 not below theirs?
2. Tuned: how do both do at their best settings of a grid of the same size? Ours has the unobserved
   weight and the frequency-scaled regularization, implicit's the confidence and regularization.
   The settings are chosen on a part held out of the training part; the test part is not looked at.
3. Does ours beat popularity?

Intervals are from resampling users, differences are paired; "not below" means that the interval of
the difference does not lie below 0. The exit status is 1 where an answer is no.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console

from benchmarks.command import exit_with, quality_parser
from benchmarks.context import context, print_context
from benchmarks.datasets import data_folder, existing, made_up
from recsys.als.reference import Objective, objective_value
from recsys.evaluation import (
    AlsRanker,
    AlsSettings,
    Estimate,
    ImplicitRanker,
    PopularityRanker,
    Ranker,
    Report,
    Split,
    evaluate,
    implicit_als,
    paired_difference,
    random_split,
)
from recsys.interactions import Interactions
from recsys.storage import write_json

PACKAGES = ("numpy", "scipy", "implicit")
OBJECTIVE_TOLERANCE = 1e-4
METRIC = "ndcg@10"
OURS_TUNED, THEIRS_TUNED = "alsatian tuned", "implicit tuned"
# Twelve candidates each. Frequency scaling is recommended by Rendle et al. 2021 (exponent 1); a
# confidence of 1 / unobserved weight is the same objective up to a factor, which is how the two
# grids correspond.
OUR_GRID = {
    "unobserved_weight": (0.05, 0.1, 0.2, 0.4),
    "regularization": (0.003, 0.01, 0.03),
    "regularization_exponent": (1.0,),
}
THEIR_GRID = {"alpha": (2.5, 5.0, 10.0, 20.0), "regularization": (40.0, 80.0, 150.0)}


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return the exit status."""
    options = _parse(arguments)
    console = Console(width=120)
    facts = context(PACKAGES, threads=options.threads, seed=options.seed)
    print_context(facts)
    events, source = _events(options)
    split = random_split(events, 0.2, seed=options.seed)
    console.print(f"data: {source}: {events}", f"split: {split.description}", sep="\n")

    settings = AlsSettings(
        factors=options.factors, iterations=options.iterations, num_threads=options.threads
    )
    seed = options.seed
    ours, theirs = AlsRanker(settings, seed=seed), implicit_als(settings, seed=seed)
    our_best, our_tries = choose(split, settings, OUR_GRID, AlsRanker, seed)
    their_best, their_tries = choose(split, settings, THEIR_GRID, implicit_als, seed)
    ours_tuned, theirs_tuned = AlsRanker(our_best, seed=seed), implicit_als(their_best, seed=seed)
    ours_tuned.name, theirs_tuned.name = OURS_TUNED, THEIRS_TUNED
    rankers = [ours, theirs, ours_tuned, theirs_tuned, PopularityRanker()]
    report = evaluate(rankers, split, samples=options.samples, seed=options.seed)
    console.print(report.table())
    objective = objectives(split, settings, ours, theirs)
    verdicts = judge(report, objective)
    console.print(
        f"equal settings: {settings.factors} factors, {settings.iterations} iterations, "
        f"regularization {settings.regularization}, alpha {settings.alpha}, seed {options.seed}",
        f"training objective: ours {objective['alsatian']:.6e}, implicit "
        f"{objective['implicit']:.6e}, relative difference {objective['relative_difference']:+.2e}",
        f"alsatian tuned: unobserved_weight {our_best.unobserved_weight}, regularization "
        f"{our_best.regularization}, regularization_exponent {our_best.regularization_exponent}",
        f"implicit tuned: alpha {their_best.alpha}, regularization {their_best.regularization}",
        *(f"{'yes' if held else 'NO'}: {claim}" for claim, held in verdicts.items()),
        sep="\n",
        highlight=False,
        markup=False,
    )
    if options.json:
        result = {
            "context": facts,
            "data": source,
            "seed": options.seed,
            "report": report.to_dict(),
            "objective": objective,
            "tuning": {"alsatian": our_tries, "implicit": their_tries},
            "tuned_difference": asdict(tuned_difference(report)),
            "verdicts": verdicts,
        }
        write_json(options.json, result)
    return 0 if all(verdicts.values()) else 1


def choose(
    split: Split,
    settings: AlsSettings,
    grid: Mapping[str, tuple[float, ...]],
    make: Callable[..., Ranker],
    seed: int,
) -> tuple[AlsSettings, list[dict[str, float]]]:
    """Choose settings of `grid` on a part held out of the training part; the best and all tries."""
    inner = random_split(split.train, 0.2, seed=seed + 1)
    tried = []
    for values in itertools.product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        ranker = make(replace(settings, **chosen), seed=seed)
        report = evaluate([ranker], inner, k=(10,), samples=1)
        tried.append({**chosen, METRIC: report.results[0].metrics[METRIC].mean})
    best = max(tried, key=lambda one: one[METRIC])
    return replace(settings, **{name: best[name] for name in grid}), tried


def objectives(
    split: Split, settings: AlsSettings, ours: AlsRanker, theirs: ImplicitRanker
) -> dict[str, float]:
    """Training objective of both models, computed by the NumPy twin in double."""
    weights = Objective(settings.alpha, 1.0, settings.regularization, 0.0)
    found = {
        ranker.name: objective_value(
            split.train.matrix, ranker.model.user_factors, ranker.model.item_factors, weights
        )
        for ranker in (ours, theirs)
    }
    relative = (found["alsatian"] - found["implicit"]) / found["implicit"]
    return {**found, "relative_difference": relative}


def judge(report: Report, objective: dict[str, float]) -> dict[str, bool]:
    """Answer the three questions; a difference counts where its interval says so."""
    equal = report.comparison("implicit", METRIC).difference
    popular = report.comparison("popularity", METRIC).difference
    tuned = tuned_difference(report)
    relative = abs(objective["relative_difference"])
    return {
        f"objectives agree to {OBJECTIVE_TOLERANCE:g} relative": relative <= OBJECTIVE_TOLERANCE,
        f"{METRIC} at equal settings is not below implicit's ({_signed(equal)})": equal.high >= 0,
        f"{METRIC} with both tuned is not below implicit's ({_signed(tuned)})": tuned.high >= 0,
        f"{METRIC} is above popularity's ({_signed(popular)})": popular.low > 0,
    }


def tuned_difference(report: Report) -> Estimate:
    """Ours tuned minus implicit's tuned, over the same users."""
    tuned, theirs = (report.result(n).per_user[METRIC] for n in (OURS_TUNED, THEIRS_TUNED))
    return paired_difference(
        tuned, theirs, samples=report.samples, level=report.level, seed=report.seed
    )


def _signed(difference: Estimate) -> str:
    return f"difference {difference.mean:+.5f} [{difference.low:+.5f}, {difference.high:+.5f}]"


def _events(options: argparse.Namespace) -> tuple[Interactions, str]:
    if options.tiny:
        return made_up(options.seed)
    path = existing(
        options.data or data_folder("ml-1m") / "interactions.parquet",
        "give the interactions of MovieLens 1M (user_id, item_id) with --data, set "
        "ALSATIAN_DATA, or use --tiny",
    )
    return Interactions.from_parquet(path), path.name


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = quality_parser(__doc__)
    parser.add_argument("--data", type=Path, help="Parquet file of user_id and item_id")
    parser.add_argument("--iterations", type=int, default=15)
    options = parser.parse_args(arguments)
    options.factors = options.factors or (16 if options.tiny else 64)
    return options


if __name__ == "__main__":
    exit_with(main)
