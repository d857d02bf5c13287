"""The plan of a reply: what is said, before anybody words it.

Everything a reply may claim stands here, taken from the catalogue, the history and the model's
exact contributions. The words add nothing to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from llm_layer.catalogue.facts import ItemFacts
from llm_layer.checking.columns import Columns
from llm_layer.dialogue import MOST, Constraints, Limit, State
from llm_layer.memory.evidence import Entry
from llm_layer.profile import UserProfile
from llm_layer.text import Language, normalize, simplified
from llm_layer.understanding.request import Question, Request
from recsys.explaining import Explainer
from recsys.recommender import Recommender

Role: TypeAlias = Literal["recommended", "reason", "asked"]
PlanKind: TypeAlias = Literal[
    "offer",
    "nothing",
    "why",
    "ask",
    "unknown",
    "profile",
    "greet",
    "thanks",
    "bye",
    "reset",
    "question",
    "compare",
    "accepted",
    "out_of_scope",
    "forgotten",
    "referral",
    "foreign",
]

# Roles of those who made an item.
MAKERS = ("director", "author", "artist", "teacher")
# So many of the largest contributions are looked through for a reason that shares something.
_DEEP = 15
# So many genres at most are told of what two items share.
_SHARED = 3
# So many items at most are held against each other.
_COMPARED = 3
# A visitor watches "often" what so many items of their history are.
_OFTEN = 3


@dataclass(frozen=True)
class Reason:
    """Why an item is offered.

    Attributes
    ----------
    kind : {"watched", "likes", "shared", "stated"}
        An item of the history that adds to the score; one that a visitor named when the
        conversation opened; what it shares with one that more like was asked for or, with a
        `share`, with one of the history; what the visitor stated that they like.
    row : int or None
        That item; None for ``"stated"``.
    share : float
        Its part of the score, in (0, 1]; 0 where it is no part of it.
    genres : tuple of str
        Those that are shared or liked.
    people : tuple of (str, str)
        Role and name of those who are shared; for ``"stated"`` with an empty role.
    """

    kind: Literal["watched", "likes", "shared", "stated"]
    row: int | None
    share: float = 0.0
    genres: tuple[str, ...] = ()
    people: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Offer:
    """One item and why."""

    row: int
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a reply says.

    Attributes
    ----------
    kind : str
        What sort of reply it is.
    language : {"en", "zh"}
        Language of the words.
    offers : tuple of Offer
        Items it recommends or, for ``"why"``, ``"ask"`` and ``"unknown"``, speaks about.
    constraints : Constraints
        What was asked for and kept.
    given_up : tuple of str
        Constraints that were left out.
    like : tuple of int
        Items named as examples.
    fewer_than : int
        How many were wanted, where there are fewer; else 0.
    no_title : tuple of str
        Titles the visitor gave that the catalogue lacks.
    near : tuple of int
        Items to ask about in their place ("did you mean ...?").
    guessed : tuple of int
        Items that titles were only taken for, which the reply says.
    unstated : tuple of str
        What was asked for that the catalogue does not state.
    unweighed : bool
        The message had nothing but free words, and there are no sentence vectors to weigh them.
    topic : str
        For ``"ask"``: which one.
    genres, examples : tuple
        For ``"profile"``: usual genres, and rows of the history.
    turn : int
        Counts replies from 0, so that wordings vary.
    too_many : bool
        More items were asked for than one reply holds.
    no_place : int or None
        For ``"unknown"``: the place that was asked about and is not in the list; 0 where there is
        no list at all.
    is_visitor : bool
        They are no user of the model: what is known of them is what they named.
    stated : tuple of Entry
        For ``"profile"``: what they stated of themselves, the latest first.
    is_stranger : bool
        Nothing is known of them at all.
    is_fitting : bool
        For ``"why"``: the item met every wish there was, and there was one.
    question : Question or None
        For ``"question"``, and for an offer that asks something: what is asked.
    invites : bool
        For an offer: ask at the end which items they liked.
    extreme : tuple of (str, str) or None
        For ``"compare"``: column and end (``"lowest"``, ``"highest"``) that was asked about.
    policy : str
        Name of the domain's policy whose words are said; alone for ``"referral"``.
    """

    kind: PlanKind
    language: Language
    offers: tuple[Offer, ...] = ()
    constraints: Constraints = field(default_factory=Constraints)
    given_up: tuple[Limit, ...] = ()
    like: tuple[int, ...] = ()
    fewer_than: int = 0
    no_title: tuple[str, ...] = ()
    near: tuple[int, ...] = ()
    guessed: tuple[int, ...] = ()
    unstated: tuple[str, ...] = ()
    unweighed: bool = False
    topic: str = ""
    genres: tuple[str, ...] = ()
    examples: tuple[int, ...] = ()
    turn: int = 0
    too_many: bool = False
    no_place: int | None = None
    is_visitor: bool = False
    stated: tuple[Entry, ...] = ()
    is_stranger: bool = False
    is_fitting: bool = False
    question: Question | None = None
    invites: bool = False
    extreme: tuple[str, str] | None = None
    policy: str = ""


