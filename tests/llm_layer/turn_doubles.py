"""A language model that takes for ever, until the turn that asked it is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from llm_layer.llm.base import Completion, Message
from llm_layer.stopping import TurnStoppedError, is_stopped


class WaitingLLM:
    """Says when it is asked (`asked`) and when it noticed that nobody waits (`stopped`)."""

    name = "waiting"
    languages: frozenset[str] | None = None
    constrained = False

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.stopped = threading.Event()
        self.at_work = 0
        self.most_at_work = 0
        self._lock = threading.Lock()
        self.released = threading.Event()

    def release(self) -> None:
        """Answer from now on."""
        self.released.set()

    def complete(self, messages: Sequence[Message], **_: Any) -> Completion:
        with self._lock:
            self.at_work += 1
            self.most_at_work = max(self.most_at_work, self.at_work)
        self.asked.set()
        try:
            deadline = time.monotonic() + 20
            while not self.released.is_set() and time.monotonic() < deadline:
                if is_stopped():
                    self.stopped.set()
                    raise TurnStoppedError
                time.sleep(0.002)
        finally:
            with self._lock:
                self.at_work -= 1
        return Completion("So {1}, {why}, {2} and {3}.", "stop", 11, 7, 0.1)
