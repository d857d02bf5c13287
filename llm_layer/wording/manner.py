"""Manner: how fixed words suit the one who reads them, by the style of their own messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from llm_layer.memory.style import Style
from llm_layer.text import Language

Tone: TypeAlias = Literal["plain", "formal", "casual"]
Detail: TypeAlias = Literal["plain", "usual", "expert"]

# So many messages before a style is more than chance.
_KNOWN = 3.0
_CLEAR = 0.25
# Expertise from which names of those who made an item are more than decoration; and up to which
# they are none at all.
_EXPERT, _LAY = 0.45, 0.05
_OUTSIDE_TITLES = re.compile(r"《[^》]*》|“[^”]*”|你")

# By tone: what is said instead of the plain words, by kind of plan. The braces are a domain's.
FIXED: dict[Language, dict[Tone, dict[str, str]]] = {
    "en": {
        "formal": {
            "greet": "Good day. What would you like{when}?",
            "thanks": "You are welcome. May I look for something else?",
            "bye": "Goodbye, and thank you.",
            "reset": "Very well, we start again. What would you like?",
            "nothing": "There is nothing left to recommend. May I look for something different?",
        },
        "casual": {
            "greet": "Hi! What would you like{when}?",
            "thanks": "Any time! Something else?",
            "bye": "Bye! Enjoy {the_time}.",
            "reset": "Okay, fresh start. What would you like?",
            "nothing": "Nothing left there. Something different?",
        },
    },
    "zh": {
        "formal": {},
        "casual": {
            "greet": "嗨！{occasion_zh}想{verb_zh}什么？",
            "thanks": "好嘞，不客气！再看看别的？",
            "bye": "再见啦！",
            "nothing": "没有了，换一个类型吧？",
        },
    },
}
# What stands before a list, with a request and without; the first of each is the plain one.
HEADS: dict[Language, dict[Tone, tuple[tuple[str, str], ...]]] = {
    "en": {
        "plain": (
            ("For {request}, I would pick:", "{occasion}I would pick:"),
            ("For {request}, have a look at:", "{occasion}have a look at:"),
            ("For {request}, here is my list:", "{occasion}here is my list:"),
        ),
        "formal": (("For {request}, may I recommend:", "{occasion}may I recommend:"),),
        "casual": (
            ("For {request}, try:", "{occasion}try:"),
            ("For {request}, go for:", "{occasion}go for:"),
        ),
    },
    "zh": {
        "plain": (
            ("{request}，可以看看：", "可以看看："),
            ("{request}，推荐这些：", "推荐这些："),
            ("{request}，挑了这些：", "挑了这些："),
            ("{request}，不妨试试：", "不妨试试："),
        ),
        "formal": (
            ("{request}，为您推荐：", "为您推荐："),
            ("{request}，您可以看看：", "您可以看看："),
        ),
        "casual": (
            ("{request}，试试这些：", "试试这些："),
            ("{request}，看看这些吧：", "看看这些吧："),
        ),
    },
}


@dataclass(frozen=True)
class Manner:
    """How replies are put.

    Attributes
    ----------
    tone : {"plain", "formal", "casual"}
        Of fixed phrases.
    is_short : bool
        Without questions and details that nobody asked for.
    has_emoji : bool
        With one emoji of the domain.
    detail : {"plain", "usual", "expert"}
        What is told of an item beside its genres: for laymen nothing, usually who made it, for
        experts also who takes part; and for them a reason that names who made both items.
    """

    tone: Tone = "plain"
    is_short: bool = False
    has_emoji: bool = False
    detail: Detail = "usual"


def manner_of(style: Style) -> Manner:
    """Manner that suits a style; the plain one while little is known of it.

    Examples
    --------
    >>> manner_of(Style(formality=0.8, messages=5.0)).tone
    'formal'
    >>> manner_of(Style(formality=0.8, messages=1.0)).tone
    'plain'
    >>> manner_of(Style(expertise=0.7, messages=5.0)).detail
    'expert'
    """
    if style.messages < _KNOWN:
        return Manner(has_emoji=style.emoji)
    tone: Tone = "plain"
    if abs(style.formality) >= _CLEAR:
        tone = "formal" if style.formality > 0 else "casual"
    detail: Detail = "usual"
    if style.expertise >= _EXPERT:
        detail = "expert"
    elif style.expertise <= _LAY:
        detail = "plain"
    return Manner(tone, style.length == "short", style.emoji, detail)


def polite(text: str) -> str:
    """Chinese words with the polite "you"; titles stay as they are.

    Examples
    --------
    >>> polite("你看过《你好》。")
    '您看过《你好》。'
    """
    return _OUTSIDE_TITLES.sub(lambda found: "您" if found.group() == "你" else found.group(), text)
