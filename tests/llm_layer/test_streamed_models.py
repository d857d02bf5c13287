"""Language models that stream: hosts by server-sent events, of every kind, and the embedded one."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from llm_layer.llm import (
    Completion,
    EmbeddedLLM,
    LLMContextError,
    LLMMalformedError,
    LLMRefusedError,
    LLMTimeoutError,
    Message,
    OpenAICompatible,
    can,
    pieces,
)
from llm_layer.llm.threaded import in_thread
from recsys.errors import InvalidInputError

if not os.environ.get("CI"):  # there its absence is a failure
    pytest.importorskip("openai")

ASK = [Message("user", "Say yes.")]


def event(text: Any = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, **more}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


class Host:
    """Answers each request with the next of some behaviours: a status, and pieces of a body."""

    def __init__(self, *behaviours: tuple[int, list[bytes | float]]) -> None:
        self.requests: list[dict[str, Any]] = []
        self.broken = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                place = min(len(outer.requests), len(behaviours) - 1)
                length = int(self.headers["Content-Length"])
                outer.requests.append(json.loads(self.rfile.read(length)))
                status, body = behaviours[place]
                self.send_response(status)
                self.end_headers()
                try:
                    for part in body:
                        if isinstance(part, float):
                            time.sleep(part)
                        else:
                            self.wfile.write(part)
                            self.wfile.flush()
                except (BrokenPipeError, ConnectionResetError):
                    outer.broken.set()

            def log_message(self, *_: Any) -> None:
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        serving = {"poll_interval": 0.02}
        threading.Thread(target=self._server.serve_forever, kwargs=serving, daemon=True).start()

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def drained(stream: Generator[str, None, Completion]) -> tuple[list[str], Completion]:
    found: list[str] = []
    while True:
        try:
            found.append(next(stream))
        except StopIteration as end:
            return found, end.value


def test_words_come_as_they_are_sent() -> None:
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}\n\n'
    whole = event("Yes", finish_reason=None) + b": comment\n\n" + event(", sir.") + event(None)
    body = [whole[:30], whole[30:71], whole[71:], event(None, finish_reason="stop"), usage, DONE]
    with Host((200, body)) as host:
        llm = OpenAICompatible(host.url, "m")
        assert can(llm, "stream")
        found, done = drained(pieces(llm, ASK))
    assert found == ["Yes", ", sir."]
    assert (done.text, done.finish_reason, done.tries) == ("Yes, sir.", "stop", 1)
    assert (done.prompt_tokens, done.completion_tokens) == (7, 2)
    assert 0 < done.first_milliseconds <= done.milliseconds
    assert host.requests[0]["stream"] is True


def test_the_first_word_is_not_held_back() -> None:
    with Host((200, [event("Yes"), 5.0, event("!"), DONE])) as host:
        stream = pieces(OpenAICompatible(host.url, "m"), ASK)
        begun = time.perf_counter()
        assert next(stream) == "Yes"
        stream.close()
        assert time.perf_counter() - begun < 4


def test_a_host_that_answers_all_at_once_is_understood() -> None:
    body = json.dumps({"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]})
    pretty = json.dumps(json.loads(body), indent=1)
    for sent in (body, pretty):
        with Host((200, [sent.encode()])) as host:
            found, done = drained(pieces(OpenAICompatible(host.url, "m"), ASK))
            assert (found, done.text) == (["Yes."], "Yes.")


def test_a_host_that_cannot_stream_is_asked_without() -> None:
    body = json.dumps({"choices": [{"message": {"content": "Yes."}}]}).encode()
    with Host((400, [b"stream is not supported"]), (200, [body])) as host:
        llm = OpenAICompatible(host.url, "m")
        assert drained(pieces(llm, ASK))[0] == ["Yes."]
        assert not can(llm, "stream")
        assert "stream" not in host.requests[1]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, [b"data: {half\n\n"], LLMMalformedError),
        (200, [b"\x00\xff" * 50], LLMMalformedError),
        (200, [b"data: 7\n\n", b"data: null\n\n", b'data: {"choices": 3}\n\n'], LLMMalformedError),
        (200, [event(5), event(["a"]), DONE], LLMMalformedError),
        (200, [event("  "), DONE], LLMMalformedError),
        (200, [], LLMMalformedError),
        (200, [b'data: {"error": {"message": "out of memory"}}\n\n'], LLMMalformedError),
        (200, [b"data: " + b"[" * 9000 + b"\n\n"], LLMMalformedError),
        (500, [b"broken"], LLMRefusedError),
        (401, [b"who are you"], LLMRefusedError),
        (302, [b"elsewhere"], LLMRefusedError),
        (400, [b'{"error": {"message": "maximum context length is 8 tokens"}}'], LLMContextError),
        (200, [event("Yes"), *[b": wait\n\n", 0.05] * 80], LLMTimeoutError),
        (200, [*[b" ", 0.05] * 80], LLMTimeoutError),
    ],
)
def test_hostile_hosts_are_an_error_of_one_line(
    status: int, body: list[bytes | float], error: type[Exception]
) -> None:
    with Host((status, body)) as host:
        llm = OpenAICompatible(host.url, "m", timeout=1.5, tries=1)
        begun = time.perf_counter()
        with pytest.raises(error) as caught:
            drained(pieces(llm, ASK, timeout=1.6))
        assert time.perf_counter() - begun < 4
        assert len(str(caught.value).splitlines()) == 1


def test_an_answer_without_end_is_given_up() -> None:
    with (
        Host((200, [event("a" * 65536)] * 40)) as host,
        pytest.raises(LLMMalformedError, match="bytes"),
    ):
        drained(pieces(OpenAICompatible(host.url, "m", tries=1), ASK))


def test_what_was_given_away_is_not_asked_again() -> None:
    with Host((200, [event("Yes"), b"data: {half\n\n"])) as host:
        stream = pieces(OpenAICompatible(host.url, "m", tries=3), ASK)
        assert next(stream) == "Yes"
        with pytest.raises(LLMMalformedError):
            next(stream)
        assert len(host.requests) == 1
    with Host((500, [b""]), (200, [event("Yes"), DONE])) as host:
        found, done = drained(pieces(OpenAICompatible(host.url, "m", tries=2), ASK))
        assert (found, done.tries) == (["Yes"], 2)


def test_closing_ends_the_work() -> None:
    seen: list[bool] = []

    def work(take: Any, gone: Any) -> Completion:
        while not gone():
            take("a")
            time.sleep(0.01)
        seen.append(True)
        return Completion("", "stop", 0, 0, 0.0)

    stream = in_thread(work)
    assert next(stream) == "a"
    stream.close()
    assert seen == [True]


# --- the embedded model --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedded(loaded: Callable[[EmbeddedLLM], EmbeddedLLM]) -> EmbeddedLLM:
    llm = EmbeddedLLM(parallel=2, context=512)
    llm.prepare([Message("system", "You tell stories.")])
    return loaded(llm)


STORY = [Message("user", "Tell me a story.")]


def test_it_streams_what_it_would_answer(embedded: EmbeddedLLM) -> None:
    found, done = drained(pieces(embedded, STORY, max_tokens=8, temperature=0.0, timeout=60))
    assert len(found) > 4
    assert "".join(found).strip() == done.text
    assert done.text == embedded.complete(STORY, max_tokens=8, temperature=0.0, timeout=60).text
    assert 0 < done.first_milliseconds < done.milliseconds


def test_a_stream_that_is_closed_frees_its_place(embedded: EmbeddedLLM) -> None:
    for _ in range(3):  # more often than there are places
        stream = pieces(embedded, STORY, max_tokens=300, timeout=60)
        next(stream)
        stream.close()
    assert embedded.complete(STORY, max_tokens=2, timeout=60).text


def test_calls_at_the_same_time_get_their_own_words(embedded: EmbeddedLLM) -> None:
    found: dict[str, str] = {}

    def ask(word: str) -> None:
        grammar = f'root ::= "{word} " "{word} " "{word}"'
        found[word] = embedded.complete(STORY, grammar=grammar, timeout=60).text

    threads = [threading.Thread(target=ask, args=(word,)) for word in ("red", "blue", "green")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {word: f"{word} {word} {word}" for word in ("red", "blue", "green")}


def test_a_prompt_beyond_the_context_is_told(embedded: EmbeddedLLM) -> None:
    with pytest.raises(LLMContextError):
        embedded.complete([Message("user", "word " * 600)], max_tokens=2, timeout=60)
    with pytest.raises(InvalidInputError, match="parallel"):
        EmbeddedLLM(parallel=0)
