"""Style: how somebody writes, learned from their own messages, so that replies suit them.

What is learned are sums of small numbers, one message at a time, older messages fading; no words
are kept. With few messages every value stays near its neutral one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, Literal, TypeAlias

from llm_layer.lexicon import load
from llm_layer.text import Language, detect_language, has_chinese, words

Length: TypeAlias = Literal["short", "medium", "long"]

# What a message counts for after each later one; 20 messages later it is a third.
_FADING = 0.95
# Messages of neutral style that everybody starts with.
_NEUTRAL = 2.0
# A message of that many words asks for a reply of medium length; of less than _SHORT for a short.
_MEDIUM_WORDS, _SHORT, _LONG = 12.0, 7.0, 24.0
# A Chinese sign is about so many words.
_SIGN = 0.6
_EMOJI = re.compile(
    "[\U0001f300-\U0001faff\u2600-\u27bf\U0001f1e6-\U0001f1ff]|(?<!\\w)[:;=]['-]?[)(DPpO3](?!\\w)|<3"
)
_YEAR = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d|'?s\b|年代)")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


@dataclass(frozen=True)
class Style:
    """How somebody writes.

    Attributes
    ----------
    language : {"en", "zh"}
        What they write in.
    formality : float
        From −1 (casual) to 1 (formal); 0 where nothing tells.
    length : {"short", "medium", "long"}
        Of their messages, and so of the replies that suit them.
    emoji : bool
        Whether they use emoji.
    expertise : float
        From 0 to 1: how much they use words of the field, exact years and names of its people.
    messages : float
        Evidence: messages that this rests on, older ones counting less; at most 20.
    """

    language: Language = "en"
    formality: float = 0.0
    length: Length = "medium"
    emoji: bool = False
    expertise: float = 0.0
    messages: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class StyleCounts:
    """What was counted in somebody's messages, older ones counting less.

    Attributes
    ----------
    messages : float
        How many.
    words : float
        Their words, a Chinese sign counting 0.6.
    formal, informal : float
        Polite and casual turns of speech.
    emoji : float
        Messages with emoji.
    terms : float
        Words of the field, credits, exact years, and names of people of the catalogue.
    chinese : float
        Messages in Chinese.
    """

    messages: float = 0.0
    words: float = 0.0
    formal: float = 0.0
    informal: float = 0.0
    emoji: float = 0.0
    terms: float = 0.0
    chinese: float = 0.0

    @classmethod
    def from_dict(cls, counts: Mapping[str, float] | None) -> StyleCounts:
        """What :meth:`to_dict` gave; unknown names are passed over."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: float(at) for name, at in (counts or {}).items() if name in known})

    def to_dict(self) -> dict[str, float]:
        """The counts by name."""
        return {name: round(value, 4) for name, value in asdict(self).items()}

    def heard(self, text: str, *, names: int = 0) -> StyleCounts:
        """The counts after one more message.

        Parameters
        ----------
        text : str
            The message.
        names : int
            People of the catalogue that it names.

        Examples
        --------
        >>> counts = StyleCounts()
        >>> for text in ("hey gimme sth fun lol", "nah, another 😀", "cool thx 😀"):
        ...     counts = counts.heard(text)
        >>> style = counts.style("en")
        >>> style.formality < -0.3, style.length, style.emoji
        (True, 'short', True)
        """
        lowered = text.lower().replace("’", "'")
        is_chinese = has_chinese(text)
        seen = {
            "messages": 1.0,
            "words": _size(text),
            "formal": float(_count("formal", lowered, is_chinese) + _is_written(text)),
            "informal": float(_count("informal", lowered, is_chinese) + _is_typed(text)),
            "emoji": float(_EMOJI.search(text) is not None),
            "terms": float(_count("terms", lowered, is_chinese) + names + _years(text)),
            "chinese": float(is_chinese and detect_language(text) == "zh"),
        }
        # One long message is no more than one message.
        seen |= {name: min(seen[name], 3.0) for name in ("formal", "informal", "terms")}
        before = vars(self)
        return StyleCounts(**{name: _FADING * before[name] + seen[name] for name in seen})

    def style(self, language: Language | None = None) -> Style:
        """The style that the counts tell.

        Parameters
        ----------
        language : {"en", "zh"}, optional
            Of the message at hand; most of their messages' otherwise.
        """
        count = self.messages + _NEUTRAL
        cues = self.formal + self.informal
        mean = (self.words + _NEUTRAL * _MEDIUM_WORDS) / count
        length: Length = "short" if mean < _SHORT else "long" if mean > _LONG else "medium"
        usual: Language = "zh" if self.chinese > self.messages / 2 else "en"
        return Style(
            language=language or usual,
            formality=round((self.formal - self.informal) / (cues + _NEUTRAL), 3),
            length=length,
            # One message of one is enough; one of ten is not.
            emoji=self.emoji / (self.messages + 1) > 0.3,
            expertise=round(1 - math.exp(-1.5 * self.terms / count), 3),
            messages=round(self.messages, 2),
        )


def _size(text: str) -> float:
    if not has_chinese(text):
        return float(len(_WORD.findall(text)))
    listed = words(text)
    signs = sum(has_chinese(word.form) for word in listed)
    return len(listed) - signs + _SIGN * signs


def _years(text: str) -> int:
    """Years to the year: "from 1972", but neither "the 1970s" nor "1970年代"."""
    return len(_YEAR.findall(text))


def _is_written(text: str) -> bool:
    """Whether it is a sentence as one writes it: a capital, several words and a full stop."""
    return text[:1].isupper() and text.rstrip().endswith((".", "?")) and len(text.split()) >= 6


def _is_typed(text: str) -> bool:
    """Whether it is as one types in haste: small letters only, or signs that shout."""
    letters = [sign for sign in text if sign.isascii() and sign.isalpha()]
    hasty = len(letters) > 10 and text.islower() and not text.rstrip().endswith((".", "?"))
    return hasty or "!!" in text or "??" in text or "！！" in text


def _count(kind: str, lowered: str, is_chinese: bool) -> int:
    """How many cues of a kind stand in a message."""
    single, several, chinese = _cues(kind)
    count = sum(word in single for word in _WORD.findall(lowered))
    padded = f" {lowered} "
    count += sum(
        not (padded[at - 1].isalnum() or padded[at + len(phrase)].isalnum())
        for phrase in several
        if (at := padded.find(phrase)) > 0
    )
    return count + (sum(phrase in lowered for phrase in chinese) if is_chinese else 0)


@cache
def _cues(kind: str) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    """English words, English phrases of several words, and Chinese phrases."""
    listed = load("style.json")[kind]
    single = frozenset(phrase for phrase in listed["en"] if _WORD.fullmatch(phrase))
    several = tuple(phrase for phrase in listed["en"] if phrase not in single)
    return single, several, tuple(listed["zh"])
