"""Fit every ranker on the same split, rank for every user with test items, and measure."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from recsys.errors import InvalidInputError
from recsys.evaluation.bootstrap import bootstrap_means, interval
from recsys.evaluation.metrics import METRICS, coverage, relevance, self_information
from recsys.evaluation.rankers import (
    AlsRanker,
    AlsSettings,
    PopularityRanker,
    Ranker,
    implicit_als,
    implicit_bm25,
)
from recsys.evaluation.report import CURVES, Comparison, Report, Result
from recsys.evaluation.splits import Split, leave_last_out, random_split
from recsys.interactions import Interactions

__all__ = ["evaluate", "evaluate_recommenders"]

Progress: TypeAlias = Callable[[str], None]

_BLOCK_USERS = 2048
_ROUND_CUTOFFS = (1, 2, 3, 5, 10, 15, 20, 30, 50, 100)


def evaluate_recommenders(
    events: Interactions,
    *,
    split: Literal["random", "last"] = "random",
    test_fraction: float = 0.2,
    k: Sequence[int] = (10, 20),
    models: Sequence[str] = ("alsatian", "implicit", "popularity"),
    settings: AlsSettings | None = None,
    num_threads: int = 0,
    samples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Split, train and measure the named models side by side.

    Parameters
    ----------
    events : Interactions
        All interactions.
    split : {"random", "last"}
        :func:`random_split` over all pairs, or :func:`leave_last_out` (needs timestamps).
    test_fraction : float
        Share held out by the random split, in (0, 1).
    k : sequence of int
        Cutoffs.
    models : sequence of str
        Of ``alsatian``, ``implicit``, ``bm25`` and ``popularity``; the first is compared with each
        of the others.
    settings : AlsSettings, optional
        Of both ALS models (:class:`recsys.als.config.ALSConfig` by another name). Settings that
        `implicit` lacks are an error while it is among `models`.
    num_threads : int
        Of every model, whatever `settings` say; 0 for all cores.
    samples, level, seed
        See :func:`evaluate`; `seed` also makes the split and the initial factors.
    progress : callable, optional
        Called with a line of text as each step begins.

    Returns
    -------
    Report

    Raises
    ------
    InvalidInputError
        An unknown or repeated model, a split that cannot be made, a bad cutoff.
    """
    chosen = replace(settings or AlsSettings(), num_threads=num_threads)
    makers: dict[str, Callable[[], Ranker]] = {
        "alsatian": lambda: AlsRanker(chosen, seed=seed),
        "implicit": lambda: implicit_als(chosen, seed=seed),
        "bm25": lambda: implicit_bm25(num_threads=num_threads),
        "popularity": PopularityRanker,
    }
    unknown = [name for name in models if name not in makers]
    if unknown:
        raise InvalidInputError(
            f"models: found {unknown[0]!r}, expected some of {', '.join(makers)}"
        )
    if split == "random":
        divided = random_split(events, test_fraction, seed=seed)
    elif split == "last":
        divided = leave_last_out(events, seed=seed)
    else:
        raise InvalidInputError(f"split: found {split!r}, expected 'random' or 'last'")
    rankers = [makers[name]() for name in models]
    return evaluate(
        rankers, divided, k=k, samples=samples, level=level, seed=seed, progress=progress
    )


