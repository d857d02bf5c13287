"""Live conversations of a server, found again by id or by what was said in them.

Chat pages send the whole history with each message and no id. The digest of the user's name and of
the history leads to the conversation in which exactly that was said, or else, for pages that change
replies before they send them back, to one in which this user said the same. Where there is none
(the server was started anew, the user edited a message, the page asks for another reply), the
user's own messages are read again in a new conversation. What the history claims that the assistant
said only takes part in the digest: a client cannot put words into the server's mouth.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from llm_layer import turns
from llm_layer.concierge import Concierge
from llm_layer.conversation import Conversation
from llm_layer.plan import Visitor
from llm_layer.serve.protocol import Asked, Turn
from recsys.errors import UnknownIdError

_Key: TypeAlias = tuple[str | None, str]
# So many ids of stored conversations are remembered for each that may be live.
_LEFT_A_LIVE_ONE = 100


@dataclass
class Live:
    """A conversation that is at hand.

    Attributes
    ----------
    talk : Conversation
        The conversation.
    key : (str or None, str)
        The user's name and the conversation's id, as the client knows them.
    digests : tuple of bytes
        Of what was said in it so far, and of what the user said; empty before anything was.
    users : int
        Requests that are at it or wait for it.
    lock : asyncio.Lock
        Held for a turn.
    visitor : Visitor
        With whom it began.
    """

    talk: Conversation
    key: _Key
    digests: tuple[bytes, ...] = ()
    users: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    visitor: Visitor = field(init=False)

    def __post_init__(self) -> None:
        self.visitor = self.talk.visitor

    @property
    def is_forgotten(self) -> bool:
        """Whether whom it was with had themselves forgotten since."""
        return self.talk.visitor is not self.visitor

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
    age : int or None
        Years of whoever comes.
    """

    def __init__(
        self, concierge: Concierge, most: int, replayed: int, age: int | None = None
    ) -> None:
        self._concierge = concierge
        self._most = most
        self._replayed = replayed
        self._age = age
        self._live: OrderedDict[_Key, Live] = OrderedDict()
        self._by_digest: dict[bytes, Live] = {}
        # Ids of those that had to go and can be read from the store, by their digests.
        self._left: OrderedDict[bytes, str] = OrderedDict()

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
        if live.is_forgotten:
            self._drop(asked.user)
            return
        history = (*asked.before, Turn("user", asked.text), Turn("assistant", reply))
        live.digests = _digests(asked.user, history)
        self._by_digest.update(dict.fromkeys(live.digests, live))
        del live.talk.replies[:]  # nobody reads them here, and a talk may be long

    def _find(self, asked: Asked, given: str | None) -> Live | None:
        if given is not None:
            live = self._live.get((asked.user, given))
        else:
            found = [self._by_digest.get(key) for key in _digests(asked.user, asked.before)]
            # The same history twice at once: each goes its own way.
            live = next((each for each in found if each is not None and not each.users), None)
        if live is not None and live.is_forgotten:
            self._drop(asked.user)
            return None
        if live is not None:
            self._live.move_to_end(live.key)
        return live

    async def _open(self, asked: Asked, given: str | None) -> Live:
        left = None
        if given is None:
            found = [self._left.pop(key, None) for key in _digests(asked.user, asked.before)]
            left = next((each for each in found if each is not None), None)
        ids = [given, _own_id(asked.user, given)] if given is not None else [left] if left else []
        work = partial(self._opened, asked, ids)
        talk = await turns.run(self._concierge.threads, work)
        key = (asked.user, given or talk.id)
        if (raced := self._live.get(key)) is not None:
            return raced
        live = self._live[key] = Live(talk, key)
        return live

    def _opened(self, asked: Asked, ids: Iterable[str]) -> Conversation:
        """The stored conversation of one of `ids`, else a new one that has read the history.

        A new one is stored under the last of `ids`.
        """
        own = None
        for own in ids:
            if self._concierge.store is not None:
                with suppress(UnknownIdError):
                    return self._of_user(asked.user, own)
        talk = self._of_user(asked.user)
        talk.id = own or talk.id
        said = [turn.text for turn in asked.before if turn.role == "user"]
        talk.replay(said[-self._replayed :])
        return talk

    def _of_user(self, user: str | None, conversation: str | None = None) -> Conversation:
        """A conversation with a user of the model or the store, or a visitor without a name."""
        concierge = self._concierge
        if concierge.store is None and user not in concierge.rec.users:
            user = None
        return concierge.open(user, conversation=conversation, age=self._age)

    def _make_room(self) -> None:
        spare = len(self._live) - self._most
        if spare <= 0:
            return
        for live in [each for each in self._live.values() if not each.users][:spare]:
            del self._live[live.key]
            if self._concierge.store is not None:
                self._left.update(dict.fromkeys(live.digests, live.talk.id))
            self._forget_digest(live)
        while len(self._left) > _LEFT_A_LIVE_ONE * self._most:
            self._left.popitem(last=False)

    def _drop(self, user: str | None) -> None:
        """Know no conversation of a user any more, nor the user's name."""
        for live in [each for each in self._live.values() if each.key[0] == user]:
            del self._live[live.key]
            self._forget_digest(live)

    def _forget_digest(self, live: Live) -> None:
        for key in live.digests:
            if self._by_digest.get(key) is live:
                del self._by_digest[key]


def _own_id(user: str | None, given: str) -> str:
    """What a conversation that a client named is stored under: nobody else's name leads there."""
    return digest(user, [Turn("user", given)]).hex()


def _digests(user: str | None, history: Sequence[Turn]) -> tuple[bytes, ...]:
    """Of a history, and of what the user said in it; none where that is nothing."""
    said = [turn for turn in history if turn.role == "user"]
    return (digest(user, history), digest(user, said)) if said else ()


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
