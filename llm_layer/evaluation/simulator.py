"""A simulated user who talks with a Concierge and looks for an item that nobody is told.

What a simulated user may know, by mode:

``history`` (the default, and the headline of every report)
    Their own history: its items, the shares of its genres, decades and people, and the genres that
    it lacks. And of an item that they are shown, whether it is what they look for: one oracle,
    ``accepts(item)``, yes or no, is all that leads to the target. So two targets that get the same
    answers get the same words, to the letter; the tests prove it by exchanging targets. Nothing
    of the target's catalogue entry can be said.

``critique``
    As above; and of an item that they are shown, how it differs from what they have in mind: made
    later or earlier, a genre too many, a genre too few. That is what people say when they see
    something ("older", "not a western"), as in critiquing-based recommenders (Luo et al. 2020,
    "Latent Linear Critiquing for Conversational Recommender Systems", WWW). Whatever differs is
    told of the target, one attribute a turn.

``attribute``
    As in the literature on asking about attributes (Lei et al. 2020,
    "Estimation-Action-Reflection", WSDM, known as EAR; Lei et al. 2020, "Interactive Path
    Reasoning on Graph for Conversational Recommendation", KDD, known as SCPR): the user opens with
    an attribute of the target and answers every question about its attributes. The target leaks
    by design, so figures of this mode compare only with each other.

Kim et al. 2024 ("Stop Playing the Guessing Game! Target-free User Simulation for Evaluating
Conversational Recommender Systems") show how much simulators that know their target flatter a
system, which is why the first mode is the one that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np

from llm_layer.evaluation.phrasing import Move, Phrasing
from llm_layer.evaluation.taste import Share, Taste
from llm_layer.facts import ItemFacts

Mode: TypeAlias = Literal["history", "critique", "attribute"]
MODES: tuple[Mode, ...] = get_args(Mode)


class Question(Protocol):
    """What the Concierge asks."""

    @property
    def slot(self) -> str:
        """``"genre"``, ``"years"``, ``"people"`` ..."""
        ...


@dataclass(frozen=True)
class Said:
    """One message of a simulated user.

    Attributes
    ----------
    text : str
        The words.
    move : str
        What they are meant to do.
    accepted : int or None
        Item row that was accepted; the conversation is over.
    """

    text: str
    move: Move
    accepted: int | None = None


@dataclass(frozen=True)
class Habits:
    """How often a user opens and goes on in which way; weights, in any unit.

    A move that cannot be made (no person comes up twice in the history) is left out.
    """

    open: tuple[tuple[Move, float], ...] = (
        ("ask", 0.25),
        ("genre", 0.35),
        ("genre_decade", 0.1),
        ("favourite", 0.25),
        ("person", 0.05),
    )
    go_on: tuple[tuple[Move, float], ...] = (
        ("more", 0.35),
        ("genre", 0.2),
        ("favourite", 0.25),
        ("more_like", 0.1),
        ("decade", 0.05),
        ("person", 0.05),
    )


class SimulatedUser:
    """Speaks for one user, in one conversation.

    Parameters
    ----------
    taste : Taste
        Read from the user's own history.
    accepts : callable
        Whether an item row is what they look for; asked only about rows they are shown.
    facts : ItemFacts
        What a shown item is, as anybody who looks at it can tell.
    phrasing : Phrasing
        Their language and wordings.
    rng : numpy.random.Generator
        Draws the moves.
    habits : Habits
        How they talk.
    """

    def __init__(
        self,
        taste: Taste,
        accepts: Callable[[int], bool],
        facts: ItemFacts,
        phrasing: Phrasing,
        rng: np.random.Generator,
        habits: Habits | None = None,
    ) -> None:
        self._taste = taste
        self._own = frozenset(taste.history)
        self._accepts = accepts
        self._facts = facts
        self._phrasing = phrasing
        self._rng = rng
        self._habits = habits or Habits()
        self._named: set[int] = set()
        self._ruled_out: set[str] = set()

    def open(self) -> Said:
        """First message."""
        return self._one_of(self._habits.open)

    def answer(self, shown: Sequence[int], question: Question | None = None) -> Said:
        """Next message.

        Parameters
        ----------
        shown : sequence of int
            Item rows that the reply recommends, in order.
        question : Question, optional
            What the reply asks instead.
        """
        for place, row in enumerate(shown, 1):
            if self._accepts(row):
                return Said(self._phrasing.say("accept", place=place), "accept", row)
        if question is not None:
            return self._reply_to(question)
        return self._react(shown)

    def _react(self, shown: Sequence[int]) -> Said:
        """To items none of which is what they look for."""
        seen = [row for row in shown if row in self._own and row not in self._named]
        if seen:
            return self._title("seen", seen[0])
        repelled = [
            genre
            for row in shown
            for genre in self._facts.genres(row)
            if genre in self._taste.dislikes and genre not in self._ruled_out
        ]
        if repelled:
            self._ruled_out.add(repelled[0])
            return Said(self._phrasing.say("dislike", genre=repelled[0]), "dislike")
        return self._one_of(self._habits.go_on, shown)

    def _reply_to(self, question: Question) -> Said:
        move: Move = {
            "genre": "genre",
            "genres": "genre",
            "years": "decade",
            "decade": "decade",
        }.get(question.slot, "any")  # type: ignore[assignment]
        return self._make(move, ()) or Said(self._phrasing.say("any"), "any")

    def _one_of(self, habits: Sequence[tuple[Move, float]], shown: Sequence[int] = ()) -> Said:
        """A move drawn by its weight among those that can be made."""
        left = dict(habits)
        while left:
            moves, weights = list(left), np.array(list(left.values()))
            move = moves[int(self._rng.choice(len(moves), p=weights / weights.sum()))]
            said = self._make(move, shown)
            if said is not None:
                return said
            del left[move]
        return Said(self._phrasing.say("more" if shown else "ask"), "more" if shown else "ask")

    def _make(self, move: Move, shown: Sequence[int]) -> Said | None:
        """A move in words; None where the taste has nothing for it."""
        taste, say = self._taste, self._phrasing.say
        if move in ("ask", "more", "any"):
            return Said(say(move), move)
        if move == "favourite":
            left = [row for row in taste.history if row not in self._named]
            return self._title(move, left[int(self._rng.integers(len(left)))]) if left else None
        if move == "more_like":
            liked = [taste.likes(self._facts.genres(row)) for row in shown]
            return Said(say(move, place=1 + int(np.argmax(liked))), move) if liked else None
        genre = self._drawn(taste.genres) if move in ("genre", "genre_decade") else ""
        decade = self._drawn(taste.decades) if move in ("decade", "genre_decade") else ""
        person = self._drawn(taste.people) if move == "person" else ""
        wanted = {"genre": [genre], "decade": [decade], "genre_decade": [genre, decade]}
        if not all(wanted.get(move, [person])):
            return None
        return Said(say(move, genre=genre, decade=decade, person=person), move)

    def _title(self, move: Move, row: int) -> Said:
        self._named.add(row)
        return Said(self._phrasing.say(move, title=row), move)

    def _drawn(self, shares: Sequence[Share]) -> str:
        """A value drawn by its share; empty where there is none."""
        if not shares:
            return ""
        weights = np.array([one.share for one in shares])
        return shares[int(self._rng.choice(len(shares), p=weights / weights.sum()))].value
