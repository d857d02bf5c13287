"""Concierge: conversation around recommendations, every claim checked before it is read."""

from __future__ import annotations

import asyncio
import copy
import os
import threading
import time
import uuid
import weakref
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, Literal

import numpy as np

from llm_layer import turns
from llm_layer.activity import Decay
from llm_layer.cards import Card, make_card
from llm_layer.claims import Known
from llm_layer.dialogue import MOST, State
from llm_layer.domain import FILMS, Domain
from llm_layer.facts import ItemFacts
from llm_layer.genres import GenreWords
from llm_layer.llm.base import LLM
from llm_layer.memory.conversations import Turn
from llm_layer.memory.evidence import user_key
from llm_layer.memory.memory import Memory
from llm_layer.memory.redaction import redact
from llm_layer.memory.store import Store, open_store
from llm_layer.memory.style import StyleCounts
from llm_layer.memory.visitors import Visitors, same_user
from llm_layer.pieces import Wording
from llm_layer.plan import Plan, Planner, Visitor
from llm_layer.policy import Policy
from llm_layer.profile import Profiler, UserProfile
from llm_layer.reply import Chunk, Draft, Reply
from llm_layer.rerank import BlendReranker, Reranker, Wish
from llm_layer.retrieve import Retriever
from llm_layer.safety.guard import Guard
from llm_layer.safety.policies import Referral
from llm_layer.stopping import check_stopped
from llm_layer.text import Language
from llm_layer.understand import Request, Understanding
from llm_layer.understand_llm import LLMUnderstanding, understands
from llm_layer.writer import Writer
from recsys.errors import InvalidInputError
from recsys.forgetting import Receipt, Removal, attempt
from recsys.recommender import Recommender

# Candidates that are fetched for each item that will be shown; the reranker chooses among them.
_POOL = 40
_LONGEST_MESSAGE = 2000
# Turns that are awaited at the same time; more of them wait for one to end.
_THREADS = 32


