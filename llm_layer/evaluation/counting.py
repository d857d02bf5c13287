"""A language model whose tokens are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any

from llm_layer.llm.base import LLM, Completion, Message


class CountingLLM:
    """Passes everything on to a language model, and adds up what it says that it used.

    Parameters
    ----------
    llm : LLM
        Who answers.

    Attributes
    ----------
    used : Counter
        Totals: ``calls``, ``prompt`` and ``completion`` tokens. A call that fails counts as a call.
    """

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        self.name = llm.name
        self.languages = llm.languages
        self.constrained = llm.constrained
        self.used: Counter[str] = Counter()

    def complete(self, messages: Sequence[Message], **options: Any) -> Completion:
        """As that of the model itself."""
        self.used["calls"] += 1
        answer = self._llm.complete(messages, **options)
        self.used["prompt"] += answer.prompt_tokens
        self.used["completion"] += answer.completion_tokens
        return answer

    def stream(
        self, messages: Sequence[Message], **options: Any
    ) -> Generator[str, None, Completion]:
        """As that of a model that can; one that is closed early counts as a call alone."""
        self.used["calls"] += 1
        answer: Completion = yield from self._llm.stream(messages, **options)  # type: ignore[attr-defined]
        self.used["prompt"] += answer.prompt_tokens
        self.used["completion"] += answer.completion_tokens
        return answer

    def __getattr__(self, name: str) -> Any:
        # What the model can do beyond the protocol.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._llm, name)
