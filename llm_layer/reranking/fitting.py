"""Weights of a fusion from held-out data, each of them only where it shows that it helps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.optimize
import scipy.stats

from llm_layer.reranking.fusion import (
    PRIOR,
    FitReport,
    Fusion,
    SignalReranker,
    Verdict,
    gather,
    standardized,
)
from llm_layer.reranking.trials import Trial
from recsys.errors import InvalidInputError
from recsys.evaluation import Estimate, estimate
from recsys.evaluation.metrics import ndcg

Floats = npt.NDArray[np.float64]
# With fewer visitors a half says nothing, not even by its interval.
_FEWEST = 5
# The prior keeps at least so much of the scale: other weights are relative to it.
_LEAST_PRIOR = 0.05
_RIDGE = 1e-4
_STEPS = (0.1, 0.2, 0.4, 0.8, 1.6)
_ROUNDS = 3
# Smaller changes of the metric are chance.
_STEP_GAIN = 1e-4


@dataclass(frozen=True)
class Example:
    """Candidates of one visitor and which of them were held out.

    Attributes
    ----------
    signals : dict of str to float64 array, shape (n,)
        As :func:`~llm_layer.reranking.fusion.gather` gives them, the prior among them.
    relevant : bool array, shape (n,)
        Which candidates the visitor did choose.
    held_out : int
        How many items the visitor chose in all, candidates or not, >= 1.
    """

    signals: dict[str, Floats]
    relevant: npt.NDArray[np.bool_]
    held_out: int

    @classmethod
    def of(cls, rerankers: Sequence[SignalReranker], trial: Trial) -> Example:
        """Ask all `rerankers`."""
        parts, _ = gather(rerankers, trial.candidates, trial.wish, trial.profile)
        relevant = np.isin(trial.candidates.rows, trial.held_out)
        return cls(parts, relevant, int(np.unique(trial.held_out).size))


class Table:
    """Examples side by side: standardized signals, padded to the longest list.

    Parameters
    ----------
    examples : sequence of Example
        At least one.
    names : sequence of str
        The signals, in the order of the weights.

    Attributes
    ----------
    values : float64 array, shape (visitors, n, signals)
        0 for what a visitor does not have.
    relevant : bool array, shape (visitors, n)
        False in the padding.
    held_out : int64 array, shape (visitors,)
        Items that each chose.
    """

    def __init__(self, examples: Sequence[Example], names: Sequence[str]) -> None:
        longest = max(len(example.relevant) for example in examples)
        self.values = np.zeros((len(examples), longest, len(names)))
        self.relevant = np.zeros((len(examples), longest), np.bool_)
        self.held_out = np.array([example.held_out for example in examples], np.int64)
        self._is_there = np.zeros((len(examples), longest), np.bool_)
        for place, example in enumerate(examples):
            n = len(example.relevant)
            self.relevant[place, :n] = example.relevant
            self._is_there[place, :n] = True
            for column, name in enumerate(names):
                if name in example.signals:
                    self.values[place, :n, column] = standardized(example.signals[name])

    def totals(self, weights: npt.ArrayLike) -> Floats:
        """Weighted sums, shape (visitors, n); -inf in the padding."""
        return np.where(self._is_there, self.values @ np.asarray(weights), -np.inf)

    def ndcg(self, weights: npt.ArrayLike, k: int) -> Floats:
        """NDCG@k of each visitor under these weights; ties keep the candidates' order."""
        order = np.argsort(-self.totals(weights), axis=1, kind="stable")[:, :k]
        found = np.take_along_axis(self.relevant, order, axis=1)
        padded = np.zeros((len(found), k), np.bool_)
        padded[:, : found.shape[1]] = found
        return ndcg(padded, self.held_out, k)

    def loss(self, weights: Floats) -> tuple[float, Floats]:
        """Softmax cross-entropy of the held-out items among the candidates, and its gradient.

        The listwise loss of ListNet (Cao et al. 2007): a bound on NDCG (Bruch et al. 2019), and
        convex in the weights.
        """
        totals = self.totals(weights)
        top = totals.max(axis=1, keepdims=True)
        chances = np.exp(totals - top)
        sums = chances.sum(axis=1, keepdims=True)
        chances /= sums
        shares = self.relevant / np.maximum(self.relevant.sum(axis=1, keepdims=True), 1)
        usable = self.relevant.any(axis=1)
        logs = np.where(self._is_there, totals - top - np.log(sums), 0.0)
        count = max(int(usable.sum()), 1)
        value = -float((shares * logs).sum()) / count
        slope = (chances - shares)[usable]
        gradient = np.einsum("un,unk->k", slope, self.values[usable]) / count
        return value + _RIDGE * float(weights @ weights), gradient + 2 * _RIDGE * weights


