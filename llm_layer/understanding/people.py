"""People: names of a catalogue's people in a message, whole, in part, or misspelled."""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from llm_layer.lexicon import load, load_words
from llm_layer.text import Word, normalize, words

_I = re.IGNORECASE
# How alike a typed name and a known one have to be: "spielburg" and "spielberg" are 0.89.
_CLOSE = 82
_CLOSE_LAST = 84
_SHORTEST = 4
_TOGETHER = 8
_LONG_ENOUGH = 6
# What a name stands next to.
_BEFORE = re.compile(
    r"\b(?:with|starring|stars?|featuring|feat\.?|directed by|written by|made by|director|actor|actress|author|writer|by|from director"
    r"|fan of|films? of|movies? of|books? by|work of|works of|anything by|something by|want|love|like|prefer|more|some|without|no|except|not)\s+"
    r"(?:(?:the )?(?:director|actor|actress|author|a|an|some|more|any|old)\s+)?$"
    r"|(?:导演|主演|演员|作者|有|由|是|看|喜欢|要|找|来点|不要|除了|没有|和|跟|与)\s*$",
    _I,
)
_BEHIND = re.compile(
    r"^(?:['’]s?)?\s+(?:(?:early|late|old|new|other|best|latest|great|funny|\w+y) )?(?:films?|movies?|flicks?|pictures?|stuff|books?|novels?|comed(?:y|ies)|thrillers?|westerns?|dramas?|fan|one|bro(?:ther)?s|sisters)\b"
    r"|^\s*(?:的|导演|主演|执导|演的|拍的|写的|参演|出演|编剧|作品)",
    _I,
)
# These words alone stand before a name however it is spelled.
_SURELY = re.compile(
    r"\b(?:with|starring|stars|featuring|directed by|written by|by|director|actor|actress|author)\s+(?:(?:director|actor|actress|author)\s+)?$"
    r"|(?:导演|主演|演员|作者|有|由)\s*$",
    _I,
)
_SURELY_BEHIND = re.compile(
    r"^(?:['’]s?)?\s+(?:films?|movies?|flicks?|books?|novels?|bro(?:ther)?s|sisters)\b|^\s*(?:的(?:电影|片子|作品|书)|导演|主演|执导|演的|拍的|写的|出演)",
    _I,
)


@dataclass(frozen=True)
class PersonMention:
    """A person found in a text: comparable form of the name, and where it stands."""

    name: str
    start: int
    end: int


