"""Ages that people state: "I am 12", "for my eight year old", "孩子6岁"."""
# ruff: noqa: E501 - an alternative reads best on one line

from __future__ import annotations

import re

_WORDS_EN = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
)  # fmt: skip
_DIGITS_ZH = "零一二三四五六七八九十"
_EN = "|".join(_WORDS_EN)
_AGE = re.compile(
    rf"\b(?P<en>\d{{1,2}}|{_EN})[- ]?(?:(?:years?|yrs?)[- ]?olds?|y/?o)\b"
    r"(?! (?:films?|movies?|books?|series|shows?|products?|courses?|articles?|wine|whisk|classic|one))"
    rf"|\b(?:i['’]?m|i am|he is|he['’]s|she is|she['’]s|(?:son|daughter|kid|child|boy|girl|niece|nephew) is"
    rf"|aged?|turning|turned) (?:only |just )?(?P<am>\d{{1,2}}|{_EN})\b(?!\.\d|%| ?(?:\w+s\b(?<!years)|percent))"
    r"|(?P<zh>\d{1,2}|[一二三四五六七八九十]{1,3})\s*周?岁",
    re.IGNORECASE,
)
_CHILD = re.compile(
    r"\b(?:for|with) (?:my |our |the |a )?(?:little |young |small )?(?:kids?|child(?:ren)?|toddlers?)\b(?!['’])"
    r"|给(?:孩子|小孩|小朋友)|(?:孩子|小孩|小朋友)(?:看|读|学|用)",
    re.IGNORECASE,
)
#: Whoever chooses for a child without saying how old it is.
CHILD = 6


def stated_age(message: str) -> int | None:
    """The least age in years that a message states; None where it states none.

    A child of no stated age counts as :data:`CHILD`.

    Examples
    --------
    >>> stated_age("i'm 12, what can I watch?"), stated_age("给我8岁的孩子"), stated_age("from 1995")
    (12, 8, None)
    """
    found = [
        years
        for match in _AGE.finditer(message)
        if (years := _number(match["en"] or match["am"] or match["zh"])) is not None
    ]
    if not found and _CHILD.search(message):
        return CHILD
    return min(found, default=None)


def _number(word: str) -> int | None:
    word = word.lower()
    if word.isdigit():
        return int(word)
    if word in _WORDS_EN:
        return _WORDS_EN.index(word)
    tens, ten, ones = word.partition("十")
    if not ten:
        return _DIGITS_ZH.index(word) if len(word) == 1 else None
    if len(tens) > 1 or len(ones) > 1:
        return None
    return 10 * (_DIGITS_ZH.index(tens) if tens else 1) + (_DIGITS_ZH.index(ones) if ones else 0)