def fit_fusion(
    examples: Sequence[Example],
    *,
    k: int = 10,
    level: float = 0.95,
    samples: int = 1000,
    seed: int = 0,
) -> Fusion:
    """Fit weights on one half of held-out visitors and keep what helps on the other.

    On the first half non-negative weights minimise a listwise loss and then maximise the metric. On
    the second half every signal has to show, by the bootstrap interval of the NDCG that the fusion
    loses without it, that it helps; the one that shows it least goes, the rest is fitted anew,
    until all that is left does. In the end the fusion as a whole has to be above the prior, or it
    is the prior: a fusion that is not surely better changes no order at all.

    Parameters
    ----------
    examples : sequence of Example
        One for each visitor, at least 10; halved at random.
    k : int
        Of NDCG@k, >= 1.
    level : float
        Coverage of the intervals, in (0, 1).
    samples : int
        Bootstrap resamples, >= 1.
    seed : int
        Of the halves and the resamples.

    Returns
    -------
    Fusion
        The prior's weight is 1.

    Raises
    ------
    InvalidInputError
        There are too few examples, one is without held-out items or without the prior, or a
        parameter is out of range.
    """
    _check(examples, k, level)
    shuffled = np.random.default_rng(seed).permutation(len(examples))
    fit, check = ([examples[place] for place in half] for half in np.array_split(shuffled, 2))
    wide = _expanded(level, len(check))

    def judge(values: Floats) -> Estimate:
        return estimate(values, samples=samples, level=wide, seed=seed)

    names = list(dict.fromkeys(name for example in examples for name in example.signals))
    names.remove(PRIOR)
    verdicts: dict[str, Verdict] = {}
    look = first = _look(fit, check, names, k, judge)
    while look.adds and look.worst.low <= 0:
        worst = min(look.adds, key=lambda name: look.adds[name].low)
        verdicts[worst] = _verdict(first.weights[worst], look.worst, kept=False)
        names.remove(worst)
        look = _look(fit, check, names, k, judge)
    helps = bool(names) and look.gain.low > 0
    for name in names:
        verdicts[name] = _verdict(first.weights[name], look.adds[name], kept=helps)
    gain = look.gain if helps else Estimate(0.0, 0.0, 0.0)
    report = FitReport(
        fitted_on=len(fit),
        checked_on=len(check),
        metric=f"ndcg@{k}",
        prior=look.prior,
        fused=look.prior + gain.mean,
        gain=gain.mean,
        low=gain.low,
        high=gain.high,
        level=level,
        verdicts=dict(sorted(verdicts.items())),
    )
    found = look.weights if helps else {}
    return Fusion({PRIOR: 1.0, **{name: found.get(name, 0.0) for name in first.weights}}, report)


@dataclass(frozen=True)
class _Look:
    """Weights fitted on one half, and what the other half says of them.

    Attributes
    ----------
    weights : dict of str to float
        Of the signals beside the prior.
    prior : float
        Mean metric of the prior.
    gain : Estimate
        What all signals together add to it.
    adds : dict of str to Estimate
        What the fusion loses without each signal, the others made ready to do without it.
    """

    weights: dict[str, float]
    prior: float
    gain: Estimate
    adds: dict[str, Estimate]

    @property
    def worst(self) -> Estimate:
        """Of the signal that shows least that it adds anything."""
        return min(self.adds.values(), key=lambda one: one.low)


