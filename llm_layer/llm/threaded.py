"""Pieces of an answer from a call that blocks until the last of them: the call runs in a thread."""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections.abc import Callable, Generator
from typing import TypeAlias

from llm_layer.llm.base import Completion
from llm_layer.stopping import is_stopped

# Does the work: gives pieces to the first argument, ends early when the second one says so.
Work: TypeAlias = Callable[[Callable[[str], None], Callable[[], bool]], Completion]


def in_thread(
    work: Work, deadline: float | None = None, late: Exception | None = None
) -> Generator[str, None, Completion]:
    """Pieces as `work` gives them; its completion is what the generator returns.

    Parameters
    ----------
    work : callable
        See `Work`; what it raises is raised here.
    deadline : float, optional
        By the clock of :func:`time.perf_counter`: nobody waits longer, `late` is raised, and `work`
        ends unobserved. Without one, closing the generator waits for `work` to end at its next
        piece.
    late : Exception, optional
        See `deadline`.
    """
    arrived: queue.SimpleQueue[str | Completion | BaseException] = queue.SimpleQueue()
    closed = threading.Event()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            arrived.put(work(arrived.put, lambda: closed.is_set() or is_stopped()))
        except BaseException as error:  # whatever it is, it is the waiting side's to raise
            arrived.put(error)

    thread = threading.Thread(
        target=lambda: context.run(run), name="alsatian-llm-stream", daemon=True
    )
    try:
        thread.start()
        while isinstance(piece := _next(arrived, deadline, late), str):
            yield piece
        if isinstance(piece, BaseException):
            raise piece
        return piece
    finally:
        closed.set()
        if deadline is None and thread.is_alive():
            thread.join()


def _next(
    arrived: queue.SimpleQueue[str | Completion | BaseException],
    deadline: float | None,
    late: Exception | None,
) -> str | Completion | BaseException:
    if deadline is None:
        return arrived.get()
    try:
        return arrived.get(timeout=max(0.0, deadline - time.perf_counter()))
    except queue.Empty:
        return late or TimeoutError()
