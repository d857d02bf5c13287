"""How much a server does at once: so many at work, so many in a queue, nobody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from llm_layer.serve.protocol import ProtocolError

# A first guess of a reply's time, and how much of what is known of it a new one replaces.
_FIRST_GUESS = 1.0
_SHARE_OF_NEW = 0.1


class Gate:
    """Lets `at_once` requests work while `waiting` others wait for their turn, in order.

    Parameters
    ----------
    at_once : int
        At work at the same time, >= 1.
    waiting : int
        In the queue at most, >= 0.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._at_once = at_once
        self._most_waiting = waiting
        self._free = asyncio.Semaphore(at_once)
        self._seconds = _FIRST_GUESS  # a usual request takes
        self.at_work = 0
        self.waiting = 0

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        """Work within this block.

        Raises
        ------
        ProtocolError
            429 with ``Retry-After``: the queue is full.
        """
        if self._free.locked() and self.waiting >= self._most_waiting:
            ahead = self.waiting + self._at_once
            seconds = max(1, round(self._seconds * ahead / self._at_once))
            raise ProtocolError(
                429,
                "the server is busy; try again in a moment",
                kind="rate_limit_error",
                code="rate_limit_exceeded",
                headers={"Retry-After": str(seconds)},
            )
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        self.at_work += 1
        begun = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - begun
            self._seconds += _SHARE_OF_NEW * (spent - self._seconds)
            self.at_work -= 1
            self._free.release()
