"""Reranking: the order in which candidates are offered.

One interface for all: candidates in, order out, with the value of each signal, what it cost, and
what was repaired or given up. :class:`BlendReranker` weighs what is measured: the collaborative
score, how near an item comes to the examples and the free words of the talk, and how well it fits
the visitor's usual genres. The others are in :mod:`llm_layer.reranking`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.profile import UserProfile
from llm_layer.retrieve import Candidates
from recsys.errors import InvalidInputError
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
    words : str
        Free words of the wish, as the visitor wrote them: data, never instructions.
    """

    like: tuple[int, ...] = ()
    genres: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True)
class Usage:
    """What a reranking cost.

    Attributes
    ----------
    milliseconds : float
        Wall time.
    calls, cached : int
        Requests to a language model, and answers that came from the cache instead.
    prompt_tokens, completion_tokens : int
        As the model counted them, or as estimated where it does not say or failed.
    cost : float
        Money, in the currency of the price that was given; 0 without one.
    """

    milliseconds: float = 0.0
    calls: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        """Sum, field by field."""
        return Usage(*(getattr(self, each) + getattr(other, each) for each in _USAGE))


_USAGE = tuple(Usage.__dataclass_fields__)


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
        Each signal's own value, in [0, 1], in the same order; NaN where it did not judge an item.
        A signal that could not be had at all is not there.
    reason : str
        Why a signal fell back on the candidates' order or judged fewer than it should; empty
        where nothing of the kind happened.
    repairs : tuple of str
        What was mended in the answers of a model, each kind once.
    usage : Usage
        What it cost.
    """

    rows: npt.NDArray[np.int64]
    scores: Floats
    parts: dict[str, Floats]
    reason: str = ""
    repairs: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)


class Reranker(Protocol):
    """Orders candidates."""

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; every one of them is kept.

        Raises
        ------
        InvalidInputError
            There is no candidate, or one of them comes twice.
        """
        ...


def checked(candidates: Candidates) -> npt.NDArray[np.int64]:
    """Rows of `candidates`, or :class:`~recsys.errors.InvalidInputError`."""
    rows = candidates.rows
    if not rows.size:
        raise InvalidInputError("no candidates to rerank; retrieve at least one first")
    if candidates.scores.shape != rows.shape:
        raise InvalidInputError(
            f"candidates: {rows.size} rows but scores of shape {candidates.scores.shape}, "
            "expected one score for each row"
        )
    if np.unique(rows).size != rows.size:
        raise InvalidInputError("candidates: an item comes twice, expected each item once")
    return rows


def spread(values: npt.ArrayLike) -> Floats:
    """Values stretched to [0, 1]; all 1 where they are equal."""
    given = np.asarray(values, np.float64)
    low, high = given.min(), given.max()
    if high <= low:
        return np.ones(given.shape)
    return np.asarray((given - low) / (high - low), np.float64)


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
    """Weighted mean of the signals that a request has; ties keep the candidates' order.

    Parameters
    ----------
    rec : Recommender
        Whose factors and sentence vectors are compared.
    facts : ItemFacts
        Of the same recommender.
    weights : BlendWeights, optional
        Defaults otherwise.
    """

    signals = ("score", "like", "mood", "genres", "profile")

    def __init__(
        self, rec: Recommender, facts: ItemFacts, weights: BlendWeights | None = None
    ) -> None:
        self._rec = rec
        self._facts = facts
        self._weights = weights or BlendWeights()
        self._place = {genre: at for at, genre in enumerate(facts.genre_names)}

    def rerank(self, candidates: Candidates, wish: Wish, profile: UserProfile) -> Ranked:
        """Order `candidates`; see :class:`Reranker`."""
        begun = time.perf_counter()
        rows = checked(candidates)
        parts: dict[str, Floats] = {"score": spread(candidates.scores)}
        if wish.like:
            parts["like"] = self._nearness(rows, wish.like)
        if candidates.nearness is not None:
            parts["mood"] = spread(candidates.nearness)
        if wish.genres or profile.genres:
            flags = self._facts.genre_flags(rows)
            if wish.genres:
                wanted = [self._place[genre] for genre in wish.genres if genre in self._place]
                parts["genres"] = flags[:, wanted].sum(axis=1) / len(wish.genres)
            if profile.genres:
                parts["profile"] = self._affinity(flags, profile)
        weights = np.array([getattr(self._weights, name) for name in parts])
        total = weights @ np.array(list(parts.values())) / weights.sum()
        order = np.argsort(-total, kind="stable")
        return Ranked(
            rows[order],
            total[order],
            {name: part[order] for name, part in parts.items()},
            usage=Usage((time.perf_counter() - begun) * 1e3),
        )

    def _affinity(self, flags: npt.NDArray[np.bool_], profile: UserProfile) -> Floats:
        """:meth:`UserProfile.affinity` of each row of `flags`."""
        shares = np.zeros(flags.shape[1])
        for trait in profile.genres:
            if trait.value in self._place:
                shares[self._place[trait.value]] = trait.share
        # Not a product of matrices: items with the same genres must come out the same.
        totals = (flags * shares).sum(axis=1)
        return np.asarray(totals / np.maximum(flags.sum(axis=1), 1), np.float64)

    def _nearness(self, rows: npt.NDArray[np.int64], like: Sequence[int]) -> Floats:
        near = _cosines(self._rec.item_factors, rows, like)
        if self._rec.content is not None:
            near = (near + _cosines(self._rec.content.item_vectors, rows, like)) / 2
        return np.clip(near, 0.0, 1.0)


def _cosines(
    vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.int64], like: Sequence[int]
) -> Floats:
    """Cosine of each of `rows` to the nearest of `like`."""
    ours, theirs = directions(vectors[rows]), directions(vectors[list(like)])
    return np.asarray((ours @ theirs.T).max(axis=1), np.float64)


def directions(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows of length 1; rows of zeros stay."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))[:, None]
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
