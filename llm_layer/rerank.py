"""Reranking: the order in which candidates are offered.

This first form blends what is measured: the collaborative score, how near an item comes to the
examples and the free words of the talk, and how well it fits the visitor's usual genres. A learned
or language-model reranker has the same shape: candidates in, order and reasons out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from llm_layer.facts import ItemFacts
from llm_layer.profile import UserProfile
from llm_layer.retrieve import Candidates
from recsys.recommender import Recommender

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Wish:
    """What candidates are held against.

    Attributes
    ----------
    like : tuple of int
        Rows of items that were named as examples.
    genres : tuple of str
        Genres asked for, each of which an item may have or lack.
    """

    like: tuple[int, ...] = ()
    genres: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ranked:
    """Candidates in order.

    Attributes
    ----------
    rows : int64 array, shape (n,)
        Item rows, best first.
    scores : float64 array, shape (n,)
        What they were ordered by, falling, in [0, 1].
    parts : dict of str to float64 array, shape (n,)
        Each signal's own value, in [0, 1], in the same order.
    """

    rows: npt.NDArray[np.int64]
    scores: Floats
    parts: dict[str, Floats]


class Reranker(Protocol):
    """Orders candidates."""

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; every one of them is kept."""
        ...


@dataclass(frozen=True)
class BlendWeights:
    """How much each signal counts; those that do not apply to a request are left out.

    Attributes
    ----------
    score : float
        Collaborative score, scaled to [0, 1] over the candidates.
    like : float
        Cosine to the nearest example, of factors and, where there are any, sentence vectors.
    mood : float
        Cosine of sentence vectors to the free words, scaled to [0, 1] over the candidates.
    genres : float
        Share of the wanted genres that the item has.
    profile : float
        How usual its genres are in the visitor's history.
    """

    score: float = 1.0
    like: float = 0.8
    mood: float = 2.0
    genres: float = 0.6
    profile: float = 0.2


class BlendReranker:
    """Weighted mean of the signals that a request has; ties keep the candidates' order."""

    def __init__(
        self, rec: Recommender, facts: ItemFacts, weights: BlendWeights | None = None
    ) -> None:
        self._rec = rec
        self._facts = facts
        self._weights = weights or BlendWeights()

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; see :class:`Reranker`."""
        rows = candidates.rows
        parts: dict[str, Floats] = {"score": _spread(candidates.scores)}
        if wish.like:
            parts["like"] = self._nearness(rows, wish.like)
        if candidates.nearness is not None:
            parts["mood"] = _spread(candidates.nearness)
        if wish.genres:
            has = np.array([self._facts.with_genres([genre])[rows] for genre in wish.genres])
            parts["genres"] = has.mean(axis=0).astype(np.float64)
        if profile.genres:
            parts["profile"] = np.array([profile.affinity(self._facts.genres(row)) for row in rows])
        weights = np.array([getattr(self._weights, name) for name in parts])
        total = weights @ np.array(list(parts.values())) / weights.sum()
        order = np.argsort(-total, kind="stable")
        return Ranked(
            rows[order], total[order], {name: part[order] for name, part in parts.items()}
        )

    def _nearness(self, rows: npt.NDArray[np.int64], like: Sequence[int]) -> Floats:
        near = _cosines(self._rec.item_factors, rows, like)
        if self._rec.content is not None:
            near = (near + _cosines(self._rec.content.item_vectors, rows, like)) / 2
        return np.clip(near, 0.0, 1.0)


def _cosines(
    vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.int64], like: Sequence[int]
) -> Floats:
    """Cosine of each of `rows` to the nearest of `like`."""
    ours, theirs = _directions(vectors[rows]), _directions(vectors[list(like)])
    return np.asarray((ours @ theirs.T).max(axis=1), np.float64)


def _directions(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return np.asarray(scaled, np.float32)


def _spread(values: npt.NDArray[np.float32]) -> Floats:
    """Values stretched to [0, 1]; all 1 where they are equal."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.ones(len(values))
    return (np.asarray(values, np.float64) - low) / (high - low)
