"""Numbers in words: digits, English and Chinese numerals, halves."""
# ruff: noqa: E501 - an alternative reads best on one line

from __future__ import annotations

import re

_I = re.IGNORECASE
ENGLISH = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20,
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90, "hundred": 100, "couple": 2, "half": 0.5, "dozen": 12,
}  # fmt: skip
HAN_DIGITS = {
    "零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7,
    "八": 8, "九": 9,
}  # fmt: skip
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10000}
HAN = "零〇一二两三四五六七八九十百千万"
# A number as a message may write it, to be put into larger patterns; no groups inside.
NUMBER = (
    r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.．]\d+)?"
    r"|(?:a|one|two|three|four|five|six|seven|eight|nine) (?:hundred|thousand)(?: and [a-z-]+)?"
    r"|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[ -](?:one|two|three|four|five|six|seven|eight|nine)"
    r"|half an?|one and a half|an?(?= (?:hour|hundred|thousand|week|month|dollar|minute))"
    r"|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty"
    r"|fifty|sixty|seventy|eighty|ninety"
    rf"|半|[{HAN}]+(?:个半)?)"
)


def read_number(text: str) -> float | None:
    """Value of a number in digits or words, None where it is none.

    Examples
    --------
    >>> read_number("1,200"), read_number("forty-five"), read_number("one and a half")
    (1200.0, 45.0, 1.5)
    >>> read_number("两百五十"), read_number("十二"), read_number("一个半"), read_number("半")
    (250.0, 12.0, 1.5, 0.5)
    """
    text = text.strip().lower().replace(",", "").replace("．", ".")
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    if text and all(sign in HAN + "半个" for sign in text):
        return _han(text)
    total, found = 0.0, False
    for word in re.split(r"[\s-]+", text):
        if word == "and":
            continue
        if word == "thousand":
            total, found = max(total, 1) * 1000, True
        elif word == "hundred":
            total, found = max(total, 1) * 100, True
        elif word in ENGLISH:
            half_an = word in ("a", "an") and found
            total, found = total + (0 if half_an else ENGLISH[word]), True
        else:
            return None
    return total if found else None


def _han(text: str) -> float | None:
    if text == "半":
        return 0.5
    half = 0.5 if text.endswith("个半") else 0.0
    total, digit = 0.0, 0
    for sign in text.replace("个半", ""):
        if sign in HAN_DIGITS:
            # "一二〇": digits one after the other.
            digit = digit * 10 + HAN_DIGITS[sign]
        elif sign in _HAN_UNITS:
            total += (digit or 1) * _HAN_UNITS[sign]
            digit = 0
        else:
            return None
    return total + digit + half
