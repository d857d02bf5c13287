"""Replies: what the visitor reads, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from llm_layer.checking.claims import Grounding, Named
from llm_layer.text import Language


@dataclass(frozen=True)
class Attempt:
    """Words that a language model offered.

    Attributes
    ----------
    text : str
        With its marks filled where they could be, else as it came; empty where nothing came.
    fault : str
        Why they were not used; empty where they were.
    is_final : bool
        Asking once more would only cost time: the model is not there, or too slow.
    prompt_tokens, completion_tokens : int
        As the model counted them; 0 where it did not say, or was cut short.
    """

    text: str
    fault: str
    is_final: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class Reply:
    """What the visitor reads, and how it came about.

    Attributes
    ----------
    text : str
        The words.
    items : tuple of Named
        Every item the text names: those it recommends, in order, then the others.
    writer : {"llm", "template"}
        Who worded it.
    reason : str
        Why a template did, or a part of it; what else is worth knowing of the language model's
        words, such as that its context held too little; empty otherwise.
    grounding : Grounding
        What was checked, claim by claim.
    timings : mapping of str to float
        Milliseconds for ``understand``, ``retrieve``, ``rerank``, ``plan``, ``write``, ``check``
        and ``total``; and from the message to the language model's first token (``first_token``, 0
        where none came) and to the first checked words (``first_words``).
    language : {"en", "zh"}
        Of the words.
    attempts : tuple of Attempt
        What the language model offered, used or not.
    """

    text: str
    items: tuple[Named, ...]
    writer: Literal["llm", "template"]
    reason: str
    grounding: Grounding
    timings: Mapping[str, float]
    language: Language
    attempts: tuple[Attempt, ...] = ()

    @property
    def recommended(self) -> tuple[Any, ...]:
        """Ids of the recommended items, best first."""
        return tuple(item.id for item in self.items if item.role == "recommended")


@dataclass(frozen=True)
class Chunk:
    """A piece of a reply as it is written.

    Attributes
    ----------
    text : str
        Checked words; those of all chunks joined are the reply's text.
    reply : Reply or None
        With the last chunk, the whole reply.
    """

    text: str
    reply: Reply | None = None


@dataclass(frozen=True)
class Draft:
    """Checked words, with the time that writing and checking took in milliseconds.

    `first_token` and `first_words` are counted from the beginning of the writing; the first is 0
    where no language model said a word.
    """

    text: str
    items: tuple[Named, ...]
    writer: Literal["llm", "template"]
    reason: str
    grounding: Grounding
    attempts: tuple[Attempt, ...]
    write: float
    check: float
    first_token: float = 0.0
    first_words: float = 0.0
