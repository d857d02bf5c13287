"""A conversation: turns with one visitor, each understood, planned, worded and checked."""

from __future__ import annotations

import copy
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from llm_layer import turns
from llm_layer.cards import Card, make_card
from llm_layer.checking.claims import Known
from llm_layer.dialogue import State
from llm_layer.memory.conversations import Turn
from llm_layer.memory.store import Store
from llm_layer.memory.style import StyleCounts
from llm_layer.plan import Plan, Visitor
from llm_layer.profile import UserProfile
from llm_layer.reply import Chunk, Draft, Reply
from llm_layer.rerank import Wish
from llm_layer.safety.policies import Referral
from llm_layer.stopping import check_stopped
from llm_layer.text import normalize
from llm_layer.understanding.understand import Request
from llm_layer.wording.manner import manner_of
from recsys.errors import InvalidInputError

if TYPE_CHECKING:
    from llm_layer.concierge import Concierge

# Candidates that are fetched for each item that will be shown; the reranker chooses among them.
_POOL = 40
_LONGEST_MESSAGE = 2000


class Conversation:
    """One visitor's conversation; begin it with :meth:`Concierge.open`.

    Attributes
    ----------
    id : str
        By which it is found in the store.
    visitor : Visitor
        Who is spoken with.
    state : State
        What is remembered from turn to turn.
    replies : list of Reply
        All replies so far.
    """

    def __init__(
        self,
        concierge: Concierge,
        visitor: Visitor,
        taste: np.ndarray[Any, Any],
        basis: Mapping[int, float],
    ) -> None:
        self._concierge = concierge
        self._taste, self._basis = taste, basis
        self._lock = threading.RLock()  # a turn may ask that the visitor be forgotten
        self._request: Request | None = None
        self._style = concierge.memory.style(visitor.remembered)
        self.id = uuid.uuid4().hex
        self.visitor = visitor
        self.state = State()
        self.replies: list[Reply] = []
        self._lists: list[tuple[int, ...]] = []

    def say(self, text: str) -> Reply:
        """Answer a message.

        Parameters
        ----------
        text : str
            What the visitor says, in English or Chinese.

        Raises
        ------
        InvalidInputError
            `text` is no text, empty, or longer than 2000 characters.
        """
        self._check(text)
        with self._turn():
            reply = self._answer(text)
            check_stopped()
            self._keep(reply)
            self.replies.append(reply)
        return reply

    def replay(self, texts: Iterable[str]) -> None:
        """Take in messages of an earlier conversation, without words for the replies.

        What was recommended then is worked out again, so that "the second one" has a meaning. A
        message that :meth:`say` would refuse is passed over. Nothing is kept of them.
        """
        style = self._style
        for text in texts:
            try:
                self._check(text)
            except InvalidInputError:
                continue
            with self._turn():
                self._answer(text, plain=True)
                check_stopped()
        if self._concierge.store is not None:
            self._style = style  # they counted when they were said

    def stream(self, text: str) -> Iterator[Chunk]:
        """Answer a message piece by piece.

        Yields
        ------
        Chunk
            Words that passed the check, sentence by sentence as a language model writes them;
            joined they are the reply's text. The last chunk, which may be without words, carries
            the reply. Closing the generator before leaves the conversation as it was. All of it
            has to be iterated in one thread.

        Raises
        ------
        InvalidInputError
            As for :meth:`say`.
        """
        self._check(text)
        with self._turn():
            plan, known, watch = self._planned(text)
            begun = watch.elapsed
            draft = yield from _chunks(self._concierge._writer.stream(plan, known))
            reply = self._replied(plan, draft, watch, begun)
            check_stopped()
            self._keep(reply)
            self.replies.append(reply)
        yield Chunk("", reply)

    async def asay(self, text: str) -> Reply:
        """As :meth:`say`, awaited; the work is done in a thread.

        Cancelling it stops the work soon (a language model after its next token) and leaves the
        conversation as it was before the message.
        """
        return await turns.run(self._concierge.threads, lambda: self.say(text))

    def astream(self, text: str) -> AsyncGenerator[Chunk, None]:
        """As :meth:`stream`, for ``async for``; cancelling works as for :meth:`asay`."""
        return turns.astream(self._concierge.threads, self, text)

    def cards(self, reply: Reply) -> tuple[Card, ...]:
        """What a face shows of each item that a reply of this conversation recommends."""
        concierge, cards = self._concierge, []
        stated = concierge.profile(self._visitor, reply.language).entries
        for place, item in enumerate(reply.recommended, 1):
            row = concierge.facts.row(item)
            reasons = concierge._planner.reasons(
                self._visitor, row, self.state.examples, stated=stated
            )
            why = concierge._wording.reason(reasons[0], reply.language) if reasons else ""
            cards.append(make_card(concierge.rec, concierge.facts, place, item, why))
        return tuple(cards)

    def _check(self, text: str) -> None:
        if not isinstance(text, str) or not text.strip():
            verb = self._concierge.domain.verb
            raise InvalidInputError(f"the message is empty; say what you would like to {verb}")
        if len(text) > _LONGEST_MESSAGE:
            raise InvalidInputError(
                f"the message has {len(text)} characters, expected at most {_LONGEST_MESSAGE}"
            )

    def _keep(self, reply: Reply) -> None:
        """Take the turn to the store, unless the visitor was forgotten in it."""
        concierge, user = self._concierge, self.visitor.remembered
        if concierge.store is None or not self.state.said:
            return
        if self._request is not None and self._request.act == "forget":
            self._unremember(concierge.store)
            return
        state = self.state.to_dict(concierge.facts)
        turn = Turn(self.state.said[-1], reply.text, tuple(reply.recommended), time.time())
        with concierge.store.together():
            if self._request is not None:
                concierge.memory.hear(user, self._request, self._style, self.state)
            concierge.store.conversations.save(self.id, user, state, turn)

    def _obey(self) -> None:
        """Serve the visitor as a stranger from here on, where they no longer agree to more."""
        user, visitor, concierge = self.visitor.remembered, self.visitor, self._concierge
        if user is None or not (visitor.history or visitor.user is not None):
            return
        if not concierge.memory.consent(user).personalize:
            self.visitor, self._taste = Visitor(None, (), user), concierge._retriever.taste(())
            self._basis = {}
            self.state.leanings.clear()

    def _unremember(self, store: Store) -> None:
        """The visitor asked to be forgotten: delete what the store has, and keep no more."""
        concierge, user = self._concierge, self.visitor.remembered
        store.conversations.remove(self.id)
        if user is not None:
            store.forget(user)
            concierge.memory.forget()
        known = self.visitor.user
        history = self.visitor.history if known is not None else ()
        self.visitor = Visitor(known, history, None, self.visitor.weights)
        self._taste = (
            concierge._retriever.taste(()) if known is None else concierge.rec.user_vector(known)
        )
        self._basis = {row: weight for row, weight in self._basis.items() if row in set(history)}
        self._style = StyleCounts()
        self._lists.clear()

    def _forget(self) -> int:
        """Go on as with a stranger; return how many turns were held."""
        with self._lock:
            count = len(self.state.said)
            self.id, self._request, self._style = uuid.uuid4().hex, None, StyleCounts()
            self.visitor, self._taste = Visitor(None, ()), self._concierge._retriever.taste(())
            self._basis = {}
            self.state = State()
            self.replies.clear()
            self._lists.clear()
        return count

    @property
    def _visitor(self) -> Visitor:
        """The visitor with that part of their past that may be spoken of."""
        allowed = self._concierge.guard.allowed(self.state.age)
        if allowed is None:
            return self.visitor
        history = tuple(row for row in self.visitor.history if allowed[row])
        return replace(self.visitor, history=history)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One turn at a time; one that fails or is stopped leaves the state as it was."""
        with self._lock:
            state = self.state
            before = {each.name: copy.copy(getattr(state, each.name)) for each in fields(state)}
            heard = self._request, self._style
            try:
                yield
            except BaseException:
                if self.state is state:  # else the visitor was forgotten meanwhile
                    self.state = replace(state, **before)
                    self._request, self._style = heard
                raise

    def _answer(self, text: str, *, plain: bool = False) -> Reply:
        plan, known, watch = self._planned(text)
        return self._word(plan, known, watch, plain=plain)

    def _planned(self, text: str) -> tuple[Plan, Known, _Stages]:
        """What will be said to a message, and what it may rest on."""
        concierge, state = self._concierge, self.state
        watch = _Stages()
        with watch.stage("understand"):
            self._obey()
            text = concierge.redact(text)
            in_talk = bool(state.last)
            request = concierge._understanding.read(text, state.language, in_talk=in_talk)
            request = concierge._policy.understood(request, state)
            state.age = concierge.guard.age([text], state.age)
            request, verdict = concierge.guard.look(request, state.age)
            state.take(request, concierge.facts)
            self._request = request
            # Anybody names a title they loved; who names its makers knows the field.
            self._style = self._style.heard(text, names=len(request.people))
            profile = concierge.profile(self._visitor, request.language)
            profile = replace(profile, style=self._style.style(request.language))
        plan = None if verdict.stop else self._plan(request, profile, watch)
        in_vain = plan is None or bool(plan.given_up) or plan.kind == "nothing"
        if plan is None or (in_vain and isinstance(verdict.policy, Referral)):
            plan = concierge._planner.small_talk("referral", request, state)
        if verdict.policy is not None:
            plan = replace(plan, policy=verdict.policy.name)
        return plan, self._known(request, profile), watch

    def _introduce(self, rows: list[int]) -> Reply:
        request, watch = Request(text=""), _Stages()
        allowed = self._concierge.guard.allowed(self.state.age)
        if allowed is not None:
            rows = [row for row in rows if allowed[row]]
        self.state.take(request, self._concierge.facts)
        self.state.count = len(rows)
        with watch.stage("plan"):
            plan = self._concierge._planner.offer(rows, self._visitor, self.state, request, ())
        return self._word(plan, self._known(request, UserProfile()), watch)

    def _word(self, plan: Plan, known: Known, watch: _Stages, *, plain: bool = False) -> Reply:
        begun = watch.elapsed
        draft = self._concierge._writer.write(plan, known, plain=plain)
        return self._replied(plan, draft, watch, begun)

    def _known(self, request: Request, profile: UserProfile) -> Known:
        """What the words may rest on besides the catalogue, and how they suit the visitor."""
        state = self.state
        named = {*state.like, *state.unlike, *request.seen, *request.about}
        if self.visitor.user is None:
            named |= set(self.visitor.history)
        past = () if self.visitor.user is None else self.visitor.history
        return Known(
            history=frozenset(past),
            named=frozenset(named),
            shown=frozenset(state.shown),
            said=tuple(state.said),
            examples=frozenset(state.examples),
            lists=tuple(dict.fromkeys((*self._lists, *((state.last,) if state.last else ())))),
            stated=profile.entries,
            style=profile.style,
            given=frozenset((*self.visitor.history, *state.accepted, *state.confirmed)),
            guessed=frozenset(request.guessed),
        )

    def _replied(self, plan: Plan, draft: Draft, watch: _Stages, begun: float) -> Reply:
        """Note what was said, and make a reply of it."""
        concierge, state = self._concierge, self.state
        state.ask(plan.question)
        state.invite(plan.invites)
        if plan.kind == "offer":
            told = {item.id for item in draft.items if item.role == "recommended"}
            rows = [offer.row for offer in plan.offers if concierge.facts.item(offer.row) in told]
            state.recommended(rows, plan.given_up)
            self._lists.append(state.last)
        elif plan.kind in ("ask", "why", "accepted") and len(plan.offers) == 1:
            state.focus = plan.offers[0].row
            people = concierge.facts.people(state.focus)
            named = people.get(plan.topic) or next(iter(people.values()), ())
            state.person = normalize(named[0]) if named else ""
        timings = watch.timings(
            write=draft.write,
            check=draft.check,
            first_token=begun + draft.first_token if draft.first_token else 0.0,
            first_words=begun + draft.first_words,
        )
        return Reply(
            text=draft.text,
            items=draft.items,
            writer=draft.writer,
            reason=draft.reason,
            grounding=draft.grounding,
            timings=timings,
            language=plan.language,
            attempts=draft.attempts,
        )

    def _plan(self, request: Request, profile: UserProfile, watch: _Stages) -> Plan:
        planner, state = self._concierge._planner, self.state
        with watch.stage("plan"):
            plan = planner.without_list(request, state, self._visitor, profile)
        if plan is not None:
            return plan
        with watch.stage("retrieve"):
            found = self._concierge._retriever.fetch(
                self._taste,
                self.visitor.history,
                state,
                max(_POOL, state.count),
                allowed=self._concierge.guard.allowed(state.age),
                basis=self._basis,
            )
        history = self._visitor.history
        question = self._concierge._policy.question(request, state, history, found.rows.tolist())
        if question is not None:
            return planner.asking(question, request, state)
        with watch.stage("rerank"):
            rows: list[int] = []
            if found.rows.size:
                wish = Wish(state.pursued, state.constraints.genres, state.mood)
                rows = self._concierge._reranker.rerank(found, wish, profile).rows.tolist()
        with watch.stage("plan"):
            plan = planner.offer(
                rows,
                self._visitor,
                state,
                request,
                found.given_up,
                profile.entries,
                is_expert=manner_of(profile.style).detail == "expert",
            )
            is_list = plan.kind == "offer"
            invites = is_list and self._concierge._policy.invites(request, state, history)
            return replace(plan, invites=invites)


class _Stages:
    """Milliseconds of each stage of an answer."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._spent = dict.fromkeys(("understand", "retrieve", "rerank", "plan"), 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._spent[name] += (time.perf_counter() - begun) * 1e3

    @property
    def elapsed(self) -> float:
        """Milliseconds since the turn began."""
        return (time.perf_counter() - self._begun) * 1e3

    def timings(self, **more: float) -> Mapping[str, float]:
        return {**self._spent, **more, "total": self.elapsed}


def _chunks(words: Generator[str, None, Draft]) -> Generator[Chunk, None, Draft]:
    while True:
        try:
            yield Chunk(next(words))
        except StopIteration as end:
            draft: Draft = end.value
            return draft
