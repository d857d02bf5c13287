"""What is told to a simulated user of what they look for, and no more than that."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from llm_layer.catalogue.facts import ItemFacts

# Two items of about the same time are so many years apart at most.
_SAME_TIME = 3


@dataclass(frozen=True)
class Difference:
    """How what a user looks for differs from an item that they are shown.

    Attributes
    ----------
    later : {1, 0, -1}
        Whether it was made later, at about the same time (or nobody knows), or earlier.
    missing : tuple of str
        Genres that the item lacks.
    surplus : tuple of str
        Genres that the item has too many.
    likeness : float
        Part of all their genres that both have, in [0, 1]; half of it where the times differ.
    """

    later: int
    missing: tuple[str, ...]
    surplus: tuple[str, ...]
    likeness: float


@dataclass(frozen=True)
class Attributes:
    """What a target is: genres, decade (first year, as ``"1990"``) and people; never its title."""

    genres: tuple[str, ...]
    decades: tuple[str, ...]
    people: tuple[str, ...]


def accepting(targets: Collection[int]) -> Callable[[int], bool]:
    """Oracle that says whether an item row is one of `targets`."""
    hidden = frozenset(targets)

    def accepts(row: int) -> bool:
        return row in hidden

    return accepts


def comparing(target: int, facts: ItemFacts) -> Callable[[int], Difference]:
    """Oracle that holds an item row against `target`."""
    year, genres = facts.year(target), facts.genres(target)

    def differs(row: int) -> Difference:
        other, theirs = facts.year(row), facts.genres(row)
        apart = year - other if year and other else 0
        later = (apart > _SAME_TIME) - (apart < -_SAME_TIME)
        shared = len({*genres} & {*theirs}) / max(1, len({*genres, *theirs}))
        return Difference(
            later=later,
            missing=tuple(genre for genre in genres if genre not in theirs),
            surplus=tuple(genre for genre in theirs if genre not in genres),
            likeness=shared / 2 if later else shared,
        )

    return differs


def attributes(target: int, facts: ItemFacts) -> Attributes:
    """What can be told of `target`."""
    year = facts.year(target)
    people = dict.fromkeys(name for names in facts.people(target).values() for name in names)
    return Attributes(
        genres=facts.genres(target),
        decades=(str(year // 10 * 10),) if year else (),
        people=tuple(people),
    )
