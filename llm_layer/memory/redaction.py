"""Redaction: what identifies a person is taken out of a text before it is stored or sent.

A message without a digit, an ``@`` or a word of an address passes at once. What stands in quotation
marks, or is a title of the catalogue, is no address: "21 Jump Street" is a film.
"""
# ruff: noqa: E501 - an alternative reads best on one line

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from llm_layer.text import QUOTED

RedactionKind: TypeAlias = Literal["e-mail", "phone", "card", "IBAN", "ID number", "address"]
Keep: TypeAlias = Callable[[str], bool]

# Full-width signs, one for one, so that places stay the same.
_NARROW = str.maketrans("０１２３４５６７８９＠－＋（）．", "0123456789@-+().")
_DIGIT = re.compile("[0-9]")
_AT = re.compile(r"\bat\b.* dot |[(\[]at[)\]]", re.IGNORECASE)
# What every number of a person has; looked for first.
_FEWEST_IBAN = 12
_RUN, _LONG_RUN = (re.compile(rf"(?:[0-9][ ./()-]{{0,2}}){{{least}}}") for least in (6, 9))
_GATE = re.compile(
    r"[0-9@]|\bat\b|\(at\)|\[at\]|[路街巷弄道村园苑厦][一二三四五六七八九十百]|号", re.IGNORECASE
)
_I = re.IGNORECASE
# \b does not part a Chinese sign from a digit, so the borders are spelled out.
_FROM, _TO = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"

