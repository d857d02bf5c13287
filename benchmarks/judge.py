"""A judge of replies that knows the catalogue, the visitor and the talk, and no line of the engine.

Written from the promise alone: every item that a reply names is in ``reply.items``; every fact it
states about an item is in the catalogue; every claim about the visitor is in what is known of them.
What it cannot find there it reports, so that a doubtful sentence counts against the reply.

:meth:`Judge.findings` reads a text in English or Chinese. Titles and names are recognized first,
quoted or not, then what remains is taken sentence by sentence: years, genres, people, numbers and
comparisons are bound to the item they stand beside, sentences without one to all that the reply
recommends, and looked up. Questions state nothing, but may name nothing either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.judging import words
from benchmarks.judging.facts import Facts
from benchmarks.judging.figures import Figures
from benchmarks.judging.ground import Finding, Ground, Turn
from benchmarks.judging.reading import (
    ITEM,
    STAND_INS,
    Catalogue,
    Reading,
    is_chinese,
    is_invisible,
    read,
    tokens,
    visible,
)
from benchmarks.judging.visitor import VisitorClaims

__all__ = ["Finding", "Judge", "Turn", "spoken"]

_NUMBERING = re.compile(r"^[ \t]*\d{1,2}[.)、．][ \t]*", re.M)
_YEAR_BEHIND = re.compile(r"([\ue000-\uefff])\s*[(（](-?\d{1,5})[)）]")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*|\n+")
_LATIN = re.compile(r"[A-Za-z][A-Za-z'’-]+")


class Judge:
    """Finds what a reply has no ground for.

    Parameters
    ----------
    table : pyarrow.Table
        Columns item_id and title; year, genres, director, actors, plot and numeric ones if there.
    """

    def __init__(self, table: pa.Table) -> None:
        self.catalogue = Catalogue(table)
        years = [item.year for item in self.catalogue.items.values() if item.year]
        self.median_year = float(np.median(years)) if years else 0.0

    def findings(self, turn: Turn) -> list[Finding]:
        """Everything in the reply that is not so, or that nothing supports."""
        return list(
            dict.fromkeys(_Reply(Ground(self.catalogue, self.median_year, turn)).findings())
        )


class _Reply:
    """One reply under judgement."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.turn, self.items = ground.turn, ground.items

    def findings(self) -> Iterator[Finding]:
        text = self.turn.text
        yield from self._signs(text)
        clean = visible(text)
        reading = read(_NUMBERING.sub("", clean), self.ground.catalogue, set(self.turn.items))
        for kind, found in reading.wrong:
            if not self._is_echo(found, clean):
                yield Finding(kind, found)
        yield from self._items_said(reading)
        reading.text, wrong = self._years_behind(reading)
        yield from wrong
        yield from self._wording(reading.text)
        for sentence in _SENTENCE_END.split(reading.text):
            if sentence and sentence.strip():
                for claims in (Facts, Figures, VisitorClaims):
                    yield from claims(self.ground, reading, sentence.strip()).findings()

    # What holds for the whole text

    def _signs(self, text: str) -> Iterator[Finding]:
        if not text.strip():
            yield Finding("empty", text)
        for sign in text:
            if is_invisible(sign):
                yield Finding("sign", f"U+{ord(sign):04X}")

    def _is_echo(self, found: str, text: str) -> bool:
        """The visitor's own words, which the reply says it did not find."""
        if not tokens(found) or " ".join(tokens(found)) not in " ".join(
            word for message in self.ground.said_words for word in message
        ):
            return False
        at = text.find(found)
        around = text[max(0, at - 60) : at + len(found) + 40]
        return bool(words.NOT_STATED.search(around))

    def _items_said(self, reading: Reading) -> Iterator[Finding]:
        """The lists beside the text agree with the text, the catalogue and the history."""
        named = set().union(*reading.items) if reading.items else set()
        for item in self.turn.items:
            if item not in self.items:
                yield Finding("items", f"{item!r} is not in the catalogue")
            elif item not in named:
                yield Finding("items", f"{self.items[item].title} is not in the text")
        earlier = {item for listed in self.turn.shown for item in listed}
        for item in self.turn.recommended:
            if item in self.turn.history:
                yield Finding("seen", f"{self.items[item].title} was watched before")
            if item in earlier:
                yield Finding("seen", f"{self.items[item].title} was recommended before")
            if item not in self.turn.items:
                yield Finding("items", f"{item!r} is recommended, but not among the items")

    def _years_behind(self, reading: Reading) -> tuple[str, list[Finding]]:
        """Years in brackets behind titles, which tell items of one title apart."""
        wrong: list[Finding] = []

        def checked(match: re.Match[str]) -> str:
            ids = reading.items[ord(match[1]) - ITEM]
            fitting = {item for item in ids if self.items[item].year == int(match[2])}
            if fitting:
                reading.items[ord(match[1]) - ITEM] = fitting
            else:
                wrong.append(Finding("year", f"{self.ground.title(ids)} ({match[2]})"))
            return match[1]

        return _YEAR_BEHIND.sub(checked, reading.text), wrong

    def _wording(self, text: str) -> Iterator[Finding]:
        """Links, remains of prompts, the language."""
        for match in words.LINKS.finditer(text):
            yield Finding("link", match.group())
        for match in words.RESIDUE.finditer(text):
            if match.group().casefold() not in ("title", "reason", "none"):
                yield Finding("residue", match.group())
        for match in words.CASED_RESIDUE.finditer(text):
            yield Finding("residue", match.group())
        bare = STAND_INS.sub(" ", text)
        if self.turn.language == "en":
            if chinese := [sign for sign in bare if is_chinese(sign)]:
                yield Finding("language", "".join(chinese))
        elif self.turn.language == "zh":
            for match in _LATIN.finditer(bare):
                if match.group().casefold() not in self.ground.said:
                    yield Finding("language", match.group())
            if not any(is_chinese(sign) for sign in text) and len(bare.split()) > 2:
                yield Finding("language", "no Chinese sign")
        if self.turn.said:
            yield from self._other_language(self.turn.said[-1])

    def _other_language(self, message: str) -> Iterator[Finding]:
        chinese = sum(map(is_chinese, message))
        latin = len(_LATIN.findall(message))
        if chinese >= 2 and not latin and self.turn.language != "zh":
            yield Finding("language", f"{self.turn.language} to a Chinese message")
        if latin >= 3 and not chinese and self.turn.language == "zh":
            yield Finding("language", "zh to a message in Latin letters")


def spoken(history: Sequence[Any], said: Sequence[str], replies: Sequence[Any]) -> list[Turn]:
    """Turns of a conversation, as the judge takes them.

    Parameters
    ----------
    history : sequence of ids
        What the visitor has watched; empty for a stranger.
    said : sequence of str
        The visitor's messages.
    replies : sequence of Reply
        One for each message.
    """
    made: list[Turn] = []
    shown: list[tuple[Any, ...]] = []
    compared: list[tuple[Any, ...]] = []
    spoken_of: set[Any] = set()
    for at, reply in enumerate(replies):
        if words.OLDER_OR_NEWER.search(said[at]):
            compared.append(shown[-1] if shown else ())
        recommended = tuple(each.id for each in reply.items if each.role == "recommended")
        made.append(
            Turn(
                text=reply.text,
                items=tuple(each.id for each in reply.items),
                recommended=recommended,
                language=reply.language,
                said=tuple(said[: at + 1]),
                history=frozenset(history),
                shown=tuple(shown),
                compared=tuple(compared),
                spoken_of=frozenset(spoken_of),
            )
        )
        spoken_of.update(each.id for each in reply.items)
        if recommended:
            shown.append(recommended)
    return made
