"""Requests of one reranking to a language model: cache first, within a budget, never in vain."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from llm_layer.llm.base import LLM, Completion, LLMError, LLMMalformedError, Message, ask
from llm_layer.rerank import Usage
from llm_layer.reranking.budget import Budget, Ledger, estimate_tokens
from llm_layer.reranking.cache import AnswerCache, cache_key
from llm_layer.reranking.prompts import PROMPT_VERSION
from llm_layer.stopping import TurnStoppedError, check_stopped
from recsys.errors import AlsatianError, InvalidInputError

T = TypeVar("T")
# A model that answers nonsense so often in a row is not asked on.
_PATIENCE = 3


@dataclass(frozen=True)
class Question(Generic[T]):
    """What is asked, and how its answer is read.

    Attributes
    ----------
    messages : sequence of Message
        The prompt.
    max_tokens : int
        Length limit of the answer.
    parse : callable
        From a completion to the answer, None where there is none in it.
    pack, unpack : callable
        To what the cache keeps and back; `unpack` gives None for what is no answer.
    schema : mapping, optional
        JSON schema of the answer.
    top : int
        So many alternatives of the first token.
    """

    messages: Sequence[Message]
    max_tokens: int
    parse: Callable[[Completion], T | None]
    pack: Callable[[T], Any]
    unpack: Callable[[Any], T | None]
    schema: Mapping[str, Any] | None = None
    top: int = 0

    def key(self, model: str) -> str:
        """Key of the cache."""
        return cache_key(
            model=model,
            version=PROMPT_VERSION,
            messages=[[message.role, message.content] for message in self.messages],
            schema=self.schema,
            top=self.top,
            max_tokens=self.max_tokens,
        )


@dataclass
class Client:
    """A language model, with what holds for every request to it.

    Attributes
    ----------
    llm : LLM
        Who is asked.
    budget : Budget
        Limits of each reranking.
    cache : AnswerCache
        Answers given before.
    timeout : float
        Seconds for one call at most, > 0.
    """

    llm: LLM
    budget: Budget = field(default_factory=Budget)
    cache: AnswerCache = field(default_factory=AnswerCache)
    timeout: float = 20.0
    # Seconds that a token of an estimate took lately; 0 until the first answer.
    pace: float = 0.0

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise InvalidInputError(f"timeout is {self.timeout!r} s, expected more than 0")

    @classmethod
    def of(
        cls, llm: LLM, budget: Budget | None, cache: AnswerCache | None, timeout: float
    ) -> Client:
        """With no limits and a cache of its own in place of None."""
        kept = AnswerCache() if cache is None else cache  # an empty one is false
        return cls(llm, budget or Budget(), kept, timeout)

    def unfit(self, language: str) -> str:
        """Why the model is not asked by a visitor who writes this language; or nothing."""
        languages = self.llm.languages
        if languages is None or language in languages:
            return ""
        return f"refused: {self.llm.name} does not write the language {language!r}"

    def begin(self) -> Calls:
        """Calls of one reranking; its time runs from now."""
        return Calls(self)


class Calls:
    """Calls of one reranking.

    Attributes
    ----------
    reason : str
        Why not everything was answered; empty as long as it was.
    over : bool
        Nothing more will be asked.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._ledger = Ledger(client.budget)
        self._failed_in_a_row = 0
        self.reason = ""
        self.over = False

    @property
    def usage(self) -> Usage:
        """What it cost, up to now."""
        return self._ledger.usage

    def afford(self, questions: Sequence[Question[Any]]) -> str:
        """Why all of these may not be asked together; or nothing."""
        asked = [each for each in questions if self._client.cache.get(self._key(each)) is None]
        if not asked:
            return ""
        worst = [self._worst(question) for question in asked]
        prompt, completion = (sum(each) for each in zip(*worst, strict=True))
        return self._ledger.refuses(prompt, completion, self._seconds(prompt + completion))

    def ask(self, question: Question[T]) -> T | None:
        """The answer; None where there is none, see `reason`."""
        client = self._client
        key = self._key(question)
        kept = client.cache.get(key)
        answer = question.unpack(kept) if kept is not None else None
        if answer is not None:
            self._ledger.found()
            return answer
        if self.over or self._is_too_dear(question):
            return None
        completion = self._completion(question)
        if completion is None:
            return None
        answer = question.parse(completion)
        if answer is None:
            self._note(f"malformed: {client.llm.name} gave no answer that can be read")
            return None
        self._failed_in_a_row = 0
        client.cache.put(key, question.pack(answer))
        return answer

    def _is_too_dear(self, question: Question[Any]) -> bool:
        prompt, completion = self._worst(question)
        refused = self._ledger.refuses(prompt, completion, self._seconds(prompt + completion))
        if refused:
            self.reason, self.over = self.reason or refused, True
        return bool(refused)

    def _completion(self, question: Question[Any]) -> Completion | None:
        client = self._client
        check_stopped()
        begun = time.perf_counter()
        try:
            completion = ask(
                client.llm,
                question.messages,
                schema=question.schema,
                top=question.top,
                max_tokens=question.max_tokens,
                timeout=min(client.timeout, self._ledger.seconds_left),
            )
        except TurnStoppedError:
            raise  # nobody waits: there is nothing to fall back for
        except AlsatianError as error:
            tries = getattr(error, "tries", 1)
            kind = error.kind if isinstance(error, LLMError) else "failed"
            # It may have been read and answered, and paid for, all the same.
            self._charge(question, tries, None)
            self._note(f"{kind}: {error}")
            # A host that is down or slow is not asked once more for each window.
            self.over = self.over or not isinstance(error, LLMMalformedError)
            return None
        self._charge(question, completion.tries, completion)
        took = (time.perf_counter() - begun) / sum(self._once(question))
        client.pace = took if not client.pace else 0.7 * client.pace + 0.3 * took
        return completion

    def _charge(self, question: Question[Any], tries: int, answer: Completion | None) -> None:
        prompt, completion = self._once(question)
        spare = tries if answer is None else tries - 1
        read = written = 0
        if answer is not None:  # what a host does not say is taken as estimated
            read = answer.prompt_tokens if answer.prompt_tokens > 0 else prompt
            written = answer.completion_tokens if answer.completion_tokens > 0 else completion
        self._ledger.charge(spare * prompt + read, spare * completion + written)

    def _note(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._failed_in_a_row += 1
        self.over = self.over or self._failed_in_a_row >= _PATIENCE

    def _key(self, question: Question[Any]) -> str:
        return question.key(self._client.llm.name)

    def _once(self, question: Question[Any]) -> tuple[int, int]:
        return estimate_tokens(question.messages), question.max_tokens

    def _worst(self, question: Question[Any]) -> tuple[int, int]:
        """Tokens read and written where every try is paid for."""
        tries = max(1, int(getattr(self._client.llm, "tries", 1)))
        prompt, completion = self._once(question)
        return tries * prompt, tries * completion

    def _seconds(self, tokens: int) -> float:
        """About how long a call takes; 0 as long as nobody knows."""
        tries = max(1, int(getattr(self._client.llm, "tries", 1)))
        return self._client.pace * tokens / tries
