"""The protocol that every language model speaks, and the ways in which one can fail."""

from __future__ import annotations

import importlib.util
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

from recsys.errors import AlsatianError, MissingExtraError

Ability: TypeAlias = Literal["schema", "probabilities", "stream"]


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
    first : tuple of (str, float)
        Most probable first tokens of the answer with their natural log probabilities, most
        probable first, before any grammar or schema ruled one out; empty where they were not
        asked for or the model does not tell.
    first_milliseconds : float
        From the call to the first token, 0 where that was not seen.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    milliseconds: float
    tries: int = 1
    first: tuple[tuple[str, float], ...] = ()
    first_milliseconds: float = 0.0


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


class LLMContextError(LLMRefusedError):
    """The prompt is longer than what the model can read at a time."""

    kind = "too long"


class LLMTimeoutError(LLMError):
    """No complete answer within the time allowed."""

    kind = "timed out"


class LLMBusyError(LLMTimeoutError):
    """Others are before this request for longer than it can wait; told as soon as that is known."""

    kind = "busy"


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


def can(llm: LLM, ability: Ability) -> bool:
    """Whether a language model says that it can do more than the protocol asks for.

    A model that can has an attribute ``abilities``, a set of names, and its ``complete`` takes the
    keyword of each: ``"schema"`` the keyword `schema` (a JSON schema that the answer must match),
    ``"probabilities"`` the keyword `top` (how many of the first token's alternatives to tell in
    :attr:`Completion.first`, 1 to 20). One with ``"stream"`` has a method ``stream`` with the
    arguments of ``complete`` up to `timeout`, which yields the words as they come and returns the
    :class:`Completion`; see :func:`pieces`.
    """
    return ability in getattr(llm, "abilities", ())


def ask(
    llm: LLM,
    messages: Sequence[Message],
    *,
    schema: Mapping[str, Any] | None = None,
    top: int = 0,
    max_tokens: int = 96,
    temperature: float = 0.0,
    seed: int = 0,
    timeout: float = 20.0,
) -> Completion:
    """Ask with a schema, for probabilities, or both, as far as the model can.

    One that cannot is asked in words alone: check the answer in any case.

    Parameters
    ----------
    llm : LLM
        Who is asked.
    messages, max_tokens, temperature, seed, timeout
        As in :meth:`LLM.complete`.
    schema : mapping, optional
        JSON schema of the answer. Hosts agree on objects: an array belongs into a property.
    top : int
        So many alternatives of the first token, 0 to 20.

    Raises
    ------
    LLMRefusedError, LLMTimeoutError, LLMMalformedError
        There is no usable answer.
    """
    further: dict[str, Any] = {}
    if schema is not None and can(llm, "schema"):
        further["schema"] = schema
    if top and can(llm, "probabilities"):
        further["top"] = top
    return llm.complete(
        messages,
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        timeout=timeout,
        **further,
    )


def pieces(
    llm: LLM,
    messages: Sequence[Message],
    *,
    max_tokens: int = 96,
    temperature: float = 0.4,
    seed: int = 0,
    grammar: str | None = None,
    timeout: float = 20.0,
) -> Generator[str, None, Completion]:
    """Words as they come, as far as the model can; else all of them at once.

    Closing the generator stops the model.

    Yields
    ------
    str
        Pieces; joined, and without white space around, they are the completion's text.

    Returns
    -------
    Completion
        As :meth:`LLM.complete` has it.

    Raises
    ------
    LLMRefusedError, LLMTimeoutError, LLMMalformedError
        There is no usable answer; what was yielded is only a part of one.
    """
    arguments: dict[str, Any] = {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "seed": seed,
        "grammar": grammar,
        "timeout": timeout,
    }
    if can(llm, "stream"):
        stream: Generator[str, None, Completion] = llm.stream(messages, **arguments)  # type: ignore[attr-defined]
        return (yield from stream)
    done = llm.complete(messages, **arguments)
    yield done.text
    return done


def first_tokens(choice: Any) -> tuple[tuple[str, float], ...]:
    """Alternatives of the first token in a choice of OpenAI's chat protocol, or nothing."""
    told = choice.get("logprobs") if isinstance(choice, dict) else None
    content = told.get("content") if isinstance(told, dict) else None
    first = content[0] if isinstance(content, list) and content else None
    listed = first.get("top_logprobs") if isinstance(first, dict) else None
    found = [
        (each["token"], float(each["logprob"]))
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, dict)
        and isinstance(each.get("token"), str)
        and isinstance(each.get("logprob"), int | float)
        and each["logprob"] <= 0
    ]
    return tuple(sorted(found, key=lambda pair: -pair[1]))
