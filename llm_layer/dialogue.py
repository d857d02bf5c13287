"""Dialogue: what holds from turn to turn, and what a message changes in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from llm_layer.facts import ItemFacts
from llm_layer.phrases import Relative, Years
from llm_layer.text import Language
from llm_layer.understand import Request

Limit: TypeAlias = Literal["all_genres", "years", "people", "genres"]
DEFAULT_COUNT = 3
MOST = 10


@dataclass(frozen=True)
class Constraints:
    """What an item has to be.

    Attributes
    ----------
    genres : tuple of str
        Wanted; every one of them while `all_genres` holds, else any.
    no_genres : tuple of str
        Not wanted, never given up.
    years : (int or None, int or None)
        First and last year, None for open ends. An item of unknown year does not fit a limit.
    relative : {"older", "newer"} or None
        Where the years stem from a comparison with what was shown.
    people : tuple of str
        Comparable forms of names; an item needs all of them.
    all_genres : bool
        See `genres`.
    no_years : tuple of (int or None, int or None)
        Spans of years not wanted, never given up. An item of unknown year does not fit.
    no_people : tuple of str
        As `people`, not wanted, never given up.
    """

    genres: tuple[str, ...] = ()
    no_genres: tuple[str, ...] = ()
    years: Years = (None, None)
    relative: Relative = None
    people: tuple[str, ...] = ()
    all_genres: bool = True
    no_years: tuple[Years, ...] = ()
    no_people: tuple[str, ...] = ()

    def mask(self, facts: ItemFacts) -> npt.NDArray[np.bool_]:
        """Which items fit: bool, shape (n_items,)."""
        fits = np.ones(len(facts), np.bool_)
        if self.genres:
            choose = facts.with_all_genres if self.all_genres else facts.with_genres
            fits &= choose(self.genres)
        if self.no_genres:
            fits &= ~facts.with_genres(self.no_genres)
        if self.years != (None, None):
            fits &= _within(self.years, facts)
        for span in self.no_years:
            fits &= (facts.years > 0) & ~_within(span, facts)
        for person in self.people:
            fits &= _with_person(person, facts)
        for person in self.no_people:
            fits &= ~_with_person(person, facts)
        return fits

    def limits(self) -> tuple[Limit, ...]:
        """What could be given up, the dearest last."""
        found: list[Limit] = []
        if len(self.genres) > 1 and self.all_genres:
            found.append("all_genres")
        if self.years != (None, None):
            found.append("years")
        if self.people:
            found.append("people")
        if self.genres:
            found.append("genres")
        return tuple(found)

    def without(self, limits: Iterable[Limit]) -> Constraints:
        """The same without some of its limits."""
        changed = self
        for limit in limits:
            if limit == "all_genres":
                changed = replace(changed, all_genres=False)
            elif limit == "years":
                changed = replace(changed, years=(None, None), relative=None)
            elif limit == "people":
                changed = replace(changed, people=())
            else:
                changed = replace(changed, genres=())
        return changed


def _within(years: Years, facts: ItemFacts) -> npt.NDArray[np.bool_]:
    first, last = years
    known = facts.years > 0
    return np.asarray(known & (facts.years >= (first or 0)) & (facts.years <= (last or 9999)))


def _with_person(person: str, facts: ItemFacts) -> npt.NDArray[np.bool_]:
    theirs = np.zeros(len(facts), np.bool_)
    theirs[list(facts.person_rows.get(person, ()))] = True
    return theirs


@dataclass
class State:
    """What a conversation remembers. Rows are item rows of the recommender.

    Attributes
    ----------
    constraints : Constraints
        Gathered over the turns.
    like, unlike : list of int
        Items named as examples and counter-examples.
    mood : str
        The free words of the last message that had any.
    leanings : dict of str to float
        Genres and keywords that the visitor wants more of (up to 1) or less of (down to -1).
    count : int
        How many items a reply recommends.
    shown : list of int
        Recommended in this conversation, never again.
    refused : set of int
        Turned down or already known to the visitor.
    last : tuple of int
        Recommended last, in order.
    set_aside : dict of int to tuple of str
        For each item shown, the limits that were given up when it was recommended.
    fitting : set of int
        Items shown that met wishes of the visitor, none of which was given up.
    said : list of str
        The visitor's messages.
    language : {"en", "zh"}
        Of the last message.
    """

    constraints: Constraints = field(default_factory=Constraints)
    like: list[int] = field(default_factory=list)
    unlike: list[int] = field(default_factory=list)
    mood: str = ""
    leanings: dict[str, float] = field(default_factory=dict)
    count: int = DEFAULT_COUNT
    shown: list[int] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    last: tuple[int, ...] = ()
    set_aside: dict[int, tuple[Limit, ...]] = field(default_factory=dict)
    fitting: set[int] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    language: Language = "en"

    def item_at(self, place: int) -> int | None:
        """Row at a place (from 1, -1 the last) of what was recommended last."""
        at = place - 1 if place > 0 else len(self.last) + place
        return self.last[at] if 0 <= at < len(self.last) else None

    def take(self, request: Request, facts: ItemFacts) -> None:
        """Bring in a message: later words outweigh earlier ones, what they leave open stays.

        A question changes nothing but what is known of the visitor.
        """
        self.said.append(request.text)
        self.language = request.language
        if request.act == "reset":
            self._forget()
        self._take_known(request)
        if request.act not in ("recommend", "more", "fewer", "reset"):
            return
        self._take_examples(request)
        self.constraints = self._merged(request, facts)
        self.mood = request.mood or self.mood
        if request.count is not None:
            self.count = max(1, min(request.count, MOST))
        elif request.act == "fewer":
            self.count = max(1, self.count - 1 if self.count <= 3 else self.count // 2)

    def recommended(self, rows: Iterable[int], given_up: tuple[Limit, ...] = ()) -> None:
        """Note what a reply recommends, and what it had to leave out."""
        self.last = tuple(rows)
        self.shown += [row for row in self.last if row not in self.shown]
        self.set_aside.update(dict.fromkeys(self.last, given_up))
        if self.constraints != Constraints() and not given_up:
            self.fitting.update(self.last)

    def _forget(self) -> None:
        self.constraints = Constraints()
        self.like, self.unlike, self.mood, self.count = [], [], "", DEFAULT_COUNT
        self.leanings = {}

    def _take_known(self, request: Request) -> None:
        """Items that the visitor has seen or does not want."""
        turned_down = [self.item_at(place) for place in request.refused]
        unlike = [*request.unlike, *(row for row in turned_down if row is not None)]
        self.refused.update(request.seen, unlike)
        self.unlike += [row for row in dict.fromkeys(unlike) if row not in self.unlike]
        self.like = [row for row in self.like if row not in self.unlike]

    def _take_examples(self, request: Request) -> None:
        pointed = [self.item_at(place) for place in request.places]
        like = [*request.like, *(row for row in pointed if row is not None)]
        self.like += [row for row in dict.fromkeys(like) if row not in self.like]
        unlike = [row for row in self.unlike if row not in like or row in request.unlike]
        self.unlike = unlike
        self.like = [row for row in self.like if row not in self.unlike]

    def _merged(self, request: Request, facts: ItemFacts) -> Constraints:
        now = self.constraints
        genres, all_genres = now.genres, now.all_genres
        if request.genres:
            kept = genres if request.extends else ()
            genres, all_genres = tuple(dict.fromkeys((*kept, *request.genres))), True
        genres = tuple(genre for genre in genres if genre not in request.no_genres)
        no_genres = tuple(
            dict.fromkeys(
                genre
                for genre in (*now.no_genres, *request.no_genres)
                if genre not in request.genres
            )
        )
        years, relative = now.years, now.relative
        if request.years is not None:
            # With both, the years are those before or after an item that was named.
            years, relative = request.years, request.relative
        elif request.relative is not None:
            years, relative = self._compared(request.relative, facts), request.relative
        elif relative is not None and request.genres and not request.extends:
            # Older than what? Than a list of another kind, which is done with.
            years, relative = (None, None), None
        if any(_covers(span, years) for span in request.no_years):
            years, relative = (None, None), None
        old = [span for span in now.no_years if not _covers(span, request.years or (None, None))]
        people = request.people or now.people
        no_people = [person for person in now.no_people if person not in request.people]
        return Constraints(
            genres,
            no_genres,
            years,
            relative,
            tuple(person for person in people if person not in request.no_people),
            all_genres,
            tuple(dict.fromkeys((*old, *request.no_years))),
            tuple(dict.fromkeys((*no_people, *request.no_people))),
        )

    def _compared(self, relative: Relative, facts: ItemFacts) -> Years:
        """Years before or after everything shown last, or the middle of the catalogue."""
        known = facts.years[facts.years > 0]
        shown = [int(facts.years[row]) for row in self.last if facts.years[row] > 0]
        if not shown and known.size:
            shown = [int(np.median(known))]
        if not shown:
            return None, None
        if relative == "older":
            return None, min(shown) - 1
        return max(shown) + 1, None


def _covers(span: Years, years: Years) -> bool:
    """Whether all of `years` lies within `span`; neither has an open end."""
    (first, last), (begin, end) = span, years
    if first is None or last is None or begin is None or end is None:
        return False
    return first <= begin and end <= last
