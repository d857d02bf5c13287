"""Words of a text in a form that can be compared, and the language it is written in."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["en", "zh"]

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_HAN_LETTER = re.compile(f"[{_HAN}]")
# A word: letters and digits with inner apostrophes, or one Chinese character.
_WORD = re.compile(rf"[{_HAN}]|(?:(?![{_HAN}])[^\W_])+(?:['’`](?:(?![{_HAN}])[^\W_])+)*")
# What people put around a title.
QUOTED = re.compile(r"“([^”]+)”|《([^》]+)》|«([^»]+)»|「([^」]+)」|\"([^\"]+)\"")
_MARKS = re.compile('[“”„‟"＂«»「」『』《》〈〉‹›]')
# Line ends and other signs that steer a terminal or reorder what is read.
_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_APOSTROPHES = str.maketrans("", "", "'’`")


@dataclass(frozen=True)
class Word:
    """One word of a text.

    Attributes
    ----------
    form : str
        Comparable form: lower case, no accents, no apostrophes.
    start, end : int
        Where it stands in the text, end exclusive.
    """

    form: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """Words of `text` in order; each Chinese character is a word of its own.

    Examples
    --------
    >>> [word.form for word in words("Amélie's 2nd film, 好看")]
    ['amelies', '2nd', 'film', '好', '看']
    >>> [word.form for word in words("Thelma & Louise")]
    ['thelma', 'and', 'louise']
    """
    found = [
        Word(form, match.start(), match.end())
        for match in _WORD.finditer(text)
        if (form := _comparable(match.group()))
    ]
    if "&" in text:
        found += [Word("and", at, at + 1) for at, sign in enumerate(text) if sign == "&"]
        found.sort(key=lambda word: word.start)
    return found


def normalize(text: str) -> str:
    """Comparable form of a whole text: its words' forms, one space between them.

    Examples
    --------
    >>> normalize("Thelma & Louise (1991)")
    'thelma and louise 1991'
    """
    return " ".join(word.form for word in words(text))


@lru_cache(maxsize=65536)
def _comparable(word: str) -> str:
    folded = unicodedata.normalize("NFKD", word.translate(_APOSTROPHES)).casefold()
    return "".join(sign for sign in unicodedata.normalize("NFKD", folded) if sign.isalnum())


def unquoted(text: str) -> str:
    r"""One line that can stand between quotation marks: none inside, white space collapsed.

    Examples
    --------
    >>> unquoted("The “Best”\nFilm")
    "The 'Best' Film"
    """
    return _UNSEEN.sub(" ", _MARKS.sub("'", text)).strip()


def has_chinese(text: str) -> bool:
    """Whether any Chinese character stands in `text`."""
    return _HAN_LETTER.search(text) is not None


def detect_language(text: str, default: Language = "en") -> Language:
    """Language of what someone typed: ``"zh"`` where Chinese stands outside of quotation marks.

    Parameters
    ----------
    text : str
        Any text.
    default : {"en", "zh"}
        Answer for a text without any letter.

    Examples
    --------
    >>> detect_language("推荐一部像 The Matrix 的电影"), detect_language("like 《英雄》 please")
    ('zh', 'en')
    """
    outside = QUOTED.sub(" ", text)
    if has_chinese(outside):
        return "zh"
    if any(sign.isalpha() for sign in outside):
        return "en"
    return "zh" if has_chinese(text) else default


def quoted_parts(text: str) -> list[tuple[str, int, int]]:
    """What stands between quotation marks: inner text, start and end with the marks.

    Examples
    --------
    >>> quoted_parts("see “Heat” or 《英雄》")
    [('Heat', 4, 10), ('英雄', 14, 18)]
    """
    return [
        (next(part for part in match.groups() if part is not None), match.start(), match.end())
        for match in QUOTED.finditer(text)
    ]


def readable(text: str) -> str:
    r"""A message without signs that nobody types: control characters, directions, zero width.

    Examples
    --------
    >>> readable("a \u202ecomedy\x00\x1b[31m, please")
    'a comedy[31m, please'
    """
    kept = (sign if sign in "\n\t" or unicodedata.category(sign)[0] != "C" else "" for sign in text)
    return "".join(kept).strip()
