"""One order from many signals: the collaborative score is the prior, others must have earned it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from llm_layer.profile import UserProfile
from llm_layer.rerank import Ranked, Reranker, Usage, Wish, checked, spread
from llm_layer.retrieve import Candidates
from llm_layer.stopping import TurnStoppedError
from recsys.errors import AlsatianError, InvalidInputError, ModelFormatError
from recsys.storage import read_json, write_json

Floats = npt.NDArray[np.float64]
#: The signal of the candidates' own scores.
PRIOR = "score"
_FORMAT = 1


class SignalReranker(Reranker, Protocol):
    """A reranker that says which parts of its results are signals of its own.

    Attributes
    ----------
    signals : tuple of str
        Names in :attr:`~llm_layer.rerank.Ranked.parts`.
    """

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of its own parts."""
        ...


@dataclass(frozen=True)
class Verdict:
    """What held-out visitors say of one signal.

    Attributes
    ----------
    weight : float
        Its weight as fitted on the first half, with every signal in.
    gain, low, high : float
        Mean NDCG that it adds on the second half when it was last looked at, with its interval.
    kept : bool
        Whether the interval lies above 0.
    """

    weight: float
    gain: float
    low: float
    high: float
    kept: bool


@dataclass(frozen=True)
class FitReport:
    """Figures of a fit.

    Attributes
    ----------
    fitted_on, checked_on : int
        Visitors of the first half and of the second.
    metric : str
        Such as ``"ndcg@10"``.
    prior, fused : float
        Its mean on the second half, of the candidates' order and of the fusion.
    gain, low, high : float
        Mean difference on the second half with its interval, 0 where the fusion is the prior.
    level : float
        Coverage of the intervals.
    verdicts : dict of str to Verdict
        For each signal beside the prior.
    """

    fitted_on: int
    checked_on: int
    metric: str
    prior: float
    fused: float
    gain: float
    low: float
    high: float
    level: float
    verdicts: dict[str, Verdict] = field(default_factory=dict)


