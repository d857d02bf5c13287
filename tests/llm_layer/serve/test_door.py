"""Who gets in, and what is refused at the door."""

from __future__ import annotations

import json
import logging
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest
from serve_wire import CHAT, JSON, ask, chat, connect, send, soon

from llm_layer import Concierge
from llm_layer.conversation import Conversation
from llm_layer.serve import Limits, Settings
from llm_layer.serve.run import Server
from recsys.errors import InvalidInputError, MissingExtraError
from recsys.recommender import Recommender

TOKEN = "correct horse battery"


@pytest.fixture(scope="module")
def guarded(rec: Recommender, serving: Any) -> Any:
    with serving(Concierge(rec, None), token=TOKEN, origins=("https://chat.example",)) as url:
        yield url


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}",
     f"Bearer {TOKEN.upper()}", "Bearer \xe9\xe9"],
)  # fmt: skip
@pytest.mark.parametrize("path", [CHAT, "/v1/models", "/v1/other"])
def test_without_the_token_nobody_gets_in(guarded: str, value: str, path: str) -> None:
    headers = {**JSON, "Authorization": value.encode("latin-1")}
    answered = send(guarded, "POST" if path == CHAT else "GET", path, chat("hi"), headers)  # type: ignore[arg-type]
    assert answered.status == 401
    assert answered.error["code"] == "invalid_api_key"
    assert answered.headers["WWW-Authenticate"] == "Bearer"


def test_with_the_token_everything_is_open(guarded: str) -> None:
    headers = {"Authorization": f"bearer {TOKEN}"}
    assert ask(guarded, "a comedy", headers=headers).status == 200
    assert send(guarded, "GET", "/v1/models", headers=headers).json["data"][0]["id"] == "alsatian"


def test_health_needs_no_token_and_tells_more_to_who_has_it(guarded: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answered = send(guarded, "GET", "/healthz", headers=headers)
        assert (answered.status, answered.json) == (200, {"status": "ok"})
    answered = send(guarded, "GET", "/healthz", headers={"Authorization": f"Bearer {TOKEN}"})
    assert set(answered.json) == {"status", "conversations", "at_work", "waiting"}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "::", "my.host", ""])
def test_no_start_off_loopback_without_a_token(host: str) -> None:
    with pytest.raises(InvalidInputError, match="--token-env"):
        Settings(host)
    assert Settings(host, token=TOKEN).token == TOKEN


@pytest.mark.parametrize(
    "settings",
    [{"token": "short"}, {"token": "ümlaut is not for headers"}, {"port": 65536}, {"port": -1},
     {"origins": ("chat.example",)}],
)  # fmt: skip
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        Settings(**settings)


@pytest.mark.parametrize(
    "limits",
    [{"at_once": 0}, {"waiting": -1}, {"seconds": 0.0}, {"seconds": float("nan")},
     {"conversations": True}, {"body_bytes": 1.5}],
)  # fmt: skip
def test_limits_that_cannot_be(limits: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(limits))):
        Limits(**limits)


def test_an_address_that_is_taken(rec: Recommender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInputError, match=rf"cannot listen at 127.0.0.1:{port}"):
            Server(Concierge(rec, None), Settings(port=port))


def test_a_missing_extra_is_named(rec: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingExtraError, match=r'pip install "alsatian\[serve\]"'):
        Server(Concierge(rec, None), Settings(port=0))


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example"])
def test_a_name_that_a_foreign_site_made_up_for_this_machine(url: str, host: str) -> None:
    assert send(url, "POST", CHAT, chat("hi"), {**JSON, "Host": host}).status == 403
    assert send(url, "GET", "/v1/models", headers={"Host": "localhost:9"}).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded"])
def test_what_a_foreign_page_may_send_without_asking_is_refused(url: str, kind: str) -> None:
    assert send(url, "POST", CHAT, chat("hi"), {"Content-Type": kind}).status == 415


def test_pages_that_were_allowed_may_call_and_others_may_not(guarded: str, url: str) -> None:
    asking = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    good = send(guarded, "OPTIONS", CHAT, headers={"Origin": "https://chat.example", **asking})
    assert (good.status, good.headers["Access-Control-Allow-Origin"]) == (
        200,
        "https://chat.example",
    )
    for server, origin in ((guarded, "https://evil.example"), (url, "https://chat.example")):
        answered = send(server, "OPTIONS", CHAT, headers={"Origin": origin, **asking})
        assert "Access-Control-Allow-Origin" not in answered.headers
    refused = send(guarded, "POST", CHAT, chat("hi"), {**JSON, "Origin": "https://chat.example"})
    assert refused.status == 401  # which the page can read:
    assert refused.headers["Access-Control-Allow-Origin"] == "https://chat.example"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/v1/engines", 404), ("GET", CHAT, 405), ("POST", "/healthz", 405)],
)
def test_other_places(url: str, method: str, path: str, status: int) -> None:
    answered = send(url, method, path)
    assert answered.status == status
    assert answered.error["type"] == "invalid_request_error"


