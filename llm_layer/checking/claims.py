"""Claims: what a reply says, item by item and word by word, and whether it holds."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from llm_layer.memory.style import Style

ClaimKind: TypeAlias = Literal[
    "title",
    "year",
    "genre",
    "person",
    "attribute",
    "comparison",
    "history",
    "naming",
    "shown",
    "habit",
    "stated",
    "visitor",
    "number",
    "count",
    "link",
    "sign",
    "policy",
    "words",
]
Where: TypeAlias = Literal[
    "catalogue",
    "history",
    "messages",
    "profile",
    "earlier replies",
    "reply",
    "policy",
    "plain words",
]
BLANK = "\x00"  # stands for what has been accounted for; belongs to no word
_SENTENCE = re.compile(r"(?:[^.!?。！？\n]|\.(?=\d))*[.!?。！？\n]?")


@dataclass(frozen=True)
class Named:
    """An item that a reply says it names.

    Attributes
    ----------
    id : Any
        Outside id.
    title : str
        As it stands in the text.
    role : str
        ``"recommended"``; ``"reason"`` (of the visitor's own past); ``"asked"`` (they named it);
        ``"shown"`` (recommended before, and spoken about now); ``"guessed"`` (what a title that
        the visitor gave was taken for); ``"suggested"`` (a question asks whether it was meant).
    """

    id: Any
    title: str
    role: str


@dataclass(frozen=True)
class Source:
    """Where a claim was looked up.

    Attributes
    ----------
    where : str
        ``"catalogue"``, ``"history"``, ``"messages"``, ``"profile"`` (what the visitor stated),
        ``"earlier replies"``, ``"reply"`` (its own list of items), ``"policy"`` or
        ``"plain words"``.
    column : str
        Name of the policy, column of the item table, or ``"title"``, ``"year"``, ``"genres"``,
        ``"people"``.
    items : tuple of Any
        Ids of the items that the claim is about.
    message : int or None
        Which of the visitor's messages, from 0.
    """

    where: Where
    column: str = ""
    items: tuple[Any, ...] = ()
    message: int | None = None

    def __str__(self) -> str:
        parts: list[str] = [self.where]
        if self.message is not None:
            parts.append(str(self.message))
        if self.column:
            parts.append(self.column)
        if self.items:
            parts.append(f"of {', '.join(map(str, self.items))}")
        return " ".join(parts)


@dataclass(frozen=True)
class Claim:
    """One thing a reply says.

    Attributes
    ----------
    kind : str
        What sort of claim.
    text : str
        The words.
    source : Source
        Where it was looked up.
    verdict : bool
        Whether it holds.
    """

    kind: ClaimKind
    text: str
    source: Source
    verdict: bool


@dataclass(frozen=True)
class Grounding:
    """What was checked.

    Attributes
    ----------
    ok : bool
        Every claim holds.
    claims : tuple of Claim
        In the order they were looked at.
    """

    ok: bool
    claims: tuple[Claim, ...]

    @property
    def violations(self) -> tuple[Claim, ...]:
        """Claims that do not hold."""
        return tuple(claim for claim in self.claims if not claim.verdict)


@dataclass(frozen=True)
class Known:
    """What a reply may rest on besides the catalogue.

    Attributes
    ----------
    history : frozenset of int
        Rows of items the visitor interacted with.
    named : frozenset of int
        Rows of items the visitor named themselves.
    shown : frozenset of int
        Rows of items recommended earlier in the conversation.
    said : tuple of str
        The visitor's messages.
    examples : frozenset of int or None
        Those of `named` that they asked for more like; None for all of them.
    lists : tuple of tuple of int
        Rows of every list of the talk so far: what "older" and "shorter" compare with.
    stated : tuple of Any
        What the visitor stated about themselves and is kept in their profile: entries with
        ``kind`` ("genre", "person", "fact"), ``value`` and ``strength`` (below 0 for a dislike).
    style : Style
        How the visitor writes: the reply may have emoji where they use them.
    given : frozenset of int
        Those of `named` that stand in no message: liked from the start, taken, or confirmed.
    guessed : frozenset of int
        Those of `named` that a title of the last message was only taken for.
    """

    history: frozenset[int] = frozenset()
    named: frozenset[int] = frozenset()
    shown: frozenset[int] = frozenset()
    said: tuple[str, ...] = ()
    examples: frozenset[int] | None = None
    lists: tuple[tuple[int, ...], ...] = ()
    stated: tuple[Any, ...] = ()
    style: Style = field(default_factory=Style)
    given: frozenset[int] = frozenset()
    guessed: frozenset[int] = frozenset()


@dataclass
class Reading:
    """A text on its way through the check: `left` has blanks where things were accounted for.

    Attributes
    ----------
    text : str
        As it will be read.
    left : str
        The same with blanks.
    listed : tuple of int
        Rows of the recommended items, in order.
    """

    text: str
    left: str
    listed: tuple[int, ...] = ()
    claims: list[Claim] = field(default_factory=list)
    # Where each named item stands: start, end, row.
    places: list[tuple[int, int, int]] = field(default_factory=list)
    # Sentences of `_of`, which was `left` when they were looked for.
    _spans: list[tuple[int, int]] = field(default_factory=list)
    _of: str = ""

    def blank(self, start: int, end: int) -> None:
        """Account for a span."""
        self.left = self.left[:start] + BLANK * (end - start) + self.left[end:]

    def claim(
        self,
        kind: ClaimKind,
        text: str,
        verdict: bool,
        where: Where,
        column: str = "",
        items: Sequence[Any] = (),
        message: int | None = None,
    ) -> None:
        """Note a claim."""
        self.claims.append(Claim(kind, text, Source(where, column, tuple(items), message), verdict))

    def sentence(self, at: int) -> tuple[int, int]:
        """Start and end of the sentence around `at`; full stops inside titles are blanked."""
        if self._of is not self.left:
            self._of = self.left
            self._spans = [match.span() for match in _SENTENCE.finditer(self.left)]
        place = bisect_right(self._spans, (at, len(self.left) + 1)) - 1
        if place >= 0 and self._spans[place][0] <= at < self._spans[place][1]:
            return self._spans[place]
        return 0, len(self.left)

    def line(self, at: int) -> tuple[int, int]:
        """Start and end of the line around `at`."""
        end = self.left.find("\n", at)
        return self.left.rfind("\n", 0, at) + 1, len(self.left) if end < 0 else end

    def within(self, first: int, last: int) -> list[tuple[int, int, int]]:
        """Items that stand between `first` and `last`, in order: start, end, row."""
        return sorted(place for place in self.places if first <= place[0] < last)

    def is_question(self, at: int) -> bool:
        """Whether the sentence around `at` asks."""
        first, last = self.sentence(at)
        return self.left[first:last].rstrip().endswith(("?", "？"))
