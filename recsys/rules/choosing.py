"""Choosing from what was fetched: quotas and diversity, for many users at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from recsys.retrieval import Hits
from recsys.retrieval.base import empty_hits
from recsys.rules.quotas import Slots

Rows: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]

_VECTOR_CELLS = 500_000  # 2 MB: they stay in the cache from step to step


@dataclass(frozen=True)
class Chosen:
    """Lists that grow.

    Attributes
    ----------
    ids, scores : ndarray, shape (q, n)
        Item rows (−1 after the last) and their scores, in the order of the list.
    counts : int32 ndarray, shape (q,)
        Items so far.
    """

    ids: npt.NDArray[np.int32]
    scores: Floats
    counts: npt.NDArray[np.int32]

    @staticmethod
    def nothing(users: int, n: int) -> Chosen:
        """Lists without an item."""
        hits = empty_hits(users, n)
        return Chosen(hits.ids, hits.scores, hits.counts)

    def append(self, users: Rows, ids: npt.NDArray[np.int32], scores: Floats) -> None:
        """Append one item to the list of each of the distinct `users`."""
        self.ids[users, self.counts[users]] = ids
        self.scores[users, self.counts[users]] = scores
        self.counts[users] += 1


def in_order(chosen: Chosen, users: Rows, hits: Hits, slots: Slots) -> None:
    """Go down the `hits` and append what the quotas admit, until the lists are full.

    Parameters
    ----------
    chosen : Chosen
        Lists of a block.
    users : int64 ndarray, shape (q,)
        Whose `hits` and `slots` these are.
    """
    wanted = chosen.ids.shape[1]
    for place in range(hits.ids.shape[1]):
        lines = np.flatnonzero((hits.counts > place) & (chosen.counts[users] < wanted))
        if not lines.size:
            return
        lines = lines[slots.admit(lines, place)]
        slots.take(lines, place)
        chosen.append(users[lines], hits.ids[lines, place], hits.scores[lines, place])


def diversified(
    chosen: Chosen, hits: Hits, item_vectors: Floats, weight: float, slots: Slots | None
) -> None:
    """Append the items of `hits` to empty lists by maximal marginal relevance."""
    for first, last in _chunks(len(hits), hits.ids.shape[1] * item_vectors.shape[1]):
        _diversify(chosen, hits, item_vectors, weight, slots, np.arange(first, last))


def _diversify(
    chosen: Chosen,
    hits: Hits,
    item_vectors: Floats,
    weight: float,
    slots: Slots | None,
    users: Rows,
) -> None:
    """As :func:`diversified`, for a few of the users."""
    ids = hits.ids[users]
    directions = _directions(item_vectors, ids)
    relevance = (1 - weight) * np.where(ids >= 0, hits.scores[users], 0).astype(np.float64)
    nearest = np.zeros(ids.shape)
    free = ids >= 0
    everyone = np.arange(len(users))
    places = np.arange(ids.shape[1])
    for step in range(chosen.ids.shape[1]):
        may = free
        if slots is not None:
            may = free & slots.admit(users[:, None], places)
        value = np.where(may, relevance - weight * nearest, -np.inf)
        best = value.argmax(axis=1)
        lines = everyone[may[everyone, best]]
        if not lines.size:
            return
        best = best[lines]
        if slots is not None:
            slots.take(users[lines], best)
        chosen.append(users[lines], ids[lines, best], hits.scores[users[lines], best])
        free[lines, best] = False
        others = directions if lines.size == len(users) else directions[lines]  # a copy less
        cosine = np.matmul(others, directions[lines, best][:, :, None])[:, :, 0]
        nearest[lines] = cosine if step == 0 else np.maximum(nearest[lines], cosine)


def _directions(item_vectors: Floats, ids: npt.NDArray[np.int32]) -> Floats:
    """Vectors of length 1 of the items; zeros stay zero."""
    vectors = item_vectors[np.maximum(ids, 0)]
    lengths = np.linalg.norm(vectors, axis=2, keepdims=True)
    unit: Floats = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit


def _chunks(users: int, cells: int) -> Iterator[tuple[int, int]]:
    step = max(1, _VECTOR_CELLS // max(cells, 1))
    for first in range(0, users, step):
        yield first, min(first + step, users)