def _look(
    fit: Sequence[Example],
    check: Sequence[Example],
    names: Sequence[str],
    k: int,
    judge: Callable[[Floats], Estimate],
) -> _Look:
    columns = [PRIOR, *names]
    ours, theirs = Table(fit, columns), Table(check, columns)
    weights = _fitted(ours, k)
    fused = theirs.ndcg(weights, k)
    prior = theirs.ndcg(np.eye(1, len(columns))[0], k)
    adds = {}
    for column, name in enumerate(names, 1):
        without = np.where(np.arange(len(columns)) == column, 0.0, weights)
        if weights[column] > 0:
            without = _ascended(ours, without, k, fixed=column)
        adds[name] = judge(fused - theirs.ndcg(without, k))
    found = dict(zip(names, weights[1:].tolist(), strict=True))
    return _Look(found, float(prior.mean()), judge(fused - prior), adds)


def _expanded(level: float, n: int) -> float:
    """Level at which a percentile interval of `n` values covers as one of Student's t does.

    Resampling knows nothing beyond the sample, and is too sure of itself where that is small
    (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", expanded percentile).
    """
    student = scipy.stats.t.ppf((1 + level) / 2, n - 1) * np.sqrt(n / (n - 1))
    return float(2 * scipy.stats.norm.cdf(student) - 1)


def _fitted(table: Table, k: int) -> Floats:
    """Weights that minimise the loss, then raise NDCG@k; the prior's is 1."""
    n = table.values.shape[2]
    found = scipy.optimize.minimize(
        table.loss,
        np.eye(1, n)[0],
        jac=True,
        method="L-BFGS-B",
        bounds=[(_LEAST_PRIOR, None), *[(0.0, None)] * (n - 1)],
    )
    return _ascended(table, np.asarray(found.x / found.x[0], np.float64), k)


def _ascended(table: Table, weights: Floats, k: int, fixed: int = 0) -> Floats:
    """Coordinate ascent on the metric itself (Metzler & Croft 2007).

    The loss counts every held-out item, the metric the first places alone; where they differ the
    metric is what was asked for.

    Parameters
    ----------
    table : Table
        Examples.
    weights : float64 array, shape (signals,)
        Where to begin; the first, the prior's, stays.
    k : int
        Of NDCG@k.
    fixed : int
        Another place that stays.
    """
    best, found = float(table.ndcg(weights, k).mean()), weights.copy()
    for _ in range(_ROUNDS):
        before = best
        for place in set(range(1, len(found))) - {fixed}:
            tried = [0.0, *_STEPS, *(found[place] * np.array([0.5, 0.7, 1.4, 2.0]))]
            for value in sorted(set(tried) - {found[place]}):
                changed = found.copy()
                changed[place] = value
                reached = float(table.ndcg(changed, k).mean())
                # A weight that makes no difference is none.
                if reached > best + (_STEP_GAIN if value else -_STEP_GAIN):
                    best, found = reached, changed
        if best <= before + _STEP_GAIN:
            break
    return found


def _verdict(weight: float, look: Estimate, *, kept: bool) -> Verdict:
    return Verdict(weight, look.mean, look.low, look.high, kept)


def _check(examples: Sequence[Example], k: int, level: float) -> None:
    if len(examples) < 2 * _FEWEST:
        raise InvalidInputError(
            f"{len(examples)} examples, expected at least {2 * _FEWEST}: half of them fit the "
            "weights, the other half checks them"
        )
    if k < 1 or not 0 < level < 1:
        raise InvalidInputError(
            f"k is {k} and level {level}, expected at least 1, and between 0 and 1"
        )
    for place, example in enumerate(examples):
        if example.held_out < 1 or PRIOR not in example.signals or not len(example.relevant):
            raise InvalidInputError(
                f"example {place} has {example.held_out} held-out items, "
                f"{len(example.relevant)} candidates and the signals "
                f"{', '.join(example.signals) or 'none'}; expected at least one of each and "
                f"{PRIOR!r} among the signals"
            )
        wrong = [
            name for name, part in example.signals.items() if part.shape != example.relevant.shape
        ]
        if wrong:
            raise InvalidInputError(
                f"example {place}: {wrong[0]} has shape {example.signals[wrong[0]].shape}, "
                f"expected one value for each of {len(example.relevant)} candidates"
            )
