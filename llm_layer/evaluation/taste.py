"""A simulated user's taste: what their own history says, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from llm_layer.catalogue.facts import ItemFacts

# A genre is disliked where a history has less than this part of what it would have by chance, and
# would have had some by chance.
_RARE = 0.25
_BY_CHANCE = 3
_PEOPLE = 10


@dataclass(frozen=True)
class Share:
    """How much of a history has a value (a genre, a decade, a person): share in (0, 1]."""

    value: str
    share: float


@dataclass(frozen=True)
class Taste:
    """Likes and dislikes of one user.

    Attributes
    ----------
    history : tuple of int
        Item rows, heaviest first.
    genres, people : tuple of Share
        Largest share first; people that come up at least twice.
    decades : tuple of Share
        First years, as ``"1990"``.
    dislikes : tuple of str
        Genres that come up far less than in everybody's choices.
    """

    history: tuple[int, ...]
    genres: tuple[Share, ...]
    decades: tuple[Share, ...]
    people: tuple[Share, ...]
    dislikes: tuple[str, ...]

    def likes(self, genres: Iterable[str]) -> float:
        """How usual the best of these genres is for the user, in [0, 1]."""
        shares = {one.value: one.share for one in self.genres}
        return max((shares.get(genre, 0.0) for genre in genres), default=0.0)


class Tastes:
    """Reads tastes from histories against one catalogue.

    Parameters
    ----------
    facts : ItemFacts
        The catalogue.
    counts : numpy.ndarray
        int, shape (n_items,): how many users chose each item, in the training part.
    """

    def __init__(
        self, facts: ItemFacts, counts: np.ndarray[tuple[int], np.dtype[np.int64]]
    ) -> None:
        self._facts = facts
        total = max(1, int(counts.sum()))
        self._usual = {
            genre: float(counts[facts.with_genres([genre])].sum()) / total
            for genre in facts.genre_names
        }

    def read(self, history: Sequence[int]) -> Taste:
        """Taste of somebody with this history (item rows, heaviest first, at least one)."""
        facts = self._facts
        genres = _shares(history, [facts.genres(row) for row in history])
        have = {one.value: one.share for one in genres}
        years = [facts.year(row) for row in history]
        decades = [(str(year // 10 * 10),) if year else () for year in years]
        people = [
            tuple(dict.fromkeys(name for names in facts.people(row).values() for name in names))
            for row in history
        ]
        return Taste(
            history=tuple(history),
            genres=genres,
            decades=_shares(history, decades),
            people=_shares(history, people, least=2)[:_PEOPLE],
            dislikes=tuple(
                genre
                for genre in facts.genre_names
                if have.get(genre, 0.0) < _RARE * self._usual[genre]
                and self._usual[genre] * len(history) >= _BY_CHANCE
            ),
        )


def _shares(
    history: Sequence[int], values: Sequence[tuple[str, ...]], least: int = 1
) -> tuple[Share, ...]:
    counts = Counter(value for listed in values for value in listed)
    found = [Share(value, n / len(history)) for value, n in counts.items() if n >= least]
    return tuple(sorted(found, key=lambda one: (-one.share, one.value)))
