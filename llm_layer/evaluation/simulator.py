"""Simulated users who talk with a Concierge and look for an item that nobody is told.

What a simulated user may know, by mode:

``history`` (:class:`SimulatedUser`; the default, and the headline of every report)
    Their own history: its items, the shares of its genres, decades and people, and the genres that
    it lacks. They tell what is true of it: what they loved, what they have seen, what is usual for
    them, what they do not like. Of an item that they are shown, whether it is what they look for:
    one oracle, ``accepts(item)``, yes or no, is all that leads to the target. So two targets that
    get the same answers get the same words, to the letter; the tests prove it by exchanging
    targets. Nothing of the target's catalogue entry can be said.

``wish`` (:class:`WishfulUser`)
    The same knowledge, worded as orders: a genre that is usual for them is asked for ("I feel like
    a comedy"), and what is like something they loved. The target need not be a comedy, so such a
    user is led astray by whoever does what they say: a check of what obedience costs.

``critique`` (:class:`CriticalUser`)
    As ``history``; and of items that they are shown, how these differ from what they have in mind:
    made later or earlier, a genre too many, a genre too few. That is what people say when they see
    something ("older", "not a western"), as in critiquing-based recommenders (Luo et al. 2020,
    "Latent Linear Critiquing for Conversational Recommender Systems", WWW). So an attribute of
    the target is told in each turn, though only where something that was shown lacks it.

``attribute`` (:class:`TellingUser`)
    As in the literature on asking about attributes (Lei et al. 2020,
    "Estimation-Action-Reflection", WSDM, known as EAR; Lei et al. 2020, "Interactive Path
    Reasoning on Graph for Conversational Recommendation", KDD, known as SCPR): the user opens with
    an attribute of the target, and goes on to tell others, asked or not. The target leaks by
    design, so figures of this mode compare only with each other.

Kim et al. 2024 ("Stop Playing the Guessing Game! Target-free User Simulation for Evaluating
Conversational Recommender Systems") show how much a simulator that knows its target flatters a
system, which is why the first mode is the one that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.evaluation.oracles import Attributes, Difference
from llm_layer.evaluation.phrasing import Move, Phrasing
from llm_layer.evaluation.taste import Share, Taste
from llm_layer.understanding.request import Question

Mode: TypeAlias = Literal["history", "wish", "critique", "attribute"]
MODES: tuple[Mode, ...] = get_args(Mode)

_BY_TIME: tuple[tuple[Move, int], ...] = (("newer", 1), ("older", -1))
# What a question is about, and the move that answers it; "any" answers all others.
_TOLD: Mapping[str, Move] = {
    "genres": "usual_genre",
    "years": "usual_decade",
    "director": "fan",
    "actors": "fan",
    "likes": "favourite",
}
_ORDERED: Mapping[str, Move] = {
    "genres": "genre",
    "years": "decade",
    "director": "person",
    "actors": "person",
    "likes": "favourite",
}
# What a move needs of the taste.
_GENRE: tuple[Move, ...] = ("genre", "genre_decade", "usual_genre", "usual_genre_decade")
_DECADE: tuple[Move, ...] = ("decade", "genre_decade", "usual_decade", "usual_genre_decade")
_PERSON: tuple[Move, ...] = ("person", "fan")
# Items are called alike from this likeness on.
_ALIKE = 0.5
# A user tells of so many items at most that they have seen already, or love.
_MOST_TITLES = 3


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
    """How often a user opens and goes on in which way: weights, in any unit.

    A move that cannot be made (nobody comes up twice in the history) is left out.
    """

    open: Mapping[Move, float] = field(
        default_factory=lambda: {
            "ask": 0.25,
            "favourite": 0.4,
            "usual_genre": 0.25,
            "usual_genre_decade": 0.05,
            "fan": 0.05,
        }
    )
    go_on: Mapping[Move, float] = field(
        default_factory=lambda: {
            "more": 0.5,
            "favourite": 0.3,
            "usual_decade": 0.1,
            "usual_genre": 0.1,
        }
    )


#: Tastes told as orders, as often as :class:`Habits` tells them.
WISHFUL = Habits(
    open={
        "ask": 0.25,
        "favourite": 0.13,
        "similar": 0.27,
        "genre": 0.25,
        "genre_decade": 0.05,
        "person": 0.05,
    },
    go_on={"more": 0.5, "favourite": 0.1, "similar": 0.2, "more_like": 0.1, "genre": 0.1},
)


class SimulatedUser:
    """Speaks for one user in one conversation, from their history alone.

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
    habits : Habits, optional
        How they talk.
    """

    answers: Mapping[str, Move] = _TOLD

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
        self._told: set[tuple[Move, str]] = set()

    def open(self) -> Said:
        """First message."""
        return self._one_of(self._habits.open)

    def answer(
        self, shown: Sequence[int], question: Question | None = None, *, is_invited: bool = False
    ) -> Said:
        """Next message.

        Parameters
        ----------
        shown : sequence of int
            Item rows that the reply recommends, in order.
        question : Question, optional
            What the reply asks instead of recommending anything.
        is_invited : bool
            Whether the reply asks, beside its list, for titles that they liked.
        """
        for place, row in enumerate(shown, 1):
            if self._accepts(row):
                return Said(self._phrasing.say("accept", place=place), "accept", row)
        if question is not None:
            return self._reply_to(question.slot)
        seen = self._tell_seen(shown)
        told = self._make("told", shown) if is_invited and self._takes_invitations else None
        if seen is not None and told is not None:
            return Said(f"{told.text} {seen.text}", "seen")
        return seen or told or self._react(shown)

    #: Whether they name titles when the reply asks for some beside its list.
    _takes_invitations = True

    def _react(self, shown: Sequence[int]) -> Said:
        """To items that are new to the user, none of which is what they look for."""
        for row in shown:
            for genre in self._facts.genres(row):
                if genre in self._taste.dislikes and self._is_news("no_genre", genre):
                    return Said(self._phrasing.say("no_genre", genre=genre), "no_genre")
        return self._one_of(self._habits.go_on, shown)

    def _reply_to(self, slot: str) -> Said:
        """To a question."""
        move = self.answers.get(slot, "any")
        return self._make(move, ()) or Said(self._phrasing.say("any"), "any")

    def _tell_seen(self, shown: Sequence[int]) -> Said | None:
        """That some of what was shown is part of their history."""
        seen = [row for row in shown if row in self._own and row not in self._named]
        return self._titles("seen", seen[:_MOST_TITLES]) if seen else None

    def _one_of(self, habits: Mapping[Move, float], shown: Sequence[int] = ()) -> Said:
        """A move drawn by its weight among those that can be made."""
        left = dict(habits)
        while left:
            weights = np.array(list(left.values()))
            move = list(left)[int(self._rng.choice(len(left), p=weights / weights.sum()))]
            said = self._make(move, shown)
            if said is not None:
                return said
            del left[move]
        move = "more" if shown else "ask"
        return Said(self._phrasing.say(move), move)

    def _make(self, move: Move, shown: Sequence[int]) -> Said | None:
        """A move in words; None where the taste has nothing for it."""
        taste, say = self._taste, self._phrasing.say
        if move in ("favourite", "similar", "told"):
            left = [row for row in taste.history if row not in self._named]
            # Whoever is asked for a few names a few.
            wanted = _MOST_TITLES if move == "told" else 1 + int(self._rng.integers(_MOST_TITLES))
            count = min(len(left), wanted)
            places = self._rng.permutation(len(left))[:count].tolist()
            return self._titles(move, [left[place] for place in places]) if left else None
        if move == "more_like":
            liked = [taste.likes(self._facts.genres(row)) for row in shown]
            return Said(say(move, place=1 + int(np.argmax(liked))), move) if liked else None
        genre = self._drawn(taste.genres) if move in _GENRE else ""
        decade = self._drawn(taste.decades) if move in _DECADE else ""
        person = self._drawn(taste.people) if move in _PERSON else ""
        needed = ((_GENRE, genre), (_DECADE, decade), (_PERSON, person))
        if any(move in moves and not value for moves, value in needed):
            return None
        return Said(say(move, genre=genre, decade=decade, person=person), move)

    def _titles(self, move: Move, rows: Sequence[int]) -> Said:
        self._named.update(rows)
        return Said(self._phrasing.say(move, titles=rows), move)

    def _drawn(self, shares: Sequence[Share]) -> str:
        """A value drawn by its share; empty where there is none."""
        if not shares:
            return ""
        weights = np.array([one.share for one in shares])
        return shares[int(self._rng.choice(len(shares), p=weights / weights.sum()))].value

    def _is_news(self, move: Move, value: str = "") -> bool:
        """Whether it was not said before; it is from now on."""
        is_news = (move, value) not in self._told
        self._told.add((move, value))
        return is_news


class WishfulUser(SimulatedUser):
    """Words what they know of their taste as orders for tonight."""

    answers = _ORDERED

    def __init__(self, *arguments: Any, **more: Any) -> None:
        more.setdefault("habits", WISHFUL)
        super().__init__(*arguments, **more)


class CriticalUser(SimulatedUser):
    """Also says how what is shown differs from what they have in mind.

    Parameters
    ----------
    differs : callable
        How what they look for differs from an item row; asked only about rows they are shown.
    """

    _takes_invitations = False  # they have something to say of what they see

    def __init__(self, *arguments: Any, differs: Callable[[int], Difference], **more: Any) -> None:
        # Nobody asks for a kind that is not what they have in mind.
        more.setdefault("habits", Habits(open={"ask": 0.4, "favourite": 0.6}))
        super().__init__(*arguments, **more)
        self._differs = differs

    def _reply_to(self, slot: str) -> Said:
        # Before anything is seen there is nothing to criticize, and tastes are not what is meant.
        return super()._reply_to(slot if slot == "likes" else "")

    def _react(self, shown: Sequence[int]) -> Said:
        differences = [self._differs(row) for row in shown]
        wishes: list[tuple[Move, str]] = []
        for move, later in _BY_TIME:
            if differences and all(one.later == later for one in differences):
                wishes.append((move, ""))
        missing = [genre for one in differences for genre in one.missing]
        surplus = [genre for one in differences for genre in one.surplus]
        for move, genres in (("add_genre", missing), ("no_genre", surplus)):
            fresh = [genre for genre in genres if (move, genre) not in self._told]
            if fresh:
                wishes.append((move, max(fresh, key=fresh.count)))
        near = [one.likeness for one in differences]
        if near and max(near) > min(near) and max(near) >= _ALIKE:
            wishes.append(("more_like", ""))
        if not wishes:
            return self._one_of({"more": 1.0}, shown)
        move, genre = wishes[int(self._rng.integers(len(wishes)))]
        self._told.add((move, genre))
        place = 1 + int(np.argmax(near)) if move == "more_like" else 0
        return Said(self._phrasing.say(move, genre=genre, place=place), move)


class TellingUser(SimulatedUser):
    """Tells attributes of what they look for, one a turn.

    Parameters
    ----------
    attributes : Attributes
        Of what they look for.
    """

    answers = _ORDERED
    _takes_invitations = False

    def __init__(self, *arguments: Any, attributes: Attributes, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._attributes = attributes

    def open(self) -> Said:
        """First message: an attribute, where there is one to tell."""
        return self._tell(("genre", "decade")) or super().open()

    def _react(self, shown: Sequence[int]) -> Said:
        return self._tell(("genre", "decade")) or self._one_of({"more": 1.0}, shown)

    def _reply_to(self, slot: str) -> Said:
        told = self._tell((self.answers.get(slot, "any"),))
        return told or Said(self._phrasing.say("any"), "any")

    def _tell(self, kinds: Sequence[Move]) -> Said | None:
        """The next attribute of these kinds that was not told yet."""
        attributes = self._attributes
        values: Mapping[str, Sequence[str]] = {
            "genre": attributes.genres,
            "decade": attributes.decades,
            "person": attributes.people,
        }
        for move in kinds:
            for value in values.get(move, ()):
                if self._is_news(move, value):
                    is_further = move == "genre" and any(
                        told == move for told, other in self._told if other != value
                    )
                    said: Move = "also_genre" if is_further else move
                    return Said(self._worded(said, value), said)
        return None

    def _worded(self, move: Move, value: str) -> str:
        if move == "decade":
            return self._phrasing.say(move, decade=value)
        if move == "person":
            return self._phrasing.say(move, person=value)
        return self._phrasing.say(move, genre=value)
