"""Live conversations of a server, found again by id or by what was said in them.

Chat pages send the whole history with each message and no id. The digest of the user's name and of
the history leads to the conversation in which exactly that was said. Where there is none (the
server was started anew, the user edited a message, the page asks for another reply), the user's
own messages are read again in a new conversation. What the history claims that the assistant said
only takes part in the digest: a client cannot put words into the server's mouth.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from llm_layer import turns
from llm_layer.concierge import Concierge, Conversation
from llm_layer.serve.protocol import Asked, Turn
from recsys.errors import UnknownIdError

_Key: TypeAlias = tuple[str | None, str]


@dataclass
class Live:
    """A conversation that is at hand.

    Attributes
    ----------
    talk : Conversation
        The conversation.
    key : (str or None, str)
        The user's name and the conversation's id, as the client knows them.
    digest : bytes
        Of what was said in it so far; empty where it is found by its id alone.
    """

    talk: Conversation
    key: _Key
    digest: bytes = b""
    users: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def id(self) -> str:
        """Id of the conversation."""
        return self.key[1]


class Talks:
    """Opens, finds and drops conversations; to be used from one event loop.

    Parameters
    ----------
    concierge : Concierge
        Who holds them.
    most : int
        Live at the same time; those unused for longest are dropped.
    replayed : int
        Latest user messages that are read again where a conversation is not at hand.
    """

    def __init__(self, concierge: Concierge, most: int, replayed: int) -> None:
        self._concierge = concierge
        self._most = most
        self._replayed = replayed
        self._live: OrderedDict[_Key, Live] = OrderedDict()
        self._by_digest: dict[bytes, Live] = {}

    def __len__(self) -> int:
        return len(self._live)

    @asynccontextmanager
    async def hold(self, asked: Asked, given: str | None) -> AsyncIterator[Live]:
        """The conversation that a message belongs to, for the time of one turn.

        Parameters
        ----------
        asked : Asked
            The message and the history that came with it.
        given : str or None
            Id that the client gives its conversation; the history then only counts where no such
            conversation of this user is at hand.
        """
        live = self._find(asked, given)
        if live is None:
            live = await self._open(asked, given)
        live.users += 1
        try:
            async with live.lock:
                yield live
        finally:
            live.users -= 1
            self._make_room()

    def said(self, live: Live, asked: Asked, reply: str) -> None:
        """Note what was said, so that the next message finds the conversation."""
        self._forget_digest(live)
        history = (*asked.before, Turn("user", asked.text), Turn("assistant", reply))
        live.digest = digest(asked.user, history)
        self._by_digest[live.digest] = live
        del live.talk.replies[:]  # nobody reads them here, and a talk may be long

    def _find(self, asked: Asked, given: str | None) -> Live | None:
        if given is not None:
            live = self._live.get((asked.user, given))
        else:
            live = self._by_digest.get(digest(asked.user, asked.before)) if asked.before else None
            if live is not None and live.users:
                return None  # the same history twice at once: each goes its own way
        if live is not None:
            self._live.move_to_end(live.key)
        return live

    async def _open(self, asked: Asked, given: str | None) -> Live:
        texts = [turn.text for turn in asked.before if turn.role == "user"][-self._replayed :]

        def work() -> Conversation:
            try:
                talk = self._concierge.open(asked.user)
            except UnknownIdError:
                talk = self._concierge.open()
            talk.replay(texts)
            return talk

        talk = await turns.run(self._concierge.threads, work)
        key = (asked.user, given or talk.id)
        if (raced := self._live.get(key)) is not None:
            return raced
        live = self._live[key] = Live(talk, key)
        return live

    def _make_room(self) -> None:
        spare = len(self._live) - self._most
        for live in [each for each in self._live.values() if not each.users][: max(0, spare)]:
            del self._live[live.key]
            self._forget_digest(live)

    def _forget_digest(self, live: Live) -> None:
        if self._by_digest.get(live.digest) is live:
            del self._by_digest[live.digest]


def digest(user: str | None, history: Iterable[Turn]) -> bytes:
    """What stands for a user and a history; instructions of the client's take no part in it."""
    found = hashlib.sha256()
    spoken = [(turn.role, turn.text.strip()) for turn in history]
    for role, text in [("name", user or ""), *spoken]:
        if role in ("name", "user", "assistant"):
            encoded = text.encode()
            found.update(f"{role}:{len(encoded)}:".encode())
            found.update(encoded)
    return found.digest()
