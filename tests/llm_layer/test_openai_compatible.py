"""An endpoint on the loopback interface that behaves in every way but the right one."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from llm_layer.llm import (
    LLM,
    LLMMalformedError,
    LLMRefusedError,
    LLMTimeoutError,
    Message,
    OpenAICompatible,
    ask,
    can,
)
from llm_layer.stopping import TurnStoppedError, stopping_by
from recsys.errors import AlsatianError, InvalidInputError

if not os.environ.get("CI"):  # there its absence is a failure
    pytest.importorskip("openai")

ASK = [Message("system", "Be brief."), Message("user", "Say yes.")]


def answer(text: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    usage = {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    return json.dumps({**body, "choices": choices, "usage": usage}).encode()


def drip(beginning: bytes) -> Callable[[Any], None]:
    """Sends `beginning`, then a space every tenth of a second for five seconds."""

    def behave(out: Any) -> None:
        out.write(beginning)
        for _ in range(50):
            out.flush()
            time.sleep(0.1)
            out.write(b" ")

    return behave


IN_HEADERS = drip(b"HTTP/1.0 200 OK\r\nX-Slow: ")
IN_BODY = drip(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n")


def endless(out: Any) -> None:
    out.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        out.write(b" " * 65536)


class Endpoint:
    """Serves one behaviour after the other; the last one is repeated."""

    def __init__(self, *behaviours: Any) -> None:
        # A status and a body (and headers), a function that returns them, or one that takes the
        # connection and writes what it wants.
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                place = min(len(outer.requests), len(behaviours) - 1)
                outer.requests.append(json.loads(self.rfile.read(length)))
                outer.keys.append(self.headers.get("Authorization"))
                behaviour = behaviours[place]
                try:
                    if behaviour in (IN_HEADERS, IN_BODY, endless):
                        behaviour(self.wfile)
                        return
                    given = behaviour() if callable(behaviour) else behaviour
                    status, body, *headers = given
                    self.send_response(status)
                    for name, value in dict(*headers).items():
                        self.send_header(name, value)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client had enough, which is what is tested

            def log_message(self, *_: Any) -> None:
                """Be quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()


@pytest.fixture
def serve() -> Iterator[Callable[..., Endpoint]]:
    running: list[Endpoint] = []

    def start(*behaviours: Any) -> Endpoint:
        running.append(Endpoint(*behaviours))
        return running[-1]

    yield start
    for endpoint in running:
        endpoint.server.shutdown()
        endpoint.server.server_close()


def test_an_answer_comes_through(serve: Callable[..., Endpoint]) -> None:
    endpoint = serve((200, answer(" Yes. ")))
    llm = OpenAICompatible(endpoint.url, "m", "secret")
    assert isinstance(llm, LLM)
    found = llm.complete(ASK, max_tokens=5, seed=3)
    assert (found.text, found.finish_reason, found.tries) == ("Yes.", "stop", 1)
    assert (found.prompt_tokens, found.completion_tokens) == (7, 1)
    sent = endpoint.requests[0]
    assert (sent["model"], sent["max_tokens"], sent["seed"]) == ("m", 5, 3)
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert endpoint.keys == ["Bearer secret"]


SCHEMA = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}


def with_first_tokens(*listed: Any) -> bytes:
    body = json.loads(answer("Yes"))
    token = {"token": "Yes", "logprob": -0.2, "top_logprobs": list(listed)}
    body["choices"][0]["logprobs"] = {"content": [token]}
    return json.dumps(body).encode()


def test_a_schema_and_probabilities_are_asked_for(serve: Callable[..., Endpoint]) -> None:
    no, yes = {"token": "No", "logprob": -2.0}, {"token": "Yes", "logprob": -0.2}
    junk = [None, {"token": 1, "logprob": -1}, {"token": "x"}, {"token": "y", "logprob": 3}]
    endpoint = serve((200, with_first_tokens(no, *junk, yes)), (200, answer("Yes.")))
    llm = OpenAICompatible(endpoint.url, "m")
    assert can(llm, "schema")
    assert can(llm, "probabilities")
    found = ask(llm, ASK, schema=SCHEMA, top=5)
    assert found.first == (("Yes", -0.2), ("No", -2.0))
    sent = endpoint.requests[0]
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert (sent["logprobs"], sent["top_logprobs"]) == (True, 5)
    assert llm.complete(ASK).first == ()
    assert not {"response_format", "logprobs"} & set(endpoint.requests[1])