@dataclass(frozen=True)
class Fusion:
    """Weights of signals that were standardized over the candidates of a request.

    Attributes
    ----------
    weights : dict of str to float
        Each >= 0; that of the prior, ``"score"``, is above 0. A signal without a weight has 0.
    report : FitReport or None
        Figures of the fit; None for weights that were chosen by hand.

    Raises
    ------
    InvalidInputError
        A weight is below 0 or no number, or the prior has none.
    """

    weights: dict[str, float]
    report: FitReport | None = None

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            if not isinstance(weight, int | float) or not 0 <= weight < math.inf:
                raise InvalidInputError(f"weight of {name} is {weight!r}, expected a number >= 0")
        if not self.weights.get(PRIOR, 0) > 0:
            raise InvalidInputError(
                f"weight of {PRIOR!r} is {self.weights.get(PRIOR)!r}, expected more than 0: "
                "the candidates' order is the prior"
            )

    def with_weights(self, **weights: float) -> Fusion:
        """With weights for signals that no history can tell about, such as a wish's ``mood``."""
        return Fusion({**self.weights, **weights}, self.report)

    def explained(self) -> dict[str, str]:
        """One line for each signal: its weight, and what it adds where the fit looked at it."""
        verdicts = self.report.verdicts if self.report else {}
        lines = {}
        for name, weight in self.weights.items():
            lines[name] = f"{weight:.3f}"
            if name in verdicts:
                one = verdicts[name]
                lines[name] += f" ({one.gain:+.4f} [{one.low:+.4f}, {one.high:+.4f}])"
        return lines

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights and figures as JSON."""
        write_json(path, {"format": _FORMAT, "kind": "alsatian fusion", **asdict(self)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Fusion:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputNotFoundError
            There is no such file.
        ModelFormatError
            It is something else, damaged, or newer than this version.
        """
        value = read_json(path, "fusion")
        if value.get("kind") != "alsatian fusion" or value.get("format") != _FORMAT:
            raise ModelFormatError(
                f"fusion {path} is of kind {value.get('kind')!r} and format "
                f"{value.get('format')!r}, expected 'alsatian fusion' and {_FORMAT}; fit it anew"
            )
        try:
            return cls(dict(value["weights"]), _report(value["report"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelFormatError(
                f"fusion {path} is damaged ({' '.join(str(error).split())}); fit it anew"
            ) from error


def _report(value: Any) -> FitReport | None:
    if value is None:
        return None
    verdicts = {name: Verdict(**each) for name, each in value["verdicts"].items()}
    return FitReport(**{**value, "verdicts": verdicts})


class FusionReranker:
    """Weighted sum of standardized signals; ties keep the candidates' order.

    A reranker none of whose signals has a weight is not asked: what does not help costs nothing.
    One that fails abstains, with the reason in the result.

    Parameters
    ----------
    rerankers : sequence of SignalReranker
        Where the signals come from.
    fusion : Fusion
        Their weights, from :func:`~llm_layer.reranking.fit_fusion`.

    Raises
    ------
    InvalidInputError
        A signal with a weight comes from none of `rerankers`, or from two.
    """

    def __init__(self, rerankers: Sequence[SignalReranker], fusion: Fusion) -> None:
        self.fusion = fusion
        weights = fusion.weights
        offered = [name for each in rerankers for name in each.signals if name != PRIOR]
        for name, weight in weights.items():
            if weight > 0 and name != PRIOR and offered.count(name) != 1:
                listed = ", ".join(sorted(set(offered))) or "none"
                raise InvalidInputError(
                    f"signal {name!r} has a weight but comes from {offered.count(name)} "
                    f"rerankers, expected one; there are {listed}"
                )
        self.signals = tuple(name for name, weight in weights.items() if weight > 0)
        self._asked = [
            each
            for each in rerankers
            if any(weights.get(name, 0) > 0 for name in each.signals if name != PRIOR)
        ]

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; see :class:`~llm_layer.rerank.Reranker`."""
        begun = time.perf_counter()
        rows = checked(candidates)
        parts, notes = gather(self._asked, candidates, wish, profile)
        names = [name for name in self.signals if name in parts]
        weights = np.array([self.fusion.weights[name] for name in names])
        total = weights @ standardized(np.array([parts[name] for name in names]))
        parts[PRIOR] = spread(parts[PRIOR])
        order = np.argsort(-total, kind="stable")
        usage = sum((note.usage for note in notes), Usage())
        took = (time.perf_counter() - begun) * 1e3
        return Ranked(
            rows[order],
            spread(total)[order],
            {name: parts[name][order] for name in names},
            "; ".join(dict.fromkeys(note.reason for note in notes if note.reason)),
            tuple(dict.fromkeys(repair for note in notes for repair in note.repairs)),
            Usage(took, usage.calls, usage.cached, *_tokens(usage), usage.cost),
        )


@dataclass(frozen=True)
class Note:
    """What one reranker said beside its signals."""

    reason: str = ""
    repairs: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)


def gather(
    rerankers: Sequence[SignalReranker],
    candidates: Candidates,
    wish: Wish,
    profile: UserProfile,
) -> tuple[dict[str, Floats], list[Note]]:
    """Signals of all `rerankers` in the candidates' order, the prior among them.

    Returns
    -------
    parts : dict of str to float64 array, shape (n,)
        As they are, the prior's as scores; what a reranker could not give is not there.
    notes : list of Note
        One for each reranker.
    """
    rows = checked(candidates)
    parts: dict[str, Floats] = {PRIOR: np.asarray(candidates.scores, np.float64)}
    notes = []
    by_row = np.argsort(rows)
    for reranker in rerankers:
        try:
            ranked = reranker.rerank(candidates, wish, profile)
        except TurnStoppedError:
            raise
        except AlsatianError as error:
            notes.append(Note(f"failed: {error}"))
            continue
        back = np.empty(rows.size, np.int64)
        back[by_row] = np.argsort(ranked.rows)
        for name in reranker.signals:
            if name != PRIOR and name in ranked.parts:
                parts[name] = ranked.parts[name][back]
        notes.append(Note(ranked.reason, ranked.repairs, ranked.usage))
    return parts, notes


def standardized(values: npt.ArrayLike) -> Floats:
    """Mean 0 and deviation 1 over what was judged; 0, the mean, for the rest.

    Parameters
    ----------
    values : array_like
        float, shape (..., n): signals, NaN where an item was not judged.
    """
    given = np.asarray(values, np.float64)
    judged = np.isfinite(given)
    count = np.maximum(judged.sum(axis=-1, keepdims=True), 1)
    known = np.where(judged, given, 0.0)
    centred = np.where(judged, known - known.sum(axis=-1, keepdims=True) / count, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=-1, keepdims=True) / count)
    # All the same, up to rounding, says nothing.
    least = 1e-12 * np.maximum(np.abs(known).max(axis=-1, keepdims=True), 1.0)
    return np.asarray(
        np.where(deviation > least, centred / np.maximum(deviation, least), 0.0), np.float64
    )


def _tokens(usage: Usage) -> tuple[int, int]:
    return usage.prompt_tokens, usage.completion_tokens