_EMAIL = re.compile(
    r"(?<![\w.+%'-])[\w.+%'-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,6}"
    r"|(?<![\w.+-])[\w.+-]{1,64} ?(?:\(at\)|\[at\]) ?[\w-]{1,64}(?: ?(?:\.|\(dot\)|\[dot\]| dot ) ?[a-z]{2,12}\b)+"
    r"|(?<![\w.+-])[\w.+-]{1,64} at [\w-]{1,64}(?: dot [a-z]{2,12}\b)+",
    _I | re.ASCII,
)
_CARD = re.compile(rf"{_FROM}(?:[0-9][ -]?){{12,18}}[0-9]{_TO}")
_IBAN = re.compile(rf"{_FROM}[A-Z]{{2}}[0-9]{{2}}(?:[ -]?[A-Z0-9]){{11,30}}{_TO}", _I)
_ID = re.compile(
    rf"{_FROM}[1-9][0-9]{{5}}(?:18|19|20)[0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{{3}}[0-9Xx]{_TO}"
    rf"|{_FROM}[1-9][0-9]{{5}}[0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{{3}}{_TO}"
    rf"|{_FROM}[0-8][0-9]{{2}}-[0-9]{{2}}-[0-9]{{4}}{_TO}",
)
_PHONE = re.compile(
    rf"(?<![0-9A-Za-z+])(?:\+|00 ?)[1-9](?:[ ./()-]{{0,2}}[0-9]){{6,14}}{_TO}"  # with a country code
    rf"|{_FROM}(?:86[ -]?)?1[3-9][0-9](?:[ -]?[0-9]{{4}}){{2}}{_TO}"  # Chinese mobile
    rf"|{_FROM}(?:1[ .-]?)?(?:\([2-9][0-9]{{2}}\) ?|[2-9][0-9]{{2}}[ .-]?)[2-9][0-9]{{2}}[ .-]?[0-9]{{4}}{_TO}"
    rf"|(?<![0-9A-Za-z.,$€£¥])\(?0[1-9][0-9]{{0,3}}\)?(?:[ ./-]?[0-9]){{6,9}}{_TO}"  # with a trunk prefix
    rf"|{_FROM}[6-9][0-9]{{4}}[ -][0-9]{{5}}{_TO}"  # Indian mobile
    rf"|{_FROM}400[ -]?[0-9]{{3}}[ -]?[0-9]{{4}}{_TO}"
    r"|\b(?:phone|call|text|mobile|cell|whatsapp|number|tel)(?: me| is| at| on|:|\.){0,3} ?[0-9](?:[ .-]?[0-9]){5,11}"
    + _TO
    + r"|(?:电话|手机|号码|致电|拨打)(?:是|为|号|号码|[:：]){0,3} ?[0-9](?:[ -]?[0-9]){5,11}"
    + _TO,
    _I,
)
_STRONG = r"Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Terrace|Crescent|Highway|Hwy|Parkway|Pkwy"
_WEAK = r"Court|Ct|Place|Pl|Square|Sq|Way|Dr|Close|Row|Alley|Mews"
_NAME = r"(?:[NSEW]\.? )?(?:[A-Z0-9][\w'’.-]* ){1,4}"
_MORE = (
    r"\b\.?(?:,? (?:Apt|Apartment|Unit|Suite|Ste|Floor|Flat|#)\.? ?[\w-]{1,6}\b)?"
    r"(?P<city>,? ?(?:[A-Z][\w.'-]+ ?){1,3},? (?:[A-Z]{2} )?[0-9]{5}(?:-[0-9]{4})?\b|,? ?(?:[A-Z][\w.'-]+ ?){0,3},? ?[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2}\b)?"
)
_STREET = re.compile(
    rf"{_FROM}[0-9]{{1,5}}[A-Za-z]?(?:[-/][0-9]+)?,? {_NAME}(?:{_STRONG}|{_WEAK}){_MORE}"
    r"|\bP\.? ?O\.? Box [0-9]+|\b[A-ZÄÖÜ][a-zäöüß]+(?:straße|strasse|str\.|gasse|weg) [0-9]+[a-z]?\b(?:,? [0-9]{5} [A-ZÄÖÜ]\w+)?"
    rf"|{_FROM}[A-Z]{{1,2}}[0-9][A-Z0-9]? [0-9][A-Z]{{2}}{_TO}"
)
# What every postal address has; looked for first.
_LETTERS = re.compile(r"[^\W\d_]+")
_STREET_WORDS = frozenset(f"{_STRONG}|{_WEAK}|Box".lower().split("|"))
_STREET_SIGN = re.compile(r"stra(?:ß|ss)e |str\. |gasse |weg |[A-Z][0-9][A-Z0-9]? [0-9][A-Z]{2}")
_CHINESE_SIGN = re.compile("[号弄栋幢座]")
# Without capitals it takes a word that says where somebody is.
_STREET_TOLD = re.compile(
    r"\b(?:liv(?:e|es|ing) (?:at|in)|address(?: is|:)|(?:ship|deliver|send|mail)(?: it| this| them)? to|(?:house|home) (?:is|at)|stay(?:ing)? at) "
    rf"(?P<address>[0-9]{{1,5}}[a-z]?,? (?:[\w'’.-]+ ){{1,4}}(?:{_STRONG}|{_WEAK}){_MORE})",
    _I,
)
_TITLE_CUE = re.compile(
    r"(?:\b(?:like|loved?|liked|enjoyed|hated|watch(?:ed|ing)?|seen|saw|film|movie|series|book|called|titled|similar to|than|about|directed|recommend|from|remember)|看过|喜欢|电影|像)\s*(?:the )?$",
    _I,
)
_NUMBER = "[0-9一二三四五六七八九十百零〇]"
_HAN = "一-鿿"
_CHINESE = re.compile(
    rf"(?:[{_HAN}]{{2,8}}(?:省|自治区))?(?:[{_HAN}]{{2,8}}市)?(?:[{_HAN}]{{1,8}}[区县镇乡])?"
    rf"[{_HAN}A-Za-z0-9]{{1,12}}?(?:(?:路|街|大道|巷|弄|胡同|村|道)[东南西北中]?{_NUMBER}{{1,5}}[号弄]|(?:小区|花园|家园|公寓|苑|新村|大厦|广场){_NUMBER}{{1,4}}(?:号楼|栋|幢|座))"
    rf"(?:[A-Za-z]?{_NUMBER}{{1,4}}(?:号楼|楼|栋|幢|座|单元|层|室|号))*"
)
# What stands before a Chinese address and is none of it.
_CHINESE_CUE = re.compile(
    r"^.*(?:住在|地址是|地址|寄到|送到|搬到|家在|位于|[我你他她住在到是为去])"
)


@dataclass(frozen=True)
class Found:
    """Something that identifies a person: what it is, and where it stands (end exclusive)."""

    kind: RedactionKind
    start: int
    end: int


def redact(text: str, keep: Keep | None = None) -> str:
    """`text` with e-mail addresses, numbers of people and postal addresses replaced.

    Parameters
    ----------
    text : str
        Any text.
    keep : callable, optional
        Whether words that look like an address are a title; asked with these words.

    Returns
    -------
    str
        ``[e-mail]``, ``[phone]``, ``[card]``, ``[IBAN]``, ``[ID number]`` or ``[address]`` stand
        for what was found. A text that was redacted before stays as it is.

    Examples
    --------
    >>> redact("I'm ann@example.org, call +1 415 555 0123")
    "I'm [e-mail], call [phone]"
    >>> redact("films like 2001: A Space Odyssey or 1984, under $20")
    'films like 2001: A Space Odyssey or 1984, under $20'
    """
    parts, at = [], 0
    for found in find_personal(text, keep):
        parts += [text[at : found.start], f"[{found.kind}]"]
        at = found.end
    return "".join([*parts, text[at:]]) if parts else text


