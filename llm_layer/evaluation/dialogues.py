"""Conversations between simulated users and a Concierge, with what came of each turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from llm_layer.catalogue.genres import GenreWords
from llm_layer.concierge import Concierge
from llm_layer.evaluation.hiding import Seeker
from llm_layer.evaluation.oracles import accepting, attributes, comparing
from llm_layer.evaluation.phrasing import Phrasing
from llm_layer.evaluation.simulator import (
    CriticalUser,
    Mode,
    Said,
    SimulatedUser,
    TellingUser,
    WishfulUser,
)
from llm_layer.evaluation.taste import Tastes
from llm_layer.reply import Reply
from llm_layer.text import Language
from llm_layer.understanding.request import Question


@dataclass(frozen=True)
class Turn:
    """One message and its reply.

    Attributes
    ----------
    move : str
        What the user meant to do.
    said, answered : str
        The words.
    shown : tuple of int
        Item rows recommended, in order.
    kind : str
        Kind of the reply: ``"items"``, ``"question"`` or ``"words"``.
    grounded : bool
        Whether the check of the reply found nothing wrong.
    writer : str
        ``"llm"`` or ``"template"``.
    milliseconds : mapping of str to float
        Of each stage.
    """

    move: str
    said: str
    answered: str
    shown: tuple[int, ...]
    kind: str
    grounded: bool
    writer: str
    milliseconds: Mapping[str, float]


@dataclass(frozen=True)
class Dialogue:
    """One conversation.

    Attributes
    ----------
    user : Any
        Outside id.
    language : {"en", "zh"}
        Spoken.
    turns : tuple of Turn
        Those in which something was looked for, then the farewell where something was found.
    found_at : int or None
        Turn, from 1, whose reply showed a target; None where none did.
    """

    user: Any
    language: Language
    turns: tuple[Turn, ...]
    found_at: int | None


class Stage:
    """Puts simulated users before one Concierge.

    Parameters
    ----------
    concierge : Concierge
        Under test.
    tastes : Tastes
        Reads what users know of themselves.
    turns : int
        Messages before they give up, at least 1.
    seed : int
        Of moves and wordings.
    """

    def __init__(self, concierge: Concierge, tastes: Tastes, turns: int, seed: int) -> None:
        self._concierge = concierge
        self._tastes = tastes
        self._genre_words = GenreWords(concierge.facts.genre_names)
        self._turns = turns
        self._seed = seed

    def hold(self, seeker: Seeker, mode: Mode, language: Language) -> Dialogue:
        """Let one user converse."""
        user = self._user(seeker, mode, language)
        talk = self._concierge.open(None if seeker.is_newcomer else seeker.user)
        said = user.open()
        turns: list[Turn] = []
        while True:
            reply = talk.say(said.text)
            shown = tuple(self._concierge.facts.row(item) for item in reply.recommended)
            question = None if shown else talk.state.question
            turns.append(_turn(said, reply, shown, question))
            if said.accepted is not None or len(turns) == self._turns:
                break
            said = user.answer(shown, question, is_invited=talk.state.is_invited)
        hit = next(
            (at for at, turn in enumerate(turns, 1) if {*turn.shown} & {*seeker.targets}), None
        )
        return Dialogue(seeker.user, language, tuple(turns), hit)

    def _user(self, seeker: Seeker, mode: Mode, language: Language) -> SimulatedUser:
        facts = self._concierge.facts
        # Nothing here depends on the target but the oracles.
        rng = np.random.default_rng([self._seed, seeker.row])
        taste = self._tastes.read(seeker.history)
        phrasing = Phrasing(facts, self._genre_words, language, rng)
        accepts = accepting(seeker.targets)
        if mode == "critique":
            differs = comparing(seeker.targets[0], facts)
            return CriticalUser(taste, accepts, facts, phrasing, rng, differs=differs)
        if mode == "attribute":
            told = attributes(seeker.targets[0], facts)
            return TellingUser(taste, accepts, facts, phrasing, rng, attributes=told)
        kind = WishfulUser if mode == "wish" else SimulatedUser
        return kind(taste, accepts, facts, phrasing, rng)


def _turn(said: Said, reply: Reply, shown: tuple[int, ...], question: Question | None) -> Turn:
    return Turn(
        move=said.move,
        said=said.text,
        answered=reply.text,
        shown=shown,
        kind="items" if shown else "question" if question else "words",
        grounded=reply.grounding.ok,
        writer=reply.writer,
        milliseconds=dict(reply.timings),
    )
