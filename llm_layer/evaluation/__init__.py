"""How good is a conversation: simulated users who look for what is hidden from the engine.

:func:`evaluate_dialogues` does all of it in one call; the parts are usable alone. What a simulated
user may know, and what not, stands in :mod:`llm_layer.evaluation.simulator`.
"""

from __future__ import annotations

from llm_layer.evaluation.baselines import catalogue_only, one_shot_places
from llm_layer.evaluation.course import Course
from llm_layer.evaluation.dialogues import Dialogue, Stage, Turn
from llm_layer.evaluation.figures import Conduct, Resampling, Success
from llm_layer.evaluation.hiding import Hidden, Seeker, hide
from llm_layer.evaluation.report import DialogueReport, GroupResult
from llm_layer.evaluation.run import evaluate_dialogues
from llm_layer.evaluation.simulator import (
    CriticalUser,
    Habits,
    Said,
    SimulatedUser,
    TellingUser,
    WishfulUser,
)
from llm_layer.evaluation.taste import Taste, Tastes

__all__ = [
    "Conduct",
    "Course",
    "CriticalUser",
    "Dialogue",
    "DialogueReport",
    "GroupResult",
    "Habits",
    "Hidden",
    "Resampling",
    "Said",
    "Seeker",
    "SimulatedUser",
    "Stage",
    "Success",
    "Taste",
    "Tastes",
    "TellingUser",
    "Turn",
    "WishfulUser",
    "catalogue_only",
    "evaluate_dialogues",
    "hide",
    "one_shot_places",
]
