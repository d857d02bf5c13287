"""Titles: how they are shown, and how one is recognized in what somebody wrote."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from llm_layer.catalogue.linking import Link, TitleLinker, without_article
from llm_layer.text import Word, inert, normalize, unquoted, words

_YEAR = re.compile(r"\s*\((\d{4})\)\s*$")
_BRACKETS = re.compile(r"\s*\(([^()]*)\)")
_ALSO_KNOWN = re.compile(r"^(?:a\.?k\.?a\.?|aka)\s+", re.IGNORECASE)
_ARTICLES = (
    "The|A|An|La|Le|Les|L'|Il|Lo|I|El|Los|Las|Das|Der|Die|Det|Den|De|Een|Un|Une|Una|O|Os|As|Gli"
)
_MOVED_ARTICLE = re.compile(rf"^(?P<rest>.+), (?P<article>{_ARTICLES})$", re.IGNORECASE)
# Signs of the longest title that is shown whole.
_LONGEST = 100


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
    forms += [without_article(form) for form in list(forms)]
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
        found = self.linked(phrase, within=within)
        return found.row if found is not None else None

    def linked(self, phrase: str, *, within: bool = True) -> Link | None:
        """As :meth:`link`, and whether the phrase is that title or was only taken for it."""
        if exact := self.rows(phrase):
            return Link(self.best(exact))
        return self._linker.link(normalize(phrase), within)

    def near(self, phrase: str) -> int | None:
        """Item to ask about ("did you mean ...?") where a phrase is no title; None for none.

        Examples
        --------
        >>> index = TitleIndex(["War of the Worlds, The (1953)", "Matrix, The (1999)"])
        >>> index.link("the war at home"), index.near("the war at home")
        (None, None)
        >>> index.link("matrix reloaded"), index.near("matrix reloaded")
        (None, 1)
        """
        return self._linker.near(normalize(phrase))

    def begun(self, phrase: str) -> int | None:
        """The most popular item whose title is, or begins with, a phrase; None for no such."""
        return self._linker.begun(normalize(phrase))

    @cached_property
    def _linker(self) -> TitleLinker:
        subtitled: dict[str, list[int]] = defaultdict(list)
        for row, title in enumerate(self.forms):
            for part in _SUBTITLE.split(title.shown)[1:]:
                form = without_article(normalize(part))
                if " " in form:
                    subtitled[form].append(row)
        return TitleLinker(self._rows, subtitled, self.best)


_SUBTITLE = re.compile(r":\s+|\s+[-–—]\s+")
