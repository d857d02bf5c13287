"""The smallest effort with which an approximate index reaches the recall asked for."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recsys.errors import InvalidInputError, ModelFormatError
from recsys.retrieval.base import Hits, candidate_rows, check_count, check_vectors
from recsys.retrieval.exact import top_n
from recsys.retrieval.recall import found_per_query

if TYPE_CHECKING:
    from recsys.retrieval.faiss_approximate import ApproximateIndex

#: Queries that the tuning looks at, half of them held out.
SAMPLE = 2_000

#: Fewer queries say too little.
LEAST_SAMPLE = 20


def a_sample(vectors: ArrayLike) -> NDArray[np.float32] | None:
    """Some of the users' vectors to tune with, None where there are too few; always the same."""
    users = np.asarray(vectors)
    if len(users) < LEAST_SAMPLE:
        return None
    chosen = np.random.default_rng(0).choice(len(users), min(SAMPLE, len(users)), replace=False)
    return np.asarray(users[np.sort(chosen)], np.float32)


@dataclass(frozen=True)
class Knob:
    """A whole number that trades recall for time.

    Attributes
    ----------
    name : str
        Attribute of the index.
    low, high : int
        Its range.
    """

    name: str
    low: int
    high: int


@dataclass(frozen=True)
class Tuned:
    """What a tuning asked for and what it measured.

    Attributes
    ----------
    n : int
        Length of the lists.
    wanted : float
        Recall asked for.
    recall : float
        Recall at `n` on the queries held out, against the exact search, nothing excluded.
    queries : int
        How many were held out.
    size : int
        Rows of the index then: those added later are not in the figure.
    """

    n: int
    wanted: float
    recall: float
    queries: int
    size: int

    @property
    def reached(self) -> bool:
        """Whether the recall asked for was measured."""
        return self.recall >= self.wanted


def check_recall(recall: float) -> float:
    """Return `recall` as a float in (0, 1], or raise :class:`InvalidInputError`."""
    number = isinstance(recall, int | float | np.integer | np.floating)
    if isinstance(recall, bool) or not number or not 0 < recall <= 1:
        raise InvalidInputError(f"recall is {recall!r}, expected a number above 0, at most 1")
    return float(recall)


def tune(
    index: ApproximateIndex,
    queries: ArrayLike,
    *,
    n: int = 20,
    recall: float = 0.99,
    num_threads: int = 0,
    seed: int = 0,
) -> Tuned:
    """Set the effort of `index` to the smallest that reaches `recall`, and measure it.

    Half of a sample of the queries chooses, the other half is held out and gives the figure. The
    choice leaves room for the error of the first half: it wants `recall` plus one standard error.
    If the queries held out come short nevertheless, the effort is raised by quarters until they do
    not, or until there is no more; only then have they taken part in the choice.

    Parameters
    ----------
    index : ApproximateIndex
        Its settings and its ``tuned`` are changed.
    queries : array-like, shape (q, factors)
        At least 20, of the kind that will be asked: user vectors. A sample of 2,000 is used.
    n : int
        Length of the lists.
    recall : float
        In (0, 1].
    num_threads : int
        0 means every processor this process may run on.
    seed : int
        Of the sample.

    Returns
    -------
    Tuned
        ``reached`` tells whether the recall was.

    Raises
    ------
    InvalidInputError
        A parameter is out of range, or there are too few queries.
    """
    n = check_count(n)
    wanted = check_recall(recall)
    x = check_vectors(queries, "queries", index.factors)
    if len(x) < LEAST_SAMPLE:
        raise InvalidInputError(
            f"there are {len(x)} queries to tune with, expected at least {LEAST_SAMPLE}; "
            "pass more users"
        )
    chosen = x[np.random.default_rng(seed).permutation(len(x))[:SAMPLE]]
    half = len(chosen) // 2
    choosing = _Judge(index, chosen[:half], n, num_threads)
    held_out = _Judge(index, chosen[half:], n, num_threads)
    knobs = index.knobs()
    for knob in knobs[1:]:  # what is chosen later must not bind before
        setattr(index, knob.name, knob.high)
    for place, knob in enumerate(knobs, 1):
        # The first of several knobs leaves to the others a part of what may be lost.
        target = 1 - (1 - wanted) * place / len(knobs)
        _smallest(index, knob, lambda goal=target: choosing.reaches(goal))  # type: ignore[misc]
    measured = held_out.recall()
    while measured < wanted and any(getattr(index, k.name) < k.high for k in knobs):
        for knob in knobs:
            value = getattr(index, knob.name)
            setattr(index, knob.name, min(knob.high, value + max(1, value // 4)))
        measured = held_out.recall()
    index.tuned = Tuned(n, wanted, measured, len(chosen) - half, index.size)
    return index.tuned


class _Judge:
    """Compares the answers of an index with the exact ones, which are found once."""

    def __init__(
        self, index: ApproximateIndex, queries: NDArray[np.float32], n: int, threads: int
    ) -> None:
        self._index, self._queries, self._n, self._threads = index, queries, n, threads
        rows = candidate_rows(index.size, None, index.removed)
        self._truth: Hits = top_n(queries, index.vectors, n, allow=rows, num_threads=threads)

    def _shares(self) -> NDArray[np.float64]:
        found = self._index.search(self._queries, self._n, num_threads=self._threads)
        counts = np.maximum(self._truth.counts, 1)
        hit = np.where(self._truth.counts > 0, found_per_query(self._truth, found), 1)
        return hit / counts

    def recall(self) -> float:
        return float(self._shares().mean())

    def reaches(self, wanted: float) -> bool:
        shares = self._shares()
        error = float(shares.std()) / math.sqrt(len(shares))
        return float(shares.mean()) >= min(wanted + error, 1.0)


def _smallest(index: ApproximateIndex, knob: Knob, enough: Callable[[], bool]) -> None:
    """Set `knob` to about the smallest value that is enough, to its highest where none is."""
    low, value = knob.low - 1, knob.low
    while True:
        setattr(index, knob.name, value)
        if enough():
            break
        if value >= knob.high:
            return
        low, value = value, min(2 * value, knob.high)
    high = value  # enough; low is not, or lies below the range
    while high - low > max(1, high // 16):
        middle = (low + high) // 2
        setattr(index, knob.name, middle)
        if enough():
            high = middle
        else:
            low = middle
    setattr(index, knob.name, high)


def tuned_from(stored: Any, folder: Path) -> Tuned | None:
    """Return what a manifest says of the tuning, or raise :class:`ModelFormatError`."""
    if stored is None:
        return None
    try:
        known = {field.name: stored[field.name] for field in dataclasses.fields(Tuned)}
        numbers = all(
            isinstance(value, int | float) and not isinstance(value, bool)
            for value in known.values()
        )
    except (TypeError, KeyError):
        numbers = False
    if not numbers:
        raise ModelFormatError(
            f"{folder}/manifest.json holds {stored!r} as tuning, expected its figures; build the "
            "index again"
        )
    return Tuned(**known)
