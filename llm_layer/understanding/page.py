"""Page: a message on its way through the reader, and the titles that were found in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llm_layer.text import Word, simplified, words
from llm_layer.understanding.phrases import TitleRole

# Marks that stand in a page for what was understood there.
ITEM, PLACE, PERSON = "\ue000", "\ue001", "\ue002"


@dataclass
class Page:
    """A message whose understood parts are blanked out one after the other.

    Attributes
    ----------
    text : str
        What is left of it, in simplified Chinese signs.
    typed : str
        As it was typed, every sign in the same place.
    kind : str
        What is being looked for.
    taken : list of (int, int, str)
        Start and end of what was understood, and the `kind` that it is.
    """

    text: str
    typed: str = ""
    kind: str = ""
    taken: list[tuple[int, int, str]] = field(default_factory=list)
    _words: tuple[str, list[Word]] | None = field(default=None, repr=False)

    def words(self) -> list[Word]:
        """Words of what is left, worked out once for each state of the page."""
        if self._words is None or self._words[0] != self.text:
            self._words = self.text, words(self.text)
        return self._words[1]

    def take(self, start: int, end: int, mark: str = " ") -> None:
        """Blank a span, with a mark at its head."""
        blank = (mark + " " * (end - start - 1)) if end > start else ""
        self.taken.append((start, end, self.kind))
        self.text = self.text[:start] + blank + self.text[end:]

    def shape(self, names: Mapping[str, str]) -> str:
        """What was typed, with a name in place of each part whose kind has one."""
        parts, at = [], 0
        whole = simplified(self.typed)
        for start, end, kind in sorted(self.taken):
            if start >= at and kind in names:
                parts += [whole[at:start], " ", names[kind], " "]
                at = end
        return "".join((*parts, whole[at:]))


@dataclass
class Titles:
    """Item rows by what is said of them, and phrases given as titles that the catalogue lacks.

    `near` are items to ask about instead of those; `guessed` are rows that a phrase was only taken
    for.
    """

    like: list[int] = field(default_factory=list)
    unlike: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    about: list[int] = field(default_factory=list)
    than: list[int] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    near: list[int] = field(default_factory=list)
    guessed: list[int] = field(default_factory=list)

    def add(self, role: TitleRole, row: int) -> None:
        """Note an item once for each thing that is said of it."""
        if role and row not in getattr(self, role):
            getattr(self, role).append(row)

    def miss(self, phrase: str, near: int | None) -> None:
        """Note a title that the catalogue lacks, and what to ask about instead."""
        self.missing.append(phrase)
        if near is not None and near not in self.near:
            self.near.append(near)

    @property
    def named(self) -> tuple[int, ...]:
        """Every item that is named, each once."""
        listed = (*self.about, *self.like, *self.unlike, *self.seen, *self.than)
        return tuple(dict.fromkeys(listed))
