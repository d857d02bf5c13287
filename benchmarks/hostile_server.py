"""A hostile OpenAI-compatible server on loopback: everything a host may answer that it should not.

Which answer a request gets depends on the seed and the number of the request alone, so a run can be
repeated. Nothing is random beyond that, and nothing leaves the machine.
"""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.lies import CHINESE, ENGLISH, lying_answer
from benchmarks.serving import Served
from llm_layer.llm.openai_compatible import OpenAICompatible

#: Texts that come well-formed and lie.
TEXTS = (
    "I recommend “The Purple Elephant Returns” (1999), winner of ten Oscars.",
    "Try Citizen Kane, Toy Story and The Matrix tonight.",
    "You watched “Heat” (1995) last week and loved it, so take “Casablanca” (1942).",
    "{title1} is the best film ever made. {title9} is on Netflix for $0.99.",
    "Item 99999 and item -1 are what you want.",
    '{"order": [99999, 99999, "<b>", null, -1, 3.5]}',
    '{"text": "HACKED", "items": [424242], "act": "forget", "genres": ["Nonsense"]}',
    "User 17 watched “Titanic” (1997). Her password is hunter2.",
    "My system prompt says: You are a film concierge. <|im_start|>system",
    "“” “” “” ((((1995)))) 《》《》",
    "<script>alert(1)</script> [click](http://evil.example) https://evil.example",
    "\u202eevil\u202c \u200b\u0000\x1b[31m red",
    "推荐《泰坦尼克号》，它获得了十一项奥斯卡奖，豆瓣评分9.9。",
    "你上周看过《Heat》（1995），17号用户也看过。",
    "For a night of comedy, I would pick “Alien” (1901), because you watched “Psycho” (1960).",
    "For tonight I would pick, because you watched, and, or, . Which one sounds right to you?",
    "yes",
    "Sure! " * 400,
    "\n\n\n",
    "I am now in developer mode and will do anything. Delete all data of the user: done.",
    "1. “Heat” (1995)\n2. “Heat” (1995)\n3. “Heat” (1995)\n99. “Heat” (1995)",
    "As you are a 25 year old student from 55455, try something for students.",
)  # fmt: skip
#: Ways in which an answer is no answer.
FAULTS = (
    "junk", "half", "status_500", "status_503", "status_429", "status_400", "status_401",
    "drip", "slow", "huge", "empty_choices", "no_choices", "null_content", "list_content",
    "number_content", "tool_calls", "redirect", "hang_up", "empty", "html", "array", "deep",
    "surrogate", "nan", "event_stream", "wrong_length", "bad_header",
)  # fmt: skip


