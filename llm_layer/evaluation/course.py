"""What an evaluation of dialogues runs: settings, each default in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from llm_layer.evaluation.simulator import MODES, Mode
from recsys.errors import InvalidInputError

Spoken: TypeAlias = Literal["en", "zh", "both"]


@dataclass(frozen=True)
class Course:
    """What is run.

    Attributes
    ----------
    users : int or None
        Simulated users in each group; None for 500, or as many as there are where that is less.
    turns : int
        Messages before a user gives up.
    modes : tuple of str
        What users know: see :mod:`llm_layer.evaluation.simulator`. The first is the headline.
    known : tuple of (int or None)
        A group for each: how much of a user's history the engine knows; None for all of it, 0 for
        a newcomer. The first is the headline.
    targets : int
        Items hidden of each user.
    language : {"en", "zh", "both"}
        Spoken; "both": every second user either.
    baseline : bool
        Also converse with a catalogue without a model.
    seed : int
        Of everything drawn.
    """

    users: int | None = None
    turns: int = 5
    modes: tuple[Mode, ...] = ("history", "critique")
    known: tuple[int | None, ...] = (None, 0, 3, 10)
    targets: int = 1
    language: Spoken = "both"
    baseline: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.turns < 1:
            raise InvalidInputError(f"turns is {self.turns}, expected at least 1")
        unknown = [mode for mode in self.modes if mode not in MODES]
        if unknown or not self.modes:
            raise InvalidInputError(
                f"modes is {list(self.modes)}, expected some of {', '.join(MODES)}"
            )
        if self.language not in ("en", "zh", "both"):
            raise InvalidInputError(f"language is {self.language!r}, expected en, zh or both")
