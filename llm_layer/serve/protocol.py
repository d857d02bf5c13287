"""OpenAI's chat protocol: what a client may ask, what it is answered, and how errors look.

Nothing here knows HTTP libraries. Whatever a client sends is data: of its messages only those of
the user are read, the last one as what is said now; what it claims that the assistant or a system
said serves to find a conversation again, and nothing else.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from recsys.errors import AlsatianError

if TYPE_CHECKING:
    from llm_layer.reply import Reply

_LONGEST_USER = 256
_LONGEST_ID = 128


class ProtocolError(AlsatianError):
    """A request that is answered with an error object.

    Attributes
    ----------
    status : int
        HTTP status.
    kind, code, param : str or None
        As in OpenAI's error objects.
    headers : mapping of str to str
        Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The error object."""
        error = {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: StrictStr
    content: StrictStr | list[dict[str, Any]] | None = None


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")

    include_usage: StrictBool = False


class _Format(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: StrictStr


class _Body(BaseModel):
    """Fields that matter; how a language model samples is ours to decide, and not read."""

    model_config = ConfigDict(extra="ignore")

    model: StrictStr
    messages: list[_Message] = Field(min_length=1)
    stream: StrictBool | None = None
    stream_options: _StreamOptions | None = None
    user: StrictStr | None = None
    n: StrictInt | None = None
    response_format: _Format | None = None


@dataclass(frozen=True)
class Turn:
    """One message of a history: who is said to have spoken, and the words."""

    role: str
    text: str


@dataclass(frozen=True)
class Asked:
    """A request for a reply.

    Attributes
    ----------
    text : str
        What the user says now.
    before : tuple of Turn
        The messages before it, as the client tells them.
    user : str or None
        Who speaks, as the client names them.
    is_stream, with_usage : bool
        The answer comes in pieces; a last one counts tokens.
    """

    text: str
    before: tuple[Turn, ...]
    user: str | None
    is_stream: bool = False
    with_usage: bool = False


def parse(body: bytes, *, model: str, most_messages: int) -> Asked:
    """Read the body of a request.

    Raises
    ------
    ProtocolError
        It is no JSON, a field has a wrong type, or something is asked for that is not done here.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise ProtocolError(400, "the body is not JSON; send an object as UTF-8") from None
    try:
        asked = _Body.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or None
        told = f"{where or 'the body'}: {first['msg']}"
        raise ProtocolError(400, told, param=where) from None
    check_model(asked.model, model)
    if asked.n not in (None, 1):
        raise ProtocolError(400, f"n is {asked.n}, expected 1: one reply a request", param="n")
    if asked.response_format is not None and asked.response_format.type != "text":
        told = f"response_format is {_short(asked.response_format.type)!r}, expected text"
        raise ProtocolError(400, told, param="response_format")
    if len(asked.messages) > most_messages:
        told = f"there are {len(asked.messages)} messages, expected at most {most_messages}"
        raise ProtocolError(400, told, param="messages")
    if asked.user is not None and len(asked.user) > _LONGEST_USER:
        told = f"user has {len(asked.user)} characters, expected at most {_LONGEST_USER}"
        raise ProtocolError(400, told, param="user")
    *before, last = asked.messages
    where = f"messages.{len(before)}"
    if last.role != "user":
        told = f"the last message is of role {_short(last.role)!r}, expected user"
        raise ProtocolError(400, told, param=f"{where}.role")
    if isinstance(last.content, list) and any(part.get("type") != "text" for part in last.content):
        told = "the message has parts other than text; this server reads text only"
        raise ProtocolError(400, told, param=f"{where}.content")
    options = asked.stream_options
    return Asked(
        text=_text(last),
        before=tuple(Turn(message.role, _text(message)) for message in before),
        user=_whole(asked.user) if asked.user else None,
        is_stream=bool(asked.stream),
        with_usage=options is not None and options.include_usage,
    )