def storable(text: str) -> str:
    r"""`text` as a file can hold it: halves of surrogate pairs become question marks.

    Examples
    --------
    >>> storable("a\ud800b")
    'a?b'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def find_personal(text: str, keep: Keep | None = None) -> list[Found]:
    """What :func:`redact` replaces, in order, without overlaps."""
    if not _GATE.search(text) and text.isascii():
        return []
    plain = text.translate(_NARROW)
    if not _GATE.search(plain):
        return []
    found: list[Found] = []

    def add(kind: RedactionKind, start: int, end: int) -> None:
        if all(end <= other.start or start >= other.end for other in found):
            found.append(Found(kind, start, end))

    if "@" in plain or _AT.search(plain):
        for match in _EMAIL.finditer(plain):
            add("e-mail", *match.span())
    if len(_DIGIT.findall(plain)) >= _FEWEST_IBAN:
        for match in _IBAN.finditer(plain):
            end = _iban_end(match.group())
            if end:
                add("IBAN", match.start(), match.start() + end)
    if _LONG_RUN.search(plain):
        for match in _ID.finditer(plain):
            add("ID number", *match.span())
        for match in _CARD.finditer(plain):
            if _is_card(match.group()):
                add("card", *match.span())
    if _RUN.search(plain):
        for match in _PHONE.finditer(plain):
            if not _all_years(match.group()):
                add("phone", *_trimmed(match))
    for first, last in _addresses(plain, text, keep):
        add("address", first, last)
    return sorted(found, key=lambda one: one.start)


def _addresses(plain: str, text: str, keep: Keep | None) -> list[tuple[int, int]]:
    quoted = [match.span() for match in QUOTED.finditer(plain)]
    found: list[tuple[int, int]] = []
    streets: Iterable[re.Match[str]] = ()
    told = _STREET_WORDS.intersection(_LETTERS.findall(plain.lower()))
    if told or _STREET_SIGN.search(plain):
        streets = [*_STREET_TOLD.finditer(plain), *_STREET.finditer(plain)]
    for match in streets:
        start, end = match.span("address" if match.re is _STREET_TOLD else 0)
        is_full = bool(match.groupdict().get("city")) or match.re is _STREET_TOLD
        if not is_full and _TITLE_CUE.search(plain[:start]):
            continue
        found.append((start, end))
    for match in _CHINESE.finditer(plain) if _CHINESE_SIGN.search(plain) else ():
        cue = _CHINESE_CUE.match(match.group())
        found.append((match.start() + (cue.end() if cue else 0), match.end()))
    return [
        (start, end)
        for start, end in found
        if not any(first < start and end < last for first, last in quoted)
        and not (keep is not None and keep(text[start:end].strip(" ,.")))
    ]


def _trimmed(match: re.Match[str]) -> tuple[int, int]:
    """The digits of a phone number without the words and spaces around them."""
    first = re.search(r"[0-9(+]", match.group())
    assert first is not None
    return match.start() + first.start(), match.end()


def _all_years(run: str) -> bool:
    groups = re.findall(r"[0-9]+", run)
    return len(groups) > 1 and all(
        len(group) == 4 and 1880 <= int(group) < 2050 for group in groups
    )


def _is_card(run: str) -> bool:
    """Whether the digits could be those of a payment card: its length, and Luhn's check."""
    digits = [int(sign) for sign in run if sign.isdigit()]
    # Which networks have so many digits, by the first of them (ISO/IEC 7812).
    first = {13: (4,), 14: (3,), 15: (3,)}.get(len(digits), (2, 3, 4, 5, 6))
    if not 13 <= len(digits) <= 19 or digits[0] not in first or _all_years(run):
        return False
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban_end(run: str) -> int:
    """Where an IBAN at the start of `run` ends (ISO 13616, mod 97); 0 where there is none."""
    for end in range(len(run), 14, -1):
        if end < len(run) and run[end] not in " -":
            continue
        signs = re.sub(r"[ -]", "", run[:end]).upper()
        if not 15 <= len(signs) <= 34:
            continue
        number = "".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4])
        if int(number) % 97 == 1:
            return end
    return 0
