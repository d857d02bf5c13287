"""The protocol that every language model speaks, and the ways in which one can fail."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

from recsys.errors import AlsatianError, MissingExtraError


def require(module: str, purpose: str, *, extra: str = "llm") -> None:
    """Raise :class:`~recsys.errors.MissingExtraError` where `module` is not installed."""
    try:
        found = importlib.util.find_spec(module) is not None
    except ValueError:  # somebody blocked the import
        found = False
    if not found:
        raise MissingExtraError(
            f"{purpose} needs {module}, which is not installed; "
            f'run: pip install "alsatian[{extra}]"'
        )


@dataclass(frozen=True)
class Message:
    """One turn of a prompt.

    Attributes
    ----------
    role : {"system", "user", "assistant"}
        Who speaks. Only text of our own goes into ``system``; what a visitor typed or a catalogue
        says is ``user``.
    content : str
        The text.
    """

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Completion:
    """What a language model answered.

    Attributes
    ----------
    text : str
        The words, never empty.
    finish_reason : str
        ``"stop"``, or ``"length"`` where the limit on tokens cut the text.
    prompt_tokens, completion_tokens : int
        As the model counted them, 0 where it does not say.
    milliseconds : float
        Wall time of the call, every try included.
    tries : int
        How often it was asked, >= 1.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    milliseconds: float
    tries: int = 1


class LLMError(AlsatianError, RuntimeError):
    """A language model gave no usable answer; the message is one line that says why.

    Attributes
    ----------
    kind : str
        Short name of the way it failed.
    tries : int
        How often it was asked before giving up.
    """

    kind: ClassVar[str] = "failed"

    def __init__(self, message: str, *, tries: int = 1) -> None:
        super().__init__(message)
        self.tries = tries


class LLMRefusedError(LLMError):
    """The host is not there, turned the request down, or does not accept the key."""

    kind = "refused"


class LLMTimeoutError(LLMError):
    """No complete answer within the time allowed."""

    kind = "timed out"


class LLMMalformedError(LLMError):
    """The answer is not what the protocol promises: no JSON, no text, an empty one."""

    kind = "malformed"


@runtime_checkable
class LLM(Protocol):
    """A language model.

    Attributes
    ----------
    name : str
        For people: which model on which host.
    languages : frozenset of str or None
        Languages it writes well enough to be asked, as ``"en"`` and ``"zh"``; None: any.
    constrained : bool
        Whether it honours `grammar`. One that does not is asked in words alone, and its answer
        is checked all the same.
    """

    name: str
    languages: frozenset[str] | None
    constrained: bool

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 96,
        temperature: float = 0.4,
        seed: int = 0,
        grammar: str | None = None,
        timeout: float = 20.0,
    ) -> Completion:
        """Answer a prompt.

        Parameters
        ----------
        messages : sequence of Message
            System first, then user and assistant in turn, a user's last.
        max_tokens : int
            Length limit, >= 1.
        temperature : float
            Spread of the choice of words, >= 0.
        seed : int
            Same seed, same model, same prompt: the same words where the host allows it.
        grammar : str, optional
            GBNF grammar that the text must match; ignored where `constrained` is False.
        timeout : float
            Seconds for the whole call.

        Raises
        ------
        LLMRefusedError, LLMTimeoutError, LLMMalformedError
            There is no usable answer.
        """
        ...