@pytest.mark.parametrize("takes_it", [True, False])
def test_a_grammar_goes_to_a_host_that_takes_one(
    serve: Callable[..., Endpoint], takes_it: bool
) -> None:
    endpoint = serve((200, answer("yes")))
    llm = OpenAICompatible(endpoint.url, "m", grammar=takes_it)
    assert llm.constrained is takes_it
    llm.complete(ASK, grammar='root ::= "yes"')
    llm.complete(ASK)
    list(llm.stream(ASK, grammar='root ::= "yes"'))
    sent = [request.get("grammar") for request in endpoint.requests]
    assert sent == ['root ::= "yes"' if takes_it else None, None, sent[0]]


def test_a_host_that_knows_no_schema_is_asked_without_it(serve: Callable[..., Endpoint]) -> None:
    endpoint = serve((400, b"unknown field"), (200, answer("Yes.")))
    llm = OpenAICompatible(endpoint.url, "m")
    found = ask(llm, ASK, schema=SCHEMA)
    assert (found.text, found.tries) == ("Yes.", 2)
    assert not can(llm, "schema")
    assert can(llm, "probabilities")
    ask(llm, ASK, schema=SCHEMA)
    assert ["response_format" in sent for sent in endpoint.requests] == [True, False, False]


def test_a_host_that_turns_everything_down_keeps_its_abilities(
    serve: Callable[..., Endpoint],
) -> None:
    llm = OpenAICompatible(serve((400, b"too long")).url, "m")
    with pytest.raises(LLMRefusedError, match="status 400"):
        ask(llm, ASK, schema=SCHEMA, top=5)
    assert can(llm, "schema")


@pytest.mark.parametrize(
    ("behaviour", "error", "tries", "says"),
    [
        ((401, b'{"error": {"message": "no"}}'), LLMRefusedError, 1, "does not accept the key"),
        ((403, b"forbidden"), LLMRefusedError, 1, "does not accept the key"),
        ((404, b'{"error": {"message": "no such model"}}'), LLMRefusedError, 1, "status 404"),
        ((400, b"<html>"), LLMRefusedError, 1, "status 400"),
        ((500, b"oops"), LLMRefusedError, 2, "status 500"),
        ((429, b"slow down"), LLMRefusedError, 2, "status 429"),
        ((200, b"<html>hello</html>"), LLMMalformedError, 2, ""),
        ((200, b'{"choices": [{"mess'), LLMMalformedError, 2, "not JSON"),
        ((200, b"{}"), LLMMalformedError, 2, "without any text"),
        ((200, b'{"choices": []}'), LLMMalformedError, 2, "without any text"),
        ((200, b'{"choices": 5}'), LLMMalformedError, 2, ""),
        ((200, b"[1, 2]"), LLMMalformedError, 2, ""),
        ((200, b"null"), LLMMalformedError, 2, ""),
        ((200, b""), LLMMalformedError, 2, ""),
        ((200, b"[" * 200_000), LLMMalformedError, 2, "not JSON"),
        ((200, b"\xff\xfe"), LLMMalformedError, 2, "not JSON"),
        ((200, b"1" * 9999), LLMMalformedError, 2, "not JSON"),
        ((200, answer("   ")), LLMMalformedError, 2, "without any text"),
        ((200, answer(None)), LLMMalformedError, 2, "without any text"),
        ((200, answer({"a": 1})), LLMMalformedError, 2, "without any text"),
    ],
)
def test_every_failure_has_a_kind_and_one_line(
    serve: Callable[..., Endpoint],
    behaviour: tuple[int, bytes],
    error: type[Exception],
    tries: int,
    says: str,
) -> None:
    endpoint = serve(behaviour)
    with pytest.raises(error) as raised:
        OpenAICompatible(endpoint.url, "m", timeout=5).complete(ASK)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    assert isinstance(raised.value, AlsatianError)
    assert len(endpoint.requests) == tries == raised.value.tries  # type: ignore[attr-defined]


def test_what_passes_by_itself_is_tried_again(serve: Callable[..., Endpoint]) -> None:
    endpoint = serve((503, b"busy"), (200, answer("Yes.")))
    found = OpenAICompatible(endpoint.url, "m").complete(ASK)
    assert (found.text, found.tries) == ("Yes.", 2)


def test_a_host_that_hangs_is_left_in_time(serve: Callable[..., Endpoint]) -> None:
    def hang() -> tuple[int, bytes]:
        time.sleep(3)
        return 200, answer("late")

    endpoint = serve(hang)
    begun = time.perf_counter()
    with pytest.raises(LLMTimeoutError, match="did not answer within"):
        OpenAICompatible(endpoint.url, "m", timeout=0.3).complete(ASK)
    assert time.perf_counter() - begun < 2
    with pytest.raises(LLMTimeoutError):
        OpenAICompatible(endpoint.url, "m").complete(ASK, timeout=0.3)


