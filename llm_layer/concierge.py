"""Concierge: conversation around recommendations, every claim checked before it is read."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Literal

from llm_layer import turns
from llm_layer.catalogue.facts import ItemFacts
from llm_layer.catalogue.genres import GenreWords
from llm_layer.conversation import Conversation
from llm_layer.dialogue import MOST, State
from llm_layer.domain import FILMS, Domain
from llm_layer.intents import IntentModel, shipped_model
from llm_layer.llm.base import LLM
from llm_layer.memory.activity import Decay
from llm_layer.memory.evidence import user_key
from llm_layer.memory.memory import Memory
from llm_layer.memory.redaction import redact
from llm_layer.memory.store import Store, open_store
from llm_layer.memory.visitors import Visitors, same_user
from llm_layer.plan import Planner, Visitor
from llm_layer.policy import Policy
from llm_layer.profile import Profiler, UserProfile
from llm_layer.reply import Reply
from llm_layer.rerank import BlendReranker, Reranker
from llm_layer.retrieve import Retriever
from llm_layer.safety.guard import Guard
from llm_layer.text import Language
from llm_layer.understanding.understand import Understanding
from llm_layer.understanding.understand_llm import LLMUnderstanding, understands
from llm_layer.wording.pieces import Wording
from llm_layer.wording.writer import Writer
from recsys.errors import InvalidInputError
from recsys.forgetting import Receipt, Removal, attempt
from recsys.recommender import Recommender

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
    intents : path-like, optional
        Weights by which the act of a message is told, as ``python -m llm_layer.intents.train``
        fits them to one's own dialogues; those of the package otherwise.

    Raises
    ------
    InvalidInputError
        `llm`, `store` or `understander` is something else, or `timeout` is not above 0.
    InputNotFoundError, ModelFormatError
        The file of `intents` does not exist; or is damaged, something else, or of a newer version.
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
        intents: str | os.PathLike[str] | None = None,
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
        self._understanding = self._reader(understander, columns, timeout, intents)
        self._policy = Policy(self.facts, self._genre_words)
        self._retriever = Retriever(rec, self.facts)
        self._reranker = reranker or BlendReranker(rec, self.facts)
        self._planner = Planner(rec, self.facts)
        self._profiler = Profiler(self.facts, decay)
        self.domain = domain or FILMS
        self._writer = Writer(self.facts, self._genre_words, self.llm, timeout, self.domain)
        self.guard = Guard(rec, self.facts, self.domain.policies, self.domain.counterexamples)
        self._wording = Wording(self.facts, self._genre_words, self.domain)
        self.memory = Memory(self.store, self.facts, self._genre_words)
        self._visitors = Visitors(rec, self.facts, self._profiler, self.memory)
        self._talks: weakref.WeakSet[Conversation] = weakref.WeakSet()
        self._talks_lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._threads_lock = threading.Lock()

    def _reader(
        self,
        understander: str,
        columns: Sequence[str],
        timeout: float,
        intents: str | os.PathLike[str] | None,
    ) -> Understanding | LLMUnderstanding:
        """What reads messages."""
        model = shipped_model() if intents is None else IntentModel.load(intents)
        rules = Understanding(self.facts, self._genre_words, columns, model)
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
