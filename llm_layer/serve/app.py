"""The HTTP application: a few routes, one door, and errors as OpenAI's clients read them."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llm_layer.concierge import Concierge
from llm_layer.serve import protocol
from llm_layer.serve.gate import Gate
from llm_layer.serve.protocol import Answer, Asked, ProtocolError
from llm_layer.serve.settings import Settings, is_loopback
from llm_layer.serve.talks import Live, Talks
from recsys.errors import AlsatianError, InvalidInputError

log = logging.getLogger("alsatian.serve")
_OPEN_PATHS = ("/healthz",)
_CONVERSATION = "X-Conversation-Id"


def make_app(concierge: Concierge, settings: Settings) -> Starlette:
    """ASGI application that answers for `concierge`; it closes it when it is shut down."""
    begun = int(time.time())
    completions = Completions(concierge, settings)

    async def models(request: Request) -> Response:
        return _json(200, protocol.models(settings.model, begun))

    async def model(request: Request) -> Response:
        asked = request.path_params["model"]
        protocol.check_model(asked, settings.model)
        return _json(200, protocol.model(settings.model, begun))

    async def health(request: Request) -> Response:
        load = completions.load() if request.scope["state"].get("is_known") else {}
        return _json(200, {"status": "ok", **load})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(concierge.close)

    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.origins,
        allow_methods=("GET", "POST"),
        allow_headers=("Authorization", "Content-Type", _CONVERSATION),
        expose_headers=(_CONVERSATION, "X-Request-Id", "Retry-After"),
    )
    return Starlette(
        routes=[
            Route("/v1/chat/completions", completions, methods=["POST"]),
            Route("/v1/models", models),
            Route("/v1/models/{model}", model),
            Route("/healthz", health),
        ],
        middleware=[
            Middleware(Journal),
            *([cors] if settings.origins else []),
            Middleware(Door, settings=settings),
        ],
        exception_handlers={HTTPException: _not_here},
        lifespan=lifespan,
    )


class Completions:
    """``POST /v1/chat/completions``, as an ASGI application."""

    def __init__(self, concierge: Concierge, settings: Settings) -> None:
        limits = settings.limits
        self._settings = settings
        self._gate = Gate(limits.at_once, limits.waiting)
        self._talks = Talks(concierge, limits.conversations, limits.replayed, settings.age)

    def load(self) -> dict[str, int]:
        """How much there is to do."""
        return {
            "conversations": len(self._talks),
            "at_work": self._gate.at_work,
            "waiting": self._gate.waiting,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a client that hangs up ends the work on it."""
        request = Request(scope, receive)
        limits = self._settings.limits
        _require_json(request.headers)
        body = await _body(request, limits.body_bytes, limits.body_seconds)
        asked = protocol.parse(body, model=self._settings.model, most_messages=limits.messages)
        given = protocol.conversation_id(request.headers.get(_CONVERSATION))
        work = asyncio.ensure_future(self._answer(asked, given, send))
        gone = asyncio.ensure_future(_hung_up(receive))
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ClientDisconnect
            work.result()
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)

    async def _answer(self, asked: Asked, given: str | None, send: Send) -> None:
        try:
            async with (
                asyncio.timeout(self._settings.limits.seconds),
                self._gate.enter(),
                self._talks.hold(asked, given) as live,
            ):
                if asked.is_stream:
                    await self._stream(asked, live, send)
                else:
                    await self._whole(asked, live, send)
        except TimeoutError:
            told = f"no reply within {self._settings.limits.seconds:g} s"
            raise ProtocolError(504, told, kind="server_error", code="timeout") from None

    async def _whole(self, asked: Asked, live: Live, send: Send) -> None:
        reply = await live.talk.asay(asked.text)
        self._talks.said(live, asked, reply.text)
        response = _json(200, Answer(self._settings.model).whole(reply))
        response.headers[_CONVERSATION] = live.id
        await _send(response, send)

    async def _stream(self, asked: Asked, live: Live, send: Send) -> None:
        answer = Answer(self._settings.model)
        stream = _EventStream(live.id, send)
        async with aclosing(live.talk.astream(asked.text)) as chunks:
            async for chunk in chunks:
                # Not before the first words: until then an error can still have its own status.
                await stream.open(answer.first())
                if chunk.text:
                    await stream.put(protocol.event(answer.words(chunk.text)))
                if chunk.reply is not None:
                    self._talks.said(live, asked, chunk.reply.text)
                    await stream.put(protocol.event(answer.last(chunk.reply)))
                    if asked.with_usage:
                        await stream.put(protocol.event(answer.count(chunk.reply)))
        await stream.close()


