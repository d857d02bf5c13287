"""Policies: what an assistant of a domain refuses, refers to people, or never shows.

They are data, written by whoever runs the assistant; their texts are said word for word, and are
the only sentences of a reply that the catalogue and the visitor's past do not have to support.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from llm_layer.text import Language, normalize, words
from recsys.errors import InvalidInputError

_Part: TypeAlias = tuple[tuple[str, ...], bool]
# So many words at most may stand where a phrase has "...".
_GAP = 5


class Phrases:
    """Finds any of some phrases in a text, word by word, capitals and accents apart.

    Parameters
    ----------
    phrases : sequence of str
        Words one after the other; ``*`` at the end of a word stands for any ending, ``...`` for up
        to five words (Chinese characters) between.

    Raises
    ------
    InvalidInputError
        A phrase, or a part of it beside ``...``, has no letter and no digit.

    Examples
    --------
    >>> Phrases(["diagnos*", "what do i have"]).find("Can you DIAGNOSE me?")
    'diagnos*'
    >>> Phrases(["什么病"]).find("我得了什么病？")
    '什么病'
    >>> Phrases(["do my ... exam"]).find("Do my boring history exam")
    'do my ... exam'
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        self._by_first: dict[str, list[tuple[str, tuple[_Part, ...]]]] = {}
        self._open: list[tuple[str, tuple[_Part, ...]]] = []
        self._openings: tuple[str, ...] = ()
        for phrase in phrases:
            parts = tuple(
                (tuple(normalize(part).split()), part.rstrip().endswith("*"))
                for part in phrase.split("...")
            )
            if not all(forms for forms, _ in parts):
                raise InvalidInputError(f"the phrase {phrase!r} has no letter and no digit")
            forms, is_open = parts[0]
            if is_open and len(forms) == 1:
                self._open.append((phrase, parts))
                self._openings += forms
            else:
                self._by_first.setdefault(forms[0], []).append((phrase, parts))

    def find(self, text: str) -> str:
        """The first phrase that stands in `text`, as it was given; empty where none does."""
        return self.among([word.form for word in words(text)])

    def among(self, forms: Sequence[str]) -> str:
        """As :meth:`find`, over the comparable forms of words."""
        for at, form in enumerate(forms):
            candidates = self._by_first.get(form, [])
            if form.startswith(self._openings):
                candidates = [*candidates, *self._open]
            for phrase, parts in candidates:
                if _stands(forms, at, parts):
                    return phrase
        return ""


def _stands(listed: Sequence[str], at: int, parts: Sequence[_Part]) -> bool:
    """Whether `parts` stand in order from place `at` of a list of words."""
    forms, is_open = parts[0]
    end = at + len(forms)
    found = tuple(listed[at:end])
    if len(found) < len(forms) or found[:-1] != forms[:-1]:
        return False
    if found[-1] != forms[-1] and not (is_open and found[-1].startswith(forms[-1])):
        return False
    later = range(end, min(end + _GAP + 1, len(listed)))
    return len(parts) == 1 or any(_stands(listed, place, parts[1:]) for place in later)


@dataclass(frozen=True)
class Referral:
    """A message that asks for something is answered by fixed words.

    Attributes
    ----------
    name : str
        Of the policy.
    asks_en, asks_zh : tuple of str
        Phrases that ask for it, see :class:`Phrases`; both lists are looked for in any message.
    text_en, text_zh : str
        What is said.
    then : {"stop", "offer"}
        Whether items may follow, where the message asks for a kind of them that is there.
    examples : tuple of str
        Whole messages that ask for it, in any language; others like them are recognized.
    urgent : bool
        It is better said once too often than once too seldom: less likeness is enough.
    """

    name: str
    asks_en: tuple[str, ...]
    asks_zh: tuple[str, ...]
    text_en: str
    text_zh: str
    then: Literal["stop", "offer"] = "stop"
    examples: tuple[str, ...] = ()
    urgent: bool = False

    def text(self, language: Language) -> str:
        """What is said."""
        return self.text_zh if language == "zh" else self.text_en

    def asked(self, message: str) -> bool:
        """Whether one of the phrases stands in a message."""
        return bool(self.phrases.find(message))

    @cached_property
    def phrases(self) -> Phrases:
        """The phrases that ask for it."""
        return Phrases((*self.asks_en, *self.asks_zh))


@dataclass(frozen=True)
class AgeLimit:
    """Who is too young for an item does not see it, and is told no facts about it.

    Attributes
    ----------
    name : str
        Of the policy.
    column : str
        Column of the item table: from how many years on, a number.
    unknown : {"hide", "show"}
        What becomes of an item that has none, for somebody who is not of full age.
    default_age : int
        Years, where nothing is known of the visitor.
    text_en, text_zh : str
        Said where such an item is asked for by its name.
    full_age : int
        From so many years on nothing is hidden.
    """

    name: str
    column: str
    text_en: str
    text_zh: str
    unknown: Literal["hide", "show"] = "hide"
    default_age: int = 18
    full_age: int = 18

    def text(self, language: Language) -> str:
        """What is said."""
        return self.text_zh if language == "zh" else self.text_en


@dataclass(frozen=True)
class Hide:
    """Items that are never shown, named or spoken of.

    Attributes
    ----------
    name : str
        Of the policy.
    where : str
        A condition over the item table, see :mod:`recsys.rules.expression`.
    """

    name: str
    where: str

    def text(self, language: Language) -> str:
        """Nothing is said of it."""
        return ""


Policy: TypeAlias = Referral | AgeLimit | Hide


@dataclass(frozen=True)
class Verdict:
    """What policies make of a message.

    Attributes
    ----------
    policy : Referral, AgeLimit or None
        Whose words are said.
    stop : bool
        Whether nothing else is said.
    hidden : tuple of int
        Rows that the message named and that the visitor may not see.
    """

    policy: Referral | AgeLimit | None = None
    stop: bool = False
    hidden: tuple[int, ...] = field(default=())
