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


class Phrases:
    """Finds any of some phrases in a text, word by word, capitals and accents apart.

    Parameters
    ----------
    phrases : sequence of str
        Words one after the other; ``*`` at the end stands for any ending of the last one.

    Examples
    --------
    >>> Phrases(["diagnos*", "what do i have"]).find("Can you DIAGNOSE me?")
    'diagnos*'
    >>> Phrases(["什么病"]).find("我得了什么病？")
    '什么病'
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        self._by_first: dict[str, list[tuple[str, tuple[str, ...], bool]]] = {}
        self._open: list[tuple[str, tuple[str, ...], bool]] = []
        for phrase in phrases:
            forms = tuple(normalize(phrase).split())
            if not forms:
                raise InvalidInputError(f"the phrase {phrase!r} has no letter and no digit")
            entry = (phrase, forms, phrase.rstrip().endswith("*"))
            if entry[2] and len(forms) == 1:
                self._open.append(entry)
            else:
                self._by_first.setdefault(forms[0], []).append(entry)

    def find(self, text: str) -> str:
        """The first phrase that stands in `text`, as it was given; empty where none does."""
        listed = [word.form for word in words(text)]
        for at, form in enumerate(listed):
            for phrase, forms, is_open in self._by_first.get(form, ()):
                part = listed[at : at + len(forms)]
                if len(part) == len(forms) and part[:-1] == list(forms[:-1]):
                    last = part[-1]
                    if last == forms[-1] or (is_open and last.startswith(forms[-1])):
                        return phrase
            for phrase, forms, _ in self._open:
                if form.startswith(forms[0]):
                    return phrase
        return ""


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
    """

    name: str
    asks_en: tuple[str, ...]
    asks_zh: tuple[str, ...]
    text_en: str
    text_zh: str
    then: Literal["stop", "offer"] = "stop"

    def text(self, language: Language) -> str:
        """What is said."""
        return self.text_zh if language == "zh" else self.text_en

    def asked(self, message: str) -> bool:
        """Whether a message asks for it."""
        return bool(self._phrases.find(message))

    @cached_property
    def _phrases(self) -> Phrases:
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
