"""Any host that speaks OpenAI's chat protocol: vLLM, llama.cpp's server, Ollama, a paid service."""

from __future__ import annotations

import importlib
import json
import math
import re
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from llm_layer.llm.base import (
    Ability,
    Completion,
    LLMContextError,
    LLMError,
    LLMMalformedError,
    LLMRefusedError,
    LLMTimeoutError,
    Message,
    first_tokens,
    require,
)
from llm_layer.llm.events import Events
from llm_layer.llm.threaded import in_thread
from llm_layer.llm.wire import (
    Given,
    PassingError,
    UnfitError,
    asked_of,
    count,
    further,
    one_line,
    taken_apart,
    within,
)
from llm_layer.stopping import TurnStoppedError
from recsys.errors import InvalidInputError

_PAUSE_SECONDS = 0.25
# No answer of a few sentences is longer; a host that sends on and on is stopped here.
_MOST_BYTES = 1 << 20
# How hosts answer to a field that they do not know.
_UNFIT = (400, 404, 415, 422, 501)
# How hosts say that a prompt is longer than what the model reads.
_TOO_LONG = re.compile(
    r"context[_ ](?:length|size|window)|maximum context|too many tokens|prompt is too long", re.I
)


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
    abilities : iterable of {"schema", "probabilities", "stream"}
        What the host is asked for where it would help. One that turns a request down because of it
        is asked again without, and no more.
    grammar : bool
        Whether the host binds an answer to the GBNF grammar in a field ``grammar``, as llama.cpp's
        server does. Not to be told of one that passes the field over: its answers would be no worse
        checked, but asked for in fewer words.

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
        abilities: Iterable[Ability] = ("schema", "probabilities", "stream"),
        grammar: bool = False,
    ) -> None:
        require("openai", "an OpenAI-compatible endpoint")
        parts = taken_apart(base_url)
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
        self.constrained = grammar
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

        `grammar` is sent only to a host that is said to take it.
        """
        started = time.perf_counter()
        request = self._request(messages, max_tokens, temperature, seed, grammar)
        fields = further(schema, top, self.abilities)
        if fields:
            try:
                return self._tried(request | fields, started, timeout)
            except UnfitError as error:
                refused = error
        done = self._tried(request, started, timeout)
        if fields:  # it was these fields, not the rest
            self.abilities -= asked_of(fields)
            done = replace(done, tries=done.tries + refused.tries)
        return done

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 96,
        temperature: float = 0.4,
        seed: int = 0,
        grammar: str | None = None,
        timeout: float = 20.0,
    ) -> Generator[str, None, Completion]:
        """Words as they come; see :func:`llm_layer.llm.base.pieces`. `grammar` as there.

        A host that answers all at once is taken as it is; one that turns the wish down is asked
        again without it, and no more.
        """
        started = time.perf_counter()
        request = self._request(messages, max_tokens, temperature, seed, grammar)
        seconds = min(timeout, self.timeout)
        late = LLMTimeoutError(f"{self.name} did not answer within {max(seconds, 0):.3g} s")

        def work(take: Callable[[str], None], gone: Callable[[], bool]) -> Completion:
            return self._streamed(request, started, timeout, take, gone)

        return in_thread(work, started + timeout, late)

    def _request(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        temperature: float,
        seed: int,
        grammar: str | None,
    ) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": each.role, "content": each.content} for each in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "seed": seed,
        }
        if grammar is not None and self.constrained:
            request["extra_body"] = {"grammar": grammar}
        return request

    def _streamed(
        self,
        request: dict[str, Any],
        started: float,
        timeout: float,
        take: Callable[[str], None],
        gone: Callable[[], bool],
    ) -> Completion:
        """Ask for a stream, again as long as nothing of an answer has been given away."""
        given = Given(take)
        for attempt in range(1, self.tries + 1):
            left = min(timeout - (time.perf_counter() - started), self.timeout)
            try:
                events = self._read_events(request, left, given, gone)
                break
            except UnfitError:
                self.abilities -= {"stream"}
                done = self._tried(request, started, timeout)
                take(done.text)
                return done
            except PassingError as error:
                spent = time.perf_counter() - started + _PAUSE_SECONDS
                if given.pieces or attempt == self.tries or spent >= timeout:
                    raise error.final(attempt) from error
                time.sleep(_PAUSE_SECONDS)
        return Completion(
            text="".join(given.pieces).strip(),
            finish_reason=events.finish_reason or "stop",
            prompt_tokens=count(events.usage, "prompt_tokens"),
            completion_tokens=count(events.usage, "completion_tokens"),
            milliseconds=(time.perf_counter() - started) * 1e3,
            tries=attempt,
            first_milliseconds=(given.first_at - started) * 1e3,
        )

    def _read_events(
        self, request: dict[str, Any], seconds: float, given: Given, gone: Callable[[], bool]
    ) -> Events:
        client, openai = self._opened()
        events = Events()
        deadline = time.perf_counter() + seconds

        def take(piece: bytes) -> bool:
            for text in events.feed(piece):
                given.take(text)
            return events.is_done or gone()

        try:
            self._read(client, request | {"stream": True}, seconds, deadline, take)
            if time.perf_counter() > deadline and not (events.is_done or gone()):
                raise PassingError(
                    LLMTimeoutError, f"{self.name} did not answer within {seconds:.3g} s"
                )
            if events.rest and not given.pieces:  # all at once
                text, choice, events.usage = self._words(json.loads(events.rest))
                events.finish_reason = str(choice.get("finish_reason") or "stop")
                given.take(text)
        except openai.APIStatusError as error:
            self._turned_down(error)
            raise
        except openai.APITimeoutError as error:
            raise PassingError(
                LLMTimeoutError, f"{self.name} did not answer within {seconds:.3g} s"
            ) from error
        except openai.APIConnectionError as error:
            raise self._unreachable(error) from error
        except (openai.OpenAIError, ValueError, RecursionError) as error:
            raise PassingError(
                LLMMalformedError, f"{self.name} answered with what is not JSON"
            ) from error
        if gone():
            raise TurnStoppedError
        if events.error or not "".join(given.pieces).strip():
            what = f" ({one_line(events.error)})" if events.error else ""
            raise PassingError(LLMMalformedError, f"{self.name} answered without any text{what}")
        return events

    def _tried(self, request: dict[str, Any], started: float, timeout: float) -> Completion:
        for attempt in range(1, self.tries + 1):
            left = timeout - (time.perf_counter() - started)
            try:
                text, choice, usage = self._ask(request, min(left, self.timeout))
                break
            except PassingError as error:
                spent = time.perf_counter() - started + _PAUSE_SECONDS
                if attempt == self.tries or spent >= timeout:
                    raise error.final(attempt) from error
                time.sleep(_PAUSE_SECONDS)
        return Completion(
            text=text,
            finish_reason=str(choice.get("finish_reason") or "stop"),
            prompt_tokens=count(usage, "prompt_tokens"),
            completion_tokens=count(usage, "completion_tokens"),
            milliseconds=(time.perf_counter() - started) * 1e3,
            tries=attempt,
            first=first_tokens(choice),
        )

    def _ask(self, request: dict[str, Any], seconds: float) -> tuple[str, dict[str, Any], Any]:
        """Send once."""
        client, openai = self._opened()
        late = PassingError(
            LLMTimeoutError, f"{self.name} did not answer within {max(seconds, 0):.3g} s"
        )
        try:
            # The client's own limit is for each read: a host that drips would never meet it. Half
            # an answer is late, not junk, so the one who waits says when it is over.
            body = within(
                seconds,
                lambda gone: self._read(
                    client, request, seconds, math.inf, lambda piece: gone.is_set()
                ),
                late,
            )
            return self._words(json.loads(body))
        except openai.APITimeoutError as error:
            raise late from error
        except openai.APIConnectionError as error:
            raise self._unreachable(error) from error
        except openai.APIStatusError as error:
            self._turned_down(error)
            raise
        except (openai.OpenAIError, ValueError, RecursionError) as error:
            raise PassingError(
                LLMMalformedError, f"{self.name} answered with what is not JSON"
            ) from error

    def _unreachable(self, error: Exception) -> PassingError:
        cause = error.__cause__ or error
        return PassingError(
            LLMRefusedError,
            f"{self.name} cannot be reached ({one_line(str(cause))}); "
            "check base_url and that the server runs",
        )

    def _read(
        self,
        client: Any,
        request: dict[str, Any],
        seconds: float,
        deadline: float,
        take: Callable[[bytes], bool] = lambda piece: False,
    ) -> bytes:
        """The answer's bytes, given up at the deadline, when there are too many, or by `take`."""
        pieces: list[bytes] = []
        size = 0
        asked = client.with_options(timeout=seconds).chat.completions.with_streaming_response
        try:
            with asked.create(**request) as answer:
                for piece in answer.iter_bytes():
                    pieces.append(piece)
                    size += len(piece)
                    if size > _MOST_BYTES:
                        raise PassingError(
                            LLMMalformedError, f"{self.name} answered with over {_MOST_BYTES} bytes"
                        )
                    if take(piece) or time.perf_counter() > deadline:
                        break  # nobody waits any more
        except self._web.TimeoutException as error:
            raise PassingError(
                LLMTimeoutError, f"{self.name} did not answer within {seconds:.3g} s"
            ) from error
        except self._web.HTTPError as error:
            raise PassingError(
                LLMRefusedError,
                f"{self.name} broke off its answer ({one_line(str(error))}); try again",
            ) from error
        return b"".join(pieces)

    def _turned_down(self, error: Any) -> None:
        status = int(error.status_code)
        said = one_line(str(getattr(error, "message", error)))
        if 300 <= status < 400:
            place = one_line(str(error.response.headers.get("location", "nowhere")))
            raise LLMRefusedError(
                f"{self.name} sends requests on to {place} (status {status}), which is not "
                "followed; give that address as base_url if you trust it"
            ) from error
        if status in (401, 403):
            raise LLMRefusedError(
                f"{self.name} does not accept the key (status {status}); check the API key"
            ) from error
        if status in (408, 409, 429) or status >= 500:
            raise PassingError(
                LLMRefusedError, f"{self.name} turned the request down (status {status}: {said})"
            ) from error
        kind: type[LLMError] = UnfitError if status in _UNFIT else LLMRefusedError
        if _TOO_LONG.search(said):
            kind = LLMContextError
        raise kind(f"{self.name} turned the request down (status {status}: {said})") from error

    def _words(self, answer: Any) -> tuple[str, dict[str, Any], Any]:
        """Text, choice and usage; hosts that call themselves compatible send anything."""
        choices = answer.get("choices") if isinstance(answer, dict) else None
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        text = message.get("content") if isinstance(message, dict) else None
        if choice is None or not isinstance(text, str) or not text.strip():
            raise PassingError(LLMMalformedError, f"{self.name} answered without any text")
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
                    f"base_url is {self.base_url!r} ({one_line(str(error))}), "
                    "expected a URL such as http://localhost:8000/v1"
                ) from error
        return self._client, openai
