"""Request: what one message asks for, in the grammar of acts that the dialogue knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from llm_layer.text import Language

Years: TypeAlias = tuple[int | None, int | None]
Relative: TypeAlias = Literal["older", "newer"] | None
Act: TypeAlias = Literal[
    "recommend",
    "constrain",
    "critique",
    "more_like",
    "not_like",
    "more",
    "fewer",
    "accept",
    "reject",
    "ask",
    "compare",
    "why",
    "profile",
    "forget",
    "reset",
    "greet",
    "thanks",
    "bye",
    "correct",
    "out_of_scope",
]
# Acts that ask for a list, and those whose examples and limits hold from then on.
LISTING: frozenset[Act] = frozenset(
    {"recommend", "constrain", "critique", "more_like", "not_like", "more", "fewer", "reject",
     "correct"}
)  # fmt: skip
Direction: TypeAlias = Literal["lower", "higher"]


@dataclass(frozen=True)
class Range:
    """Limits on a numeric column of the item table.

    Attributes
    ----------
    column : str
        Its name.
    low, high : float or None
        Smallest and largest value that fits, in the column's own unit; None for an open end. An
        item without a value does not fit.
    is_relative : bool
        They stem from a comparison with what was shown ("cheaper").
    """

    column: str
    low: float | None = None
    high: float | None = None
    is_relative: bool = False


@dataclass(frozen=True)
class Question:
    """One clarifying question.

    Attributes
    ----------
    slot : str
        What is asked for: ``"genres"``, ``"years"``, ``"likes"``, ``"relax"`` or a column.
    options : tuple of str
        Answers that are offered, as the catalogue writes them; empty where any will do.
    act, topic : str
        For ``"title"``: what is done with the title once it is confirmed.
    """

    slot: str
    options: tuple[str, ...] = ()
    act: Act = "more_like"
    topic: str = ""


@dataclass(frozen=True)
class Request:
    """What one message asks for.

    Attributes
    ----------
    text : str
        As typed, without signs that steer a terminal or reorder what is read.
    language : {"en", "zh"}
        Of the message.
    act : str
        What kind of turn it is; see `Act`.
    genres, no_genres : tuple of str
        Catalogue genres wanted and not wanted.
    years : tuple of (int or None, int or None) or None
        First and last year wanted; None where the message says nothing of years.
    relative : {"older", "newer"} or None
        Against what was shown last.
    like, unlike : tuple of int
        Item rows named as examples and counter-examples of what is wanted; for ``"accept"`` and
        ``"reject"`` the items that are taken and turned down.
    seen : tuple of int
        Item rows that the visitor says they know already.
    about : tuple of int
        Item rows that a question is about.
    refused : tuple of int
        Places (from 1, -1 the last) in the last list of items that are not wanted.
    places : tuple of int
        Places in the last list that the message is about.
    people : tuple of str
        Comparable forms of names of people in the catalogue.
    count : int or None
        How many items are wanted.
    mood : str
        What is left in free words, in English; empty where nothing is.
    extends : bool
        The genres come on top of those wanted before ("also", "with some").
    no_title : tuple of str
        Phrases given as titles that the catalogue lacks.
    near : tuple of int
        Item rows to ask about in their place ("did you mean ...?").
    guessed : tuple of int
        Item rows that phrases were only taken for: whoever typed them has to be told so.
    unstated : tuple of str
        What was asked for that the catalogue does not state (length, rating, place, price).
    topic : str
        For ``"ask"`` and ``"compare"``: ``"director"``, ``"actor"``, ``"author"``, ``"year"``,
        ``"genre"``, ``"all"``, or the name of a column.
    no_years : tuple of (int or None, int or None)
        Spans of years not wanted.
    no_people : tuple of str
        As `people`, not wanted.
    ranges : tuple of Range
        Limits on numeric columns.
    shifts : dict of str to {"lower", "higher"}
        Numeric columns that are to be lower or higher than in what was shown last ("shorter").
    leanings : dict of str to float
        Genre or keyword, and how much more (up to 1) or less (down to -1) of it is wanted.
    attributes, no_attributes : dict of str to tuple of str
        Values wanted and not wanted of other columns of the item table, by column.
    is_told : bool
        The examples in `like` are told ("I loved Heat, what next?"), not what more like is asked
        for ("something like Heat").
    is_habit : bool
        The genres, years and people tell what is usual for the visitor ("I mostly watch
        comedies"), not what is asked for now.
    confirmed : tuple of int
        Item rows that were asked about and are meant.
    is_open : bool
        Anything will do ("any", "surprise me").
    understood_by : {"rules", "llm"}
        Who read the message.
    reason : str
        Why the rules did where a language model was to; empty otherwise.
    seen_places : tuple of int
        Those of `refused` that the visitor knows already, which says nothing against them.
    same_person : bool
        It says "by him", "the same director": the one that the last reply named.
    points_back : bool
        It says "it" or "that one": what was spoken of last, where that was one item.
    is_foreign : bool
        The message is in a language that is not understood.
    """

    text: str
    language: Language = "en"
    act: Act = "recommend"
    genres: tuple[str, ...] = ()
    no_genres: tuple[str, ...] = ()
    years: Years | None = None
    relative: Relative = None
    like: tuple[int, ...] = ()
    unlike: tuple[int, ...] = ()
    seen: tuple[int, ...] = ()
    about: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    places: tuple[int, ...] = ()
    people: tuple[str, ...] = ()
    count: int | None = None
    mood: str = ""
    extends: bool = False
    no_title: tuple[str, ...] = ()
    near: tuple[int, ...] = ()
    guessed: tuple[int, ...] = ()
    unstated: tuple[str, ...] = ()
    topic: str = ""
    no_years: tuple[Years, ...] = ()
    no_people: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    shifts: dict[str, Direction] = field(default_factory=dict)
    leanings: dict[str, float] = field(default_factory=dict)
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    no_attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    is_told: bool = False
    is_habit: bool = False
    confirmed: tuple[int, ...] = ()
    is_open: bool = False
    understood_by: Literal["rules", "llm"] = "rules"
    reason: str = ""
    seen_places: tuple[int, ...] = ()
    same_person: bool = False
    points_back: bool = False
    is_foreign: bool = False

    @property
    def has_wish(self) -> bool:
        """Whether anything is asked for beyond free words."""
        named = (self.genres, self.no_genres, self.like, self.unlike, self.people, self.no_people)
        limits = (self.years, self.no_years, self.relative, self.ranges, self.shifts)
        others = (self.leanings, self.attributes, self.no_attributes)
        return any((*named, *limits, *others))

    @property
    def is_mood_only(self) -> bool:
        """Whether nothing was understood but free words."""
        others = (self.refused, self.places, self.count, self.no_title, self.seen)
        is_rest_empty = not (self.has_wish or any(others))
        return bool(self.mood) and is_rest_empty and self.act in ("recommend", "constrain")
