"""Whether the turn at work in this thread has been stopped, because nobody waits for it any more.

A language model that writes token by token asks :func:`is_stopped` after each of them and ends its
answer early; the turn ends as soon as the model has let go of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from recsys.errors import AlsatianError

_flag: ContextVar[threading.Event | None] = ContextVar("alsatian_turn_stop", default=None)


class TurnStoppedError(AlsatianError, RuntimeError):
    """A turn was stopped before its reply was ready; the conversation is as it was before."""

    def __init__(self, message: str = "the reply was stopped; say it again to go on") -> None:
        super().__init__(message)


def is_stopped() -> bool:
    """Whether whoever waited for this turn has gone; False outside of a turn that can be stopped.

    Examples
    --------
    >>> is_stopped()
    False
    """
    flag = _flag.get()
    return flag is not None and flag.is_set()


def check_stopped() -> None:
    """Raise :class:`TurnStoppedError` where :func:`is_stopped`."""
    if is_stopped():
        raise TurnStoppedError


@contextmanager
def stopping_by(flag: threading.Event) -> Iterator[None]:
    """Let :func:`is_stopped` read `flag` within this block, in this thread."""
    token = _flag.set(flag)
    try:
        yield
    finally:
        _flag.reset(token)
