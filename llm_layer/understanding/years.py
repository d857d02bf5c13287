"""Years asked for: single ones, spans, decades, and what is older or newer."""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from llm_layer.understanding.negation import negated
from llm_layer.understanding.request import Relative, Years

_I = re.IGNORECASE

_DECADE_WORDS = {
    "twenties": 1920, "thirties": 1930, "forties": 1940, "fifties": 1950, "sixties": 1960,
    "seventies": 1970, "eighties": 1980, "nineties": 1990, "noughties": 2000,
    "二": 1920, "三": 1930, "四": 1940, "五": 1950, "六": 1960, "七": 1970, "八": 1980, "九": 1990,
}  # fmt: skip
_DECADE = re.compile(
    r"\b(?P<century>19|20)?(?P<ten>\d)0['’]?s\b|\b(?P<word>twenties|thirties|forties|fifties|sixties"
    r"|seventies|eighties|nineties|noughties)\b"
    r"|(?P<zhcentury>19|20)?(?:(?P<zhfrom>\d)0\s*(?:到|至|-|~|或者?|和|、)\s*(?:19|20)?)?(?P<zhten>\d)0\s*年代"
    r"|(?:(?P<zhpair>[二三四五六七八])十?[到至或和、]?)?(?P<zhword>[二三四五六七八九])(?:十年代|几年(?!来|内|间))",
    _I,
)
# What stands between two decades that make one span.
_JOINED = re.compile(
    r"\s*(?:,|/|-|–|、|,? ?(?:or|and|to|till|until|through)|或者?|还是|到|至|和|与)\s*(?:(?:from )?the )?"
    r"(?:early |late |mid-? ?)?",
    _I,
)
_YEAR = r"((?:18|19|20)\d\d)"
_BETWEEN = re.compile(
    rf"{_YEAR}\s*年?\s*(?:-|–|—|to|and|or|until|till|through|到|至|或|和|~)\s*{_YEAR}", _I
)
# "'75 to '85", "from 75 to 85".
_BETWEEN_SHORT = re.compile(
    r"(?:['’]|\b(?:from|between) ['’]?)(?P<one>[2-9]\d)\s*(?:-|–|to|and|till|until|through)\s*['’]?(?P<two>[2-9]\d)\b"
    r"(?!['’]?s\b|[.:/%]\d|\s*(?:%|percent|min|hour|h\b|dollar|buck|euro|page|year|week|day|star|pm\b|am\b))",
    _I,
)
_AFTER = re.compile(
    rf"不早于\s*{_YEAR}|(?<!不)晚于\s*{_YEAR}|\b(?:after|since|post|newer than|later than)\s*(?:the (?:year )?)?[-]?{_YEAR}(?P<s>s)?"
    rf"|\bfrom {_YEAR} on|比\s*{_YEAR}\s*年?\s*(?:更|还)?[新晚近]|{_YEAR}\s*年?\s*(?:以后|之后|后|以来|起|or (?:later|newer)|onwards?)",
    _I,
)
_BEFORE = re.compile(
    rf"不晚于\s*{_YEAR}|(?<!不)早于\s*{_YEAR}|\b(?:before|until|till|pre|older than|earlier than|up to)\s*(?:the (?:year )?)?[-]?{_YEAR}"
    rf"|比\s*{_YEAR}\s*年?\s*(?:更|还)?[老早旧]|{_YEAR}\s*年?\s*(?:以前|之前|前|or (?:earlier|older))",
    _I,
)
# "after 95", "pre-80", "before '70", "from '95": two digits of the last century.
_SHORT = re.compile(
    r"\b(?:(?P<after>after|since|post|newer than|later than)|(?P<before>before|until|pre|older than|earlier than)"
    r"|(?P<at>from|of|in)(?=\s*['’]))[\s-]*(?:the )?['’]?(?P<two>[2-9]\d)\b"
    r"(?!['’]?s\b|[.:/%]\d|\s*(?:%|percent|min|hour|h\b|dollar|buck|euro|page|year|week|day|star|film|movie|book|of\b|pm\b|am\b))",
    _I,
)
# "九五年之后", "94年的", "千禧年以前": years of the last century by two digits, and the millennium.
_ZH_SHORT = re.compile(
    r"(?<![\d一二三四五六七八九十零〇])(?:(?P<two>[4-9]\d|[四五六七八九][零〇一二三四五六七八九])年|(?P<millennium>千禧年))"
    r"(?:(?P<after>以后|之后|后|以来|起)|(?P<before>以前|之前|前)|(?=[^代来内间多级]|$))",
)
_INCLUSIVE = re.compile(
    r"\b(?:since|from|until|till|up to)\b|以来|起|不晚于|不早于|\bor (?:later|newer|earlier|older)",
    _I,
)
_EXACT = re.compile(rf"(?<![\d-]){_YEAR}(?!\d)")
_OLD = re.compile(
    r"\b(?:old|vintage|golden age|black and white)\b(?! (?:man|men|woman|friend))|老片|老电影", _I
)
_RECENT = re.compile(
    r"\b(?:recent|modern|latest|brand new|new releases?|recently released)\b|最近的|新片|近年|近几年|新出的|最新",
    _I,
)
_OLDER = re.compile(
    r"\b(?:older|earlier|less (?:recent|modern|new)|too (?:new|recent|modern)|(?:further|farther) back|more (?:vintage|classic|old[- ]fashioned))\b|更老|更早|更旧|[老早旧](?:一)?[点些](?!名|字)|再[老早]|年代(?:更)?久远|太新",
    _I,
)
_NEWER = re.compile(
    r"\b(?:newer|more (?:recent|modern|current|up[- ]to[- ]date)|later ones?|less (?:old|dated|ancient)|(?:too|(?:are|is|look|looks|feel|feels|all)(?: all| so| really| pretty| a bit| very)*) (?:old|ancient|dated|antique)(?! (?:enough|favou?rite))|not (?:so|that|as) old)\b|更新|[新近](?:一)?[点些]|更近|再新|太老|太旧|太早|(?:没|别|不要)(?:那么|这么|那样)[老旧早]",
    _I,
)
YEAR_WORD = re.compile(r"^(?:18|19|20)?\d0s$|^(?:18|19|20)\d\d$")
# How "old" is read where no year is given; every reply that uses it says so.
OLD_UNTIL = 1969