class _EventStream:
    """A response of server-sent events."""

    def __init__(self, conversation: str, send: Send) -> None:
        self._conversation = conversation
        self._send = send
        self._is_open = False

    async def open(self, first: object) -> None:
        if self._is_open:
            return
        self._is_open = True
        headers = MutableHeaders()
        headers["content-type"] = "text/event-stream; charset=utf-8"
        headers["cache-control"] = "no-cache"
        headers["x-accel-buffering"] = "no"  # a proxy in between must not gather the pieces
        headers[_CONVERSATION] = self._conversation
        await self._send({"type": "http.response.start", "status": 200, "headers": headers.raw})
        await self.put(protocol.event(first))

    async def put(self, piece: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})

    async def close(self) -> None:
        await self.put(protocol.DONE, more=False)


class Door:
    """Lets in who has the token, and turns errors into answers."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._token = settings.token.encode() if settings.token is not None else None
        self._is_local = is_loopback(settings.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            try:
                self._check(scope)
                scope["state"]["is_known"] = True
            except ProtocolError:
                if scope["path"] not in _OPEN_PATHS:
                    raise
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            scope["state"]["ended"] = "client gone"
        except (Exception, asyncio.CancelledError) as error:
            told = _told(error)
            if has_begun:  # of a stream, whose status is sent
                piece = protocol.event(told.body())
                await send({"type": "http.response.body", "body": piece, "more_body": False})
                scope["state"]["ended"] = f"failed {told.status}"
            else:
                await _send(_json(told.status, told.body(), told.headers), send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self._token is None:
            # A page of another site can make a browser call this machine under a name of its own.
            if self._is_local and not _is_local_name(headers.get("host", "")):
                raise ProtocolError(403, "the Host header does not name this machine's loopback")
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # Compared as bytes, always to the end.
        fits = hmac.compare_digest(token.strip().encode(), self._token)
        if scheme.lower() != "bearer" or not fits:
            raise ProtocolError(
                401,
                "the token is missing or wrong; send it as Authorization: Bearer TOKEN",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )


class Journal:
    """Numbers requests and logs a line for each, without a word of what was said."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = f"req_{secrets.token_hex(8)}"
        begun = time.perf_counter()
        status = 0
        scope.setdefault("state", {})

        async def numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = number
            await send(message)

        try:
            await self._app(scope, receive, numbered)
        finally:
            ended = scope["state"].get("ended", "")
            spent = (time.perf_counter() - begun) * 1e3
            path = scope["path"] if scope["path"].isprintable() else repr(scope["path"])
            line = f"{number} {scope['method']} {path[:100]} {status or '-'} {spent:.0f} ms {ended}"
            log.info(line.rstrip())


def _told(error: BaseException) -> ProtocolError:
    """What a client is told of an error: of a defect, that there is one."""
    if isinstance(error, asyncio.CancelledError):  # by uvicorn, which waits no longer
        return ProtocolError(503, "the server is stopping", kind="server_error", code="stopping")
    if isinstance(error, ProtocolError):
        return error
    if isinstance(error, InvalidInputError):
        return ProtocolError(400, str(error))
    if isinstance(error, AlsatianError):
        log.error("%s while answering", type(error).__name__)
        return ProtocolError(503, "the reply could not be made", kind="server_error")
    # Where it happened, without the error's own words: they may hold a message's.
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = " < ".join(f"{frame.name} {frame.filename}:{frame.lineno}" for frame in frames[::-1])
    log.error("internal error: %s at %s", type(error).__name__, where)
    return ProtocolError(500, "internal error; the server's log has more", kind="server_error")


def _is_local_name(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return is_loopback(name.strip("[]"))


def _require_json(headers: Headers) -> None:
    """Refuse other types: a foreign page can send those without being asked whether it may."""
    given = headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json":
        raise ProtocolError(415, "the content type is not application/json")


async def _body(request: Request, most: int, seconds: float) -> bytes:
    """Body of a request, as long as it is not too long in size or time."""
    too_large = ProtocolError(413, f"the body is too large, expected at most {most} bytes")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise too_large
    except TimeoutError:
        raise ProtocolError(408, f"the body did not arrive within {seconds:g} s") from None
    return bytes(body)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _json(status: int, value: object, headers: dict[str, str] | None = None) -> Response:
    return Response(protocol.encode(value), status, headers, "application/json")


async def _send(response: Response, send: Send) -> None:
    start = {"type": "http.response.start", "status": response.status_code}
    await send({**start, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body})


async def _not_here(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = ProtocolError(error.status_code, f"{error.detail}: {request.method} is not served here")
    return _json(told.status, told.body(), dict(error.headers or {}))
