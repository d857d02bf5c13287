"""What may support a reply: catalogue, visitor and talk. Part of :mod:`benchmarks.judge`."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmarks.judging.reading import Catalogue, beginnings, tokens
from benchmarks.judging.words import GENRE_WORDS


@dataclass(frozen=True)
class Finding:
    """Something in a reply that nothing supports.

    Attributes
    ----------
    kind : str
        What kind of claim it is: title, year, genre, person, number, user, ...
    text : str
        The words.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Turn:
    """A reply and all that may support it.

    Attributes
    ----------
    text : str
        The reply.
    items : tuple
        Ids that the reply says it names.
    recommended : tuple
        Ids among them that it recommends.
    language : str
        ``en`` or ``zh``: what the reply says it is in.
    said : tuple of str
        The visitor's messages so far, this one last.
    history : frozenset
        Ids of what the visitor has watched.
    shown : tuple of tuples
        Lists recommended earlier in this talk, in order.
    compared : tuple of tuples
        For each message so far that asks for older or newer items, the list it was said of, in
        ids; an empty one where there was none yet.
    spoken_of : frozenset
        Ids of items that earlier replies named.
    facts : tuple of str
        What else is stored about the visitor, such as stated facts, in words.
    """

    text: str
    items: tuple[Any, ...] = ()
    recommended: tuple[Any, ...] = ()
    language: str = "en"
    said: tuple[str, ...] = ()
    history: frozenset[Any] = frozenset()
    shown: tuple[tuple[Any, ...], ...] = ()
    compared: tuple[tuple[Any, ...], ...] = ()
    spoken_of: frozenset[Any] = frozenset()
    facts: tuple[str, ...] = ()


class Ground:
    """All that one reply may rest on."""

    def __init__(self, catalogue: Catalogue, median_year: float, turn: Turn) -> None:
        self.catalogue = catalogue
        self.median_year = median_year
        self.turn = turn
        self.items = catalogue.items
        self.said_words = [tokens(message) for message in (*turn.said, *turn.facts)]
        self.said = " ".join((*turn.said, *turn.facts)).casefold()

    def title(self, ids: set[Any]) -> str:
        """Titles that a stand-in may mean."""
        return " / ".join(sorted(self.items[item].title for item in ids))

    def mentions(self, item: Any) -> bool:
        """Whether the visitor named an item, mistyped perhaps, or it was in an earlier list."""
        if any(item in listed for listed in self.turn.shown):
            return True
        for name in beginnings(self.items[item].title):
            if len(name) > 3 and any(_holds_run(message, name[:3]) for message in self.said_words):
                return True  # the first words of a long title
            spelled = " ".join(name)
            for message in self.said_words:
                for start in range(len(message)):
                    for length in range(max(1, len(name) - 1), len(name) + 2):
                        part = " ".join(message[start : start + length])
                        if part == spelled or (
                            len(spelled) > 3
                            and difflib.SequenceMatcher(None, part, spelled).ratio() >= 0.8
                        ):
                            return True
        return False

    def asked_for(self, genre: str) -> bool:
        """Whether the visitor spoke of a genre."""
        return (
            bool(GENRE_WORDS[genre].search(self.said))
            if genre in GENRE_WORDS
            else genre in self.said
        )

    @cached_property
    def frequent_genres(self) -> set[str]:
        """The five genres that the visitor watched most often, each twice or more."""
        counts = Counter(
            genre
            for item in self.turn.history
            if item in self.items
            for genre in self.items[item].genres
        )
        least = sorted(counts.values(), reverse=True)[:5][-1:] or [0]
        return {genre for genre, n in counts.items() if n >= max(2, least[0])}


def _holds_run(words: list[str], run: tuple[str, ...]) -> bool:
    """Whether words hold others one behind the other."""
    return any(tuple(words[at : at + len(run)]) == run for at in range(len(words)))