def read_years(text: str) -> tuple[Years | None, Relative]:
    """Years asked for, first and last, and whether older or newer ones than before are wanted.

    Examples
    --------
    >>> read_years("90s action"), read_years("1980年以后的"), read_years("something older")
    (((1990, 1999), None), ((1981, None), None), (None, 'older'))
    >>> read_years("not older than 1990"), read_years("80s or 90s comedies")
    (((1990, None), None), ((1980, 1999), None))
    >>> read_years("crime from '75 to '85")
    ((1975, 1985), None)
    >>> read_years("70到80年代的西部片"), read_years("九五年之后的"), read_years("比1990年老的")
    (((1970, 1989), None), ((1996, None), None), ((None, 1989), None))
    >>> read_years("anything after 95?"), read_years("pre-80 horror")
    (((1996, None), None), ((None, 1979), None))
    """
    wanted, _ = _spans(text)
    return _common(wanted), _relative(text)


def read_no_years(text: str) -> tuple[Years, ...]:
    """Spans of years that are not wanted; those with one open end are read as a wish instead.

    Examples
    --------
    >>> read_no_years("nothing from the 90s"), read_no_years("nothing before 1980")
    (((1990, 1999),), ())
    """
    return _spans(text)[1]


@lru_cache(maxsize=256)  # the check of a reply looks at every message of a talk again
def _spans(text: str) -> tuple[tuple[Years, ...], tuple[Years, ...]]:
    """Spans of years wanted and not wanted."""
    wanted: list[Years] = []
    unwanted: list[Years] = []
    for (first, last), start in _all_years(text):
        if not negated(text, start):
            wanted.append((first, last))
        elif first is None and last is not None:
            wanted.append((last + 1, None))  # "nothing before 1980": from 1980 on
        elif last is None and first is not None:
            wanted.append((None, first - 1))
        else:
            unwanted.append((first, last))
    return tuple(wanted), tuple(unwanted)


def _common(spans: Sequence[Years]) -> Years | None:
    """What all spans have in common; the first of them where they have nothing."""
    if not spans:
        return None
    first = max((first for first, _ in spans if first is not None), default=None)
    last = min((last for _, last in spans if last is not None), default=None)
    return spans[0] if first is not None and last is not None and first > last else (first, last)


