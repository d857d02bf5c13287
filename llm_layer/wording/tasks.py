"""Tasks: what a language model is asked to word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llm_layer.domain import FILMS, Domain
from llm_layer.text import Language


@dataclass(frozen=True)
class Task:
    """What the model is to word.

    Attributes
    ----------
    language : {"en", "zh"}
        Language of the words.
    wish : str
        What was asked for, in the words of the plan.
    genres : tuple of tuple of str
        For each item, the names of its genres in that language.
    has_reason : bool
        Whether ``{why}`` is to be used.
    domain : Domain
        Words for the items.
    frame : {"", "lead", "both"}
        Not items but words of our own are to be worded around: ``{said}`` with something before it,
        or before and behind it.
    is_short : bool
        Without a question behind it.
    has_years : bool
        Whether the catalogue knows which items are older than others.
    is_bound : bool
        A grammar binds the answer: the prompt may be as short as it can be.
    """

    language: Language
    wish: str
    genres: tuple[tuple[str, ...], ...]
    has_reason: bool = True
    domain: Domain = FILMS
    frame: Literal["", "lead", "both"] = ""
    is_short: bool = False
    has_years: bool = True
    is_bound: bool = False

    @property
    def marks(self) -> tuple[str, ...]:
        """Marks that have to stand in the answer."""
        if self.frame:
            return ("said",)
        titles = tuple(str(place) for place in range(1, len(self.genres) + 1))
        return (*titles, "why") if self.has_reason else titles
