"""Any host that speaks OpenAI's chat protocol: vLLM, llama.cpp's server, Ollama, a paid service."""

from __future__ import annotations

import importlib
import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from llm_layer.llm.base import (
    Ability,
    Completion,
    LLMError,
    LLMMalformedError,
    LLMRefusedError,
    LLMTimeoutError,
    Message,
    first_tokens,
    require,
)
from llm_layer.stopping import check_stopped
from recsys.errors import InvalidInputError

# How long a caller that waits for an answer sleeps before it looks whether it is still wanted.
_LOOK_UP_SECONDS = 0.1
_PAUSE_SECONDS = 0.25
# No answer of a few sentences is longer; a host that sends on and on is stopped here.
_MOST_BYTES = 1 << 20
# How hosts answer to a field that they do not know.
_UNFIT = (400, 404, 415, 422, 501)
_Result = TypeVar("_Result")


class OpenAICompatible:
    """A language model behind an OpenAI-compatible endpoint.

    The only part of Alsatian that sends anything over a network, and only to `base_url`: redirects
    are refused, and proxies named in the environment are not used.

    Parameters
    ----------
    base_url : str
        Such as ``http://localhost:8000/v1``.
    model : str
        Name of the model at that host.
    api_key : str, optional
        Its key; hosts without one accept anything.
    timeout : float
        Longest time for one try, in seconds, > 0, from the connection to the last byte of the
        answer. :meth:`complete` never waits longer than its own limit for all of them.
    tries : int
        How often a request is sent at most, >= 1. Only what may pass by itself is tried again:
        a refused connection, a time-out, status 408, 409, 429 and 5xx, an answer that is no JSON.
    languages : set of str, optional
        Languages the model writes well; every one unless told.
    abilities : iterable of {"schema", "probabilities"}
        What the host is asked for where it would help. One that turns a request down because of it
        is asked again without, and no more.

    Raises
    ------
    InvalidInputError
        A parameter is not what it has to be.
    MissingExtraError
        The openai package is not installed.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        *,
        timeout: float = 20.0,
        tries: int = 2,
        languages: frozenset[str] | None = None,
        abilities: Iterable[Ability] = ("schema", "probabilities"),
    ) -> None:
        require("openai", "an OpenAI-compatible endpoint")
        parts = _taken_apart(base_url)
        if not model:
            raise InvalidInputError("model is empty; name the model that the endpoint serves")
        if not (timeout > 0 and math.isfinite(timeout)) or tries < 1:
            raise InvalidInputError(
                f"timeout is {timeout!r} and tries {tries!r}, expected more than 0 s and at least 1"
            )
        if api_key and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
            raise InvalidInputError(
                "the API key has a space, a line end or a sign beyond ASCII, expected what the "
                "host gave out; check the variable that holds it"
            )
        self.constrained = False
        self.abilities: frozenset[Ability] = frozenset(abilities)
        self.base_url = base_url
        self.model = model
        self.timeout = timeout
        self.tries = tries
        self.languages = languages
        # A URL may carry a password; the name is printed.
        self.name = f"{model} at {parts.hostname}{f':{parts.port}' if parts.port else ''}"
        self._api_key = api_key
        self._client: Any = None
        self._web: Any = None  # the package that the client is built on: httpx, of late httpx2

    def check(self) -> None:
        """Ask for one word, to learn at once whether the endpoint answers.

        Raises
        ------
        LLMRefusedError, LLMTimeoutError, LLMMalformedError
            It does not; the message says how.
        """
        self.complete([Message("user", "Say yes.")], max_tokens=8, timeout=self.timeout)

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 96,
        temperature: float = 0.4,
        seed: int = 0,
        grammar: str | None = None,
        timeout: float = 20.0,
        schema: Mapping[str, Any] | None = None,
        top: int = 0,
    ) -> Completion:
        """Answer a prompt; see :meth:`llm_layer.llm.base.LLM.complete` and ``can`` beside it.

        `grammar` is not sent.
        """
        started = time.perf_counter()
        request = {
            "model": self.model,
            "messages": [{"role": each.role, "content": each.content} for each in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "seed": seed,
        }
        further = _further(schema, top, self.abilities)
        if further:
            try:
                return self._tried(request | further, started, timeout)
            except _UnfitError as error:
                refused = error
        done = self._tried(request, started, timeout)
        if further:  # it was these fields, not the rest
            self.abilities -= _asked_of(further)
            done = replace(done, tries=done.tries + refused.tries)
        return done

    def _tried(self, request: dict[str, Any], started: float, timeout: float) -> Completion:
        for attempt in range(1, self.tries + 1):
            left = timeout - (time.perf_counter() - started)
            try:
                text, choice, usage = self._ask(request, min(left, self.timeout))
                break
            except _PassingError as error:
                spent = time.perf_counter() - started + _PAUSE_SECONDS
                if attempt == self.tries or spent >= timeout:
                    raise error.final(attempt) from error
                time.sleep(_PAUSE_SECONDS)
        return Completion(
            text=text,
            finish_reason=str(choice.get("finish_reason") or "stop"),
            prompt_tokens=_count(usage, "prompt_tokens"),
            completion_tokens=_count(usage, "completion_tokens"),
            milliseconds=(time.perf_counter() - started) * 1e3,
            tries=attempt,
            first=first_tokens(choice),
        )

    def _ask(self, request: dict[str, Any], seconds: float) -> tuple[str, dict[str, Any], Any]:
        """Send once."""
        client, openai = self._opened()
        late = _PassingError(
            LLMTimeoutError, f"{self.name} did not answer within {max(seconds, 0):.3g} s"
        )
        try:
            # The client's own limit is for each read: a host that drips would never meet it.
            body = _within(seconds, lambda gone: self._read(client, request, seconds, gone), late)
            return self._words(json.loads(body))
        except openai.APITimeoutError as error:
            raise late from error
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            raise _PassingError(
                LLMRefusedError,
                f"{self.name} cannot be reached ({_one_line(str(cause))}); "
                "check base_url and that the server runs",
            ) from error
        except openai.APIStatusError as error:
            self._turned_down(error)
            raise
        except (openai.OpenAIError, ValueError, RecursionError) as error:
            raise _PassingError(
                LLMMalformedError, f"{self.name} answered with what is not JSON"
            ) from error

    def _read(
        self, client: Any, request: dict[str, Any], seconds: float, gone: threading.Event
    ) -> bytes:
        """The answer's bytes, given up when nobody waits or when there are too many."""
        pieces: list[bytes] = []
        size = 0
        asked = client.with_options(timeout=seconds).chat.completions.with_streaming_response
        try:
            with asked.create(**request) as answer:
                for piece in answer.iter_bytes():
                    pieces.append(piece)
                    size += len(piece)
                    if size > _MOST_BYTES:
                        raise _PassingError(
                            LLMMalformedError, f"{self.name} answered with over {_MOST_BYTES} bytes"
                        )
                    if gone.is_set():
                        break
        except self._web.TimeoutException as error:
            raise _PassingError(
                LLMTimeoutError, f"{self.name} did not answer within {seconds:.3g} s"
            ) from error
        except self._web.HTTPError as error:
            raise _PassingError(
                LLMRefusedError,
                f"{self.name} broke off its answer ({_one_line(str(error))}); try again",
            ) from error
        return b"".join(pieces)

    def _turned_down(self, error: Any) -> None:
        status = int(error.status_code)
        said = _one_line(str(getattr(error, "message", error)))
        if 300 <= status < 400:
            place = _one_line(str(error.response.headers.get("location", "nowhere")))
            raise LLMRefusedError(
                f"{self.name} sends requests on to {place} (status {status}), which is not "
                "followed; give that address as base_url if you trust it"
            ) from error
        if status in (401, 403):
            raise LLMRefusedError(
                f"{self.name} does not accept the key (status {status}); check the API key"
            ) from error
        if status in (408, 409, 429) or status >= 500:
            raise _PassingError(
                LLMRefusedError, f"{self.name} turned the request down (status {status}: {said})"
            ) from error
        kind = _UnfitError if status in _UNFIT else LLMRefusedError
        raise kind(f"{self.name} turned the request down (status {status}: {said})") from error

    def _words(self, answer: Any) -> tuple[str, dict[str, Any], Any]:
        """Text, choice and usage; hosts that call themselves compatible send anything."""
        choices = answer.get("choices") if isinstance(answer, dict) else None
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        text = message.get("content") if isinstance(message, dict) else None
        if choice is None or not isinstance(text, str) or not text.strip():
            raise _PassingError(LLMMalformedError, f"{self.name} answered without any text")
        # Half a surrogate pair is legal JSON and can be printed nowhere.
        text = text.encode("utf-8", "replace").decode()
        return text.strip(), choice, answer.get("usage")

    def _opened(self) -> tuple[Any, Any]:
        import openai

        if self._client is None:
            # What a visitor says goes to the host that was named, and to no other.
            transport = openai.DefaultHttpxClient(follow_redirects=False, trust_env=False)
            self._web = importlib.import_module(type(transport).__mro__[1].__module__.split(".")[0])
            try:
                self._client = openai.OpenAI(
                    base_url=self.base_url,
                    api_key=self._api_key or "none",
                    max_retries=0,  # ours are bounded in time as well
                    http_client=transport,
                )
            except (self._web.InvalidURL, UnicodeError) as error:
                raise InvalidInputError(
                    f"base_url is {self.base_url!r} ({_one_line(str(error))}), "
                    "expected a URL such as http://localhost:8000/v1"
                ) from error
        return self._client, openai


class _PassingError(Exception):
    """A failure that may pass by itself, and what to raise where it does not."""

    def __init__(self, kind: type[LLMError], message: str) -> None:
        super().__init__(message)
        self._kind = kind

    def final(self, tries: int) -> LLMError:
        times = "" if tries == 1 else f" (asked {tries} times)"
        return self._kind(f"{self}{times}", tries=tries)


class _UnfitError(LLMRefusedError):
    """The host does not take the request as it is."""


def _further(
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


def _asked_of(fields: Mapping[str, Any]) -> frozenset[Ability]:
    of: dict[str, Ability] = {"response_format": "schema", "logprobs": "probabilities"}
    return frozenset(ability for field, ability in of.items() if field in fields)


def _taken_apart(base_url: str) -> SplitResult:
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


def _within(
    seconds: float, work: Callable[[threading.Event], _Result], late: Exception
) -> _Result:
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


def _count(usage: Any, name: str) -> int:
    value = usage.get(name, 0) if isinstance(usage, dict) else 0
    return value if isinstance(value, int) else 0


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