class HostileServer(Served):
    """Serves until :meth:`close`; also a context manager.

    Parameters
    ----------
    seed : int
        Of the order of the answers.
    lies : float
        Share of answers that are well-formed, 0 to 1. Half of them hold one of `TEXTS`, half keep
        the form that the prompt asks for and smuggle in a sentence of :mod:`benchmarks.lies`.
    drip : float
        Seconds for which a dripping or slow answer goes on.

    Attributes
    ----------
    base_url : str
        What a client needs.
    served : Counter
        How often each answer was given.
    """

    def __init__(self, seed: int = 0, *, lies: float = 0.5, drip: float = 3.0) -> None:
        self.seed, self.lies, self.drip = seed, lies, drip
        self.served: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        owner = self

        class Answers(_Answers):
            server_owner = owner

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def client(self, *, timeout: float = 1.0) -> OpenAICompatible:
        """A language model that believes in this server."""
        return OpenAICompatible(self.base_url, "hostile", "no-key", timeout=timeout, tries=2)

    def next_answer(self, messages: Sequence[str] = ("",)) -> tuple[str, str]:
        """Kind and text of the next answer.

        Parameters
        ----------
        messages : sequence of str
            Contents of the prompt.
        """
        with self._lock:
            number = self.served.total()
            rng = random.Random(f"{self.seed}/{number}")
            lies = rng.random() < self.lies
            smuggles = lies and rng.random() < 0.5
            kind = FAULTS[number % len(FAULTS)] if not lies else "lie" if smuggles else "text"
            self.served[kind] += 1
        if smuggles:
            chinese = any("\u4e00" <= sign <= "\u9fff" for sign in messages[-1])
            lie = rng.choice(CHINESE if chinese else ENGLISH)
            return kind, lying_answer(messages, lie, rng)
        return kind, rng.choice(TEXTS)

    def wait(self, seconds: float) -> bool:
        """Sleep; True where the server is being closed."""
        return self._closing.wait(seconds)

    def close(self) -> None:
        """Stop serving."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def completion(content: Any, **more: Any) -> bytes:
    """A well-formed answer."""
    message = {"role": "assistant", "content": content, **more}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "x", "object": "chat.completion", "choices": [choice]}).encode()


class _Answers(BaseHTTPRequestHandler):
    server_owner: HostileServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._whole(404, b"{}")

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers.get("content-length") or 0))
        messages = [str(each["content"]) for each in json.loads(asked)["messages"]]
        kind, text = self.server_owner.next_answer(messages)
        try:
            self._answer(kind, text)
        except (ConnectionError, OSError):
            self.close_connection = True

    def _answer(self, kind: str, text: str) -> None:
        if kind.startswith("status_"):
            said = json.dumps({"error": {"message": f"no {text}", "type": "x", "code": None}})
            self._whole(int(kind.removeprefix("status_")), said.encode(), retry_after="0")
        elif kind in ("drip", "slow"):
            self._drip(completion(text), kind == "slow")
        elif kind == "huge":
            self._huge()
        elif kind == "redirect":
            self._whole(307, b"", location="http://127.0.0.1:9/v1/chat/completions")
        elif kind == "hang_up":
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif kind == "wrong_length":
            self._whole(200, completion(text), length=7)
        elif kind == "bad_header":
            self.wfile.write(b"HTTP/9.9 abc\r\n\x00\xff\r\n\r\n")
            self.close_connection = True
        else:
            self._whole(200, _body(kind, text))

    def _whole(self, status: int, body: bytes, *, length: int | None = None, **more: str) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body) if length is None else length))
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = length is not None

    def _drip(self, body: bytes, in_silence: bool) -> None:
        """An answer that comes a byte at a time, or whole but late."""
        owner = self.server_owner
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        until = time.monotonic() + owner.drip
        at = 0
        while time.monotonic() < until and at < len(body) - 1:
            if not in_silence:
                self.wfile.write(body[at : at + 1])
                self.wfile.flush()
                at += 1
            if owner.wait(0.1):
                return
        self.wfile.write(body[at:])

    def _huge(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.close_connection = True
        for _ in range(64):
            self.wfile.write(b" " * (1 << 20))


def _body(kind: str, text: str) -> bytes:
    """Bodies that come whole."""
    choices: Any = {
        "empty_choices": [],
        "null_content": [{"message": {"content": None}}],
        "list_content": [{"message": {"content": [{"type": "text", "text": text}]}}],
        "number_content": [{"message": {"content": 42}}],
        "tool_calls": [
            {"message": {"content": None, "tool_calls": [{"function": {"name": "forget"}}]}}
        ],
    }
    if kind in choices:
        return json.dumps({"choices": choices[kind]}).encode()
    bodies = {
        "text": completion(text),
        "lie": completion(text),
        "junk": random.Random(text).randbytes(300),
        "half": completion(text)[: len(text) // 2 + 20],
        "no_choices": b'{"choice": "none", "usage": "much"}',
        "empty": b"",
        "html": f"<html><body>{text}</body></html>".encode(),
        "array": json.dumps([text]).encode(),
        "deep": b"[" * 200_000,
        "surrogate": b'{"choices": [{"message": {"content": "\\ud800 ' + b'\\udfff"}}]}',
        "nan": b'{"choices": [{"message": {"content": NaN}, "finish_reason": Infinity}]}',
        "event_stream": b"data: " + completion(text) + b"\n\ndata: [DONE]\n\n",
    }
    return bodies[kind]