@dataclass(frozen=True)
class Visitor:
    """Who is spoken with.

    Attributes
    ----------
    user : Any
        Outside id, None for a visitor who is not in the model.
    history : tuple of int
        Rows: of a known user what they interacted with, of a visitor what they like.
    remembered : Any
        Outside id under which the store keeps them; None for nobody's.
    weights : dict of int to float
        What a row of the history counts, where that is not 1.
    """

    user: Any
    history: tuple[int, ...]
    remembered: Any = None
    weights: dict[int, float] = field(default_factory=dict, compare=False, repr=False)


class Planner:
    """Plans replies from what was found."""

    def __init__(self, rec: Recommender, facts: ItemFacts) -> None:
        self._rec = rec
        self._facts = facts
        self._columns = Columns(facts)

    def without_list(
        self, request: Request, state: State, visitor: Visitor, profile: UserProfile
    ) -> Plan | None:
        """Plan for a turn that recommends nothing; None where a list is due."""
        if request.is_foreign:
            return self.small_talk("foreign", request, state)
        if request.act == "reset" and request.has_wish:
            return None  # "forget that, show me westerns"
        if request.act in ("greet", "thanks", "bye", "reset", "out_of_scope"):
            kind: PlanKind = request.act
            return self.small_talk(kind, request, state)
        if request.act == "forget":
            told = self.small_talk("forgotten", request, state)
            return replace(told, is_visitor=visitor.user is None or not visitor.history)
        if request.act == "profile":
            return self.profile(profile, request, state, visitor)
        if request.act in ("why", "ask"):
            return self.about(request, state, visitor, profile.entries)
        if request.act == "compare":
            return self.compared(request, state, visitor)
        return self.accepted(request, state, visitor) if request.act == "accept" else None

    def offer(
        self,
        rows: Sequence[int],
        visitor: Visitor,
        state: State,
        request: Request,
        given_up: tuple[Limit, ...],
        stated: Sequence[Entry] = (),
        *,
        is_expert: bool = False,
    ) -> Plan:
        """Plan to recommend `rows`, or to say that nothing is left.

        To experts with reasons that name who made both items, where there are any.
        """
        wanted = state.count
        chosen = list(rows[:wanted])
        explainer = self.explainer(visitor) if chosen and visitor.history else None
        return Plan(
            kind="offer" if chosen else "nothing",
            language=request.language,
            offers=tuple(
                Offer(
                    row,
                    self.reasons(
                        visitor,
                        row,
                        state.examples,
                        stated=stated,
                        explainer=explainer,
                        is_expert=is_expert,
                    ),
                )
                for row in chosen
            ),
            constraints=state.constraints.without(given_up),
            given_up=given_up,
            like=tuple(row for row in request.like or state.pursued if row in state.like),
            fewer_than=wanted if len(chosen) < wanted else 0,
            no_title=request.no_title,
            **self._asked_back(request),
            unstated=request.unstated,
            unweighed=self._rec.content is None and request.is_mood_only,
            turn=len(state.said) - 1,
            too_many=request.count is not None and request.count > MOST,
        )

    def about(
        self, request: Request, state: State, visitor: Visitor, stated: Sequence[Entry] = ()
    ) -> Plan:
        """Plan to answer a question about an item that was shown or named.

        Without a place or a title the question is about the first item shown. Where it gives one
        that leads nowhere, the reply says so and speaks of no other item.
        """
        rows = [state.item_at(place) for place in request.places or request.refused]
        rows = rows or [*request.about[:1]]
        if not rows and not request.no_title:
            rows = [state.item_at(1)]
        asked = [row for row in rows if row is not None][:1]
        is_why = request.act == "why"
        kind: PlanKind = "why" if is_why else "ask"
        no_place: int | None = None
        if not asked:
            kind = "unknown"
            if not request.no_title:
                no_place = request.places[0] if request.places and state.last else 0
        elif is_why and asked[0] not in state.shown:
            kind = "unknown"  # there is no "why" to what was not recommended
        return Plan(
            kind=kind,
            language=request.language,
            offers=tuple(
                Offer(row, self.reasons(visitor, row, state.examples, 3, stated=stated))
                for row in asked
            ),
            given_up=state.set_aside.get(asked[0], ()) if asked and is_why else (),
            topic=request.topic or "all",
            no_title=request.no_title,
            **self._asked_back(request),
            unstated=request.unstated,
            turn=len(state.said) - 1,
            no_place=no_place,
            is_stranger=not visitor.history,
            constraints=state.constraints if is_why else Constraints(),
            is_fitting=bool(asked) and asked[0] in state.fitting,
        )

    def compared(self, request: Request, state: State, visitor: Visitor) -> Plan:
        """Plan to hold two or three items against each other.

        Those that are named or pointed at; those that were shown last, where the message names
        none: three of them, or all to tell which is the newest, the cheapest ... One alone is
        spoken about.
        """
        extreme = self._columns.extreme(simplified(request.text))
        pointed = [state.item_at(place) for place in request.places]
        rows = [*request.about, *(row for row in pointed if row is not None)]
        if not rows:
            rows = list(state.last)
        elif len(rows) == 1:
            rows += [row for row in state.last if row not in rows][:1]
        chosen = list(dict.fromkeys(rows))[: MOST if extreme else _COMPARED]
        if len(chosen) < 2:
            return self.about(request, state, visitor)
        return Plan(
            kind="compare",
            language=request.language,
            offers=tuple(Offer(row) for row in chosen),
            extreme=extreme,
            unstated=request.unstated,
            topic=request.topic or "all",
            no_title=request.no_title,
            **self._asked_back(request),
            turn=len(state.said) - 1,
        )

    def accepted(self, request: Request, state: State, visitor: Visitor) -> Plan:
        """Plan to say back what was chosen, or to ask which one where that is open."""
        pointed = [state.item_at(place) for place in request.places]
        rows = [*request.like, *(row for row in pointed if row is not None)]
        if not rows and not request.places and len(state.last) == 1:
            rows = [state.last[0]]
        if rows:
            offers = tuple(Offer(row) for row in dict.fromkeys(rows))
            return replace(self.small_talk("accepted", request, state), offers=offers)
        if request.places or not state.last:
            return self.about(request, state, visitor)
        return self.asking(Question("place"), request, state)

    def asking(self, question: Question, request: Request, state: State) -> Plan:
        """Plan to ask something."""
        return replace(self.small_talk("question", request, state), question=question)

    def _asked_back(self, request: Request) -> dict[str, Any]:
        """What is said of titles that are not there, or were only taken for others."""
        near = request.near[:1] if request.act not in ("not_like", "reject", "fewer") else ()
        question = None
        if near:
            title = self._facts.title(near[0])
            question = Question("title", (title,), act=request.act, topic=request.topic)
        return {"near": near, "guessed": request.guessed, "question": question}

    def small_talk(self, kind: PlanKind, request: Request, state: State) -> Plan:
        """Plan for a turn that is about no item."""
        return Plan(kind=kind, language=request.language, turn=len(state.said) - 1)

    def profile(
        self, profile: UserProfile, request: Request, state: State, visitor: Visitor
    ) -> Plan:
        """Plan to say what is known about the visitor."""
        usual = [trait.value for trait in profile.genres if len(trait.evidence) >= _OFTEN]
        is_visitor = visitor.user is None
        return Plan(
            kind="profile",
            language=request.language,
            genres=() if is_visitor else tuple(usual[:2]),
            examples=profile.history[:2],
            turn=len(state.said) - 1,
            is_visitor=is_visitor,
            stated=profile.entries,
        )

    def reasons(
        self,
        visitor: Visitor,
        row: int,
        like: Sequence[int],
        most: int = 1,
        *,
        stated: Sequence[Entry] = (),
        explainer: Explainer | None = None,
        is_expert: bool = False,
    ) -> tuple[Reason, ...]:
        """Up to `most` reasons, the best first.

        What the offer shares with an item that more like was asked for comes first; then what the
        visitor stated that they like, where the offer has it; then the history's largest
        contributions to the score, those before others that also share a genre or a director.
        Only contributions above zero count. For experts the largest of those that share who made
        them says what it shares.
        """
        shared = [self._shared(near, row) for near in like if self._akin(near, row)]
        shared.sort(key=lambda reason: -len(reason.people) - len(reason.genres))
        found = [*shared[:1], *self._stated(stated, row)[:1]]
        if visitor.history:
            kind: Literal["watched", "likes"] = "likes" if visitor.user is None else "watched"
            known = frozenset(visitor.history)
            explainer = explainer or self.explainer(visitor)
            shares = [
                (near, share)
                for near, share in explainer.largest(row, _DEEP)
                if near != row and near in known
            ]
            shares.sort(key=lambda pair: (not self._akin(pair[0], row), -pair[1]))
            if is_expert:
                told = [replace(self._shared(near, row), share=share) for near, share in shares]
                found += [reason for reason in told if reason.people][:1]
            found += [Reason(kind, near, share) for near, share in shares]
        return tuple(found[:most])

    def explainer(self, visitor: Visitor) -> Explainer:
        """What takes the visitor's scores apart."""
        if visitor.user is None:
            return self._rec.explainer_from(self._facts.items(visitor.history))
        return self._rec.explainer(visitor.user)

    def _akin(self, one: int, other: int) -> bool:
        if one == other:
            return False
        shared = self._shared(one, other)
        return bool(shared.genres or shared.people)

    def _shared(self, near: int, row: int) -> Reason:
        """What an item has in common with another one: genres, and who made both."""
        facts = self._facts
        genres = tuple(genre for genre in facts.genres(row) if genre in facts.genres(near))
        theirs = facts.people(near)
        people = tuple(
            (role, name)
            for role in MAKERS
            for name in facts.people(row).get(role, ())
            if name in theirs.get(role, ())
        )
        return Reason("shared", near, 0.0, genres[:_SHARED], people[:1])

    def _stated(self, stated: Sequence[Entry], row: int) -> list[Reason]:
        """What the visitor stated that they like, and the item has."""
        found = []
        for entry in stated:
            if entry.source != "stated" or entry.strength <= 0:
                continue
            value = str(entry.value)
            if entry.kind == "genre" and value in self._facts.genres(row):
                found.append(Reason("stated", None, 0.0, (value,)))
            if entry.kind == "person" and row in self._facts.person_rows.get(normalize(value), ()):
                found.append(Reason("stated", None, 0.0, (), (("", value),)))
        return found