@pytest.mark.parametrize("behaviour", [IN_HEADERS, IN_BODY])
def test_a_host_that_drips_is_left_in_time(
    serve: Callable[..., Endpoint], behaviour: Callable[[Any], None]
) -> None:
    endpoint = serve(behaviour)
    begun = time.perf_counter()
    with pytest.raises(LLMTimeoutError, match="did not answer within"):
        OpenAICompatible(endpoint.url, "m").complete(ASK, timeout=0.5)
    assert time.perf_counter() - begun < 1.5


def test_a_stopped_turn_does_not_wait_for_the_host(serve: Callable[..., Endpoint]) -> None:
    is_asked, stop = threading.Event(), threading.Event()

    def hang() -> tuple[int, bytes]:
        is_asked.set()
        stop.wait(20)
        time.sleep(1)
        return 200, answer("late")

    endpoint = serve(hang)
    threading.Thread(target=lambda: is_asked.wait(20) and stop.set(), daemon=True).start()
    with stopping_by(stop), pytest.raises(TurnStoppedError):
        OpenAICompatible(endpoint.url, "m").complete(ASK)
    assert len(endpoint.requests) == 1


def test_a_host_that_never_stops_is_stopped(serve: Callable[..., Endpoint]) -> None:
    with pytest.raises(LLMMalformedError, match="over 1048576 bytes"):
        OpenAICompatible(serve(endless).url, "m", tries=1).complete(ASK)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_prompts_are_not_sent_on(serve: Callable[..., Endpoint], status: int) -> None:
    other = serve((200, answer("Yes.")))
    endpoint = serve((status, b"", {"Location": f"{other.url}/chat/completions"}))
    with pytest.raises(LLMRefusedError, match=f"sends requests on to {other.url}"):
        OpenAICompatible(endpoint.url, "m", "secret").complete(ASK)
    assert (len(endpoint.requests), other.requests) == (1, [])


def test_prompts_do_not_go_through_a_proxy(
    serve: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, endpoint = serve((200, answer("proxy"))), serve((200, answer("Yes.")))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert OpenAICompatible(endpoint.url, "m").complete(ASK).text == "Yes."
    assert proxy.requests == []


def test_half_a_character_is_replaced(serve: Callable[..., Endpoint]) -> None:
    found = OpenAICompatible(serve((200, answer("a\ud800b"))).url, "m").complete(ASK)
    assert found.text == "a?b"


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    llm = OpenAICompatible(f"http://127.0.0.1:{port}/v1", "m")
    with pytest.raises(LLMRefusedError, match="cannot be reached"):
        llm.check()


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"base_url": "localhost:8000", "model": "m"}, "base_url"),
        ({"base_url": "ftp://x", "model": "m"}, "base_url"),
        ({"base_url": "http://127.0.0.1:99999", "model": "m"}, "base_url"),
        ({"base_url": "http://127.0.0.1:x/v1", "model": "m"}, "base_url"),
        ({"base_url": "http://[bad", "model": "m"}, "base_url"),
        ({"base_url": "http://:80", "model": "m"}, "base_url"),
        ({"base_url": "http://a b/v1", "model": "m"}, "base_url"),
        ({"base_url": "http://x", "model": ""}, "model"),
        ({"base_url": "http://x", "model": "m", "api_key": "clé"}, "API key"),
        ({"base_url": "http://x", "model": "m", "api_key": "key\n"}, "API key"),
        ({"base_url": "http://x", "model": "m", "timeout": float("inf")}, "timeout"),
        ({"base_url": "http://x", "model": "m", "timeout": 0}, "timeout"),
        ({"base_url": "http://x", "model": "m", "tries": 0}, "tries"),
    ],
)
def test_bad_parameters(arguments: dict[str, Any], names: str) -> None:
    with pytest.raises(InvalidInputError, match=names):
        OpenAICompatible(**arguments)


@pytest.mark.parametrize("host", ["a" * 300, "..", "[::g]", "[v1.x]", "\u00ad"])
def test_a_host_that_cannot_be_is_one_line(host: str) -> None:
    with pytest.raises(AlsatianError) as raised:
        OpenAICompatible(f"http://{host}/v1", "m", timeout=1, tries=1).check()
    assert "\n" not in str(raised.value)


def test_the_name_shows_no_secret() -> None:
    llm = OpenAICompatible("http://me:hush@host:8000/v1", "m", "key")
    assert llm.name == "m at host:8000"
