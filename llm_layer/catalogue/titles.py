"""Titles: how they are shown, and how one is recognized in what somebody wrote."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from llm_layer.text import Word, inert, normalize, unquoted, words

_YEAR = re.compile(r"\s*\((\d{4})\)\s*$")
_BRACKETS = re.compile(r"\s*\(([^()]*)\)")
_ALSO_KNOWN = re.compile(r"^(?:a\.?k\.?a\.?|aka)\s+", re.IGNORECASE)
_ARTICLES = (
    "The|A|An|La|Le|Les|L'|Il|Lo|I|El|Los|Las|Das|Der|Die|Det|Den|De|Een|Un|Une|Una|O|Os|As|Gli"
)
_MOVED_ARTICLE = re.compile(rf"^(?P<rest>.+), (?P<article>{_ARTICLES})$", re.IGNORECASE)
_LEADING = frozenset({"the", "a", "an"})
# Signs of the longest title that is shown whole.
_LONGEST = 100
# How alike a typed phrase and a title have to be: "Termintor" and "Terminator" are 95.
_CLOSE = 84.0
_CLOSE_SHORT = 88.0
_CLOSE_WORD = 80.0
# A title has at most so many times the words of a phrase that stands inside it.
_SHARE = 3


@dataclass(frozen=True)
class TitleForms:
    """A catalogue title taken apart.

    Attributes
    ----------
    shown : str
        As it reads in a sentence: article in front, no year, no second title, no quotation mark,
        nothing that a model or a page could take for its own, not too long.
    forms : tuple of str
        Every comparable form under which it may be named, the shown one first; empty where the
        title has no letter and no digit.
    """

    shown: str
    forms: tuple[str, ...]


def title_forms(raw: str) -> TitleForms:
    """Take a catalogue title apart.

    Examples
    --------
    >>> title_forms("American President, The (1995)").shown
    'The American President'
    >>> title_forms("Postino, Il (The Postman) (1994)").forms
    ('il postino', 'the postman', 'postman')
    """
    raw = unquoted(inert(raw))
    body = _YEAR.sub("", raw).strip()
    inner = [_ALSO_KNOWN.sub("", part).strip() for part in _BRACKETS.findall(body)]
    main = _BRACKETS.sub("", body).strip() or body
    whole = _article_in_front(main)
    shown = _cut(whole)
    forms = [normalize(shown), normalize(whole)]
    for name in inner:
        forms.append(normalize(_article_in_front(name)))
    forms += [_without_article(form) for form in list(forms)]
    named = tuple(dict.fromkeys(form for form in forms if form))
    return TitleForms(shown, named)


def _cut(title: str) -> str:
    """A title of a length that a sentence can hold; dots stand for the rest."""
    if len(title) <= _LONGEST:
        return title
    head = title[:_LONGEST].rsplit(" ", 1)[0] if " " in title[:_LONGEST] else title[:_LONGEST]
    return head.rstrip(" .,;:-–—") + "…"


def _article_in_front(title: str) -> str:
    found = _MOVED_ARTICLE.match(title)
    if found is None:
        return title
    article = found["article"]
    return f"{article}{'' if article.endswith(chr(39)) else ' '}{found['rest']}"


def _without_article(form: str) -> str:
    first, _, rest = form.partition(" ")
    return rest if first in _LEADING and rest else form


@dataclass(frozen=True)
class Mention:
    """A catalogue title found in a text.

    Attributes
    ----------
    rows : tuple of int
        Items that bear the title (remakes share one).
    form : str
        The comparable form that was found.
    start, end : int
        Where it stands, end exclusive.
    """

    rows: tuple[int, ...]
    form: str
    start: int
    end: int


class TitleIndex:
    """Finds catalogue titles in texts.

    Parameters
    ----------
    titles : sequence of str
        As the catalogue has them; position = item row.
    popularity : array of float, shape (n_items,), optional
        Settles which item an ambiguous or incomplete title means.

    Examples
    --------
    >>> index = TitleIndex(["Heat (1995)", "Matrix, The (1999)", "Toy Story (1995)"])
    >>> [mention.form for mention in index.find("is the matrix like toy story?")]
    ['the matrix', 'toy story']
    >>> index.link("Toy Storry"), index.link("Casablanca")
    (2, None)
    """

    def __init__(self, titles: Sequence[str], popularity: npt.ArrayLike | None = None) -> None:
        self.forms = [title_forms(title) for title in titles]
        self._popularity = np.zeros(len(titles)) if popularity is None else np.asarray(popularity)
        rows: dict[str, list[int]] = defaultdict(list)
        for row, title in enumerate(self.forms):
            for form in title.forms:
                rows[form].append(row)
        self._rows = {form: tuple(listed) for form, listed in rows.items()}
        self._longest: dict[str, int] = defaultdict(int)
        for form in self._rows:
            split = form.split()
            self._longest[split[0]] = max(self._longest[split[0]], len(split))

    def shown(self, row: int) -> str:
        """Title of an item as it reads in a sentence."""
        return self.forms[row].shown

    def rows(self, title: str) -> tuple[int, ...]:
        """Items of exactly this title, in any of its forms; empty where there is none."""
        form = normalize(_article_in_front(_YEAR.sub("", title).strip()))
        return self._rows.get(form) or self._rows.get(normalize(title), ())

    def spelled(self, form: str) -> bool:
        """Whether one word spells a title, even one of several words written as one."""
        return form in self._rows or form in self._joined

    @cached_property
    def _joined(self) -> frozenset[str]:
        return frozenset(form.replace(" ", "") for form in self._rows if " " in form)

    def find(self, text: str) -> list[Mention]:
        """Every title in `text`, longest first at each place, none inside another."""
        return self.find_words(words(text))

    def find_words(self, listed: Sequence[Word]) -> list[Mention]:
        """As :meth:`find`, over words."""
        found: list[Mention] = []
        at = 0
        while at < len(listed):
            mention = self._at(listed, at)
            if mention is None:
                at += 1
                continue
            found.append(mention)
            while at < len(listed) and listed[at].start < mention.end:
                at += 1
        return found

    def _at(self, listed: Sequence[Word], at: int) -> Mention | None:
        """Longest title that begins with word `at`."""
        for length in range(self._longest.get(listed[at].form, 0), 0, -1):
            part = listed[at : at + length]
            form = " ".join(word.form for word in part)
            if len(part) == length and form in self._rows:
                return Mention(self._rows[form], form, part[0].start, part[-1].end)
        return None

    def best(self, rows: Iterable[int]) -> int:
        """The most popular of `rows`, the first of equals."""
        return max(rows, key=lambda row: (self._popularity[row], -row))

    def link(self, phrase: str, *, within: bool = True) -> int | None:
        """Item that a phrase most likely names: exact, then incomplete, then misspelled.

        Parameters
        ----------
        phrase : str
            Words of a message.
        within : bool
            Whether it may also be the middle or the end of a title.

        Returns
        -------
        int or None
            Item row; None where nothing is near enough.
        """
        if exact := self.rows(phrase):
            return self.best(exact)
        form = normalize(phrase)
        if len(form) < 4:
            return None
        row = self._incomplete(form, within)
        if row is None:
            row = self._misspelled(form)
        if row is None and (corrected := self._corrected(form)) != form:
            rows = self._rows.get(corrected)
            row = self.best(rows) if rows else self._incomplete(corrected, within)
        return row

    def begun(self, phrase: str) -> int | None:
        """The most popular item whose title is, or begins with, a phrase; None for no such."""
        wanted = _without_article(normalize(phrase))
        first = wanted.split()[0] if wanted else ""
        rows = [
            row
            for form in self._by_word.get(first, ())
            if f"{_without_article(form)} ".startswith(f"{wanted} ")
            for row in self._rows[form]
        ]
        return self.best(rows) if rows else None

    def _incomplete(self, form: str, within: bool) -> int | None:
        """The phrase begins a title, as "star wars" does, or stands within: the most popular."""
        numbered = self._numbered.get(_with_digits(form))
        if numbered:
            return self.best(numbered)
        wanted = _without_article(form)
        if within and (subtitled := self._by_subtitle.get(wanted)):
            return self.best(subtitled)
        split = wanted.split()
        others = {
            other
            for other in self._by_word.get(max(split, key=len), ())
            if f" {wanted} " in f" {other} "
        }
        begun = {other for other in others if _without_article(other).startswith(wanted)}
        if len(split) == 1 and len({_second_word(other) for other in begun}) > 1:
            begun = set()  # one word that begins several titles is none of them
        # Two words out of the middle of a long title name it as little as any other.
        others = {other for other in others if len(other.split()) <= _SHARE * len(split)}
        if len(wanted) < 5 or (not begun and (len(split) < 2 or not within or not others)):
            return None
        rows = {row for other in begun or others for row in self._rows[other]}
        return self.best(rows) if rows else None

    def _misspelled(self, form: str) -> int | None:
        """Nearest title of about the same length that begins or ends with the same letters."""
        best: tuple[float, float, int] | None = None
        cutoff = _CLOSE if len(form) > 5 else _CLOSE_SHORT
        for length in range(len(form) - 3, len(form) + 4):
            for end in (form[:2], form[-3:] + "$"):
                listed = self._by_ends.get((end, length), ())
                found = process.extractOne(form, listed, scorer=fuzz.ratio, score_cutoff=cutoff)
                if found is not None:
                    row = self.best(self._rows[found[0]])
                    key = (found[1], float(self._popularity[row]), row)
                    best = key if best is None or key > best else best
        return best[2] if best is not None else None

    def _corrected(self, form: str) -> str:
        """The phrase with each unknown word put into the nearest word that titles have."""
        words_of = []
        for word in form.split():
            near = None
            if word not in self._by_word and len(word) > 4:
                listed = [
                    each
                    for length in range(len(word) - 1, len(word) + 2)
                    for each in self._words_by_length.get((word[0], length), ())
                ]
                near = process.extractOne(word, listed, scorer=fuzz.ratio, score_cutoff=_CLOSE_WORD)
            words_of.append(near[0] if near else word)
        return " ".join(words_of)

    @cached_property
    def _by_ends(self) -> dict[tuple[str, int], list[str]]:
        """Titles by their first two letters, and by their last three, and their length."""
        listed: dict[tuple[str, int], list[str]] = defaultdict(list)
        for form in self._rows:
            listed[form[:2], len(form)].append(form)
            listed[form[-3:] + "$", len(form)].append(form)
        return listed

    @cached_property
    def _by_subtitle(self) -> dict[str, tuple[int, ...]]:
        """Items by what stands behind a colon or a dash, where that is two words or more."""
        rows: dict[str, list[int]] = defaultdict(list)
        for row, title in enumerate(self.forms):
            for part in _SUBTITLE.split(title.shown)[1:]:
                form = _without_article(normalize(part))
                if " " in form:
                    rows[form].append(row)
        return {form: tuple(listed) for form, listed in rows.items()}

    @cached_property
    def _by_word(self) -> dict[str, list[str]]:
        listed: dict[str, list[str]] = defaultdict(list)
        for form in self._rows:
            for word in set(form.split()):
                listed[word].append(form)
        return listed

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
                digits = _with_digits(form)
                rows[digits].update(listed)
                if begun := re.match(r"(.+? \d+) ", digits):
                    rows[begun[1]].update(listed)
        return {form: tuple(sorted(listed)) for form, listed in rows.items()}


_SUBTITLE = re.compile(r":\s+|\s+[-–—]\s+")


def _second_word(form: str) -> str:
    return " ".join(_without_article(form).split()[1:2])


_NUMERAL = re.compile(r"\b(?:ii|iii|iv|v|vi|vii|viii|\d|two|three|four)\b")
_DIGITS = {
    "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8",
    "two": "2", "three": "3", "four": "4", "five": "5",
}  # fmt: skip


def _with_digits(form: str) -> str:
    """A title with numerals as digits, without "part", "episode" and a leading article."""
    split = [_DIGITS.get(word, word) for word in _without_article(form).split()]
    return " ".join(word for word in split if word not in ("part", "episode", "chapter", "number"))
