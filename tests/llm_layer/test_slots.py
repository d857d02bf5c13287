from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from llm_layer.llm import LLMBusyError, LLMTimeoutError
from llm_layer.llm.slots import Slots
from llm_layer.stopping import TurnStoppedError

LONG = 3600.0


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def never() -> bool:
    return False


class Waiter:
    """Somebody who waits for a place; `met` is the error that ended it."""

    def __init__(
        self,
        slots: Slots,
        work: Callable[[], None] = lambda: None,
        timeout: float = LONG,
        gone: Callable[[], bool] = never,
    ) -> None:
        self.met: Exception | None = None

        def call() -> None:
            try:
                with slots.hold("talk", timeout, gone):
                    work()
            except Exception as error:
                self.met = error

        before = slots.waiting
        self._thread = threading.Thread(target=call)
        self._thread.start()
        while slots.waiting == before and self._thread.is_alive():
            time.sleep(0.001)

    def end(self) -> Exception | None:
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()
        return self.met


def learn(slots: Slots, clock: Clock, seconds: float) -> None:
    """A talk that took so long."""
    with slots.hold("talk", LONG, never):
        clock.now += seconds


def refused(slots: Slots, match: str, timeout: float = LONG) -> None:
    """Come, and be told at once that there is no hope."""
    with pytest.raises(LLMBusyError, match=match), slots.hold("talk", timeout, never):
        pytest.fail("there was no place")


def test_first_come_first_served() -> None:
    slots = Slots("model", 1, LONG)
    served: list[int] = []
    with slots.hold("talk", LONG, never):
        waiters = [Waiter(slots, lambda at=at: served.append(at)) for at in range(4)]  # type: ignore[misc]
        assert served == []
        assert slots.waiting == 4
    assert [each.end() for each in waiters] == [None] * 4
    assert served == [0, 1, 2, 3]


@pytest.mark.parametrize("count", [1, 3])
def test_so_many_work_at_a_time(count: int) -> None:
    slots = Slots("model", count, LONG)
    lock = threading.Lock()
    working: list[int] = [0, 0]  # now, most

    def call() -> None:
        with slots.hold("talk", LONG, never):
            with lock:
                working[0] += 1
                working[1] = max(working)
            time.sleep(0.005)
            with lock:
                working[0] -= 1

    threads = [threading.Thread(target=call) for _ in range(4 * count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert working == [0, count]


def test_who_would_wait_too_long_is_told_at_once() -> None:
    clock = Clock()
    slots = Slots("model", 1, patience=15.0, clock=clock)
    learn(slots, clock, 10.0)
    with slots.hold("talk", LONG, never):
        waiter = Waiter(slots)  # 10 s to wait
        refused(slots, r"model is busy with 2 other requests.*20\.0 s expected")
        assert slots.waiting == 1
        clock.now += 20  # nobody has ended: the patience of the one that waits has
        assert isinstance(waiter.end(), LLMBusyError)
        assert slots.waiting == 0


def test_the_deadline_counts_wait_and_work() -> None:
    clock = Clock()
    slots = Slots("model", 1, LONG, clock=clock)
    learn(slots, clock, 10.0)
    with slots.hold("talk", 1.0, never):  # nobody before it: it may always try
        clock.now += 4.0
        for timeout in (15.9, 5.0, 0.0):  # 6 s until its turn, 10 s for itself
            refused(slots, r"6\.0 s expected", timeout)
        waiter = Waiter(slots, timeout=16.1)
    assert waiter.end() is None
    assert issubclass(LLMBusyError, LLMTimeoutError)
    assert LLMBusyError.kind == "busy"


def test_several_slots_share_the_wait() -> None:
    clock = Clock()
    slots = Slots("model", 2, patience=15.0, clock=clock)
    learn(slots, clock, 10.0)
    with slots.hold("talk", LONG, never), slots.hold("talk", LONG, never):
        waiters = [Waiter(slots), Waiter(slots)]  # 10 s each
        refused(slots, r"busy with 4 other.*20\.0 s expected")
    assert [each.end() for each in waiters] == [None, None]


def test_times_are_learned_by_kind_and_anew() -> None:
    clock = Clock()
    slots = Slots("model", 1, patience=5.0, clock=clock)
    learn(slots, clock, 10.0)
    with slots.hold("short", LONG, never):  # nothing is known of its kind: no reason to refuse
        waiter = Waiter(slots)
        clock.now += 1
    assert waiter.end() is None
    with slots.hold("talk", LONG, never):
        refused(slots, r"another \d\.\d s")
    for _ in range(40):  # the load is over
        learn(slots, clock, 0.1)
    with slots.hold("talk", LONG, never):
        waiter = Waiter(slots)
    assert waiter.end() is None


def test_one_that_nobody_waits_for_leaves_the_queue() -> None:
    slots = Slots("model", 1, LONG)
    gone = threading.Event()
    with slots.hold("talk", LONG, never):
        waiter = Waiter(slots, gone=gone.is_set)
        gone.set()
        assert isinstance(waiter.end(), TurnStoppedError)
        assert slots.waiting == 0
    with slots.hold("talk", 0.0, never):  # the place is free
        pass


def test_a_place_is_free_after_an_error() -> None:
    clock = Clock()
    slots = Slots("model", 1, LONG, clock=clock)
    for error in (TurnStoppedError, KeyboardInterrupt, LLMTimeoutError):
        with slots.hold("talk", LONG, never):  # what was stopped early tells nothing of the time
            waiter = Waiter(slots, timeout=1.0)
        assert waiter.end() is None
        with pytest.raises(error), slots.hold("talk", LONG, never):
            clock.now += 10.0
            raise error("ended early")
    with slots.hold("talk", LONG, never):  # what ran out of time does
        refused(slots, r"another \d\.\d s", timeout=1.0)
