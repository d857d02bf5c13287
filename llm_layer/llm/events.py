"""Server-sent events of OpenAI's chat protocol: what a host streams, whatever kind it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_FIELDS = (b"data:", b":", b"event:", b"id:", b"retry:")


class Events:
    r"""Takes bytes as they come and gives the words in them.

    A host that does not stream answers with one JSON object: its bytes are kept, see `rest`.

    Attributes
    ----------
    finish_reason : str
        As the host says, empty before it does.
    usage : object
        As the host says, whatever that is.
    is_done : bool
        The end was announced.

    Examples
    --------
    >>> events = Events()
    >>> list(events.feed(b'data: {"choices": [{"delta": {"content": "Hel'))
    []
    >>> list(events.feed(b'lo"}}]}\n\ndata: [DONE]\n')), events.is_done
    (['Hello'], True)
    """

    def __init__(self) -> None:
        self.finish_reason = ""
        self.usage: Any = None
        self.is_done = False
        self.error = ""
        self._left = b""
        self._has_events = False

    def feed(self, data: bytes) -> Iterator[str]:
        """Words in the lines that `data` completes.

        Raises
        ------
        ValueError, RecursionError
            An event is no JSON.
        """
        self._left += data
        while not self.is_done and b"\n" in self._left:
            line, _, rest = self._left.partition(b"\n")
            if not self._has_events and line.strip() and not line.lstrip().startswith(_FIELDS):
                return  # one answer in lines, no events
            self._left = rest
            if line.startswith(b"data:"):
                self._has_events = True
                yield from self._event(line[5:].strip())

    @property
    def rest(self) -> bytes:
        """What a host that does not stream has sent; empty where it streamed."""
        return b"" if self._has_events else self._left

    def _event(self, data: bytes) -> list[str]:
        if data == b"[DONE]":
            self.is_done = True
            return []
        event = json.loads(data)
        if not isinstance(event, dict):
            return []
        if event.get("error"):
            self.error = str(event["error"])
        self.usage = event.get("usage") or self.usage
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return []
        if isinstance(choice.get("finish_reason"), str):
            self.finish_reason = choice["finish_reason"]
        delta = choice.get("delta")
        text = delta.get("content") if isinstance(delta, dict) else None
        # Half a surrogate pair is legal JSON and can be printed nowhere.
        return [text.encode("utf-8", "replace").decode()] if isinstance(text, str) and text else []
