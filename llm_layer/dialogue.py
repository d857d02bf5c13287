"""Dialogue: what holds from turn to turn, and what a message changes in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.constraints import Constraints, Limit, covers
from llm_layer.text import Language
from llm_layer.understanding.request import (
    LISTING,
    Direction,
    Question,
    Range,
    Relative,
    Request,
    Years,
)

__all__ = ["DEFAULT_COUNT", "MOST", "Constraints", "Limit", "Range", "State", "Wishes"]

DEFAULT_COUNT = 3
#: In `State.asked`, for an invitation to name items that they liked.
INVITATION = "titles"
MOST = 10


@dataclass(frozen=True)
class Wishes:
    """What the messages so far ask for: the part of the state that a correction takes back.

    Attributes
    ----------
    constraints : Constraints
    like, unlike : tuple of int
    mood : str
    count : int
    leanings : dict of str to float
    pursued : tuple of int
    habits : dict of str to float
    turned_down, told : tuple of int
        Each as in :class:`State`.
    """

    constraints: Constraints = field(default_factory=Constraints)
    like: tuple[int, ...] = ()
    unlike: tuple[int, ...] = ()
    mood: str = ""
    count: int = DEFAULT_COUNT
    leanings: dict[str, float] = field(default_factory=dict)
    pursued: tuple[int, ...] = ()
    habits: dict[str, float] = field(default_factory=dict)
    turned_down: tuple[int, ...] = ()
    told: tuple[int, ...] = ()


@dataclass
class State:
    """What a conversation remembers. Rows are item rows of the recommender.

    Attributes
    ----------
    constraints : Constraints
        Gathered over the turns.
    like, unlike : list of int
        Items named as examples and counter-examples, accepted and rejected.
    mood : str
        The free words of the last message that had any.
    count : int
        How many items a reply recommends.
    leanings : dict of str to float
        Genre or keyword, and how much more (up to 1) or less (down to -1) of it is wanted.
    pursued : tuple of int
        Examples that more like was asked for last, until something else is asked for. Others tell
        of taste.
    habits : dict of str to float
        Genre, person (comparable form) or span of years ("1990-1999") that they called usual for
        them, and how much it is (1) or is not (-1).
    turned_down : list of int
        Those of `unlike` that were only turned down in a list, for which there are many reasons.
    told : list of int
        Those of `like` that were only told as liked, when nothing like them was asked for.
    shown : list of int
        Recommended in this conversation, never again.
    refused : set of int
        Turned down or already known to the visitor.
    accepted : list of int
        Chosen by the visitor.
    confirmed : list of int
        Those that the visitor said they meant when they were asked.
    last : tuple of int
        Recommended last, in order.
    focus : int or None
        The one item that the last reply spoke about: what "it" means; None after a list.
    person : str
        Comparable form of whom the last answer named: what "him" means; empty for nobody.
    set_aside : dict of int to tuple of str
        For each item shown, the limits that were given up when it was recommended.
    fitting : set of int
        Items shown that met wishes of the visitor, none of which was given up.
    said : list of str
        The visitor's messages.
    language : {"en", "zh"}
        Of the last message.
    question : Question or None
        Asked in the last reply and not answered yet.
    asked : list of str
        Slots of all questions asked so far.
    is_invited : bool
        The last reply asked, beside its list, which items they liked.
    corrected : list of str
        Messages whose changes were taken back.
    before : Wishes or None
        What was wished for before the last message that changed it.
    age : int or None
        Years of the youngest that is chosen for, where known.
    """

    constraints: Constraints = field(default_factory=Constraints)
    like: list[int] = field(default_factory=list)
    unlike: list[int] = field(default_factory=list)
    mood: str = ""
    count: int = DEFAULT_COUNT
    leanings: dict[str, float] = field(default_factory=dict)
    pursued: tuple[int, ...] = ()
    habits: dict[str, float] = field(default_factory=dict)
    turned_down: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    accepted: list[int] = field(default_factory=list)
    confirmed: list[int] = field(default_factory=list)
    last: tuple[int, ...] = ()
    focus: int | None = None
    person: str = ""
    set_aside: dict[int, tuple[Limit, ...]] = field(default_factory=dict)
    fitting: set[int] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    language: Language = "en"
    question: Question | None = None
    asked: list[str] = field(default_factory=list)
    is_invited: bool = False
    corrected: list[str] = field(default_factory=list)
    before: Wishes | None = None
    age: int | None = None

    def item_at(self, place: int) -> int | None:
        """Row at a place (from 1, -1 the last) of what was recommended last."""
        at = place - 1 if place > 0 else len(self.last) + place
        return self.last[at] if 0 <= at < len(self.last) else None

    @property
    def examples(self) -> tuple[int, ...]:
        """Items that more like was asked for: likes that were not simply taken."""
        return tuple(row for row in self.like if row not in self.accepted)

    def take(self, request: Request, facts: ItemFacts) -> None:
        """Bring in a message: later words outweigh earlier ones, what they leave open stays.

        A question changes nothing but what is known of the visitor; a correction takes back what
        the message before it changed, and then changes what it says itself.
        """
        self.said.append(request.text)
        self.language = request.language
        if request.act == "correct":
            self._undo()
        elif request.act in LISTING or request.act in ("reset", "accept"):
            self.before = self.wishes()
        if request.act in ("reset", "forget"):
            self._forget()
        if request.act == "forget":
            self._forget_all()
        self._take_known(request)
        self.confirmed += [row for row in request.confirmed if row not in self.confirmed]
        if request.act == "accept":
            self._accept(request)
        if request.act not in LISTING and request.act != "reset":
            return
        self._take_examples(request)
        if request.is_habit:
            self.habits |= dict.fromkeys(_usual(request), 1.0)
            request = replace(request, genres=(), years=None, people=())
        self.constraints = self._merged(request, facts)
        self.mood = request.mood or self.mood
        for name, strength in request.leanings.items():
            summed = self.leanings.get(name, 0.0) + strength
            self.leanings[name] = max(-1.0, min(1.0, summed))
        if request.count is not None:
            self.count = max(1, min(request.count, MOST))
        elif request.act == "fewer":
            self.count = max(1, self.count - 1 if self.count <= 3 else self.count // 2)

    def recommended(self, rows: Iterable[int], given_up: tuple[Limit, ...] = ()) -> None:
        """Note what a reply recommends, and what it had to leave out."""
        self.last = tuple(rows)
        self.focus = self.last[0] if len(self.last) == 1 else None
        self.shown += [row for row in self.last if row not in self.shown]
        self.set_aside.update(dict.fromkeys(self.last, given_up))
        if self.constraints != Constraints() and not given_up:
            self.fitting.update(self.last)

    def ask(self, question: Question | None) -> None:
        """Note the question that a reply asks; None where it asks nothing."""
        self.question = question
        if question is not None:
            self.asked.append(question.slot)

    def invite(self, is_invited: bool) -> None:
        """Note whether a reply asks, beside its list, which items they liked."""
        self.is_invited = is_invited
        if is_invited:
            self.asked.append(INVITATION)

    def wishes(self) -> Wishes:
        """What is asked for by now, as it can be put back."""
        return Wishes(
            self.constraints,
            tuple(self.like),
            tuple(self.unlike),
            self.mood,
            self.count,
            dict(self.leanings),
            self.pursued,
            dict(self.habits),
            tuple(self.turned_down),
            tuple(self.told),
        )

    def to_dict(self, facts: ItemFacts) -> dict[str, Any]:
        """All of it as JSON knows it, items by their outside ids."""
        from llm_layer.stored import state_to_dict

        return state_to_dict(self, facts)

    @classmethod
    def from_dict(cls, stored: dict[str, Any], facts: ItemFacts) -> State:
        """The state that :meth:`to_dict` gave; items that are gone since are left out."""
        from llm_layer.stored import state_from_dict

        return state_from_dict(stored, facts)

    def _undo(self) -> None:
        if len(self.said) > 1:
            self.corrected.append(self.said[-2])
        if self.before is not None:
            self._wish(self.before)

    def _wish(self, wishes: Wishes) -> None:
        self.constraints, self.mood, self.count = wishes.constraints, wishes.mood, wishes.count
        self.like, self.unlike = list(wishes.like), list(wishes.unlike)
        self.leanings, self.pursued = dict(wishes.leanings), wishes.pursued
        self.habits, self.turned_down = dict(wishes.habits), list(wishes.turned_down)
        self.told = list(wishes.told)

    def _forget(self) -> None:
        self._wish(Wishes())

    def _forget_all(self) -> None:
        """Nothing that was said or shown is left, but the language."""
        self.said, self.before = self.said[-1:], None
        self.shown, self.last, self.accepted, self.focus = [], (), [], None
        self.person, self.confirmed = "", []
        self.refused, self.set_aside, self.fitting = set(), {}, set()
        self.question, self.asked, self.corrected = None, [], []
        self.is_invited = False

    def _accept(self, request: Request) -> None:
        pointed = [self.item_at(place) for place in request.places]
        rows = [*request.like, *(row for row in pointed if row is not None)]
        if not rows and not request.places and len(self.last) == 1:
            rows = [self.last[0]]
        for row in rows:
            self.refused.discard(row)
            self.unlike = [other for other in self.unlike if other != row]
            self.accepted += [row] if row not in self.accepted else []
            self.like += [row] if row not in self.like else []

    def _take_known(self, request: Request) -> None:
        """Items that the visitor has seen or does not want."""
        turned_down = [self.item_at(place) for place in request.refused]
        if request.act == "reject" and not (request.refused or request.unlike or request.seen):
            turned_down = list(self.last)
        seen = {*request.seen, *map(self.item_at, request.seen_places)}
        unlike = [
            *request.unlike,
            *(row for row in turned_down if row is not None and row not in seen),
        ]
        if request.act != "not_like":
            weak = [row for row in unlike if row not in (*request.unlike, *self.unlike)]
            self.turned_down += dict.fromkeys(weak)
        self.turned_down = [row for row in self.turned_down if row not in request.unlike]
        self.refused.update((row for row in seen if row is not None), unlike)
        self.unlike += [row for row in dict.fromkeys(unlike) if row not in self.unlike]
        self.like = [row for row in self.like if row not in self.unlike]

    def _take_examples(self, request: Request) -> None:
        pointed = [self.item_at(place) for place in request.places]
        pointed = [] if request.act in ("reject", "not_like") else pointed
        like = [*request.like, *(row for row in pointed if row is not None)]
        if request.is_told:
            self.told += [row for row in dict.fromkeys(like) if row not in self.like]
        else:
            self.told = [row for row in self.told if row not in like]
        self.like += [row for row in dict.fromkeys(like) if row not in self.like]
        unlike = [row for row in self.unlike if row not in like or row in request.unlike]
        self.unlike = unlike
        self.like = [row for row in self.like if row not in self.unlike]
        # "Newer", "only from the 90s": still like those. Another genre, or a new wish: no more.
        goes_on = request.act in ("more", "fewer", "reject") or (
            request.act in ("critique", "constrain") and (request.extends or not request.genres)
        )
        if like or not goes_on:
            asked = () if request.is_told else dict.fromkeys(like)
            self.pursued = tuple(row for row in asked if row in self.like)

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
        years, relative = self._years(request, facts)
        old = [span for span in now.no_years if not covers(span, request.years or (None, None))]
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
            self._ranges(request, facts),
            _without(now.attributes | request.attributes, request.no_attributes),
            _without(_joined(now.no_attributes, request.no_attributes), request.attributes),
        )

    def _years(self, request: Request, facts: ItemFacts) -> tuple[Years, Relative]:
        years, relative = self.constraints.years, self.constraints.relative
        if request.years is not None:
            # With both, the years are those before or after an item that was named.
            years, relative = request.years, request.relative
        elif request.relative is not None:
            years, relative = self._compared(request.relative, facts), request.relative
        elif relative is not None and request.genres and not request.extends:
            # Older than what? Than a list of another kind, which is done with.
            years, relative = (None, None), None
        if any(covers(span, years) for span in request.no_years):
            years, relative = (None, None), None
        return years, relative

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

    def _ranges(self, request: Request, facts: ItemFacts) -> tuple[Range, ...]:
        """Limits on numbers: those of the message in place of older ones on the same column."""
        # Cheaper than what? Than a list of another kind, which is done with.
        is_done = bool(request.genres) and not request.extends
        listed = {
            limit.column: limit
            for limit in self.constraints.ranges
            if not (limit.is_relative and is_done)
        }
        listed |= {limit.column: limit for limit in request.ranges}
        for column, direction in request.shifts.items():
            shifted = self._shifted(column, direction, facts)
            old = listed.get(column)
            if shifted is not None and old is not None and old not in request.ranges:
                kept = replace(old, low=None) if direction == "lower" else replace(old, high=None)
                shifted = replace(
                    shifted,
                    low=shifted.low if shifted.low is not None else kept.low,
                    high=shifted.high if shifted.high is not None else kept.high,
                )
            if shifted is not None:
                listed[column] = shifted
        return tuple(listed.values())

    def _shifted(self, column: str, direction: Direction, facts: ItemFacts) -> Range | None:
        """Below or above everything shown last, or the middle of the catalogue.

        Where nothing is beyond all that was shown, what is beyond its mean.
        """
        numbers = facts.attributes.numbers[column]
        last = [value for row in self.last if np.isfinite(value := numbers[row])]
        fresh = np.isfinite(numbers)
        if not last:
            last = [float(np.median(numbers[fresh]))] if fresh.any() else []
        if not last:
            return None
        fresh[self.shown] = False
        known = numbers[fresh]
        if direction == "lower":
            for bound in (min(last), float(np.mean(last))):
                if (below := known[known < bound]).size:
                    return Range(column, high=float(below.max()), is_relative=True)
            return Range(column, high=min(last), is_relative=True)
        for bound in (max(last), float(np.mean(last))):
            if (above := known[known > bound]).size:
                return Range(column, low=float(above.min()), is_relative=True)
        return Range(column, low=max(last), is_relative=True)


def _usual(request: Request) -> Iterator[str]:
    """What a message calls usual for its writer, as habits are named."""
    yield from request.genres
    yield from request.people
    if request.years is not None:
        yield "-".join("" if year is None else str(year) for year in request.years)


_Values = dict[str, tuple[str, ...]]


def _joined(one: _Values, other: _Values) -> _Values:
    return {
        column: tuple(dict.fromkeys((*one.get(column, ()), *other.get(column, ()))))
        for column in {**one, **other}
    }


def _without(values: _Values, taken: _Values) -> _Values:
    """Values less those of `taken`; columns without any left are gone."""
    left = {
        column: tuple(value for value in listed if value not in taken.get(column, ()))
        for column, listed in values.items()
    }
    return {column: listed for column, listed in left.items() if listed}
