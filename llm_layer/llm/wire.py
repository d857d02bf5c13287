"""What is said over the wire to a host that calls itself compatible, and how it can go wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from llm_layer.llm.base import Ability, LLMError, LLMRefusedError
from llm_layer.stopping import check_stopped
from llm_layer.text import seen
from recsys.errors import InvalidInputError

# How long a caller that waits for an answer sleeps before it looks whether it is still wanted.
_LOOK_UP_SECONDS = 0.1
_Result = TypeVar("_Result")


class Given:
    """Pieces that were given away, and when the first of them was."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self.pieces: list[str] = []
        self.first_at = 0.0
        self._take = take

    def take(self, text: str) -> None:
        """Give one away."""
        self.first_at = self.first_at or time.perf_counter()
        self.pieces.append(text)
        self._take(text)


class PassingError(Exception):
    """A failure that may pass by itself, and what to raise where it does not."""

    def __init__(self, kind: type[LLMError], message: str) -> None:
        super().__init__(message)
        self._kind = kind

    def final(self, tries: int) -> LLMError:
        """The error to raise after so many tries."""
        times = "" if tries == 1 else f" (asked {tries} times)"
        return self._kind(f"{self}{times}", tries=tries)


class UnfitError(LLMRefusedError):
    """The host does not take the request as it is."""


def further(
    schema: Mapping[str, Any] | None, top: int, abilities: frozenset[Ability]
) -> dict[str, Any]:
    """Fields of a request that not every host knows."""
    fields: dict[str, Any] = {}
    if schema is not None and "schema" in abilities:
        named = {"name": "answer", "schema": dict(schema), "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": named}
    if top and "probabilities" in abilities:
        fields |= {"logprobs": True, "top_logprobs": top}
    return fields


def asked_of(fields: Mapping[str, Any]) -> frozenset[Ability]:
    """Abilities that such fields ask for."""
    of: dict[str, Ability] = {"response_format": "schema", "logprobs": "probabilities"}
    return frozenset(ability for field, ability in of.items() if field in fields)


def taken_apart(base_url: str) -> SplitResult:
    """Parts of a URL of a host, or InvalidInputError."""
    expected = "expected a URL such as http://localhost:8000/v1"
    try:
        parts = urlsplit(base_url)
        well = bool(parts.hostname) and parts.port != 0  # a port out of range raises here
    except ValueError as error:
        raise InvalidInputError(f"base_url is {base_url!r} ({error}), {expected}") from error
    visible = base_url.isprintable() and " " not in base_url
    if parts.scheme not in ("http", "https") or not well or not visible:
        raise InvalidInputError(f"base_url is {base_url!r}, {expected}")
    return parts


def within(seconds: float, work: Callable[[threading.Event], _Result], late: Exception) -> _Result:
    """Result of `work`, or `late` after so many seconds; `work` then ends unobserved.

    It is given an event that is set when nobody waits for it any more: when it is late, or the turn
    was stopped.
    """
    outcome: list[_Result] = []
    failure: list[BaseException] = []
    gone = threading.Event()

    def run() -> None:
        try:
            outcome.append(work(gone))
        except BaseException as error:
            failure.append(error)

    worker = threading.Thread(target=run, name="alsatian-llm-request", daemon=True)
    deadline = time.perf_counter() + seconds
    worker.start()
    try:
        while worker.is_alive() and (left := deadline - time.perf_counter()) > 0:
            worker.join(min(left, _LOOK_UP_SECONDS))
            check_stopped()
    finally:
        gone.set()
    if failure:
        raise failure[0]
    if not outcome:
        raise late
    return outcome[0]


def count(usage: Any, name: str) -> int:
    """A number of a usage report, 0 where there is none."""
    value = usage.get(name, 0) if isinstance(usage, dict) else 0
    return value if isinstance(value, int) else 0


def one_line(text: str) -> str:
    """A message of somebody else in one line, not too long."""
    return seen(text)[:200]
