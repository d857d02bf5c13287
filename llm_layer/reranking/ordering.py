"""From the values of one signal to an order of all candidates; windows, shuffles, consensus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from llm_layer.rerank import Ranked, Usage, checked, spread
from llm_layer.retrieve import Candidates
from recsys.errors import InvalidInputError

Floats = npt.NDArray[np.float64]
Consensus: TypeAlias = Literal["borda", "reciprocal"]
# Of reciprocal rank fusion (Cormack, Clarke & Buettcher 2009).
_RECIPROCAL = 60.0


def ranked_by(
    candidates: Candidates,
    name: str,
    values: Floats,
    reason: str = "",
    repairs: Sequence[str] = (),
    usage: Usage | None = None,
) -> Ranked:
    """Candidates by one signal's values, those that it judged before those that it did not.

    Parameters
    ----------
    candidates : Candidates
        What is ordered; their order breaks ties, and is the order of what was not judged.
    name : str
        The signal's.
    values : float64 array, shape (n,)
        In [0, 1], NaN where an item was not judged. Where none was, the candidates' order stays
        and the result has no part of that name.
    reason, repairs, usage
        For the result.
    """
    rows = checked(candidates)
    judged = ~np.isnan(values)
    prior = spread(candidates.scores)
    if judged.all():
        scores = np.array(values, np.float64)
    else:
        scores = 0.49 * prior  # less than the least of what was judged
        scores[judged] = 0.5 + 0.5 * values[judged]
    if not judged.any():
        scores = prior
    order = np.argsort(-scores, kind="stable")
    parts = {"score": prior[order]}
    if judged.any():
        parts[name] = np.asarray(values[order], np.float64)
    return Ranked(rows[order], scores[order], parts, reason, tuple(repairs), usage or Usage())


def check_windows(depth: int, window: int, stride: int, most: int) -> None:
    """Raise :class:`~recsys.errors.InvalidInputError` for windows that leave items out."""
    if depth < 2:
        raise InvalidInputError(f"depth is {depth}, expected at least 2 candidates to order")
    if not 2 <= window <= most:
        raise InvalidInputError(f"window is {window}, expected 2 to {most}")
    if not 1 <= stride <= window:
        raise InvalidInputError(f"stride is {stride}, expected 1 to the window's {window}")


def windows(n: int, size: int, stride: int) -> Iterator[tuple[int, int]]:
    """Begin and end of windows over `n` places, from the last place to the first.

    What is best in a window moves up into the next one (Sun et al. 2023, "Is ChatGPT Good at
    Search?").

    Examples
    --------
    >>> list(windows(20, 10, 5)), list(windows(3, 10, 5))
    ([(10, 20), (5, 15), (0, 10)], [(0, 3)])
    """
    begin = max(0, n - size)
    yield begin, n
    while begin > 0:
        begin = max(0, begin - stride)
        yield begin, begin + size


def shuffles(n: int, orders: int, seed: int) -> list[npt.NDArray[np.int64]]:
    """Orders in which `n` items are shown.

    A single one is the order that they have. Of more, each second one is the reverse of the one
    before: whatever a model adds to a place by its number cancels out.

    Parameters
    ----------
    n, orders : int
        Items, and orders wanted, each >= 1.
    seed : int
        Same seed, same orders: an answer that is in the cache is found again.
    """
    if orders == 1:
        return [np.arange(n)]
    random = np.random.default_rng((seed, n))
    drawn = [random.permutation(n) for _ in range((orders + 1) // 2)]
    return [turned for one in drawn for turned in (one, one[::-1])][:orders]


def consensus(votes: Sequence[Sequence[int]], n: int, method: Consensus = "borda") -> list[int]:
    """One order of `n` items from several; ties keep the items' own order.

    Parameters
    ----------
    votes : sequence of sequences of int
        Each holds 0 ... n - 1 once, best first.
    n : int
        Items.
    method : {"borda", "reciprocal"}
        Points for a place: n - 1 ... 0, or 1 / (60 + place). Borda alone is free of a bias towards
        places when the orders are reverses of each other.

    Examples
    --------
    >>> consensus([(1, 0, 2), (1, 2, 0)], 3), consensus([(0, 1, 2), (2, 1, 0)], 3)
    ([1, 0, 2], [0, 1, 2])
    """
    places = np.arange(n)
    points = n - 1.0 - places if method == "borda" else 1.0 / (_RECIPROCAL + 1 + places)
    total = np.zeros(n)
    for vote in votes:
        total[list(vote)] += points
    return [int(place) for place in np.argsort(-total, kind="stable")]
