"""Activity: what the store has of somebody, each piece weighed by its age."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.memory.evidence import Entry
from recsys.errors import InvalidInputError

if TYPE_CHECKING:
    from llm_layer.memory.memory import Kept

DAY = 86400.0
# What one search and one statement count against one item of the history.
_SEARCH, STATED = 0.5, 2.0


@dataclass(frozen=True)
class Decay:
    """After how many days evidence counts half; each > 0.

    Attributes
    ----------
    history : float
        Interactions, against the visitor's newest one.
    stated : float
        What they state of themselves.
    wish : float
        What they ask for in a talk.
    activity : float
        Searches and views.
    """

    history: float = 730.0
    stated: float = 365.0
    wish: float = 14.0
    activity: float = 60.0

    def __post_init__(self) -> None:
        for name, days in vars(self).items():
            if not days > 0:
                raise InvalidInputError(f"decay {name} is {days!r} days, expected more than 0")


@dataclass(frozen=True)
class Activity:
    """What the store has of somebody, weighed by age.

    Attributes
    ----------
    viewed : dict of int to (float, int)
        Rows looked at: weight, and number of the evidence.
    texts : list of (str, float, int)
        Their words: text, weight, number of the evidence.
    genres : dict of str to list of (float, tuple of int)
        What they stated or searched for: strengths from −1 to 1, and numbers of evidence.
    leanings : dict of str to float
        See :func:`leanings`.
    seen : tuple of int
        Rows of items that they said they know.
    """

    viewed: dict[int, tuple[float, int]]
    texts: list[tuple[str, float, int]]
    genres: dict[str, list[tuple[float, tuple[int, ...]]]]
    leanings: dict[str, float]
    seen: tuple[int, ...]

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing of topics."""
        return not (self.viewed or self.genres)

    @classmethod
    def of(cls, kept: Kept | None, facts: ItemFacts, decay: Decay, now: float) -> Activity | None:
        """Weigh what is kept at the time `now`; None where there is nobody to keep it of."""
        if kept is None:
            return None
        viewed: dict[int, tuple[float, int]] = {}
        texts: list[tuple[str, float, int]] = []
        seen: list[int] = []
        genres: dict[str, list[tuple[float, tuple[int, ...]]]] = {}
        names = {name: name.casefold() for name in facts.genre_names}
        for one in kept.evidence:
            weight = _halved(now - one.time, decay.activity)
            rows = facts.found([one.item]) if one.item is not None else []
            if one.kind == "view":
                viewed |= {row: (weight, one.number) for row in rows if row not in viewed}
            elif one.kind == "seen":
                seen += rows
            if one.kind == "search" and one.text:
                texts.append((one.text, _SEARCH * weight, one.number))
                searched = one.text.casefold()
                for name in (name for name, form in names.items() if form in searched):
                    sought = _SEARCH / STATED * weight
                    genres.setdefault(name, []).append((sought, (one.number,)))
        for entry in kept.entries:
            strength = entry.strength * _halved(now - entry.time, _half_life(entry, decay))
            if entry.kind == "genre":
                genres.setdefault(entry.value, []).append((strength, entry.evidence))
            elif entry.kind == "keyword":
                texts.append((str(entry.value), STATED * strength, entry.evidence[0]))
        return cls(
            viewed, texts, genres, leanings(kept.entries, decay, now), tuple(dict.fromkeys(seen))
        )


def leanings(entries: Iterable[Entry], decay: Decay, now: float) -> dict[str, float]:
    """How much somebody likes (up to 1) or dislikes (down to −1) genres and words.

    A wish of a talk stands before what they stated of themselves, and gives way to it as it fades:
    w + (1 − abs(w)) s.

    Parameters
    ----------
    entries : iterable of Entry
        Those that hold.
    decay : Decay
        Half-lives.
    now : float
        Seconds since 1970.
    """
    stated: dict[str, float] = {}
    wished: dict[str, float] = {}
    for entry in entries:
        if entry.kind in ("genre", "keyword"):
            side = wished if entry.source == "wish" else stated
            weight = _halved(now - entry.time, _half_life(entry, decay))
            side[str(entry.value)] = entry.strength * weight
    found = {}
    for name in {**stated, **wished}:
        wish = wished.get(name, 0.0)
        found[name] = wish + (1 - abs(wish)) * stated.get(name, 0.0)
    return found


def _half_life(entry: Entry, decay: Decay) -> float:
    return decay.wish if entry.source == "wish" else decay.stated


def _halved(seconds: float, days: float) -> float:
    return float(0.5 ** (max(0.0, seconds) / (DAY * days)))