class PersonIndex:
    """Finds people in texts.

    Parameters
    ----------
    rows : mapping of str to sequence of int
        Items of each person, by the comparable form of the name.
    popularity : array of float, shape (n_items,)
        Settles whom a last name means.
    """

    def __init__(self, rows: Mapping[str, Sequence[int]], popularity: npt.ArrayLike) -> None:
        self._weight = np.asarray(popularity, np.float64)
        self._rows = rows
        self._longest = max((len(name.split()) for name in rows), default=0)
        self._together = {name.replace(" ", ""): name for name in rows if " " in name}
        self._by_part: dict[str, list[str]] = defaultdict(list)
        for name in rows:
            split = name.split()
            for part in {split[-1], " ".join(split[-2:])} if len(split) > 1 else ():
                self._by_part[part].append(name)
        known = load("names_zh.json")["people"]
        self._names_zh = {name: normalize(form) for name, form in known.items()}
        self._names_zh = {name: form for name, form in self._names_zh.items() if form in rows}
        ordered = sorted(self._names_zh, key=len, reverse=True)
        dotted = "|".join("[·•.・ -]?".join(name) for name in ordered)
        self._chinese = re.compile(dotted) if dotted else None
        last = [part for part in self._by_part if " " not in part and len(part) >= _SHORTEST]
        self._last = _Buckets(last)
        self._whole = _Buckets([name for name in rows if " " in name])

    def find(
        self, text: str, taken: Sequence[str] = (), listed: Sequence[Word] | None = None
    ) -> list[PersonMention]:
        """People in `text`, in order.

        Parameters
        ----------
        text : str
            A message; what is understood otherwise is blank.
        taken : sequence of str
            Words that are no names (words for genres).
        listed : sequence of Word, optional
            Its words, where they are known.
        """
        if not self._rows:
            return []
        listed = words(text) if listed is None else listed
        found: list[PersonMention] = []
        at = 0
        while at < len(listed):
            name, length = self._at(text, listed, at, taken)
            if name:
                found.append(PersonMention(name, listed[at].start, listed[at + length - 1].end))
            at += max(1, length)
        if self._chinese is not None and not text.isascii():
            found += [
                PersonMention(self._names_zh[_plain_name(match.group())], *match.span())
                for match in self._chinese.finditer(text)
            ]
            found.sort(key=lambda mention: mention.start)
        return found

    def link(self, name: str) -> str | None:
        """Person that a name means: whole, a last name, or misspelled; None for nobody."""
        form = normalize(name)
        return (form if form in self._rows else self._named(form, surely=True)) or None

    def is_last_name(self, word: str) -> bool:
        """Whether anybody has exactly this last name."""
        return word in self._by_part

    def _at(
        self, text: str, listed: Sequence[Word], at: int, taken: Sequence[str]
    ) -> tuple[str, int]:
        """Person whose name begins with word `at`, and how many words it has; "", 0 for none."""
        for length in range(min(self._longest, len(listed) - at), 1, -1):
            forms = [word.form for word in listed[at : at + length]]
            if (name := " ".join(forms)) in self._rows:
                return name, length
            if (name := self._together.get("".join(forms), "")) and len(name) > _TOGETHER:
                return name, length  # "Robert DeNiro"
        before = text[max(0, listed[at].start - 40) : listed[at].start]
        for length in (3, 2, 1):
            part = listed[at : at + length]
            if len(part) < length or any(_is_plain(word.form, taken) for word in part):
                continue
            if any(one.end + 1 < other.start for one, other in pairwise(part)):
                continue
            behind = text[part[-1].end : part[-1].end + 30]
            near = _BEFORE.search(before) or _BEHIND.search(behind)
            if not near:
                continue
            surely = bool(_SURELY.search(before) or _SURELY_BEHIND.search(behind))
            form = " ".join(word.form for word in part)
            lower = text[part[0].start].islower()
            if not surely and lower and form in load_words("common_names.txt"):
                continue
            name = self._named(form, surely)
            if name:
                return name, length
        return "", 0

    def _named(self, form: str, surely: bool) -> str:
        """Whom a name in part means; where it `surely` is a name, misspelled ones too."""
        if form in self._rows and (" " in form or surely):
            return form
        if form in self._by_part and (len(form) >= 5 or surely):
            return max(self._by_part[form], key=self._fame_of)
        if not surely or len(form) < 5:
            return ""
        if " " in form:
            return self._whole.near(form) or ""
        if len(form) < _LONG_ENOUGH:
            return ""
        near = self._last.near(form, _CLOSE_LAST)
        return max(self._by_part[near], key=self._fame_of) if near else ""

    def _fame_of(self, name: str) -> tuple[float, str]:
        return float(self._weight[list(self._rows[name])].sum()), name


class _Buckets:
    """Texts by first letter and length, for quick search of what is near to one."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._listed: dict[tuple[str, int], list[str]] = defaultdict(list)
        for text in texts:
            self._listed[text[0], len(text)].append(text)

    def near(self, form: str, close: float = _CLOSE) -> str | None:
        """Nearest text with the same first letter and about the same length."""
        slack = 1 if len(form) < 7 else 2
        best: tuple[float, str] | None = None
        for length in range(len(form) - slack, len(form) + slack + 1):
            listed = self._listed.get((form[0], length), ())
            found = process.extractOne(form, listed, scorer=fuzz.ratio, score_cutoff=close)
            if found is not None and (best is None or found[1] > best[0]):
                best = found[1], found[0]
        return best[1] if best is not None else None


def _plain_name(name: str) -> str:
    """A Chinese name without the dots between its parts."""
    return _DOTS.sub("", name)


_DOTS = re.compile(r"[·•.・ -]")


@cache
def _plain_words() -> frozenset[str]:
    return load_words("stop_words.txt") | load_words("plain_words_en.txt")


def _is_plain(form: str, taken: Sequence[str]) -> bool:
    return form in _plain_words() or form in taken or not (form.isascii() and form.isalpha())
