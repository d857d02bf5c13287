"""User profile: what a visitor's history says about them, each entry with its evidence."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from llm_layer.facts import ItemFacts
from llm_layer.lexicon import load_words
from llm_layer.text import Language, words

# A name or keyword is part of the profile only when it comes up in at least so many items.
_TWICE = 2


@dataclass(frozen=True)
class Trait:
    """One thing that holds for a visitor.

    Attributes
    ----------
    kind : str
        ``"genre"``, ``"director"``, ``"actor"``, ``"decade"`` or ``"keyword"``.
    value : str
        As it is written, ``"1990s"`` for a decade.
    share : float
        Part of the history that supports it, in (0, 1].
    evidence : tuple of Any
        Ids of items that support it, most important first, at most 5.
    """

    kind: str
    value: str
    share: float
    evidence: tuple[Any, ...]


@dataclass(frozen=True)
class UserProfile:
    """What is known about a visitor.

    Attributes
    ----------
    history : tuple of int
        Item rows, most important (newest, else heaviest) first.
    genres, people, decades, keywords : tuple of Trait
        Largest share first.
    language : {"en", "zh"}
        Style: the language they write in.
    """

    history: tuple[int, ...] = ()
    genres: tuple[Trait, ...] = ()
    people: tuple[Trait, ...] = ()
    decades: tuple[Trait, ...] = ()
    keywords: tuple[Trait, ...] = ()
    language: Language = "en"

    def affinity(self, genres: Iterable[str]) -> float:
        """How usual these genres are for the visitor: mean share, in [0, 1]."""
        shares = {trait.value: trait.share for trait in self.genres}
        listed = [shares.get(genre, 0.0) for genre in genres]
        return sum(listed) / len(listed) if listed else 0.0


class Profiler:
    """Builds profiles against one catalogue."""

    def __init__(self, facts: ItemFacts) -> None:
        self._facts = facts

    def profile(
        self, history: Sequence[int], language: Language = "en", *, keywords: bool = True
    ) -> UserProfile:
        """Profile of a visitor.

        Parameters
        ----------
        history : sequence of int
            Item rows, most important first.
        language : {"en", "zh"}
            What they write.
        keywords : bool
            Also read the descriptions; the first profile that does reads the whole catalogue's.
        """
        facts = self._facts
        people = self._traits(
            history, "director", lambda row: facts.people(row).get("director", ())
        )
        people += self._traits(history, "actor", lambda row: facts.people(row).get("actor", ()))
        return UserProfile(
            history=tuple(history),
            genres=tuple(self._traits(history, "genre", facts.genres, least=1)),
            people=tuple(sorted(people, key=lambda trait: -trait.share)[:10]),
            decades=tuple(self._traits(history, "decade", self._decade, least=1)),
            keywords=tuple(self._keywords(history)) if keywords else (),
            language=language,
        )

    def _traits(
        self,
        history: Sequence[int],
        kind: str,
        values: Callable[[int], Iterable[str]],
        least: int = _TWICE,
    ) -> list[Trait]:
        rows: dict[str, list[int]] = defaultdict(list)
        for row in history:
            for value in values(row):
                rows[value].append(row)
        traits = [
            Trait(kind, value, len(found) / len(history), tuple(self._facts.items(found[:5])))
            for value, found in rows.items()
            if len(found) >= least
        ]
        return sorted(traits, key=lambda trait: (-trait.share, trait.value))

    def _decade(self, row: int) -> tuple[str, ...]:
        year = self._facts.year(row)
        return (f"{year // 10 * 10}s",) if year else ()

    def _keywords(self, history: Sequence[int]) -> list[Trait]:
        """Words that descriptions of the history have far oftener than the catalogue's."""
        rows: dict[str, list[int]] = defaultdict(list)
        for row in history:
            for word in self._plot_words(row):
                rows[word].append(row)
        total = max(1, len(self._facts))
        scored = {
            word: len(found) * math.log(total / (1 + self._in_how_many[word]))
            for word, found in rows.items()
            if len(found) >= _TWICE
        }
        best = sorted(scored, key=lambda word: (-scored[word], word))[:10]
        return [
            Trait(
                "keyword",
                word,
                len(rows[word]) / len(history),
                tuple(self._facts.items(rows[word][:5])),
            )
            for word in best
        ]

    @cached_property
    def _in_how_many(self) -> Counter[str]:
        return Counter(
            word for row in np.arange(len(self._facts)) for word in self._plot_words(int(row))
        )

    def _plot_words(self, row: int) -> set[str]:
        stop = load_words("stop_words.txt")
        return {
            word.form
            for word in words(self._facts.plot(row))
            if len(word.form) > 3 and word.form.isalpha() and word.form not in stop
        }