def evaluate(
    rankers: Sequence[Ranker],
    split: Split,
    *,
    k: Sequence[int] = (10, 20),
    samples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Fit and measure rankers on one split.

    Every user with test items is evaluated; all items but the user's training items are ranked
    (no sampled negatives). Each list is checked before it is scored.

    Parameters
    ----------
    rankers : sequence of Ranker
        At least one, with distinct names; the first is compared with each of the others.
    split : Split
        Training and test part.
    k : sequence of int
        Cutoffs, at least 1 each.
    samples : int
        Bootstrap resamples of the users.
    level : float
        Coverage of the intervals, in (0, 1).
    seed : int
        Seed of the resamples.
    progress : callable, optional
        Called with a line of text as each step begins.

    Returns
    -------
    Report
        Metrics with intervals, paired differences, times, and the curve of each metric over k.

    Raises
    ------
    InvalidInputError
        No rankers, names not distinct, a bad cutoff; or a ranker listed a training item, an item
        twice, or an id that does not exist.
    """
    names = [ranker.name for ranker in rankers]
    if not names or len(set(names)) != len(names):
        raise InvalidInputError(f"rankers: found {names}, expected distinct names, at least one")
    cutoffs = sorted(set(k))
    if not cutoffs or cutoffs[0] < 1:
        raise InvalidInputError(f"k: found {list(k)}, expected cutoffs of at least 1")
    say = progress or (lambda line: None)
    runs = []
    for ranker in rankers:
        say(f"{ranker.name}: training")
        runs.append(_run(ranker, split, cutoffs[-1], say))
    say(f"intervals: {samples} resamples of {split.test_users.size:,} users")
    measured = [_measure(run, split, cutoffs) for run in runs]
    return _summarize(runs, measured, split, cutoffs, _Resampling(samples, level, seed))


def curve_cutoffs(cutoffs: Sequence[int]) -> list[int]:
    """Cutoffs at which curves are drawn: the asked ones and round numbers below the largest."""
    return sorted(set(cutoffs) | {k for k in _ROUND_CUTOFFS if k <= max(cutoffs)})


@dataclass(frozen=True)
class _Resampling:
    samples: int
    level: float
    seed: int


@dataclass
class _Run:
    """What one ranker did."""

    ranker: Ranker
    ids: npt.NDArray[np.int32]
    fit_seconds: float
    recommend_seconds: float


@dataclass
class _Measured:
    """Values per user by name ("ndcg@10"), and the share of the catalogue that was listed."""

    per_user: dict[str, npt.NDArray[np.float64]]
    coverage: dict[int, float]


def _run(ranker: Ranker, split: Split, n: int, say: Progress) -> _Run:
    began = time.perf_counter()
    ranker.fit(split.train)
    fit_seconds = time.perf_counter() - began
    users = split.test_users
    say(f"{ranker.name}: ranking for {users.size:,} users")
    ids = np.empty((users.size, n), np.int32)
    seconds = 0.0
    for start in range(0, users.size, _BLOCK_USERS):
        block = users[start : start + _BLOCK_USERS]
        exclude = split.train.matrix[block]
        began = time.perf_counter()
        found = ranker.recommend(block, n, exclude)
        seconds += time.perf_counter() - began
        _check_lists(ranker.name, found, n, exclude)
        ids[start : start + block.size] = found
    return _Run(ranker, ids, fit_seconds, seconds)


def _check_lists(name: str, ids: npt.NDArray[np.int32], n: int, exclude: sp.csr_matrix) -> None:
    """Refuse lists that would make the metrics lie."""
    if ids.shape != (exclude.shape[0], n) or ids.dtype.kind != "i":
        raise InvalidInputError(
            f"ranker {name!r} returned {ids.dtype} of shape {ids.shape}, expected integers of "
            f"shape ({exclude.shape[0]}, {n})"
        )
    if (np.diff((ids < 0).astype(np.int8), axis=1) < 0).any():
        raise InvalidInputError(f"ranker {name!r} listed an item after the end of a list (-1)")
    if relevance(ids, exclude).any():
        raise InvalidInputError(
            f"ranker {name!r} listed a training item of its user; it must leave out `exclude`"
        )
    ordered = np.sort(ids, axis=1)
    if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
        raise InvalidInputError(f"ranker {name!r} listed an item twice for one user")


def _measure(run: _Run, split: Split, cutoffs: list[int]) -> _Measured:
    test = split.test[split.test_users]
    n_test = np.diff(test.indptr).astype(np.int64)
    relevant = relevance(run.ids, test)
    users_per_item = split.train.item_counts()
    measured = _Measured({}, {})
    for k in curve_cutoffs(cutoffs):
        for metric, function in METRICS.items():
            if k in cutoffs or metric in CURVES:
                measured.per_user[f"{metric}@{k}"] = function(relevant, n_test, k)
    for k in cutoffs:
        top = run.ids[:, :k]
        novelty = self_information(top, users_per_item, split.train.n_users)
        measured.per_user[f"novelty@{k}"] = novelty
        shown = np.zeros(split.train.n_items, np.bool_)
        shown[top[top >= 0]] = True
        measured.coverage[k] = coverage(shown)
    return measured


def _summarize(
    runs: list[_Run],
    measured: list[_Measured],
    split: Split,
    cutoffs: list[int],
    resampling: _Resampling,
) -> Report:
    """Put intervals on everything, from one set of resamples, so that differences are paired."""
    keys = list(measured[0].per_user)
    stacked = np.column_stack([one.per_user[key] for one in measured for key in keys])
    means = bootstrap_means(stacked, samples=resampling.samples, seed=resampling.seed)
    values = stacked.reshape(-1, len(runs), len(keys))
    drawn = means.reshape(-1, len(runs), len(keys))
    results = tuple(
        Result(
            name=run.ranker.name,
            settings=dict(run.ranker.settings),
            fit_seconds=run.fit_seconds,
            recommend_seconds=run.recommend_seconds,
            users=run.ids.shape[0],
            short_users=int((run.ids[:, -1] < 0).sum()),
            metrics={
                key: interval(values[:, m, c], drawn[:, m, c], resampling.level)
                for c, key in enumerate(keys)
            },
            coverage=one.coverage,
            per_user=one.per_user,
        )
        for m, (run, one) in enumerate(zip(runs, measured, strict=True))
    )
    comparisons = tuple(
        Comparison(
            results[0].name,
            results[m].name,
            key,
            interval(
                values[:, 0, c] - values[:, m, c], drawn[:, 0, c] - drawn[:, m, c], resampling.level
            ),
        )
        for m in range(1, len(runs))
        for c, key in enumerate(keys)
        if int(key.rpartition("@")[2]) in cutoffs
    )
    return Report(
        split=split.description,
        cutoffs=tuple(cutoffs),
        results=results,
        comparisons=comparisons,
        samples=resampling.samples,
        level=resampling.level,
        seed=resampling.seed,
    )
