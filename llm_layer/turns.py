"""Turns of a conversation at work in threads: awaited, streamed, and stopped when nobody waits.

A turn is blocking work: it computes, and waits for a language model. Whoever awaits it from an
event loop, or wants to be able to end it, runs it in a thread here. Stopping is cooperative: a
language model asks :func:`~llm_layer.stopping.is_stopped` after each token, and a turn does so
between its stages.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, TypeVar

from llm_layer.stopping import TurnStoppedError, stopping_by

if TYPE_CHECKING:
    from llm_layer.conversation import Conversation
    from llm_layer.reply import Chunk

_T = TypeVar("_T")
# How long a thread that waits for the next piece sleeps before it looks for Ctrl-C.
_LOOK_UP_SECONDS = 0.05


class _End:
    """Follows the last piece; `error` is what ended the turn, if it did not end well."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def _start(
    pool: Executor,
    make: Callable[[], Iterator[Any]],
    put: Callable[[Any], None],
    stop: threading.Event,
) -> Future[None]:
    """Take what `make` yields to `put` from a thread, an :class:`_End` last."""

    def work() -> None:
        try:
            with stopping_by(stop):
                pieces = make()
                try:
                    for piece in pieces:
                        if stop.is_set():
                            break
                        put(piece)
                finally:
                    close = getattr(pieces, "close", None)
                    if close is not None:
                        close()
        except BaseException as error:  # whatever it is, it is the waiting side's to raise
            put(_End(error))
        else:
            put(_End(TurnStoppedError() if stop.is_set() else None))

    return pool.submit(contextvars.copy_context().run, work)


async def astream(pool: Executor, talk: Conversation, text: str) -> AsyncGenerator[Chunk, None]:
    """Chunks of a reply as they come; see :meth:`llm_layer.conversation.Conversation.astream`."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[Any] = asyncio.Queue()
    stop = threading.Event()

    def put(piece: Any) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(arrived.put_nowait, piece)

    future = _start(pool, lambda: talk.stream(text), put, stop)
    try:
        while not isinstance(piece := await arrived.get(), _End):
            yield piece
        if piece.error is not None:
            raise piece.error
    finally:
        stop.set()
        future.cancel()  # where it has not begun


async def run(pool: Executor, work: Callable[[], _T]) -> _T:
    """Result of blocking `work`; cancelling it sets what ``is_stopped`` reads."""
    stop = threading.Event()

    def stoppable() -> _T:
        with stopping_by(stop):
            return work()

    future = pool.submit(contextvars.copy_context().run, stoppable)
    try:
        return await asyncio.wrap_future(future)
    finally:
        stop.set()


def interruptible(pool: Executor, talk: Conversation, text: str) -> Generator[Chunk, None, None]:
    """Chunks of a reply for a program that waits in its main thread.

    Ctrl-C while it waits, or closing the iterator, stops the turn at once, whatever it is waiting
    for; the conversation is as it was before the message.
    """
    arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stop = threading.Event()
    future: Future[None] | None = None
    try:  # from before the turn is begun: Ctrl-C may come while its thread starts
        future = _start(pool, lambda: talk.stream(text), arrived.put, stop)
        while not isinstance(piece := _next(arrived), _End):
            yield piece
        if piece.error is not None:
            raise piece.error
    finally:
        stop.set()
        if future is not None:
            future.cancel()


def _next(arrived: queue.SimpleQueue[Any]) -> Any:
    while True:
        try:
            # A wait without end is not interrupted by Ctrl-C on every platform.
            return arrived.get(timeout=_LOOK_UP_SECONDS)
        except queue.Empty:
            continue