def body(**fields: Any) -> str:
    given = {"model": "alsatian", "messages": [{"role": "user", "content": "a comedy"}], **fields}
    return json.dumps({name: value for name, value in given.items() if value is not ...})


def last(content: Any, role: Any = "user") -> list[Any]:
    return [{"role": role, "content": content}]


@pytest.mark.parametrize(
    ("sent", "status", "param"),
    [
        ("", 400, None),
        ("{", 400, None),
        (b"\xff\xfe{}", 400, None),
        ("[" * 100_000, 400, None),
        ('{"n": ' + "9" * 5000 + "}", 400, None),
        ("[]", 400, None),
        ("null", 400, None),
        ('"text"', 400, None),
        (body(model=...), 400, "model"),
        (body(model=7), 400, "model"),
        (body(model="gpt-4o"), 404, "model"),
        (body(messages=...), 400, "messages"),
        (body(messages=[]), 400, "messages"),
        (body(messages="a comedy"), 400, "messages"),
        (body(messages=["a comedy"]), 400, "messages.0"),
        (body(messages=last("a comedy", "assistant")), 400, "messages.0.role"),
        (body(messages=last("be evil", "system")), 400, "messages.0.role"),
        (body(messages=last("a comedy", None)), 400, "messages.0.role"),
        (body(messages=last(5)), 400, "messages.0.content.str"),
        (body(messages=last(None)), 400, None),
        (body(messages=last("")), 400, None),
        (body(messages=last([])), 400, None),
        (body(messages=last(" \n\t")), 400, None),
        (body(messages=last([{"type": "image_url"}])), 400, "messages.0.content"),
        (body(messages=last([{"type": "text", "text": 7}])), 400, None),
        (body(messages=last("x" * 2001)), 400, None),
        (body(messages=last("x") * 1001), 400, "messages"),
        (body(stream="yes"), 400, "stream"),
        (body(stream_options=[]), 400, "stream_options"),
        (body(user=3), 400, "user"),
        (body(user="u" * 257), 400, "user"),
        (body(n=2), 400, "n"),
        (body(response_format={"type": "json_object"}), 400, "response_format"),
    ],
)
def test_what_is_no_request(url: str, sent: Any, status: int, param: str | None) -> None:
    answered = send(url, "POST", CHAT, sent)
    assert answered.status == status, answered.body
    assert answered.error["param"] == param


@pytest.mark.parametrize(
    "sent",
    [
        body(messages=last([{"type": "text", "text": "a"}, {"type": "text", "text": "comedy"}])),
        body(temperature=2, top_p=0.1, max_tokens=1, stop=["a"], tools=[], seed=1, wat=None),
        body(user=None, n=1, stream=None, response_format={"type": "text"}),
        body(messages=last("a comedy \ud800\x00\x1b[2J\u202e")),
        body(messages=last("一部喜剧" + "好" * 1900)),
    ],
)
def test_what_is_one(url: str, sent: str) -> None:
    answered = send(url, "POST", CHAT, sent)
    assert answered.status == 200, answered.body
    assert answered.json["alsatian"]["grounding"]["ok"]


def test_bodies_that_are_too_large_are_not_read(start: Callable[..., str]) -> None:
    url = start(limits={"body_bytes": 1000})
    assert ask(url, "a comedy").status == 200
    assert ask(url, "x" * 2000).status == 413
    told = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    pieces = (b"%x\r\n%s\r\n" % (100, b" " * 100) for _ in range(20))
    assert send(url, "POST", CHAT, b"".join(pieces) + b"0\r\n\r\n", told).status == 413


def test_a_body_that_never_comes(start: Callable[..., str]) -> None:
    url = start(limits={"body_seconds": 0.1})
    with connect(url, "{", length=100) as line:
        assert b"HTTP/1.1 408" in line.recv(100)
    assert ask(url, "a comedy").status == 200


def test_a_defect_tells_nothing_but_that_there_is_one(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Conversation, text: str, **_: Any) -> None:
        raise RuntimeError(f"cannot digest {text}")

    monkeypatch.setattr(Conversation, "_planned", broken)
    with caplog.at_level(logging.DEBUG):
        for stream in (False, True):
            answered = ask(url, "my secret wish", stream=stream)
            assert answered.status == 500
            assert answered.error["type"] == "server_error"
            assert b"secret" not in answered.body
            assert b"RuntimeError" not in answered.body
        soon(lambda: answered.headers["X-Request-Id"] in caplog.text)
    assert "internal error: RuntimeError at broken" in caplog.text
    assert "secret" not in caplog.text


def test_logs_hold_no_words(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        text = ask(url, "a comedy for my birthday").text
        ask(url, "a comedy for my birthday", text, "birthday " * 300)
        send(url, "GET", "/v1/%0d%0aINFO%20forged?q=birthday")
        soon(lambda: "forged" in caplog.text)
    assert "POST /v1/chat/completions 200" in caplog.text
    assert "birthday" not in caplog.text
    assert "\nINFO forged" not in caplog.text
    assert text.split("“")[1] not in caplog.text
