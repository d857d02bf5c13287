"""Claims: what a reply says, item by item and word by word, and whether it holds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

ClaimKind: TypeAlias = Literal[
    "title",
    "year",
    "genre",
    "person",
    "history",
    "naming",
    "shown",
    "habit",
    "number",
    "policy",
    "words",
]
BLANK = "\x00"  # stands for what has been accounted for; belongs to no word
_SENTENCE = re.compile(r"[^.!?。！？\n]*[.!?。！？\n]?")


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
        ``"shown"`` (recommended before, and spoken about now).
    """

    id: Any
    title: str
    role: str


@dataclass(frozen=True)
class Claim:
    """One thing a reply says.

    Attributes
    ----------
    kind : str
        What sort of claim.
    text : str
        The words.
    source : str
        Where it was looked up.
    verdict : bool
        Whether it holds.
    """

    kind: ClaimKind
    text: str
    source: str
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
    """

    history: frozenset[int] = frozenset()
    named: frozenset[int] = frozenset()
    shown: frozenset[int] = frozenset()
    said: tuple[str, ...] = ()
    examples: frozenset[int] | None = None


@dataclass
class Reading:
    """A text on its way through the check: `left` has blanks where things were accounted for."""

    text: str
    left: str
    claims: list[Claim] = field(default_factory=list)
    # Where each named item stands: start, end, row.
    places: list[tuple[int, int, int]] = field(default_factory=list)

    def blank(self, start: int, end: int) -> None:
        """Account for a span."""
        self.left = self.left[:start] + BLANK * (end - start) + self.left[end:]

    def claim(self, kind: ClaimKind, text: str, source: str, verdict: bool) -> None:
        """Note a claim."""
        self.claims.append(Claim(kind, text, source, verdict))

    def sentence(self, at: int) -> tuple[int, int]:
        """Start and end of the sentence around `at`; full stops inside titles are blanked."""
        for match in _SENTENCE.finditer(self.left):
            if match.start() <= at < match.end():
                return match.span()
        return 0, len(self.left)

    def within(self, first: int, last: int) -> list[tuple[int, int, int]]:
        """Items that stand between `first` and `last`, in order: start, end, row."""
        return sorted(place for place in self.places if first <= place[0] < last)

    def is_question(self, at: int) -> bool:
        """Whether the sentence around `at` asks."""
        first, last = self.sentence(at)
        return self.left[first:last].rstrip().endswith(("?", "？"))
