"""Requests as they go over the wire, to be made wrong on purpose."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

CHAT = "/v1/chat/completions"
JSON = {"Content-Type": "application/json"}


@dataclass
class Answered:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert "\n" not in error["message"]
        return error

    @property
    def text(self) -> str:
        return str(self.json["choices"][0]["message"]["content"])

    @property
    def recommended(self) -> list[Any]:
        items = self.json["alsatian"]["items"]
        return [item["id"] for item in items if item["role"] == "recommended"]


def send(
    url: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] = JSON
) -> Answered:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return Answered(response.status, response.headers, response.read())
    finally:
        connection.close()


def chat(*said: str, user: str | None = "3", **more: Any) -> str:
    """Body of a request: user and assistant in turn, the user last."""
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]
    return json.dumps({"model": "alsatian", "messages": messages, "user": user, **more})


def ask(url: str, *said: str, headers: Mapping[str, str] | None = None, **more: Any) -> Answered:
    return send(url, "POST", CHAT, chat(*said, **more), {**JSON, **(headers or {})})


def connect(
    url: str, body: str, length: int | None = None, headers: Mapping[str, str] | None = None
) -> socket.socket:
    """A connection on which a request was sent, and nothing read."""
    place = urlsplit(url)
    line = socket.create_connection((place.hostname, place.port), timeout=30)
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"POST {CHAT} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
    size = len(body.encode()) if length is None else length
    line.sendall(f"{head}Content-Length: {size}\r\n{more}\r\n{body}".encode())
    return line


def soon(holds: Callable[[], Any]) -> None:
    """Wait until something holds that happens in another thread; fail where it never does."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