def check_model(asked: str, model: str) -> None:
    """Raise a :class:`ProtocolError` where a client asks for a model that is not served."""
    if asked != model:
        raise ProtocolError(
            404,
            f"the model {_short(asked)!r} does not exist; this server has {model!r}",
            code="model_not_found",
            param="model",
        )


def conversation_id(header: str | None) -> str | None:
    """The id that a client gives its conversation, None without one.

    Raises
    ------
    ProtocolError
        It is too long, or has other than printable ASCII characters.
    """
    if not header:
        return None
    if len(header) > _LONGEST_ID or not (header.isascii() and header.isprintable()):
        told = f"X-Conversation-Id is not at most {_LONGEST_ID} printable ASCII characters"
        raise ProtocolError(400, told, param="X-Conversation-Id")
    return header


def _text(message: _Message) -> str:
    """Words of a message; parts that are no text are passed over."""
    if message.content is None:
        return ""
    if isinstance(message.content, str):
        return _whole(message.content)
    parts = [part.get("text") for part in message.content if part.get("type") == "text"]
    return _whole("\n".join(part for part in parts if isinstance(part, str)))


def _whole(text: str) -> str:
    """The text without halves of characters, which JSON allows and UTF-8 does not."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _short(text: str) -> str:
    return text if len(text) <= 64 else f"{text[:64]}…"


class Answer:
    """Shapes one answer, whole or in pieces.

    Parameters
    ----------
    model : str
        Name of the model.
    """

    def __init__(self, model: str) -> None:
        self.id = f"chatcmpl-{secrets.token_hex(12)}"
        self._model = model
        self._created = int(time.time())

    def whole(self, reply: Reply) -> dict[str, Any]:
        """The answer in one piece."""
        message = {"role": "assistant", "content": reply.text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        more = {"usage": usage(reply), "alsatian": extras(reply)}
        return {**self._head("chat.completion"), "choices": [choice], **more}

    def first(self) -> dict[str, Any]:
        """The piece that opens a stream."""
        return self._piece({"role": "assistant", "content": ""})

    def words(self, text: str) -> dict[str, Any]:
        """A piece with words."""
        return self._piece({"content": text})

    def last(self, reply: Reply) -> dict[str, Any]:
        """The piece that ends the words, with what is known of the reply."""
        return {**self._piece({}, "stop"), "alsatian": extras(reply)}

    def count(self, reply: Reply) -> dict[str, Any]:
        """The piece that counts tokens, after the last."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage(reply)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self._created, "model": self._model}

    def _piece(self, delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}


def usage(reply: Reply) -> dict[str, int]:
    """Tokens that the language model read and wrote, by its own count; 0 where none was asked."""
    read = sum(attempt.prompt_tokens for attempt in reply.attempts)
    wrote = sum(attempt.completion_tokens for attempt in reply.attempts)
    return {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}


def extras(reply: Reply) -> dict[str, Any]:
    """What OpenAI's protocol has no field for."""
    grounding = reply.grounding
    return {
        "items": [{"id": each.id, "title": each.title, "role": each.role} for each in reply.items],
        "writer": reply.writer,
        "reason": reply.reason,
        "grounding": {
            "ok": grounding.ok,
            "claims": len(grounding.claims),
            "violations": [claim.text for claim in grounding.violations],
        },
        "timings": {stage: round(spent, 3) for stage, spent in reply.timings.items()},
    }


def model(name: str, created: int) -> dict[str, Any]:
    """The only model."""
    return {"id": name, "object": "model", "created": created, "owned_by": "alsatian"}


def models(name: str, created: int) -> dict[str, Any]:
    """The list of models."""
    return {"object": "list", "data": [model(name, created)]}


def encode(value: Any) -> bytes:
    """JSON as UTF-8; ids that JSON has no type for are written as text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode()


def event(value: Any) -> bytes:
    """One event of a stream."""
    return b"data: " + encode(value) + b"\n\n"


DONE = b"data: [DONE]\n\n"
