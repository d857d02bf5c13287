"""What a message tells of its writer's taste, and does not ask for now.

"I mostly watch comedies" is no order for a comedy tonight, and "I loved Heat, what next?" does not
say that only what is like Heat will do. Who tells their taste gets a list that leans there; who
asks gets what they ask for.
"""
# ruff: noqa: E501 - an alternative reads best on one line; Chinese signs count double

from __future__ import annotations

import re
from collections.abc import Callable

_I = re.IGNORECASE
_OFTEN = r"(?:usually|mostly|mainly|generally|normally|often|typically|as a rule|most of the time)"
_ZH_OFTEN = "(?:平时|平常|通常|一般|经常|大多|多半|主要)"
_CUE = re.compile(rf"\b{_OFTEN}\b|{_ZH_OFTEN}", _I)
_HABIT = re.compile(
    rf"\bI {_OFTEN} (?:watch|see|like|love|enjoy|prefer|read|choose|pick|buy|listen to|go for)\b"
    rf"|\b{_OFTEN},? I (?:watch|see|like|love|enjoy|prefer|read|choose|pick|buy|listen to|go for)\b"
    r"|\bI tend to (?:watch|like|enjoy|prefer|read|choose|pick|go for)\b"
    r"|\bI(?:['’]m| am) (?:a |an )?(?:big |huge |great )?fan of\b"
    rf"|^\W*{_OFTEN}\b(?!,? I\b)"
    rf"|我?{_ZH_OFTEN}(?:都|也|多|比较)?(?:是)?(?:喜欢|爱)?(?:看|读|听|选)"
    r"|我是.{1,12}的?(?:影迷|粉丝|书迷)",
    _I,
)
# Without one of these there is no habit, and most messages have none.
_HABIT_WORD = re.compile(rf"{_OFTEN}|tend to|fan of|{_ZH_OFTEN}|影迷|粉丝|书迷", _I)
# Where one thing that is said ends and another begins.
_APART = re.compile(
    r"[.!?;\n。！？；]+|,? \bbut\b|[，,] ?但是?|不过|\b(?=tonight|today|now\b|this time)|(?=今晚|今天|现在|这次)",
    _I,
)
_LOVED = re.compile(
    r"\b(?:loved|liked|enjoyed|adored|love|adore|favou?rites?|seen|watched|read|fan of)\b"
    r"|喜欢|喜爱|爱看|看过|读过|最爱",
    _I,
)
_ALIKE = re.compile(
    r"\b(?:(?:some|any|every)thing|more|one|ones|others?|films?|movies?|books?|shows?|stuff|stor(?:y|ies)|much|just|kind of|be|is|are) like\b|\blike (?:that|this|those|these)\b|\bsimilar|\balike\b|\bresembl|\bin the (?:vein|style|spirit) of\b|\bremind|\bakin\b|\bsame (?:kind|sort|style|vein)\b|\bmore of\b"
    r"|类似|像|差不多|一样|那样|这样|同类|这种|那种|相似|风格",
    _I,
)


def habits(text: str, take: Callable[[int, int], None]) -> tuple[bool, str]:
    """Whether a message tells what is usual for its writer, and what else it says.

    Parameters
    ----------
    text : str
        The message.
    take : callable
        Is told start and end of the words that only say "usually".

    Returns
    -------
    is_habit : bool
    rest : str
        The parts of the message that tell no habit.

    Examples
    --------
    >>> habits("I mostly watch comedies. Show me a western!", lambda start, end: None)
    (True, ' Show me a western')
    >>> habits("I feel like a comedy", lambda start, end: None)
    (False, 'I feel like a comedy')
    """
    if _HABIT_WORD.search(text) is None:
        return False, text
    found, rest, start = False, [], 0
    for end, after in [*(match.span() for match in _APART.finditer(text)), (len(text),) * 2]:
        if _HABIT.search(text[start:end]) is None:
            rest.append(text[start:end])
        else:
            found = True
            for cue in _CUE.finditer(text, start, end):
                take(*cue.span())
        start = after
    return found, " ".join(part for part in rest if part)


def is_told(text: str) -> bool:
    """Whether titles in a message are told as liked, and nothing like them is asked for.

    Examples
    --------
    >>> is_told("I loved Heat. What should I watch next?"), is_told("I loved it, more like Heat")
    (True, False)
    """
    return _LOVED.search(text) is not None and _ALIKE.search(text) is None
