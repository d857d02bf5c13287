"""Candidates: a steered vector searched under the visitor's constraints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.dialogue import Constraints, Limit, State
from llm_layer.understanding.critique import leaning_genres
from recsys.foldin import Systems
from recsys.recommender import Recommender

Floats = npt.NDArray[np.float32]

# An item that more like was asked for counts as so many of a visitor's history; what they only
# told as liked, as one.
_LIKE_WEIGHT = 10.0
# Of somebody's taste few items tell little: what is usual for everybody counts as so many of them.
_PRIOR = 2.0
# What an item that was only turned down in a list weighs, against one of the history.
_REJECTION = 0.5
# The same for a visitor without any: how much of its direction is taken away.
_REJECTED_SHARE = 0.1
# What somebody calls usual for them leans their list so far, and as much as so many items tell.
_HABIT, _HABIT_ITEMS = 0.3, 5.0
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
_TASTES_KEPT = 512
# A habit that is a span of years.
_SPAN = re.compile(r"(\d{4})?-(\d{4})?")


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
        self._systems = Systems(rec.model, np.asarray(rec.item_factors, np.float32))
        # Most messages change nothing of what is liked.
        self._folded = lru_cache(maxsize=_TASTES_KEPT)(self._fold)

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
        basis = basis or {}
        leanings = self._leanings(state, len({*basis, *state.like}))
        vector = self._steered(taste, state, basis, leanings)
        barred = np.zeros(len(self._facts), np.bool_) if allowed is None else ~allowed
        barred[[*known, *state.shown, *state.refused, *state.like]] = True
        for given_up in _ways_out(state.constraints):
            constraints = state.constraints.without(given_up)
            rows = np.flatnonzero(constraints.mask(self._facts) & ~barred)
            if rows.size:
                return self._among(rows, vector, leanings, state.mood, n, given_up)
        return Candidates(np.empty(0, np.int64), np.empty(0, np.float32), vector)

    def _among(
        self,
        rows: npt.NDArray[np.int64],
        vector: Floats,
        leanings: Mapping[str, float],
        mood: str,
        n: int,
        given_up: tuple[Limit, ...],
    ) -> Candidates:
        found, scores = self._best(rows, vector, leanings, n)
        content = self._rec.content
        if not mood or content is None:
            return Candidates(found, scores, vector, given_up)
        words = content.encode([mood])[0]
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

    def _leanings(self, state: State, n_known: int) -> dict[str, float]:
        """Leanings, with the genres that a keyword is usual in, and habits.

        Few descriptions say "violent". A habit tells as much as a few items do, so that it says
        little of somebody whose history is known.
        """
        asked = leaning_genres(dict(state.leanings), self._facts.genre_names)
        found = {**state.leanings, **asked}
        share = _HABIT * _HABIT_ITEMS / (_HABIT_ITEMS + n_known)
        for term, strength in state.habits.items():
            found[term] = found.get(term, 0.0) + share * strength
        return found

    def _leaned(
        self, rows: npt.NDArray[np.int64], scores: Floats, leanings: Mapping[str, float]
    ) -> Floats:
        """Scores with what an item gains and loses by being of the kinds leaned to."""
        if not leanings or not rows.size:
            return scores
        gain = np.zeros(rows.size, np.float32)
        for term, strength in leanings.items():
            gain += np.float32(strength) * self._kind(term)[rows]
        lead = float(scores.max() - np.median(scores))
        return np.asarray(scores + _LEANING_BONUS * lead * gain, np.float32)

    def _mean_direction(self, term: str) -> Floats | None:
        """Where the items of a kind lie, seen from the middle of all; None where they are few."""
        rows = np.flatnonzero(self._kind(term))
        if rows.size < _FEW:
            return None
        return _unit(self._rec.item_factors[rows].mean(axis=0) - self._centre)

    def _kind(self, term: str) -> npt.NDArray[np.bool_]:
        """Which items are of a span of years, by a person, of a genre, or about a word."""
        if span := _SPAN.fullmatch(term):
            return Constraints(years=(_year(span[1]), _year(span[2]))).mask(self._facts)
        if term in self._facts.person_rows:
            return Constraints(people=(term,)).mask(self._facts)
        return self._facts.about(term)

    def _steered(
        self,
        taste: Floats,
        state: State,
        basis: Mapping[int, float],
        leanings: Mapping[str, float],
    ) -> Floats:
        vector = self._told(taste, state, basis)
        if state.pursued:
            towards = _unit(self._folded(tuple((row, 1.0) for row in state.pursued)))
            vector = (1 - _LIKE_SHARE) * vector + _LIKE_SHARE * towards
        for row in state.unlike:
            if row not in state.turned_down:
                vector = _without(vector, self._rec.item_factors[row], _UNLIKE_SHARE)
        for term, strength in leanings.items():
            direction = self._direction(term)
            if direction is not None:
                vector = vector + _LEANING_SHARE * strength * direction
        return np.asarray(vector, np.float32)

    def _fold(
        self,
        weights: tuple[tuple[int, float], ...],
        rejected: tuple[int, ...] = (),
        rejection: float = 0.0,
    ) -> Floats:
        """Factor of somebody who likes these rows and turned down those; not to be written to."""
        liked = dict(weights)
        rows = np.array(sorted(liked), np.int64)
        given = np.array([liked[row] for row in rows.tolist()], np.float32)
        against = np.array(sorted(set(rejected) - liked.keys()), np.int64)
        system = self._systems.of(rows, given, against, rejection)
        return np.asarray(system.factor(), np.float32)

    def _told(self, taste: Floats, state: State, basis: Mapping[int, float]) -> Floats:
        """Direction of the taste by all that is known and was told.

        What they told as liked counts as one more of their history each, what they asked for more
        of as several; what they only turned down, as an item that they did not choose, for half of
        one that they did. The fewer items there are, the more it stays with the
        average visitor.
        """
        usual = sum(basis.values()) / len(basis) if basis else 1.0
        weights = {**dict.fromkeys(state.like, usual), **basis}
        asked = [row for row in state.like if row not in state.told] if basis else ()
        for row in asked:
            weights[row] = basis.get(row, 0.0) + _LIKE_WEIGHT * usual
        if not weights:
            vector = _unit(taste)
            for row in state.turned_down:
                vector = _without(vector, self._rec.item_factors[row], _REJECTED_SHARE)
            return vector
        if state.turned_down or asked or len(weights) > len(basis):
            taste = self._folded(
                tuple(weights.items()), tuple(state.turned_down), _REJECTION * usual
            )
        prior = _PRIOR / (_PRIOR + len(weights))
        return _unit(_unit(taste) + prior * _unit(self._average))


def _ways_out(constraints: Constraints) -> list[tuple[Limit, ...]]:
    """Sets of limits to give up, the fewest and cheapest first; nothing given up at first."""
    limits = constraints.limits()
    return [chosen for size in range(len(limits) + 1) for chosen in combinations(limits, size)]


def _year(text: str | None) -> int | None:
    return int(text) if text else None


def _without(vector: Floats, factor: Floats, share: float) -> Floats:
    """A vector less part of what it has of the direction of a factor."""
    away = _unit(factor)
    return np.asarray(vector - share * max(0.0, float(vector @ away)) * away, np.float32)


def _unit(vector: Floats) -> Floats:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length > 0 else vector, np.float32)


def _falling(
    rows: npt.NDArray[np.int64], scores: Floats, n: int | None = None
) -> tuple[npt.NDArray[np.int64], Floats]:
    """The `n` best, by falling scores."""
    order = np.argsort(-scores, kind="stable")[:n]
    return rows[order], scores[order]
