"""Places at a model that works for a few callers at a time: first come, first served.

Who cannot be served in time is told so at once instead of at the end of their time.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from llm_layer.llm.base import LLMBusyError, LLMTimeoutError
from llm_layer.stopping import TurnStoppedError

# How long a caller that waits sleeps before it looks whether it is still wanted, and still hopes.
_LOOK_UP_SECONDS = 0.1
# How much of what is known of a kind's time a new one replaces.
_SHARE_OF_NEW = 0.25


@dataclass(eq=False)
class _Caller:
    """One who waits or is at work; `usual`: seconds that its kind works."""

    kind: Hashable
    usual: float
    begun: float = 0.0
    called: threading.Event = field(default_factory=threading.Event)


class Slots:
    """Lets `count` callers work at a time, in the order in which they came.

    Callers of a kind take about the same time; what it is is learned from those that ended. A
    caller leaves with :class:`~llm_layer.llm.base.LLMBusyError` as soon as those before it are
    expected to take longer than `patience`, or so long that its own deadline would pass before it
    ended. Where nobody is before it, it always works: else a time learned under load would never
    be learned anew.

    Parameters
    ----------
    name : str
        Of the model, for messages.
    count : int
        At work at the same time, >= 1.
    patience : float
        Longest wait, in seconds, > 0.
    clock : callable
        Tells the time, in seconds.
    """

    def __init__(
        self,
        name: str,
        count: int,
        patience: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._name = name
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._free = count
        self._waiting: deque[_Caller] = deque()
        self._working: set[_Caller] = set()
        self._usual: dict[Hashable, float] = {}

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._waiting)

    @contextmanager
    def hold(self, kind: Hashable, timeout: float, gone: Callable[[], bool]) -> Iterator[None]:
        """Work within this block.

        Parameters
        ----------
        kind : hashable
            Of the call; calls of a kind take about the same time.
        timeout : float
            Seconds for the wait and the work together.
        gone : callable
            Whether nobody waits for this caller any more; asked while it waits.

        Raises
        ------
        LLMBusyError
            Others are before this caller for too long.
        TurnStoppedError
            `gone` said so.
        """
        caller = self._enter(kind, self._clock() + timeout)
        if not caller.called.is_set():
            self._wait(caller, timeout, gone)
        late = done = False
        try:
            yield
            done = True
        except LLMTimeoutError:
            late = True
            raise
        finally:
            self._leave(caller, has_time=done or late)

    def _enter(self, kind: Hashable, deadline: float) -> _Caller:
        with self._lock:
            caller = _Caller(kind, self._usual.get(kind, 0.0))
            if self._free:
                self._free -= 1
                self._begin(caller)
            else:
                self._check_hope(caller, len(self._waiting), deadline, waited=0.0)
                self._waiting.append(caller)
            return caller

    def _begin(self, caller: _Caller) -> None:
        caller.begun = self._clock()
        self._working.add(caller)
        caller.called.set()

    def _wait(self, caller: _Caller, timeout: float, gone: Callable[[], bool]) -> None:
        came = self._clock()
        while not caller.called.wait(_LOOK_UP_SECONDS):
            is_gone = gone()
            with self._lock:
                if caller.called.is_set():  # meanwhile
                    return
                try:
                    if is_gone:
                        raise TurnStoppedError
                    waited = self._clock() - came
                    ahead = self._waiting.index(caller)
                    self._check_hope(caller, ahead, came + timeout, waited=waited)
                except BaseException:
                    self._waiting.remove(caller)
                    raise

    def _check_hope(self, caller: _Caller, ahead: int, deadline: float, *, waited: float) -> None:
        """Raise where there is none, for one who has so many waiting before it."""
        now = self._clock()
        wait = self._expected(ahead, now)
        if waited + wait >= self._patience or now + wait + caller.usual >= deadline:
            others = ahead + len(self._working)
            raise LLMBusyError(
                f"{self._name} is busy with {others} other request{'s' if others > 1 else ''} "
                f"(after {waited:.1f} s, another {wait:.1f} s expected); try again later"
            )

    def _expected(self, ahead: int, now: float) -> float:
        """Seconds until one who has so many waiting before it begins."""
        ends = [max(0.0, each.begun + each.usual - now) for each in self._working]
        heapq.heapify(ends)
        for each in list(self._waiting)[:ahead]:
            heapq.heapreplace(ends, ends[0] + each.usual)
        return ends[0]

    def _leave(self, caller: _Caller, *, has_time: bool) -> None:
        with self._lock:
            self._working.discard(caller)
            spent = self._clock() - caller.begun
            known = self._usual.get(caller.kind)
            if has_time:
                share = 1.0 if known is None else _SHARE_OF_NEW
                self._usual[caller.kind] = (known or 0.0) + share * (spent - (known or 0.0))
            if self._waiting:
                self._begin(self._waiting.popleft())
            else:
                self._free += 1
