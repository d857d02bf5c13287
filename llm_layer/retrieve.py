"""Candidates: a steered vector searched under the visitor's constraints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.dialogue import Constraints, Limit, State
from llm_layer.understanding.critique import leaning_genres
from recsys.recommender import Recommender

Floats = npt.NDArray[np.float32]

# An item that was named as an example counts as so many of a visitor's history.
_LIKE_WEIGHT = 10.0
# Share of the direction that the examples asked for last take, against the rest of the taste.
_LIKE_SHARE = 0.6
# How much of the direction of unwanted items is taken away.
_UNLIKE_SHARE = 0.5
# How far a leaning ("less violent") turns the vector, and what it adds to the score of an item
# that is of that kind, as a part of what the best is above the median.
_LEANING_SHARE = 0.4
_LEANING_BONUS = 0.4
# In larger catalogues only the best by the turned vector are looked at under leanings.
_ALL_SCORED = 200_000
# A direction is the mean of so many items at least.
_FEW = 5
_KINDS_KEPT = 1024


@dataclass(frozen=True)
class Candidates:
    """Items that may be recommended.

    Attributes
    ----------
    rows : int64 array, shape (n,)
        Item rows, best first.
    scores : float32 array, shape (n,)
        Inner products with the steered vector, and what leanings add to them.
    vector : float32 array, shape (f,)
        The steered vector.
    given_up : tuple of str
        Constraints that had to be left out for anything to be found.
    nearness : float32 array, shape (n,), or None
        Cosine of sentence vectors to the free words; None without words or vectors.
    """

    rows: npt.NDArray[np.int64]
    scores: Floats
    vector: Floats
    given_up: tuple[Limit, ...] = ()
    nearness: Floats | None = None


class Retriever:
    """Fetches candidates from a recommender for the state of a conversation."""

    def __init__(self, rec: Recommender, facts: ItemFacts) -> None:
        self._rec = rec
        self._facts = facts
        self._average = np.asarray(rec.model.user_factors, np.float32).mean(axis=0)
        self._centre = np.asarray(rec.item_factors, np.float32).mean(axis=0)
        self._direction = lru_cache(maxsize=_KINDS_KEPT)(self._mean_direction)

    def taste(self, likes: Sequence[int]) -> Floats:
        """Vector of a visitor who likes these items; without any, of the average visitor."""
        if not likes:
            return np.asarray(self._average, np.float32)
        return self._rec.fold_in(self._facts.items(likes))

    def fetch(
        self,
        taste: Floats,
        known: Iterable[int],
        state: State,
        n: int,
        allowed: npt.NDArray[np.bool_] | None = None,
        basis: Mapping[int, float] | None = None,
    ) -> Candidates:
        """Candidates that the visitor neither knows nor was shown.

        Where there are free words and sentence vectors, those nearest to the words come along with
        those of the highest score: what is asked for may be far from what is usual for a visitor.

        Parameters
        ----------
        taste : float32 array, shape (f,)
            Vector of the visitor.
        known : iterable of int
            Rows of their history.
        state : State
            Constraints, examples, and what was shown.
        n : int
            So many of either kind at most; at least 1.
        allowed : bool array, shape (n_items,), optional
            The only items that may be among them, whatever is given up.
        basis : mapping of int to float, optional
            Rows that `taste` was folded in from, with their weights: examples of the talk are
            folded in beside them, as though they were part of the history.
        """
        vector = self._steered(taste, state, basis or {})
        barred = np.zeros(len(self._facts), np.bool_) if allowed is None else ~allowed
        barred[[*known, *state.shown, *state.refused, *state.like]] = True
        for given_up in _ways_out(state.constraints):
            constraints = state.constraints.without(given_up)
            rows = np.flatnonzero(constraints.mask(self._facts) & ~barred)
            if rows.size:
                return self._among(rows, vector, state, n, given_up)
        return Candidates(np.empty(0, np.int64), np.empty(0, np.float32), vector)

    def _among(
        self,
        rows: npt.NDArray[np.int64],
        vector: Floats,
        state: State,
        n: int,
        given_up: tuple[Limit, ...],
    ) -> Candidates:
        leanings = self._told(state.leanings)
        found, scores = self._best(rows, vector, leanings, n)
        content = self._rec.content
        if not state.mood or content is None:
            return Candidates(found, scores, vector, given_up)
        words = content.encode([state.mood])[0]
        near = content.item_vectors[rows] @ words
        found = np.union1d(found, rows[np.argsort(-near, kind="stable")[:n]])
        scores = np.asarray(self._rec.item_factors[found] @ vector, np.float32)
        found, scores = _falling(found, self._leaned(found, scores, leanings))
        nearness = np.asarray(content.item_vectors[found] @ words, np.float32)
        return Candidates(found, scores, vector, given_up, nearness)

    def _best(
        self, rows: npt.NDArray[np.int64], vector: Floats, leanings: Mapping[str, float], n: int
    ) -> tuple[npt.NDArray[np.int64], Floats]:
        """The `n` best of `rows`."""
        if leanings and rows.size <= _ALL_SCORED:
            scores = np.asarray(self._rec.item_factors[rows] @ vector, np.float32)
            return _falling(rows, self._leaned(rows, scores, leanings), n)
        # One thread: a single query is over before a second one would have begun.
        wide = 10 * n if leanings else n
        hits = self._rec.index.search(vector[None], wide, allow=rows, num_threads=1)
        found = hits.ids[0, : int(hits.counts[0])].astype(np.int64)
        scores = hits.scores[0, : found.size]
        return _falling(found, self._leaned(found, scores, leanings), n)

    def _told(self, leanings: Mapping[str, float]) -> dict[str, float]:
        """Leanings with the genres that a keyword is usual in: few descriptions say "violent"."""
        return {**leanings, **leaning_genres(dict(leanings), self._facts.genre_names)}

    def _leaned(
        self, rows: npt.NDArray[np.int64], scores: Floats, leanings: Mapping[str, float]
    ) -> Floats:
        """Scores with what an item gains and loses by being of the kinds leaned to."""
        if not leanings or not rows.size:
            return scores
        gain = np.zeros(rows.size, np.float32)
        for term, strength in leanings.items():
            gain += np.float32(strength) * self._facts.about(term)[rows]
        lead = float(scores.max() - np.median(scores))
        return np.asarray(scores + _LEANING_BONUS * lead * gain, np.float32)

    def _mean_direction(self, term: str) -> Floats | None:
        """Where the items of a kind lie, seen from the middle of all; None where they are few."""
        rows = np.flatnonzero(self._facts.about(term))
        if rows.size < _FEW:
            return None
        return _unit(self._rec.item_factors[rows].mean(axis=0) - self._centre)

    def _steered(self, taste: Floats, state: State, basis: Mapping[int, float]) -> Floats:
        taste = self._with_examples(basis, state.like) if basis and state.like else taste
        vector = _unit(taste)
        # Without a history to fold them into, examples are all that is known.
        near = state.pursued if basis else state.like
        if near:
            towards = _unit(self._rec.fold_in(self._facts.items(near)))
            vector = (1 - _LIKE_SHARE) * vector + _LIKE_SHARE * towards
        for row in state.unlike:
            away = _unit(self._rec.item_factors[row])
            vector = vector - _UNLIKE_SHARE * max(0.0, float(vector @ away)) * away
        for term, strength in self._told(state.leanings).items():
            direction = self._direction(term)
            if direction is not None:
                vector = vector + _LEANING_SHARE * strength * direction
        return np.asarray(vector, np.float32)

    def _with_examples(self, basis: Mapping[int, float], like: Sequence[int]) -> Floats:
        """Factor of somebody with this history who also took to these items."""
        usual = sum(basis.values()) / len(basis)
        weights = dict(basis)
        for row in like:
            weights[row] = weights.get(row, 0.0) + _LIKE_WEIGHT * usual
        return self._rec.fold_in(self._facts.items(weights), list(weights.values()))


def _ways_out(constraints: Constraints) -> list[tuple[Limit, ...]]:
    """Sets of limits to give up, the fewest and cheapest first; nothing given up at first."""
    limits = constraints.limits()
    return [chosen for size in range(len(limits) + 1) for chosen in combinations(limits, size)]


def _unit(vector: Floats) -> Floats:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > 0 else vector, np.float32)


def _falling(
    rows: npt.NDArray[np.int64], scores: Floats, n: int | None = None
) -> tuple[npt.NDArray[np.int64], Floats]:
    """The `n` best, by falling scores."""
    order = np.argsort(-scores, kind="stable")[:n]
    return rows[order], scores[order]