class Concierge:
    """Talks with visitors about what to choose next.

    Thread-safe: conversations of several visitors may go on at the same time, each of them in one
    thread at a time.

    Parameters
    ----------
    rec : Recommender
        With an item table, so that there are titles to speak of.
    llm : LLM, "embedded" or None
        Who words the replies: a model of your own choice, the packaged one, or templates alone.
    reranker : Reranker, optional
        Orders candidates; :class:`~llm_layer.rerank.BlendReranker` otherwise.
    timeout : float
        Seconds for one request to the language model, > 0.
    domain : Domain, optional
        Words for the items, and policies; :data:`~llm_layer.domain.FILMS` otherwise, which has
        none. :func:`llm_layer.safety.read_domain` reads one from a file.
    store : Store, path-like or None
        Where what users agreed to is remembered, and conversations are kept; None for nowhere.
    understander : {"rules", "llm", "auto"}
        Who reads messages: rules alone; the language model, with the rules where it gives nothing
        usable; or the language model only if it is trusted with that, which the packaged one is
        not.
    decay : Decay, optional
        After how many days what is known of users counts half.

    Raises
    ------
    InvalidInputError
        `llm`, `store` or `understander` is something else, or `timeout` is not above 0.
    StoreFormatError
        The file of `store` is something else, damaged, or of a newer version.
    """

    def __init__(
        self,
        rec: Recommender,
        llm: LLM | Literal["embedded"] | None = "embedded",
        *,
        reranker: Reranker | None = None,
        timeout: float = 20.0,
        store: Store | str | os.PathLike[str] | None = None,
        domain: Domain | None = None,
        understander: Literal["rules", "llm", "auto"] = "rules",
        decay: Decay | None = None,
    ) -> None:
        if not timeout > 0:
            raise InvalidInputError(f"timeout is {timeout!r} s, expected more than 0")
        self.store = open_store(store)
        self._opened_store = None if self.store is store else self.store
        self.rec = rec
        self.llm = _language_model(llm)
        self.facts = ItemFacts(rec)
        self._genre_words = GenreWords(self.facts.genre_names)
        columns = rec.catalogue.table.column_names if rec.catalogue is not None else ()
        self._understanding = self._reader(understander, columns, timeout)
        self._policy = Policy(self.facts, self._genre_words)
        self._retriever = Retriever(rec, self.facts)
        self._reranker = reranker or BlendReranker(rec, self.facts)
        self._planner = Planner(rec, self.facts)
        self._profiler = Profiler(self.facts, decay)
        self.domain = domain or FILMS
        self._writer = Writer(self.facts, self._genre_words, self.llm, timeout, self.domain)
        self.guard = Guard(rec, self.facts, self.domain.policies)
        self._wording = Wording(self.facts, self._genre_words, self.domain)
        self.memory = Memory(self.store, self.facts, self._genre_words)
        self._visitors = Visitors(rec, self.facts, self._profiler, self.memory)
        self._talks: weakref.WeakSet[Conversation] = weakref.WeakSet()
        self._talks_lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._threads_lock = threading.Lock()

    def _reader(
        self, understander: str, columns: Sequence[str], timeout: float
    ) -> Understanding | LLMUnderstanding:
        """What reads messages."""
        rules = Understanding(self.facts, self._genre_words, columns)
        if understander not in ("rules", "llm", "auto"):
            raise InvalidInputError(
                f"understander is {understander!r}, expected 'rules', 'llm' or 'auto'"
            )
        if understander == "llm" and self.llm is None:
            raise InvalidInputError("understander is 'llm', but llm is None; give a language model")
        wanted = understander == "llm" or (understander == "auto" and understands(self.llm))
        if self.llm is None or not wanted:
            return rules
        return LLMUnderstanding(rules, self.llm, self.facts, self._genre_words, timeout)

    def open(
        self,
        user: Any = None,
        *,
        likes: Sequence[Any] = (),
        conversation: str | None = None,
        age: int | None = None,
    ) -> Conversation:
        """Begin a conversation, or go on with one.

        Parameters
        ----------
        user : Any
            Id of a user of the model or, with a store, of anybody: whom neither knows yet is
            remembered once they agree. None for a visitor without an id.
        likes : sequence of ids
            Items that a visitor likes; only without `user`. Folded in, never stored.
        conversation : str, optional
            Id of a stored conversation of this visitor, to go on with.
        age : int, optional
            Years, for domains with an age limit; what the visitor states may lower it.

        Raises
        ------
        UnknownIdError
            The model knows no such user or no such item, or the store no such conversation of
            theirs.
        InvalidInputError
            Both `user` and `likes` are given, or a conversation without a store.
        """
        left = None if conversation is None else self._visitors.left(conversation, user)
        if user is None:
            rows = tuple(self.rec.items.rows(likes).tolist()) if len(likes) else ()
            visitor, taste = Visitor(None, rows), self._retriever.taste(rows)
            basis = dict.fromkeys(rows, 1.0)
        else:
            if len(likes):
                raise InvalidInputError("likes are given beside a known user; give one of the two")
            visitor, taste, basis = self._visitors.known(user, self._retriever)
        talk = Conversation(self, visitor, taste, basis)
        if left is not None:
            talk.id, talk.state = left.id, State.from_dict(left.state, self.facts)
        elif user is not None:
            self._visitors.recall(talk.visitor, talk.state)
        with self._talks_lock:
            self._talks.add(talk)
        if age is not None:
            talk.state.age = age if talk.state.age is None else min(age, talk.state.age)
        return talk

    def redact(self, text: str) -> str:
        """A message without what identifies a person; titles of the catalogue stay."""
        return redact(text, self.memory.is_title)

    def forget(self, user: Any, *, lists: Sequence[str | os.PathLike[str]] = ()) -> Receipt:
        """Remove a user everywhere: store, open conversations, model in memory, its folder.

        Open conversations with them go on as with a stranger. What one place refuses is told in
        ``remains`` and keeps nothing else from being removed.

        Parameters
        ----------
        user : Any
            Id, int or str; one that is not known is no error.
        lists : sequence of path-like or str
            Outputs of batch jobs to remove the user's rows from; others are not searched.

        Returns
        -------
        Receipt
            What was removed where; it does not hold the id.
        """
        user_key(user)  # refuses what is no id
        with self._talks_lock:
            talks = [talk for talk in self._talks if same_user(talk.visitor.remembered, user)]
        turns_held = [talk._forget() for talk in talks]
        receipt = Receipt(
            (
                Removal("open conversations", "conversations", len(talks)),
                Removal("open conversations", "turns", sum(turns_held)),
            )
        )
        if self.store is not None:
            store = self.store
            receipt += attempt(f"store {store.path}", lambda: store.forget(user))
        receipt += self.rec.forget(user, lists=lists)
        self._profiler.forget()
        self.memory.forget()
        self._retriever = Retriever(self.rec, self.facts)  # knows the average of the users
        return receipt

    def introduce(self, user: Any, items: Sequence[Any], *, most: int = 5) -> Reply:
        """Words for a list that is ready, such as one of a batch job, in English.

        Parameters
        ----------
        user : Any
            Id of a user of the model.
        items : sequence of ids
            What is recommended, best first.
        most : int
            So many of them are spoken of, 1 to 10.

        Returns
        -------
        Reply
            Checked as in a conversation.

        Raises
        ------
        UnknownIdError
            The model knows no such user, or no such item.
        InvalidInputError
            `items` is empty, or `most` is out of range.
        """
        if not len(items):
            raise InvalidInputError(f"the list of user {user!r} is empty; give at least one item")
        if not 1 <= most <= MOST:
            raise InvalidInputError(f"most is {most!r}, expected 1 to {MOST}")
        return self.open(user)._introduce(self.rec.items.rows(items[:most]).tolist())

    async def aopen(
        self,
        user: Any = None,
        *,
        likes: Sequence[Any] = (),
        conversation: str | None = None,
        age: int | None = None,
    ) -> Conversation:
        """As :meth:`open`, awaited."""
        return await turns.run(
            self.threads, lambda: self.open(user, likes=likes, conversation=conversation, age=age)
        )

    async def aforget(self, user: Any, *, lists: Sequence[str | os.PathLike[str]] = ()) -> Receipt:
        """As :meth:`forget`, awaited; once begun it is done to the end, cancelled or not."""
        return await turns.run(self.threads, lambda: self.forget(user, lists=lists))

    @property
    def threads(self) -> Executor:
        """Where awaited turns are at work; made when the first one is."""
        with self._threads_lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(_THREADS, "alsatian-turn")
            return self._threads

    def close(self) -> None:
        """Wait for the turns at work, end their threads, close a store that was given as a path.

        Without such a store the concierge can be used again.
        """
        with self._threads_lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(cancel_futures=True)
        if self._opened_store is not None:
            self._opened_store.close()

    def __enter__(self) -> Concierge:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Concierge:
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self.close)

    def profile(self, visitor: Visitor, language: Language) -> UserProfile:
        """What is known about a visitor."""
        return self._visitors.profile(visitor, language, keywords=False)

    def full_profile(self, visitor: Visitor, language: Language = "en") -> UserProfile:
        """As :meth:`profile`, with keywords and embedding; the first one reads all descriptions."""
        return self._visitors.profile(visitor, language, keywords=True)


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
        for place, item in enumerate(reply.recommended, 1):
            row = concierge.facts.row(item)
            reasons = concierge._planner.reasons(self._visitor, row, self.state.examples)
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
            named = len((*request.people, *request.like, *request.about))
            self._style = self._style.heard(text, names=named)
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
        )

    def _replied(self, plan: Plan, draft: Draft, watch: _Stages, begun: float) -> Reply:
        """Note what was said, and make a reply of it."""
        concierge, state = self._concierge, self.state
        state.ask(plan.question)
        if plan.kind == "offer":
            told = {item.id for item in draft.items if item.role == "recommended"}
            rows = [offer.row for offer in plan.offers if concierge.facts.item(offer.row) in told]
            state.recommended(rows, plan.given_up)
            self._lists.append(state.last)
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
                wish = Wish(tuple(state.like), state.constraints.genres, state.mood)
                rows = self._concierge._reranker.rerank(found, wish, profile).rows.tolist()
        with watch.stage("plan"):
            return planner.offer(rows, self._visitor, state, request, found.given_up)


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


def _language_model(llm: Any) -> LLM | None:
    if llm is None:
        return None
    if llm == "embedded":
        from llm_layer.llm.embedded import EmbeddedLLM

        return EmbeddedLLM()
    if isinstance(llm, LLM):
        return llm
    raise InvalidInputError(
        f"llm is {llm!r}, expected 'embedded', None or an object with complete(messages, ...)"
    )