def _all_years(text: str) -> list[tuple[Years, int]]:
    """Every span of years in a text, wanted or not, and where it stands."""
    found: list[tuple[Years, int]] = []

    def take(match: re.Match[str], years: Years) -> None:
        nonlocal text
        found.append((years, match.start()))
        text = text[: match.start()] + " " * len(match.group()) + text[match.end() :]

    for match in list(_BETWEEN.finditer(text)):
        take(match, (min(int(match[1]), int(match[2])), max(int(match[1]), int(match[2]))))
    for match in list(_BETWEEN_SHORT.finditer(text)):
        ends = sorted(1900 + int(match[name]) for name in ("one", "two"))
        take(match, (ends[0], ends[1]))
    for pattern, later in ((_AFTER, True), (_BEFORE, False)):
        for match in list(pattern.finditer(text)):
            year = int(next(part for part in match.groups() if part and part.isdigit()))
            # "after 1980" begins with 1981; "since 1980" with 1980 itself.
            step = 0 if _INCLUSIVE.search(match.group()) else 1
            take(match, (year + step, None) if later else (None, year - step))
    for match in list(_SHORT.finditer(text)):
        year = 1900 + int(match["two"])
        step = 0 if (match["after"] or match["before"] or "").lower() in ("since", "until") else 1
        first = None if match["before"] else year + step * bool(match["after"])
        last = None if match["after"] else year - step * bool(match["before"])
        take(match, (first, last))
    for match in list(_ZH_SHORT.finditer(text)):
        year = 2000 if match["millennium"] else 1900 + _two_digits(match["two"])
        step = 0 if match["after"] in ("以来", "起") else 1
        first = None if match["before"] else year + step * bool(match["after"])
        take(match, (first, None if match["after"] else year - bool(match["before"])))
    decades = _decades(text)
    found += decades
    text = _DECADE.sub(lambda match: " " * len(match.group()), text)
    for match in list(_EXACT.finditer(text)):
        take(match, (int(match[1]), int(match[1])))
    old = _OLD.search(text)
    if old is not None and not found and not is_compared(text):
        found.append(((None, OLD_UNTIL), old.start()))
    return found


def _two_digits(written: str) -> int:
    """Two digits, Arabic or Chinese, as a number."""
    digits = ("零〇一二三四五六七八九".index(sign) for sign in written)
    return (
        int(written) if written.isdecimal() else int("".join(str(max(0, at - 1)) for at in digits))
    )


def _decades(text: str) -> list[tuple[Years, int]]:
    """Decades with "before" and "after"; those that are joined ("80s or 90s") make one span."""
    found: list[tuple[Years, int]] = []
    end = 0
    for match in _DECADE.finditer(text):
        first, last = _decade(match, text)
        if found and _JOINED.fullmatch(text[end : match.start()]):
            (before, after), start = found.pop()
            if None not in (before, after, first, last):
                years = [year for year in (before, after, first, last) if year is not None]
                found.append(((min(years), max(years)), start))
            else:
                found += [((before, after), start), ((first, last), match.start())]
        else:
            found.append(((first, last), match.start()))
        end = match.end()
    return found


def _decade(match: re.Match[str], text: str) -> Years:
    """Years of a decade, or of what lies before or after it."""
    if word := match["word"] or match["zhword"]:
        first = _DECADE_WORDS[word.lower()]
    else:
        ten = int(match["ten"] or match["zhten"])
        century = match["century"] or match["zhcentury"]
        # "20s" to "90s" are those of the last century, "00s" and "10s" of this one.
        first = int(century or ("19" if ten >= 2 else "20")) * 100 + ten * 10
    last = first + 9
    if match["zhpair"]:  # 八九十年代: the eighties and nineties
        first = _DECADE_WORDS[match["zhpair"]]
    if match["zhfrom"]:  # 70到80年代
        first = first // 100 * 100 + int(match["zhfrom"]) * 10
    before, behind = text[: match.start()], text[match.end() :]
    if re.search(r"\b(?:before|(?:older|earlier) than|pre)\W*(?:the )?$", before, _I):
        return None, first - 1
    if re.match(r"\s*(?:以前|之前)", behind):
        return None, first - 1
    if re.search(r"\b(?:after|(?:newer|later) than|post)\W*(?:the )?$", before, _I):
        return last + 1, None
    if re.match(r"\s*(?:以后|之后)", behind):
        return last + 1, None
    since = re.search(r"\bsince (?:the )?$", before, _I)
    from_on = re.search(r"\bfrom (?:the )?$", before, _I) and re.match(
        r"\s*on(?:wards?)?\b", behind
    )
    if since or from_on or re.match(r"\s*(?:or (?:later|newer)|以来)", behind):
        return first, None
    if re.match(r"\s*or (?:earlier|older)", behind):
        return None, last
    return first, last


def _relative(text: str) -> Relative:
    for pattern, other, name in ((_OLDER, "newer", "older"), (_NEWER, "older", "newer")):
        if match := pattern.search(text):
            if re.match(r"\s*than (?:the )?(?:(?:18|19|20)\d\d|\d0['’]?s)", text[match.end() :]):
                return None
            # "not too old" asks for newer ones, as "too old" does.
            narrow = match.group().lower().startswith(("too", "太"))
            return other if negated(text, match.start()) and not narrow else name  # type: ignore[return-value]
    return "newer" if _RECENT.search(text) else None


def is_compared(text: str) -> bool:
    """Whether something older or newer is asked for, rather than something recent."""
    return _OLDER.search(text) is not None or _NEWER.search(text) is not None
