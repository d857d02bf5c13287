"""Any host that speaks OpenAI's chat protocol: vLLM, llama.cpp's server, Ollama, a paid service."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from llm_layer.llm.base import (
    Completion,
    LLMError,
    LLMMalformedError,
    LLMRefusedError,
    LLMTimeoutError,
    Message,
    require,
)
from recsys.errors import InvalidInputError

_PAUSE_SECONDS = 0.25


class OpenAICompatible:
    """A language model behind an OpenAI-compatible endpoint.

    The only part of Alsatian that sends anything over a network, and only to `base_url`.

    Parameters
    ----------
    base_url : str
        Such as ``http://localhost:8000/v1``.
    model : str
        Name of the model at that host.
    api_key : str, optional
        Its key; hosts without one accept anything.
    timeout : float
        Longest time for one try, in seconds, > 0. :meth:`complete` never waits longer than its
        own limit for all of them.
    tries : int
        How often a request is sent at most, >= 1. Only what may pass by itself is tried again:
        a refused connection, a time-out, status 408, 409, 429 and 5xx, an answer that is no JSON.
    languages : set of str, optional
        Languages the model writes well; every one unless told.

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
    ) -> None:
        require("openai", "an OpenAI-compatible endpoint")
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InvalidInputError(
                f"base_url is {base_url!r}, expected a URL such as http://localhost:8000/v1"
            )
        if not model:
            raise InvalidInputError("model is empty; name the model that the endpoint serves")
        if not timeout > 0 or tries < 1:
            raise InvalidInputError(
                f"timeout is {timeout!r} and tries {tries!r}, expected more than 0 s and at least 1"
            )
        self.constrained = False
        self.base_url = base_url
        self.model = model
        self.timeout = timeout
        self.tries = tries
        self.languages = languages
        # A URL may carry a password; the name is printed.
        self.name = f"{model} at {parts.hostname}{f':{parts.port}' if parts.port else ''}"
        self._api_key = api_key
        self._client: Any = None

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
    ) -> Completion:
        """Answer a prompt; see :meth:`llm_layer.llm.base.LLM.complete`. `grammar` is not sent."""
        started = time.perf_counter()
        request = {
            "model": self.model,
            "messages": [{"role": each.role, "content": each.content} for each in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "seed": seed,
        }
        for attempt in range(1, self.tries + 1):
            left = timeout - (time.perf_counter() - started)
            try:
                text, finish, usage = self._ask(request, min(left, self.timeout))
                break
            except _PassingError as error:
                spent = time.perf_counter() - started + _PAUSE_SECONDS
                if attempt == self.tries or spent >= timeout:
                    raise error.final(attempt) from error
                time.sleep(_PAUSE_SECONDS)
        return Completion(
            text=text,
            finish_reason=finish,
            prompt_tokens=_count(usage, "prompt_tokens"),
            completion_tokens=_count(usage, "completion_tokens"),
            milliseconds=(time.perf_counter() - started) * 1e3,
            tries=attempt,
        )

    def _ask(self, request: dict[str, Any], seconds: float) -> tuple[str, str, Any]:
        """Send once."""
        client, openai = self._opened()
        try:
            answer = client.with_options(timeout=seconds).chat.completions.create(**request)
            return self._words(answer)
        except openai.APITimeoutError as error:
            raise _PassingError(
                LLMTimeoutError, f"{self.name} did not answer within {seconds:.3g} s"
            ) from error
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
        except (openai.APIResponseValidationError, ValueError) as error:
            raise _PassingError(
                LLMMalformedError, f"{self.name} answered with what is not JSON"
            ) from error

    def _turned_down(self, error: Any) -> None:
        status = int(error.status_code)
        said = _one_line(str(getattr(error, "message", error)))
        if status in (401, 403):
            raise LLMRefusedError(
                f"{self.name} does not accept the key (status {status}); check the API key"
            ) from error
        if status in (408, 409, 429) or status >= 500:
            raise _PassingError(
                LLMRefusedError, f"{self.name} turned the request down (status {status}: {said})"
            ) from error
        raise LLMRefusedError(
            f"{self.name} turned the request down (status {status}: {said})"
        ) from error

    def _words(self, answer: Any) -> tuple[str, str, Any]:
        """Text, finish reason and usage; hosts that call themselves compatible send anything."""
        choices = getattr(answer, "choices", None)
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = getattr(choice, "message", None)
        text = getattr(message, "content", None)
        if not isinstance(text, str) or not text.strip():
            raise _PassingError(LLMMalformedError, f"{self.name} answered without any text")
        finish = getattr(choice, "finish_reason", None)
        return text.strip(), str(finish or "stop"), getattr(answer, "usage", None)

    def _opened(self) -> tuple[Any, Any]:
        import openai

        if self._client is None:
            self._client = openai.OpenAI(
                base_url=self.base_url,
                api_key=self._api_key or "none",
                max_retries=0,  # ours are bounded in time as well
            )
        return self._client, openai


class _PassingError(Exception):
    """A failure that may pass by itself, and what to raise where it does not."""

    def __init__(self, kind: type[LLMError], message: str) -> None:
        super().__init__(message)
        self._kind = kind

    def final(self, tries: int) -> LLMError:
        times = "" if tries == 1 else f" (asked {tries} times)"
        return self._kind(f"{self}{times}", tries=tries)


def _count(usage: Any, name: str) -> int:
    value = getattr(usage, name, 0)
    return value if isinstance(value, int) else 0


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
