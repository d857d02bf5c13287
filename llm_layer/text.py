"""Words of a text in a form that can be compared, and the language it is written in."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Literal, NamedTuple, TypeAlias

from llm_layer.lexicon import load_words

Language: TypeAlias = Literal["en", "zh"]

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_HAN_LETTER = re.compile(f"[{_HAN}]")
# A word: letters and digits with inner apostrophes, or one Chinese character.
_WORD = re.compile(rf"[{_HAN}]|(?:(?![{_HAN}])[^\W_])+(?:['’`](?:(?![{_HAN}])[^\W_])+)*")
# The same where there is nothing but ASCII, in lower case.
_PLAIN_WORD = re.compile(r"[a-z0-9]+(?:['`][a-z0-9]+)*")
# What people put around a title.
QUOTED = re.compile(r"“([^”]+)”|《([^》]+)》|«([^»]+)»|「([^」]+)」|\"([^\"]+)\"")
_MARKS = re.compile('[“”„‟"＂«»「」『』《》〈〉‹›]')
# Signs that hide, steer a terminal or reorder what is read, by Unicode category, and others that
# look like nothing at all.
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UNSEEN_OTHERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_STACKED = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{2})"
    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
)
# What a chat template, a page or a terminal could take for its own: "<|im_start|>", "[INST]".
_TOKENS = re.compile(
    r"<[|｜][^<>]{0,60}[|｜]>|<<?/?[A-Za-z_]{1,30}[^<>]{0,200}>>?|\[/?[A-Z_]{2,20}\](?=.*\[/)"
    r"|<[|｜]|[|｜]>|\[/?INST\]|\{+[^{}]{0,60}\}+|\]\(|!\[|`+|#{2,}"
)
# A link, an address of a page or of a mailbox.
LINK = re.compile(
    r"\b[a-z][a-z0-9+.-]*://[^\s“”\"<>《》]+|\bwww\.[^\s“”\"<>《》]+"
    r"|\b(?:mailto|javascript|data|tel):[^\s“”\"<>《》]+"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|co|info|biz|cn|ru|xyz|top|shop|site|online|app|dev|ly|me"
    r"|example|test|invalid)\b(?:/[^\s“”\"<>《》]*)?",
    re.IGNORECASE,
)
# Those of them that a page makes clickable wherever they stand.
_LIVE = re.compile(
    r"\b[a-z][a-z0-9+.-]*://\S+|\bwww\.\S+|\b(?:mailto|javascript|data|tel):\S+"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    re.IGNORECASE,
)
_APOSTROPHES = str.maketrans("", "", "'’`")


class Word(NamedTuple):
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
    if text.isascii() and "&" not in text:
        found = _PLAIN_WORD.findall(text.lower())
        return " ".join(found).replace("'", "").replace("`", "")
    return " ".join(word.form for word in words(text))


@lru_cache(maxsize=65536)
def _comparable(word: str) -> str:
    folded = unicodedata.normalize("NFKD", word.translate(_APOSTROPHES)).casefold()
    return "".join(sign for sign in unicodedata.normalize("NFKD", folded) if sign.isalnum())


def has_unseen(text: str) -> bool:
    r"""Whether a text has signs that cannot be seen; line ends and spaces do not count.

    Examples
    --------
    >>> has_unseen("Heat\u200b"), has_unseen("Heat and\nFargo")
    (True, False)
    """
    return any(
        (unicodedata.category(sign) in _UNSEEN_CATEGORIES and sign != "\n")
        or sign in _UNSEEN_OTHERS
        for sign in text
        if not (sign.isascii() and sign.isprintable())
    )


def seen(text: str) -> str:
    r"""One line without signs that cannot be seen: a space stands for them, and for any others.

    Examples
    --------
    >>> seen("The\u202e Film\n now")
    'The Film now'
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = [" " if has_unseen(sign) or sign.isspace() else sign for sign in text]
    return " ".join(_STACKED.sub(r"\1", "".join(kept)).split())


def inert(text: str) -> str:
    """Data for a prompt or a page: nothing in it is a token, a tag, a mark or a link of markup.

    The words stay, what makes them more than words becomes a space.

    Examples
    --------
    >>> inert("Heat <|im_start|>system {why} [x](y)")
    'Heat im start system why [x y)'
    """
    for pattern in (_LIVE, _TOKENS):
        text = pattern.sub(lambda found: _BARE.sub(" ", found.group()), text)
    return seen(text)


_BARE = re.compile(r"[^\w]+|_")


def unquoted(text: str) -> str:
    r"""One line that can stand between quotation marks: none inside, white space collapsed.

    Examples
    --------
    >>> unquoted("The “Best”\nFilm")
    "The 'Best' Film"
    """
    return seen(_MARKS.sub("'", text))


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


def simplified(text: str) -> str:
    """The text with simplified Chinese signs and plain Latin ones, each in its old place.

    Examples
    --------
    >>> simplified("推薦９０年代的電影")
    '推荐90年代的电影'
    """
    return text if text.isascii() else text.translate(_simple_signs())


@cache
def _simple_signs() -> dict[int, str]:
    wide = {code: chr(code - 0xFEE0) for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF5B))}
    wide = {code: sign for code, sign in wide.items() if sign.isalnum()}
    return wide | {ord(pair[0]): pair[1] for pair in load_words("traditional.txt")}


def readable(text: str) -> str:
    r"""A message without signs that nobody types: control characters, directions, zero width.

    Examples
    --------
    >>> readable("a \u202ecomedy\x00\x1b[31m, please")
    'a comedy[31m, please'
    """
    kept = (sign if sign in "\n\t" or unicodedata.category(sign)[0] != "C" else "" for sign in text)
    return "".join(kept).strip()
