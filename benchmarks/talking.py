"""Conversations as whoever talks sees them: in this process, or through the server."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from llm_layer import Concierge

# Names of what keeps a model from wording a reply in time, by words of its errors.
FALLBACKS = {"busy": "busy", "timed out": "did not finish within"}


@dataclass(frozen=True)
class Heard:
    """A reply as whoever asked for it sees it: items as (id, role), milliseconds.

    `fallback` says why a language model that was asked gave no words in time, in this process.
    """

    text: str
    items: tuple[tuple[Any, str], ...]
    writer: str
    first: float
    whole: float
    fallback: str = ""

    @property
    def recommended(self) -> tuple[Any, ...]:
        return tuple(item for item, role in self.items if role == "recommended")


class Line(Protocol):
    """One conversation."""

    def say(self, text: str) -> Heard: ...

    def read(self, messages: list[str]) -> None:
        """Take in messages without a language model's words for the replies."""
        ...


class Direct:
    """A conversation in this process."""

    def __init__(self, concierge: Concierge, user: Any) -> None:
        self._talk = concierge.open(user)

    def say(self, text: str) -> Heard:
        begun = time.perf_counter()
        first = 0.0
        reply = None
        for chunk in self._talk.stream(text):
            first = first or (time.perf_counter() - begun) * 1e3
            reply = chunk.reply or reply
        assert reply is not None
        items = tuple((item.id, item.role) for item in reply.items)
        whole = (time.perf_counter() - begun) * 1e3
        fault = reply.attempts[-1].fault if reply.attempts else ""
        fallback = next((name for name, words in FALLBACKS.items() if words in fault), "")
        return Heard(reply.text, items, reply.writer, first, whole, fallback)

    def read(self, messages: list[str]) -> None:
        self._talk.replay(messages)


class Http:
    """A conversation through the server: the whole history with each message, as pages do it."""

    def __init__(self, url: str, user: Any) -> None:
        place = urlsplit(url)
        self._path = f"{place.path}/chat/completions"
        self._connection = http.client.HTTPConnection(place.netloc, timeout=120)
        self._user = str(user)
        self._history: list[dict[str, str]] = []
        self._id: str | None = None

    def say(self, text: str) -> Heard:
        self._history.append({"role": "user", "content": text})
        asked = {"model": "alsatian", "messages": self._history, "user": self._user, "stream": True}
        begun = time.perf_counter()
        headers = {"Content-Type": "application/json"}
        self._connection.request("POST", self._path, json.dumps(asked), headers)
        response = self._connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {response.read()!r}")
        said, first, extra = "", 0.0, None
        for event in _events(response):
            delta = event["choices"][0]["delta"] if event.get("choices") else {}
            if delta.get("content"):
                first = first or (time.perf_counter() - begun) * 1e3
                said += delta["content"]
            extra = event.get("alsatian", extra)
        if extra is None:
            raise RuntimeError("the stream ended before the reply did")
        self._history.append({"role": "assistant", "content": said})
        conversation = response.headers["X-Conversation-Id"]
        if self._id not in (None, conversation):
            raise RuntimeError("the server lost the conversation")
        self._id = conversation
        items = tuple((item["id"], item["role"]) for item in extra["items"])
        return Heard(said, items, extra["writer"], first, (time.perf_counter() - begun) * 1e3)

    def read(self, messages: list[str]) -> None:
        # A history that the server does not know is read again, without words.
        self._history += [{"role": "user", "content": text} for text in messages]
        self.say("hello")


def _events(response: http.client.HTTPResponse) -> Iterator[Any]:
    for line in response:
        data = line.strip().removeprefix(b"data: ")
        if data and data != b"[DONE]":
            yield json.loads(data)
