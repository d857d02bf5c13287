"""Constraints: what an item has to be, gathered over a conversation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.understanding.request import Range, Relative, Years

Limit: TypeAlias = Literal["all_genres", "years", "people", "genres", "ranges", "attributes"]


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
    ranges : tuple of Range
        Limits on numeric columns, at most one for each column.
    attributes, no_attributes : dict of str to tuple of str
        Values of other columns: an item needs one of those wanted in each column, and none of
        those not wanted, which are never given up.
    """

    genres: tuple[str, ...] = ()
    no_genres: tuple[str, ...] = ()
    years: Years = (None, None)
    relative: Relative = None
    people: tuple[str, ...] = ()
    all_genres: bool = True
    no_years: tuple[Years, ...] = ()
    no_people: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    no_attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)

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
        for limit in self.ranges:
            fits &= facts.attributes.within(limit.column, limit.low, limit.high)
        for column, values in self.attributes.items():
            fits &= facts.attributes.having(column, values)
        for column, values in self.no_attributes.items():
            fits &= ~facts.attributes.having(column, values)
        return fits

    def limits(self) -> tuple[Limit, ...]:
        """What could be given up, the dearest last."""
        found: list[Limit] = []
        if len(self.genres) > 1 and self.all_genres:
            found.append("all_genres")
        # Whoever asks for something shorter does not want anything longer instead.
        dear = any(limit.is_relative for limit in self.ranges)
        if self.ranges and not dear:
            found.append("ranges")
        if self.years != (None, None):
            found.append("years")
        if self.attributes:
            found.append("attributes")
        if self.people:
            found.append("people")
        if self.genres:
            found.append("genres")
        if dear:
            found.append("ranges")
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
            elif limit == "ranges":
                changed = replace(changed, ranges=())
            elif limit == "attributes":
                changed = replace(changed, attributes={})
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


def covers(span: Years, years: Years) -> bool:
    """Whether all of `years` lies within `span`; neither has an open end."""
    (first, last), (begin, end) = span, years
    if first is None or last is None or begin is None or end is None:
        return False
    return first <= begin and end <= last
