"""Linking: which title words are meant to be that are no title, and how sure that is."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from heapq import nsmallest
from math import log

from rapidfuzz import fuzz, process

from llm_layer.catalogue.spelling import Speller, digits, is_small, slips
from llm_layer.lexicon import load_words

_LEADING = frozenset({"the", "a", "an"})
# How alike a typed phrase and a title have to be before their words are held against each other:
# "Termintor" and "Terminator" are 95.
_CLOSE = 78.0
_SUGGESTED = 84.0
# So many of the most alike are looked at.
_MOST = 4
# Words whose near ones are kept, a list of a few each.
_WORDS_KEPT = 4096
# A title has at most so many times the words of a phrase that stands inside it.
_SHARE = 3
# So much of the words of a phrase and a title has to be the same to ask about it.
_ALIKE = 0.55
_NUMERAL = re.compile(r"\b(?:ii|iii|iv|v|vi|vii|viii|\d|two|three|four)\b")


@dataclass(frozen=True)
class Link:
    """An item that a phrase names.

    Attributes
    ----------
    row : int
        Item row.
    is_sure : bool
        The phrase is its title, incomplete or misspelled; else it was taken for it, and whoever
        typed it has to be told so.
    """

    row: int
    is_sure: bool = True


def without_article(form: str) -> str:
    """A comparable form without a leading article, unless nothing else is left."""
    first, _, rest = form.partition(" ")
    return rest if first in _LEADING and rest else form


class TitleLinker:
    """Finds the titles that incomplete and misspelled phrases mean.

    Parameters
    ----------
    rows : mapping of str to tuple of int
        Items by comparable form.
    subtitled : mapping of str to sequence of int
        Items by what stands behind a colon or a dash.
    best : callable
        Which of several rows is meant.
    """

    def __init__(
        self,
        rows: Mapping[str, tuple[int, ...]],
        subtitled: Mapping[str, Sequence[int]],
        best: Callable[[Iterable[int]], int],
    ) -> None:
        self._rows = rows
        self._subtitled = subtitled
        self._best = best
        self._speller = Speller(self._is_word)
        self._near_words = lru_cache(maxsize=_WORDS_KEPT)(self._words_near)

    def link(self, form: str, within: bool) -> Link | None:
        """What a comparable form that is no title's means; None where nothing is near enough."""
        if len(form) < 4:
            return None
        if found := self._incomplete(form, within):
            return found
        row = self._misspelled(form)
        if row is not None:
            return Link(row)
        corrected = self._corrected(form)
        if corrected == form or len(_telling(corrected)) < 2:
            return None
        return self._incomplete(corrected, within)

    def near(self, form: str) -> int | None:
        """What to ask about: the title that is most alike in letters, or in words that tell."""
        alike = self._alike(form, _SUGGESTED)
        if alike:
            return self._best(self._rows[alike[0]])
        typed = {word for word in form.split() if not is_small(word)}
        scores: dict[str, float] = {}
        for word in typed:
            for other in self._by_word.get(word, ()):
                if other not in scores:
                    scores[other] = self._shared(typed, other)
        best = max(scores.values(), default=0.0)
        if best < _ALIKE:
            return None
        return self._best(
            {row for other, score in scores.items() if score == best for row in self._rows[other]}
        )

    def _shared(self, typed: set[str], other: str) -> float:
        """Dice's share of the words of two titles, each weighed by how rare it is."""
        wanted = {word for word in other.split() if not is_small(word)}
        both, total = (
            sum(
                log(1 + len(self._rows) / max(1, len(self._by_word.get(word, ())))) for word in part
            )
            for part in (typed & wanted, [*typed, *wanted])
        )
        return 2 * both / total

    def begun(self, form: str) -> int | None:
        """The most popular item whose title is, or begins with, a form; None for no such."""
        wanted = without_article(form)
        first = wanted.split()[0] if wanted else ""
        rows = [
            row
            for other in self._by_word.get(first, ())
            if f"{without_article(other)} ".startswith(f"{wanted} ")
            for row in self._rows[other]
        ]
        return self._best(rows) if rows else None

    def _is_word(self, word: str) -> bool:
        return (
            word in self._by_word
            or word in load_words("stop_words.txt")
            or word in load_words("plain_words_en.txt")
        )

    def _incomplete(self, form: str, within: bool) -> Link | None:
        """The phrase begins a title, as "star wars" does, or stands within: the most popular."""
        numbered = self._numbered.get(_with_digits(form))
        if numbered:
            return Link(self._best(numbered))
        wanted = without_article(form)
        split, telling = wanted.split(), _telling(wanted)
        if within and (subtitled := self._subtitled.get(wanted)):
            return Link(self._best(subtitled), len(telling) > 1)
        others = {
            other
            for other in self._by_word.get(max(split, key=len), ())
            if f" {wanted} " in f" {other} "
        }
        begun = {other for other in others if f"{without_article(other)} ".startswith(f"{wanted} ")}
        if len(split) == 1 and len({_second_word(other) for other in begun}) > 1:
            begun = set()  # one word that begins several titles is none of them
        # Two words out of the middle of a long title name it as little as any other.
        others = {other for other in others if len(other.split()) <= _SHARE * len(split)}
        if len(wanted) < 5 or (not begun and (len(telling) < 2 or not within or not others)):
            return None
        rows = {row for other in begun or others for row in self._rows[other]}
        several = telling and sum(not is_small(word) for word in split) > 1
        return Link(self._best(rows), bool(begun and several))

    def _misspelled(self, form: str) -> int | None:
        """The title that differs by the fewest slips of the fingers; popularity parts equals."""
        typed = form.split()
        row = self._fewest_slips(typed, self._alike(form, _CLOSE))
        return row if row is not None else self._fewest_slips(typed, self._worded_alike(typed))

    def _fewest_slips(self, typed: Sequence[str], others: Iterable[str]) -> int | None:
        best: tuple[int, int] | None = None
        for other in others:
            found = self._speller.slips(typed, other.split())
            if found is None or (best is not None and found > best[0]):
                continue
            row = self._best(self._rows[other])
            if best is None or found < best[0] or self._best((row, best[1])) == row:
                best = found, row
        return None if best is None else best[1]

    def _alike(self, form: str, cutoff: float) -> list[str]:
        """Titles of about the same length that begin or end with the same letters, best first."""
        found: dict[str, float] = {}
        for length in range(len(form) - 3, len(form) + 4):
            for end in (form[:2], form[-3:] + "$"):
                listed = self._by_ends.get((end, length), ())
                if listed:
                    near = process.extract(
                        form, listed, scorer=fuzz.ratio, score_cutoff=cutoff, limit=_MOST
                    )
                    found.update((other, score) for other, score, _ in near)
        return sorted(found, key=lambda other: -found[other])[:_MOST]

    def _worded_alike(self, typed: Sequence[str]) -> list[str]:
        """Titles with the words that were typed, each put right, of about the same number."""
        counts: dict[str, int] = defaultdict(int)
        for word in typed:
            if not is_small(word):
                for near in self._near_words(word):
                    for other in self._by_word[near]:
                        counts[other] += 1
        telling = len(_telling(" ".join(typed)))
        fits = [other for other, count in counts.items() if count * 2 >= telling]
        return nsmallest(
            _MOST, fits, key=lambda other: (-counts[other], abs(other.count(" ") + 1 - len(typed)))
        )

    def _words_near(self, word: str) -> list[str]:
        """A word of titles itself, else those that it may be a slip of."""
        if word in self._by_word:
            return [word]
        listed = [
            each
            for length in range(len(word) - 2, len(word) + 3)
            for each in self._words_by_length.get((word[0], length), ())
        ]
        near = process.extract(word, listed, scorer=fuzz.ratio, score_cutoff=70.0, limit=_MOST)
        return [each for each, _, _ in near if slips(word, each) is not None]

    def _corrected(self, form: str) -> str:
        """The phrase with each unknown word put into the nearest word that titles have."""
        right = []
        for word in form.split():
            near = self._near_words(word) if len(word) > 4 and not self._is_word(word) else []
            right.append(near[0] if near else word)
        return " ".join(right)

    @cached_property
    def _by_ends(self) -> dict[tuple[str, int], list[str]]:
        """Titles by their first two letters, and by their last three, and their length."""
        listed: dict[tuple[str, int], list[str]] = defaultdict(list)
        for form in self._rows:
            listed[form[:2], len(form)].append(form)
            listed[form[-3:] + "$", len(form)].append(form)
        return listed

    @cached_property
    def _by_word(self) -> dict[str, list[str]]:
        listed: dict[str, list[str]] = defaultdict(list)
        for form in self._rows:
            for word in set(form.split()):
                listed[word].append(form)
        return dict(listed)

    @cached_property
    def _words_by_length(self) -> dict[tuple[str, int], list[str]]:
        listed: dict[tuple[str, int], list[str]] = defaultdict(list)
        for word in self._by_word:
            listed[word[0], len(word)].append(word)
        return listed

    @cached_property
    def _numbered(self) -> dict[str, tuple[int, ...]]:
        """Items of numbered titles by the number as a digit: "godfather 2", "rocky 3"."""
        rows: dict[str, set[int]] = defaultdict(set)
        for form, listed in self._rows.items():
            if _NUMERAL.search(form):
                numbered = _with_digits(form)
                rows[numbered].update(listed)
                if begun := re.match(r"(.+? \d+) ", numbered):
                    rows[begun[1]].update(listed)
        return {form: tuple(sorted(listed)) for form, listed in rows.items()}


def _telling(form: str) -> list[str]:
    """Words of a form that tell one title from others."""
    return [word for word in form.split() if word not in load_words("stop_words.txt")]


def _second_word(form: str) -> str:
    return " ".join(without_article(form).split()[1:2])


def _with_digits(form: str) -> str:
    """A title with numerals as digits, without "part", "episode" and a leading article."""
    split = [digits(word) for word in without_article(form).split()]
    return " ".join(word for word in split if word not in ("part", "episode", "chapter", "number"))
